"""Images: build, import, pull, snapshot, remove."""

from __future__ import annotations

import functools
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botbottle.engine.connection import LONG, Connection
from botbottle.engine.errors import NotFound
from botbottle.engine.lookup import image_id, target
from botbottle.errors import EngineError, ImageBuildFailed, Transient
from botbottle.model.plan import Ref

PIECE = 1024**2  # bytes of a tar that are sent at once
_LAST_LINES = 20  # of a failed build's output

type Progress = Callable[[str], None]
type Labels = Sequence[tuple[str, str]]


def build(
    connection: Connection,
    context: bytes,
    *,
    tag: str,
    labels: Labels,
    buildargs: Labels = (),
    progress: Progress | None = None,
) -> str:
    """Build with the engine's classic builder, which every supported engine has. Raises
    ImageBuildFailed with the last lines of output."""
    from botbottle.engine import sdk

    client = connection.client()
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        with sdk.translated(f"build {tag}", connection.address):
            answer = client.build(
                fileobj=io.BytesIO(context),
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                labels=dict(labels),
                buildargs=dict(buildargs) or None,
                decode=True,
            )
            _follow(answer, last, progress)
    except EngineError as error:
        raise _build_failed(tag, error.message, last) from error
    built = image_id(connection, tag)
    if built is None:
        raise _build_failed(tag, "the build ended without an image", last)
    return built


def import_tar(connection: Connection, path: str, *, tag: str, labels: Labels) -> str:
    """Make an image of one layer from a root file system's tar (plain or compressed)."""
    with Path(path).open("rb") as file:
        pieces = iter(functools.partial(file.read, PIECE), b"")
        return import_stream(connection, pieces, tag=tag, labels=labels)


def import_stream(
    connection: Connection, data: Iterable[bytes], *, tag: str, labels: Labels
) -> str:
    """The same from pieces of a tar; nothing is kept of them here. What reading them raises ends
    the call, and then there is no image."""
    from botbottle.engine import sdk

    client = connection.client()
    changes = [f"LABEL {_quoted(k)}={_quoted(v)}" for k, v in labels]
    params = [("fromSrc", "-"), ("repo", tag), *(("changes", c) for c in changes)]
    with sdk.translated(f"import {tag}", connection.address):
        answer = client.post(
            f"{client.base_url}/v{client.api_version}/images/create",
            params=params,
            data=iter(data),  # of anything else it would make a form
            headers={"Content-Type": "application/x-tar"},
            timeout=None,
            stream=True,
        )
        if answer.status_code >= 400:
            sdk.checked(answer)
        _follow(_json_lines(answer.iter_lines()), deque(maxlen=1), None)
    return _must_exist(connection, tag, "import")


def pull(connection: Connection, reference: str) -> str:
    """Pull a tag or digest from its registry. A registry that does not answer is an EngineError
    and not worth an immediate retry: callers have another way to get the image, or none."""
    from botbottle.engine import sdk

    client = connection.client()
    repository, tag = _split(reference)
    try:
        with sdk.translated(f"pull {reference}", connection.address):
            _follow(client.pull(repository, tag, stream=True, decode=True), deque(maxlen=1), None)
    except Transient as error:
        raise EngineError(error.message, hint="is the registry reachable?") from error
    return _must_exist(connection, reference, "pull")


def commit(connection: Connection, ref: Ref, tag: str, labels: Labels) -> str:
    """Snapshot a container's file system; the engine pauses it meanwhile."""
    repository, version = _split(tag)
    params = {"container": target(ref), "repo": repository, "tag": version, "pause": "1"}
    body = {"Labels": dict(labels)}
    name = f"commit {ref.name}"
    return str(connection.write("POST", "/commit", body, params, call=name, patience=LONG)["Id"])


def remove(connection: Connection, tag: str) -> None:
    """Remove a tag, and the image with its last one; gone already is success, in use a
    Conflict."""
    path = f"/images/{quote(tag, safe='/:@')}"
    try:
        connection.write("DELETE", path, call=f"remove image {tag}", patience=LONG)
    except NotFound:
        return


def _follow(lines: Iterable[dict[str, Any]], last: deque[str], progress: Progress | None) -> None:
    """Read a progress stream to its end. Raises EngineError on an error line: the HTTP status of
    such a stream is 200 whatever happens."""
    for line in lines:
        if "error" in line:
            raise EngineError(str(line["error"]).strip())
        text = str(line.get("stream") or line.get("status") or "").rstrip()
        if text:
            last.append(text)
            if progress is not None:
                progress(text)


def _json_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.strip():
            yield json.loads(line)


def _build_failed(tag: str, reason: str, last: deque[str]) -> ImageBuildFailed:
    output = "\n".join(last)
    return ImageBuildFailed(f"{reason}\n{output}" if output else reason, where=f"image {tag}")


def _quoted(text: str) -> str:
    """A word of a Dockerfile that stands for just this text: it would expand ``$NAME``."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def _must_exist(connection: Connection, tag: str, verb: str) -> str:
    found = image_id(connection, tag)
    if found is None:
        raise EngineError(f"the {verb} ended without an image", where=tag)
    return found


def _split(reference: str) -> tuple[str, str]:
    """Repository and tag; the colon of a registry's port is not a tag's."""
    head, slash, tail = reference.rpartition("/")
    name, _, tag = tail.partition(":")
    return f"{head}{slash}{name}", tag or "latest"
