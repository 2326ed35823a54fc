"""Networks: create, remove, connect, disconnect."""

from __future__ import annotations

from collections.abc import Sequence

from botbottle.engine import hardening, lookup
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.engine.lookup import INHIBIT, target
from botbottle.errors import BBError, Conflict, EngineError
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
    try:
        call = f"create network {spec.name}"
        return str(connection.write("POST", "/networks/create", body, call=call)["Id"])
    except BBError as error:
        raise _create_error(error, spec) from error


def remove(connection: Connection, ref: Ref) -> None:
    """Remove; a network that is gone already is success, one with endpoints a Conflict."""
    try:
        connection.write("DELETE", f"/networks/{target(ref)}", call=f"remove network {ref.name}")
    except NotFound:
        return
    except EngineError as error:
        if "active endpoints" in error.message:
            raise Conflict(error.message, where=error.where) from error
        raise


def connect(connection: Connection, ref: Ref, network: Ref, attachment: Attachment) -> None:
    """Attach; attached already is success."""
    path = f"/networks/{target(network)}/connect"
    body = {
        "Container": target(ref),
        "EndpointConfig": hardening.endpoint(attachment),
    }
    try:
        connection.write("POST", path, body, call=f"connect {ref.name} to {network.name}")
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
    body = {"Container": target(ref), "Force": True}
    call = f"disconnect {ref.name} from {network.name}"
    try:
        connection.write("POST", f"/networks/{wanted}/disconnect", body, call=call)
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


def _create_error(error: BBError, spec: NetworkSpec) -> BBError:
    """Docker answers 403 when the subnet is taken; for us that is a Conflict like a taken name."""
    text = error.message
    if "overlaps" in text or "already exists" in text:
        return Conflict(
            f"network {spec.name} ({spec.subnet}): {text}",
            hint="another network holds this name or subnet; see docker network ls",
        )
    return error
