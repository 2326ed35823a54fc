"""CPU of one full look at N bottles: three lists and 2N inspections over a real socket, N sidecar
answers, and the plan. The engine answers from memory in a process of its own, so its CPU is not
counted; what it answers is what a real one says of such containers."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.reader import DockerReader
from botbottle.model import labels
from botbottle.model.resources import ObservedContainer, ObservedNetwork, ObservedVolume
from botbottle.planner.plan import plan
from tests.support.stub_engine import ANSWERS, StubEngine
from tests.support.worlds import FACTS, World, bottle, declared

RUNS = 20


def resync(count: int) -> float:
    """Median CPU seconds of this process for one look and plan; the plan must be empty."""
    want = declared(*(bottle(f"bottle{n}") for n in range(count)))
    world = World()
    world.converge(want)
    with tempfile.TemporaryDirectory(prefix="bb-") as folder:
        path = Path(folder) / "d.sock"
        server = multiprocessing.get_context("fork").Process(
            target=serve, args=(path, answers(world)), daemon=True
        )
        server.start()
        while not path.exists():
            time.sleep(0.01)
        engine = DockerReader(Connection(Endpoint(f"unix://{path}")))
        spent = sorted(look(engine, world, want) for _ in range(RUNS))
        engine.close()
        server.kill()
    return round(statistics.median(spent), 4)


def look(engine: DockerReader, world: World, want: Any) -> float:
    start = time.process_time()
    seen = engine.observe(
        FACTS.paths.home_id, tags=tuple(FACTS.images.values()), subnets=("10.213.0.0/16",)
    )
    seen = replace(seen, sidecars=world.observed.sidecars)
    made = plan(want, seen, world.view, FACTS)
    spent = time.process_time() - start
    assert made.empty, [op.id for op in made.ops][:5]
    return spent


def serve(path: Path, found: dict[str, object]) -> None:
    StubEngine(path, answers=ANSWERS | found).start()
    time.sleep(600)


def answers(world: World) -> dict[str, object]:
    """The simulator's world in the engine's words."""
    observed = world.observed
    found: dict[str, object] = {
        "/containers/json": [listed(c) for c in observed.containers],
        "/networks": [network(n) for n in observed.networks],
        "/volumes": {"Volumes": [volume(v) for v in observed.volumes]},
        "/images/json": [
            {"Id": i.id, "RepoTags": list(i.tags), "Labels": {}, "Size": 1} for i in observed.images
        ],
    }
    return found | {f"/containers/{c.id}/json": inspected(c) for c in observed.containers}


def endpoints(c: ObservedContainer) -> dict[str, Any]:
    return {
        e.network_name: {
            "NetworkID": e.network_id, "IPAddress": e.address, "Aliases": list(e.aliases),
            "IPAMConfig": {"IPv4Address": e.address},
        }
        for e in c.endpoints
    }  # fmt: skip


def listed(c: ObservedContainer) -> dict[str, Any]:
    return {
        "Id": c.id, "Names": [f"/{c.name}"], "Image": "img", "ImageID": c.image_id,
        "Labels": dict(c.labels), "State": c.state, "NetworkSettings": {"Networks": endpoints(c)},
        "Command": "sleep infinity", "Created": 1, "Ports": [], "Mounts": [], "Status": "Up",
    }  # fmt: skip


def inspected(c: ObservedContainer) -> dict[str, Any]:
    limits = c.limits
    host: dict[str, Any] = {
        "Memory": limits.memory if limits else 0, "NanoCpus": limits.nano_cpus if limits else 0,
        "PidsLimit": limits.pids if limits else 0,
        "RestartPolicy": {"Name": limits.restart if limits else "no"},
    }  # fmt: skip
    spec = json.loads(c.labels[labels.SPEC])
    return {
        "Id": c.id, "Name": f"/{c.name}", "Image": c.image_id, "HostConfig": host,
        "Config": {"Labels": dict(c.labels), "Env": [f"{k}={v}" for k, v in spec["env"]]},
        "State": {"Status": c.state, "ExitCode": 0, "OOMKilled": False, "StartedAt": c.started_at},
        "NetworkSettings": {"Networks": endpoints(c)}, "Mounts": spec["mounts"],
    }  # fmt: skip


def network(n: ObservedNetwork) -> dict[str, Any]:
    return {
        "Id": n.id, "Name": n.name, "Labels": dict(n.labels), "Internal": n.internal,
        "IPAM": {"Config": [{"Subnet": s} for s in n.subnets]}, "Containers": {},
        "Driver": "bridge",
    }  # fmt: skip


def volume(v: ObservedVolume) -> dict[str, Any]:
    return {"Name": v.name, "Labels": dict(v.labels)}
