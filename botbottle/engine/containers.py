"""Containers: every writing call, idempotent where Docker lets it be."""

from __future__ import annotations

from collections.abc import Sequence

from botbottle.engine import hardening, limits
from botbottle.engine.connection import LONG, Connection
from botbottle.engine.errors import NotFound
from botbottle.engine.lookup import target
from botbottle.errors import Conflict, EngineError
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec, Limits

_GONE_SOON = "is already in progress"  # removal of this container


def create(
    connection: Connection, spec: ContainerSpec, name: str, marks: Sequence[tuple[str, str]]
) -> str:
    """Create under ``name`` with the spec's first network; returns the id. New volumes are filled
    from the image meanwhile."""
    body = hardening.create_body(spec, dict(marks))
    made = connection.write(
        "POST", "/containers/create", body, {"name": name}, call=f"create container {name}",
        patience=LONG,
    )  # fmt: skip
    return str(made["Id"])


def start(connection: Connection, ref: Ref) -> None:
    """Start; running already (304) is success."""
    connection.write("POST", _path(ref, "start"), call=f"start {ref.name}")


def stop(connection: Connection, ref: Ref, timeout: int) -> None:
    """TERM, then KILL after ``timeout`` seconds; stopped already, or gone, is success."""
    try:
        connection.write(
            "POST", _path(ref, "stop"), params={"t": str(timeout)}, call=f"stop {ref.name}",
            patience=timeout,
        )  # fmt: skip
    except NotFound:
        return


def kill(connection: Connection, ref: Ref, signal: str) -> None:
    """Send a signal; a container that does not run is success for SIGKILL only."""
    try:
        connection.write(
            "POST", _path(ref, "kill"), params={"signal": signal}, call=f"kill {ref.name}"
        )
    except (Conflict, NotFound):
        if signal != "SIGKILL":
            raise


def pause(connection: Connection, ref: Ref) -> None:
    """Freeze all processes; paused already is success."""
    try:
        connection.write("POST", _path(ref, "pause"), call=f"pause {ref.name}")
    except EngineError as error:
        if "already paused" not in error.message:
            raise


def unpause(connection: Connection, ref: Ref) -> None:
    """Thaw; not paused is success."""
    try:
        connection.write("POST", _path(ref, "unpause"), call=f"unpause {ref.name}")
    except EngineError as error:
        if "is not paused" not in error.message:
            raise


def remove(connection: Connection, ref: Ref, *, kill: bool) -> None:
    """Remove with its anonymous volumes; gone already is success; running without ``kill`` is a
    Conflict."""
    params = {"v": "1", "force": "1" if kill else "0"}
    try:
        connection.write(
            "DELETE", _path(ref), params=params, call=f"remove {ref.name}", patience=LONG
        )
    except NotFound:
        return
    except Conflict as error:
        if _GONE_SOON not in error.message:
            raise


def rename(connection: Connection, ref: Ref, name: str) -> None:
    """Rename; a name held by another container is a Conflict, having it already is success."""
    try:
        connection.write(
            "POST", _path(ref, "rename"), params={"name": name}, call=f"rename {ref.name} to {name}"
        )
    except EngineError as error:
        if "same name" not in error.message:
            raise


def update(connection: Connection, ref: Ref, wanted: Limits) -> None:
    """Set all limits in place."""
    body = limits.for_update(wanted)
    connection.write("POST", _path(ref, "update"), body, call=f"update {ref.name}")


def put_archive(connection: Connection, ref: Ref, path: str, tar: bytes) -> None:
    """Unpack ``tar`` below the directory ``path`` of a container, running or not."""
    connection.write(
        "PUT", _path(ref, "archive"), tar, {"path": path}, call=f"copy into {ref.name}",
        patience=LONG,
    )  # fmt: skip


def _path(ref: Ref, verb: str = "") -> str:
    return f"/containers/{target(ref)}" + (f"/{verb}" if verb else "")
