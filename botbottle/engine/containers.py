"""Containers: every writing call, idempotent where Docker lets it be."""

from __future__ import annotations

import io
from collections.abc import Sequence

from botbottle.engine import hardening, limits, sdk
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.engine.lookup import target
from botbottle.errors import Conflict, EngineError
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec, Limits

_GONE_SOON = "is already in progress"  # removal of this container


def create(
    connection: Connection, spec: ContainerSpec, name: str, marks: Sequence[tuple[str, str]]
) -> str:
    """Create under ``name`` with the spec's first network; returns the id."""
    client = connection.client()
    body = hardening.create_body(spec, dict(marks))
    with sdk.translated(f"create container {name}", connection.address):
        return str(sdk.post(client, "/containers/create", body, {"name": name})["Id"])


def start(connection: Connection, ref: Ref) -> None:
    """Start; running already (304) is success."""
    client = connection.client()
    with sdk.translated(f"start {ref.name}", connection.address):
        client.start(target(ref))


def stop(connection: Connection, ref: Ref, timeout: int) -> None:
    """TERM, then KILL after ``timeout`` seconds; stopped already, or gone, is success."""
    client = connection.client()
    try:
        with sdk.translated(f"stop {ref.name}", connection.address):
            client.stop(target(ref), timeout=timeout)
    except NotFound:
        return


def kill(connection: Connection, ref: Ref, signal: str) -> None:
    """Send a signal; a container that does not run is success for SIGKILL only."""
    client = connection.client()
    try:
        with sdk.translated(f"kill {ref.name}", connection.address):
            client.kill(target(ref), signal)
    except (Conflict, NotFound):
        if signal != "SIGKILL":
            raise


def pause(connection: Connection, ref: Ref) -> None:
    """Freeze all processes; paused already is success."""
    client = connection.client()
    try:
        with sdk.translated(f"pause {ref.name}", connection.address):
            client.pause(target(ref))
    except EngineError as error:
        if "already paused" not in error.message:
            raise


def unpause(connection: Connection, ref: Ref) -> None:
    """Thaw; not paused is success."""
    client = connection.client()
    try:
        with sdk.translated(f"unpause {ref.name}", connection.address):
            client.unpause(target(ref))
    except EngineError as error:
        if "is not paused" not in error.message:
            raise


def remove(connection: Connection, ref: Ref, *, kill: bool) -> None:
    """Remove with its anonymous volumes; gone already is success; running without ``kill`` is a
    Conflict."""
    client = connection.client()
    try:
        with sdk.translated(f"remove {ref.name}", connection.address):
            client.remove_container(target(ref), v=True, force=kill)
    except NotFound:
        return
    except Conflict as error:
        if _GONE_SOON not in error.message:
            raise


def rename(connection: Connection, ref: Ref, name: str) -> None:
    """Rename; a name held by another container is a Conflict, having it already is success."""
    client = connection.client()
    try:
        with sdk.translated(f"rename {ref.name} to {name}", connection.address):
            client.rename(target(ref), name)
    except EngineError as error:
        if "same name" not in error.message:
            raise


def update(connection: Connection, ref: Ref, wanted: Limits) -> None:
    """Set all limits in place; the SDK's own call cannot remove one, hence our body."""
    client = connection.client()
    with sdk.translated(f"update {ref.name}", connection.address):
        sdk.post(client, f"/containers/{target(ref)}/update", limits.for_update(wanted))


def put_archive(connection: Connection, ref: Ref, path: str, tar: bytes) -> None:
    """Unpack ``tar`` below the directory ``path`` of a container, running or not."""
    client = connection.client()
    with sdk.translated(f"copy into {ref.name}", connection.address):
        client.put_archive(target(ref), path, io.BytesIO(tar))
