"""Networks: create, remove, connect, disconnect."""

from __future__ import annotations

from collections.abc import Sequence

import docker.errors

from botbottle.engine import hardening, lookup, sdk
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.engine.lookup import INHIBIT, target
from botbottle.errors import Conflict, EngineError
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, NetworkSpec

_ATTACHED_ALREADY = ("already exists in network", "already attached")
_NOT_ATTACHED = "is not connected to"


def create(connection: Connection, spec: NetworkSpec, marks: Sequence[tuple[str, str]]) -> str:
    """Create the bridge; returns its id. ``CheckDuplicate`` because engines before API 1.44
    otherwise accept a second network of the same name."""
    body = {
        "Name": spec.name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": spec.internal,
        "Attachable": False,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": spec.subnet}] if spec.subnet else []},
        "Options": _options(spec),
        "Labels": dict(marks),
    }
    client = connection.client()
    with sdk.translated(f"create network {spec.name}", connection.address):
        try:
            return str(sdk.post(client, "/networks/create", body)["Id"])
        except docker.errors.APIError as error:
            raise _create_error(error, spec) from error


def remove(connection: Connection, ref: Ref) -> None:
    """Remove; a network that is gone already is success, one with endpoints a Conflict."""
    client = connection.client()
    try:
        with sdk.translated(f"remove network {ref.name}", connection.address):
            client.remove_network(target(ref))
    except NotFound:
        return
    except EngineError as error:
        if "active endpoints" in error.message:
            raise Conflict(error.message, where=error.where) from error
        raise


def connect(connection: Connection, ref: Ref, network: Ref, attachment: Attachment) -> None:
    """Attach; attached already is success."""
    client = connection.client()
    path = f"/networks/{target(network)}/connect"
    body = {
        "Container": target(ref),
        "EndpointConfig": hardening.endpoint(attachment),
    }
    try:
        with sdk.translated(f"connect {ref.name} to {network.name}", connection.address):
            sdk.post(client, path, body)
    except EngineError as error:
        if not any(text in error.message for text in _ATTACHED_ALREADY):
            raise


def disconnect(connection: Connection, ref: Ref, network: Ref) -> None:
    """Detach; not attached, or either of them gone, is success.

    A stopped container keeps its attachment to a network that is gone, and cannot start again
    because of it. Docker drops such an attachment only by the network's name, and, when another
    network has that name by now, only after joining that one. (Nothing runs meanwhile.)
    """
    if _detach(connection, ref, network, target(network)):
        return
    if not _is_stale(connection, ref, network) or _detach(connection, ref, network, network.name):
        return
    namesake = Ref(network.name)
    connect(connection, ref, namesake, Attachment(network.name))
    _detach(connection, ref, namesake, network.name)


def _detach(connection: Connection, ref: Ref, network: Ref, wanted: str) -> bool:
    """Whether Docker found something to detach."""
    client = connection.client()
    try:
        with sdk.translated(f"disconnect {ref.name} from {network.name}", connection.address):
            client.disconnect_container_from_network(target(ref), wanted, force=True)
    except NotFound:
        return False
    except EngineError as error:
        if _NOT_ATTACHED not in error.message:
            raise
        return False
    return True


def _is_stale(connection: Connection, ref: Ref, network: Ref) -> bool:
    """Whether the container still holds an attachment to just this network. By its name alone,
    it could be cut from another network that is called the same."""
    if not network.id or not network.name:
        return False
    found = lookup.container(connection, ref)
    return found is not None and any(e.network_id == network.id for e in found.endpoints)


def _options(spec: NetworkSpec) -> dict[str, str]:
    options = dict(spec.options)
    if spec.internal:
        options[INHIBIT] = "true"
    return options


def _create_error(error: docker.errors.APIError, spec: NetworkSpec) -> Exception:
    """Docker answers 403 when the subnet is taken; for us that is a Conflict like a taken name."""
    text = str(error.explanation or error)
    if "overlaps" in text or "already exists" in text:
        return Conflict(
            f"network {spec.name} ({spec.subnet}): {text}",
            hint="another network holds this name or subnet; see docker network ls",
        )
    return error
