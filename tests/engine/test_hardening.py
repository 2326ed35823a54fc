"""What every container is created with, whatever its spec says."""

from __future__ import annotations

import pytest

from botbottle.engine.hardening import create_body, host_config
from botbottle.model.resources import Attachment, ContainerSpec, Kind, Limits, Mount


def spec(**fields: object) -> ContainerSpec:
    return ContainerSpec(**{"name": "n", "kind": "agent", "bottle": "b", "image": "i:1", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["agent", "egress", "ledger", "supervise", "git-gate"])
def test_no_container_escapes_the_constants(kind: Kind) -> None:
    config = host_config(spec(kind=kind))
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges:true"]
    assert (config["Privileged"], config["Init"], config["ReadonlyRootfs"]) == (False, True, True)
    assert config["IpcMode"] == "private"
    assert config["NetworkMode"] == "none"
    assert config["LogConfig"]["Config"]["max-size"] == "10m"
    assert config["Ulimits"] == [{"Name": "core", "Soft": 0, "Hard": 0}], "and nothing is raised"
    for never in ("CapAdd", "Devices", "Binds", "PublishAllPorts", "PortBindings"):
        assert never not in config


def test_a_spec_cannot_open_ping_sockets_again() -> None:
    asked = (("net.ipv4.ping_group_range", "0 1000"), ("net.ipv4.ip_forward", "0"))
    assert host_config(spec(sysctls=asked))["Sysctls"] == {
        "net.ipv4.ping_group_range": "1 0",
        "net.ipv4.ip_forward": "0",
    }


def test_an_agent_never_gets_the_hosts_resolver() -> None:
    assert host_config(spec())["Dns"] == ["0.0.0.0"]
    assert host_config(spec(dns=("10.0.0.2",)))["Dns"] == ["10.0.0.2"]
    assert "Dns" not in host_config(spec(kind="egress"))


def test_memory_is_never_extended_by_swap() -> None:
    config = host_config(spec(limits=Limits(memory=1 << 30)))
    assert config["Memory"] == config["MemorySwap"] == 1 << 30


def test_the_first_network_is_given_at_create_so_no_default_network_is_ever_joined() -> None:
    networks = (Attachment("in", "10.0.0.5", ("agent",)), Attachment("out"))
    body = create_body(spec(networks=networks), {})
    assert body["HostConfig"]["NetworkMode"] == "in"
    assert body["NetworkingConfig"]["EndpointsConfig"] == {
        "in": {"Aliases": ["agent"], "IPAMConfig": {"IPv4Address": "10.0.0.5"}}
    }


def test_mounts_are_of_the_form_that_never_makes_a_missing_source() -> None:
    mounts = (
        Mount("bind", "/run/bb/ca", "/h/ca", read_only=True),
        Mount("volume", "/home/agent", "vol"),
        Mount("tmpfs", "/tmp", options="size=64m"),
    )
    config = host_config(spec(mounts=mounts))
    assert config["Mounts"] == [
        {"Type": "bind", "Source": "/h/ca", "Target": "/run/bb/ca", "ReadOnly": True},
        {"Type": "volume", "Source": "vol", "Target": "/home/agent", "ReadOnly": False},
    ]
    assert config["Tmpfs"] == {"/tmp": "size=64m"}


def test_what_the_image_decides_is_left_out_of_the_body() -> None:
    body = create_body(spec(), {})
    assert not {"Cmd", "Entrypoint", "WorkingDir", "Hostname"} & body.keys()
    full = create_body(spec(command=("a",), entrypoint=("b",), workdir="/w", hostname="h"), {})
    assert (full["Cmd"], full["Entrypoint"], full["WorkingDir"], full["Hostname"]) == (
        ["a"], ["b"], "/w", "h",
    )  # fmt: skip
