"""The Docker Engine's JSON (API 1.41, docs.docker.com/reference/api/engine) as observed types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botbottle.engine import limits
from botbottle.model.resources import (
    Endpoint,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)

type Json = Mapping[str, Any]

UNTAGGED = "<none>:<none>"


def listed_container(data: Json) -> ObservedContainer:
    """One entry of ``GET /containers/json``: everything but limits and exit state."""
    settings = data.get("NetworkSettings") or {}
    return ObservedContainer(
        id=data["Id"],
        name=_own_name(data.get("Names") or ()),
        state=data["State"],
        image_id=data.get("ImageID", ""),
        labels=data.get("Labels") or {},
        endpoints=endpoints(data["Id"], settings.get("Networks") or {}),
    )


def inspected_container(data: Json) -> ObservedContainer:
    """The answer of ``GET /containers/ID/json``."""
    state, settings = data["State"], data.get("NetworkSettings") or {}
    status = state["Status"]
    return ObservedContainer(
        id=data["Id"],
        name=data["Name"].removeprefix("/"),
        state=status,
        image_id=data.get("Image", ""),
        labels=(data.get("Config") or {}).get("Labels") or {},
        endpoints=endpoints(data["Id"], settings.get("Networks") or {}),
        limits=limits.decode(data.get("HostConfig") or {}),
        exit_code=state.get("ExitCode") if status in ("exited", "dead", "restarting") else None,
        oom_killed=bool(state.get("OOMKilled")),
        started_at="" if status == "created" else state.get("StartedAt", ""),
    )


def endpoints(container_id: str, networks: Mapping[str, Json]) -> tuple[Endpoint, ...]:
    """Attachments, sorted. Docker's pseudo-network ``none`` is no attachment, and the alias it
    adds by itself (the short id) is not one of ours."""
    found = []
    for name, data in networks.items():
        if name == "none":
            continue
        aliases = tuple(a for a in data.get("Aliases") or () if not container_id.startswith(a))
        wanted = (data.get("IPAMConfig") or {}).get("IPv4Address", "")
        address = data.get("IPAddress") or wanted
        found.append(Endpoint(data.get("NetworkID", ""), name, address, aliases))
    return tuple(sorted(found, key=lambda e: (e.network_name, e.network_id)))


def network(data: Json, attached: Mapping[str, tuple[str, ...]] | None = None) -> ObservedNetwork:
    """One entry of ``GET /networks`` or the answer of ``GET /networks/ID``. The list form leaves
    out who is attached, so the caller passes it (network id → container ids)."""
    pools = (data.get("IPAM") or {}).get("Config") or ()
    inside = attached.get(data["Id"], ()) if attached is not None else data.get("Containers") or ()
    return ObservedNetwork(
        id=data["Id"],
        name=data["Name"],
        labels=data.get("Labels") or {},
        internal=bool(data.get("Internal")),
        subnets=tuple(p["Subnet"] for p in pools if p.get("Subnet")),
        endpoints=tuple(sorted(inside)),
    )


def image(data: Json) -> ObservedImage:
    """One entry of ``GET /images/json``."""
    tags = tuple(sorted(t for t in data.get("RepoTags") or () if t != UNTAGGED))
    return ObservedImage(data["Id"], tags, data.get("Labels") or {}, data.get("Size", 0))


def volume(data: Json) -> ObservedVolume:
    """One entry of ``GET /volumes``."""
    return ObservedVolume(data["Name"], data.get("Labels") or {})


def _own_name(names: tuple[str, ...] | list[str]) -> str:
    """Docker lists legacy link names (``/a/b``) beside the container's own (``/b``)."""
    own = [n.removeprefix("/") for n in names if n.count("/") == 1]
    return own[0] if own else ""
