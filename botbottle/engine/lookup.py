"""Reading calls about one container, network or image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botbottle.engine import decode
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)

INHIBIT = "com.docker.network.bridge.inhibit_ipv4"


def target(ref: Ref) -> str:
    """What to put in the URL: the id where it is known, else the name."""
    return ref.id or ref.name


def container(connection: Connection, ref: Ref) -> ObservedContainer | None:
    """One container with limits and exit state."""
    try:
        return decode.inspected_container(connection.get_json(f"/containers/{target(ref)}/json"))
    except NotFound:
        return None


def network(connection: Connection, ref: Ref) -> ObservedNetwork | None:
    """One network with who is attached. A name that several hold raises."""
    try:
        return decode.network(connection.get_json(f"/networks/{ref.id or ref.name}"))
    except NotFound:
        return None


def volume(connection: Connection, name: str) -> ObservedVolume | None:
    """One volume by name."""
    try:
        return decode.volume(connection.get_json(f"/volumes/{name}"))
    except NotFound:
        return None


def image_id(connection: Connection, tag: str) -> str | None:
    """Id of a local image."""
    try:
        from urllib.parse import quote  # a no-op plan asks for no image by name

        return str(connection.get_json(f"/images/{quote(tag, safe='/:@')}/json")["Id"])
    except NotFound:
        return None


def labelled(connection: Connection, label: str) -> tuple[ObservedImage, ...]:
    """Local images with a label, sorted by id."""
    found = connection.get_json("/images/json", {"filters": {"label": [label]}})
    return tuple(sorted((decode.image(i) for i in found), key=lambda i: i.id))


def is_sealed(connection: Connection, name: str) -> bool:
    """Whether no packet of this network can reach the host or beyond.

    By inspection: bridge driver, internal, no IPv6, host address inhibited. An engine may accept
    that option and ignore it, so where the bridge is visible (an engine in our own network
    namespace) its address is looked at too; a private or remote engine's bridge is not visible
    from here, and ``bb probe`` tests it from inside the bottle.
    """
    data = connection.get_json(f"/networks/{name}")
    options = data.get("Options") or {}
    if data.get("Driver") != "bridge" or not data.get("Internal") or data.get("EnableIPv6"):
        return False
    return options.get(INHIBIT) == "true" and not _has_address(bridge_name(data))


def bridge_name(data: dict[str, Any]) -> str:
    """Name of the host interface of a bridge network (libnetwork's rule)."""
    chosen = (data.get("Options") or {}).get("com.docker.network.bridge.name", "")
    return chosen or f"br-{data['Id'][:12]}"


def _has_address(interface: str) -> bool:
    """Whether the kernel routes to a local IPv4 address on ``interface`` (its route table lists
    an interface's own subnet as soon as it has an address). False when it is not visible."""
    if not Path("/sys/class/net", interface).exists():
        return False
    try:
        routes = Path("/proc/net/route").read_text()
    except OSError:
        return True  # cannot be checked although it is there: not proven sealed
    return any(line.split("\t", 1)[0] == interface for line in routes.splitlines())
