"""Named volumes: create and remove."""

from __future__ import annotations

from collections.abc import Sequence

from botbottle.engine.connection import LONG, Connection
from botbottle.engine.errors import NotFound
from botbottle.errors import Conflict
from botbottle.model import labels
from botbottle.model.resources import VolumeSpec


def create(connection: Connection, spec: VolumeSpec, marks: Sequence[tuple[str, str]]) -> str:
    """Create; returns the name. Docker answers with the existing volume when the name is taken,
    whoever owns it, so the owner label of the answer decides: ours is success."""
    wanted = dict(marks)
    body = {"Name": spec.name, "Labels": wanted}
    made = connection.write("POST", "/volumes/create", body, call=f"create volume {spec.name}")
    if (made.get("Labels") or {}).get(labels.HOME) != wanted.get(labels.HOME):
        raise Conflict(
            f"the volume name {spec.name} is taken by a volume that is not ours",
            hint=f"look at it with: docker volume inspect {spec.name}",
        )
    return spec.name


def remove(connection: Connection, name: str) -> None:
    """Remove with its data; gone already is success, in use a Conflict."""
    try:
        call = f"remove volume {name}"
        connection.write("DELETE", f"/volumes/{name}", call=call, patience=LONG)
    except NotFound:
        return
