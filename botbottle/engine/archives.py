"""Tar streams out of the engine: a directory of a container, a whole image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from botbottle.engine import errors
from botbottle.engine.connection import LONG, Connection
from botbottle.engine.lookup import target
from botbottle.model.plan import Ref


def directory(connection: Connection, ref: Ref, path: str) -> Iterator[bytes]:
    """A directory of a container, running or not, with what its volumes hold there. Names begin
    with the last component of ``path``. Raises NotFound."""
    return _pieces(connection, f"/containers/{target(ref)}/archive", {"path": path})


def image(connection: Connection, tag: str) -> Iterator[bytes]:
    """An image as ``docker save`` writes it: a tar of layer tars and descriptions."""
    from urllib.parse import quote  # not for who only plans

    return _pieces(connection, f"/images/{quote(tag, safe='/:@')}/get", {})


def _pieces(connection: Connection, path: str, params: dict[str, str]) -> Iterator[bytes]:
    """An image is written to the engine's disk before its first byte comes."""
    with closing(connection.stream(path, params, LONG)) as stream:
        try:
            yield from stream
        except OSError as error:
            raise errors.from_os_error(error, connection.address) from error
