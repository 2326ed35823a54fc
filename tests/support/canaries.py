"""Unique values in the place of credentials, and a search for them in any disguise.

Nothing here is the product's own: a search that used its leak detection would share its gaps.
"""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import subprocess
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from tests.support.live import docker


def canary(kind: str) -> str:
    """A value that occurs nowhere else. ``Live`` looks for this prefix in all that bb prints."""
    return f"sk-real-{kind}-{secrets.token_hex(16)}"


class Search:
    """Looks for the values: plain, reversed, hex, percent-encoded, UTF-16, base32, and base64
    at each of its three alignments."""

    def __init__(self, values: Iterable[str]) -> None:
        # Forms with the same beginning are looked for only where that beginning is.
        self.forms: dict[bytes, dict[bytes, str]] = {}
        for value in values:
            for name, form in disguises(value.encode()):
                self.forms.setdefault(form[:8], {})[form] = f"{value[:16]} ({name})"

    def within(self, data: bytes) -> set[str]:
        """Names of what is found in ``data`` or in what it unpacks to."""
        return {
            name
            for part in unpacked(data)
            for start, forms in self.forms.items()
            if start in part
            for form, name in forms.items()
            if form in part
        }

    def below(self, folder: Path) -> set[str]:
        """Findings in the names and contents of all files below ``folder``, as ``path: what``."""
        found = set()
        for path in sorted(folder.rglob("*")):
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found |= {f"{path}: {what}" for what in self.within(bytes(path) + b"\0" + data)}
        return found


def disguises(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each form of ``value``."""
    yield "plain", value
    yield "reversed", value[::-1]
    yield "utf-16", value.decode().encode("utf-16-le")
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in value).encode()
    yield "quoted", quote(value.decode(), safe="").replace("-", "%2D").encode()
    yield "base32", base64.b32encode(value)[: len(value) // 5 * 8]
    for shift in range(3):  # whole groups of three bytes look the same whatever follows
        part = value[shift : shift + (len(value) - shift) // 3 * 3]
        yield f"base64 at {shift}", base64.b64encode(part)
        yield f"base64url at {shift}", base64.urlsafe_b64encode(part)


def unpacked(data: bytes) -> Iterator[bytes]:
    """``data``, and what it holds if it is one gzip or zlib stream."""
    yield data
    try:
        yield gzip.decompress(data) if data[:2] == b"\x1f\x8b" else zlib.decompress(data)
    except (OSError, EOFError, zlib.error):
        return


def engine_says(containers: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """What the engine tells of containers: configuration, output, programs, changed files."""
    for container in containers:
        whole = docker("inspect", container)
        name = docker("inspect", "-f", "{{.Name}}", container)
        image = docker("inspect", "-f", "{{.Image}}", container)
        yield f"inspect {name}", whole.encode()
        yield f"image of {name}", docker("image", "inspect", image).encode()
        yield f"history of {name}", docker("history", "--no-trunc", image).encode()
        yield f"output of {name}", _bytes("logs", container)
        yield f"programs of {name}", docker("top", container, "-eo", "args", check=False).encode()
        yield from _changed(container, name)


def _changed(container: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Files that a container's own layer has beyond its image's, and its volumes."""
    lines = docker("diff", container).splitlines()
    mounts = docker("inspect", "-f", "{{range .Mounts}}{{.Destination}}\n{{end}}", container)
    for path in [*(line[2:] for line in lines), *mounts.split()]:
        yield f"{name}:{path}", _bytes("cp", f"{container}:{path}", "-")


def layers_of(image: str) -> bytes:
    """Every file of an image, one after the other."""
    archive = _bytes("save", image)
    parts = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as whole:
        for member in whole:
            if file := whole.extractfile(member):
                parts.append(file.read())
    return b"\0".join(parts)


def command_lines() -> bytes:
    """The arguments of every process of this machine that may be read."""
    return b"\0".join(_read(p / "cmdline") for p in Path("/proc").iterdir() if p.name.isdigit())


def environments(besides: Iterable[int] = ()) -> bytes:
    """The variables of every process of this machine that may be read."""
    numbers = [p for p in Path("/proc").iterdir() if p.name.isdigit()]
    return b"\0".join(_read(p / "environ") for p in numbers if int(p.name) not in set(besides))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended, or somebody else's
        return b""


def _bytes(*args: str) -> bytes:
    done = subprocess.run(["docker", *args], check=False, capture_output=True)
    return done.stdout + done.stderr
