"""What the manifests declared, kept from one run to the next while nothing has changed.

Checking manifests takes three libraries and a third of a short run; the same manifests always
declare the same. So what ``bb apply`` has read stays below the home, one file a project, under a
key that is made of everything it depends on (``inputs``). A file of somebody else's, one that
others may touch, one that is damaged, or of another key is as good as none. Prompts are not part
of that key: they are text, and always today's.

A file is one line with format, key and the SHA-256 of the rest, then the rest as JSON. It holds
what the manifests say: names of secrets, never values.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from botbottle.load.inputs import Inputs, Place
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.diagnostic import Diagnostic
from botbottle.model.paths import HomePaths

if TYPE_CHECKING:
    from botbottle.load.loader import Loaded

FORMAT = 4
MAX_BYTES = 32 * 1024 * 1024
MAX_FILES = 32  # projects of one home
SETTLED = 2.0  # seconds after which a change of code cannot hide behind the time of the last one


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """``images``: tags of bb's own images by name. It holds at ``since`` and later, and before
    ``until`` (seconds since 1970; None: for ever): then an approval ends, which is a finding."""

    declared: Declared
    diagnostics: tuple[Diagnostic, ...]
    images: dict[str, str]
    since: float
    until: float | None


def find(inputs: Inputs, now: float) -> Kept | None:
    """What was kept for exactly these inputs, if it holds ``now``, with the prompts of today."""
    try:
        head, _, body = _read(_path(inputs)).partition(b"\n")
        if head != _head(inputs, body):
            return None
        kept = msgspec.json.decode(body, type=Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    good = kept.since <= now and (kept.until is None or now < kept.until)
    return _with_prompts(kept, inputs.prompts) if good else None


def _with_prompts(kept: Kept, prompts: Mapping[Place, str]) -> Kept:
    def today(spec: BottleSpec) -> BottleSpec:
        prompt = prompts.get((spec.layer, f"agents/{spec.agent}.md"), spec.prompt)
        return spec if spec.prompt == prompt else replace(spec, prompt=prompt)

    bottles = tuple(map(today, kept.declared.bottles))
    return replace(kept, declared=replace(kept.declared, bottles=bottles))


def keep(inputs: Inputs, loaded: Loaded, images: Mapping[str, str], since: float) -> None:
    """Keep what was ``loaded`` of ``inputs`` (read at ``since``, before it), if it was loaded of
    just these and has no error. Nothing is made in a home that was never applied, and a home that
    cannot be written keeps nothing."""
    declared = loaded.declared
    if declared is None or inputs.refused or not same_files(inputs, loaded):
        return
    if inputs.changed > since - SETTLED:
        return
    kept = Kept(
        declared=declared,
        diagnostics=loaded.diagnostics,
        images=dict(images),
        since=since,
        until=_end(declared, since),
    )
    with contextlib.suppress(OSError, UnicodeEncodeError):  # paths need not be UTF-8
        body = msgspec.json.encode(kept, enc_hook=_mapping)
        _write(_path(inputs), _head(inputs, body) + b"\n" + body)


def same_files(inputs: Inputs, loaded: Loaded) -> bool:
    """Whether the loader has read these files, all of them, and the same bytes: somebody may
    have changed one in between, and changed it back."""
    from botbottle.load.source import text_of

    hidden = {("home", name) for layer, name in inputs.files if layer == "project"}
    wanted = {place: data for place, data in inputs.files.items() if place not in hidden}
    read: dict[Place, str] = loaded.resolver.library.texts()
    return read.keys() == wanted.keys() and all(
        text_of(data) == read[place] for place, data in wanted.items()
    )


def _end(declared: Declared, since: float) -> float | None:
    """When the first approval ends that has not ended yet."""
    ends = (a.ends for b in declared.bottles for r in b.routes for a in r.dlp.allow)
    return min((end for end in ends if end > since), default=None)


def _mapping(value: Any) -> Any:
    """Origins are a mapping that is worked out when it is looked at."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError


def _head(inputs: Inputs, body: bytes) -> bytes:
    return f"bb-manifests {FORMAT} {inputs.key} {hashlib.sha256(body).hexdigest()}".encode()


def _path(inputs: Inputs) -> Path:
    found = inputs.layers
    return Path(HomePaths(str(found.home)).manifests, f"{found.project_id.id}.json")


def _read(path: Path) -> bytes:
    """Raises OSError, also for a file that is not this user's alone."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink <= 1
        if not own or found.st_mode & 0o077 or found.st_size > MAX_BYTES:
            raise PermissionError(path)
        return file.read(MAX_BYTES + 1)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, 0600; of two at once the later one wins. Raises OSError."""
    if len(data) > MAX_BYTES or not path.parents[1].is_dir():
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _forget_oldest(path.parent)


def _forget_oldest(folder: Path) -> None:
    """Also what a run that was killed while it wrote has left."""
    found = sorted(os.scandir(folder), key=lambda e: e.stat(follow_symlinks=False).st_mtime_ns)
    for entry in found[:-MAX_FILES]:
        os.unlink(entry.path)  # noqa: PTH108
