"""The body of ``POST /containers/create``: a ContainerSpec plus the hardening all share.

What each constant closes is measured in ``docs/`` (escape matrix): capabilities and raw sockets,
setuid binaries, ping sockets (they reach a gateway without any capability), DNS that the engine
would forward for the container, unbounded processes, memory, swap and logs, dumps of a crash.
"""

from __future__ import annotations

from typing import Any

from botbottle.engine import limits
from botbottle.model.resources import Attachment, ContainerSpec, Mount

# An empty range: no group may open ICMP datagram sockets.
SYSCTLS = {"net.ipv4.ping_group_range": "1 0"}
# Nothing listens there, so the engine's resolver can forward a query to nobody.
NO_DNS = "0.0.0.0"  # noqa: S104  (an address to ask, not to listen on)
# A crash writes no memory, with a credential in it, to the host's disk.
NO_CORE = [{"Name": "core", "Soft": 0, "Hard": 0}]
LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}


def create_body(spec: ContainerSpec, labels: dict[str, str]) -> dict[str, Any]:
    """The request body; holds no secret because the spec holds none."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{k}={v}" for k, v in spec.env],
        "User": spec.user,
        "Labels": labels,
        "Tty": False,
        "OpenStdin": False,
        "AttachStdin": False,
        "StopTimeout": spec.stop_timeout,
        "HostConfig": host_config(spec),
        "NetworkingConfig": _networking(spec),
    }
    optional = {
        "Cmd": list(spec.command),
        "Entrypoint": list(spec.entrypoint),
        "WorkingDir": spec.workdir,
        "Hostname": spec.hostname,
    }
    return body | {k: v for k, v in optional.items() if v}


def host_config(spec: ContainerSpec) -> dict[str, Any]:
    """HostConfig: hardening, mounts and limits."""
    config: dict[str, Any] = {
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "Init": True,
        "ReadonlyRootfs": spec.read_only,
        "IpcMode": "private",
        "PidMode": "",
        "Sysctls": dict(spec.sysctls) | SYSCTLS,
        "LogConfig": LOG,
        "Ulimits": NO_CORE,
        "NetworkMode": spec.networks[0].network if spec.networks else "none",
        "Mounts": [_mount(m) for m in sorted(spec.mounts) if m.kind != "tmpfs"],
        "Tmpfs": {m.target: m.options for m in sorted(spec.mounts) if m.kind == "tmpfs"},
        "ExtraHosts": [f"{host}:{address}" for host, address in spec.extra_hosts],
    }
    return config | _dns(spec) | limits.for_create(spec.limits)


def endpoint(attachment: Attachment) -> dict[str, Any]:
    """EndpointSettings of one attachment."""
    data: dict[str, Any] = {"Aliases": list(attachment.aliases)}
    if attachment.address:
        data["IPAMConfig"] = {"IPv4Address": attachment.address}
    return data


def _networking(spec: ContainerSpec) -> dict[str, Any]:
    if not spec.networks:
        return {}
    first = spec.networks[0]
    return {"EndpointsConfig": {first.network: endpoint(first)}}


def _dns(spec: ContainerSpec) -> dict[str, Any]:
    """An agent without a resolver of its own gets one that answers nobody, never the host's."""
    servers = list(spec.dns) or ([NO_DNS] if spec.kind == "agent" else [])
    if not servers:
        return {}
    return {"Dns": servers, "DnsOptions": ["timeout:1", "attempts:1"]}


def _mount(mount: Mount) -> dict[str, Any]:
    """A bind in ``Mounts`` form fails when its source is missing; the older ``Binds`` form would
    create it, as root."""
    return {
        "Type": mount.kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
