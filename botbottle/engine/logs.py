"""A container's output."""

from __future__ import annotations

from collections.abc import Iterator

from botbottle.engine import errors
from botbottle.engine.connection import Connection
from botbottle.engine.frames import Frames
from botbottle.engine.lookup import target
from botbottle.model.plan import Ref


def read(connection: Connection, ref: Ref, *, tail: int, follow: bool) -> Iterator[bytes]:
    """The last ``tail`` lines, then (``follow``) what comes, stdout and stderr in order."""
    params = {
        "stdout": "1",
        "stderr": "1",
        "tail": str(tail),
        "follow": "1" if follow else "0",
    }
    stream = connection.stream(f"/containers/{target(ref)}/logs", params)
    frames = Frames()
    try:
        for chunk in stream:
            for _, payload in frames.feed(chunk):
                yield payload
    except OSError as error:
        raise errors.from_os_error(error, connection.address) from error
    finally:
        stream.close()
