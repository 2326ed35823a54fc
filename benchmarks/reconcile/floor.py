"""The engine's own floor: the same containers through bare API calls, four at a time."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import docker

from benchmarks.reconcile.peers import SLEEP
from botbottle.images import image_tag


def up(n: int) -> None:
    api = docker.APIClient(base_url=os.environ.get("DOCKER_HOST") or None)
    pool = docker.types.IPAMPool(subnet="10.220.240.0/20")
    api.create_network("bbfloor_outer", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: bottle(api, i), range(n)))


def bottle(api: docker.APIClient, i: int) -> None:
    image = image_tag("sidecar")
    pool = docker.types.IPAMPool(subnet=f"10.220.{i // 16}.{16 * (i % 16)}/28")
    ipam = docker.types.IPAMConfig(pool_configs=[pool])
    api.create_network(f"bbfloor_in{i}", internal=True, ipam=ipam)
    host = api.create_host_config(
        read_only=True, cap_drop=["ALL"], init=True, security_opt=["no-new-privileges"],
        mem_limit="512m", pids_limit=128,
    )  # fmt: skip
    for role, networks in (
        ("egress", ("bbfloor_outer", f"bbfloor_in{i}")),
        ("agent", (f"bbfloor_in{i}",)),
    ):
        first = api.create_networking_config({networks[0]: api.create_endpoint_config()})
        name = f"bbfloor-{role}{i}"
        api.create_container(image, SLEEP, name=name, host_config=host, networking_config=first)
        for network in networks[1:]:
            api.connect_container_to_network(name, network)
        api.start(name)


def down(n: int) -> None:
    api = docker.APIClient(base_url=os.environ.get("DOCKER_HOST") or None)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: remove(api, i), range(n)))
    api.remove_network("bbfloor_outer")


def remove(api: docker.APIClient, i: int) -> None:
    for role in ("egress", "agent"):
        api.remove_container(f"bbfloor-{role}{i}", force=True)
    api.remove_network(f"bbfloor_in{i}")


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]](int(sys.argv[2]))
