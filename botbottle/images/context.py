"""Build contexts: tar archives that are the same bytes for the same content."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import IO


class Context:
    """A tar archive in memory; owners and times are fixed, permissions are 755 or 644."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w")  # noqa: SIM115  (finish() closes it)

    def add_bytes(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """Add one file."""
        self.add_stream(name, io.BytesIO(data), len(data), mode=mode)

    def add_stream(self, name: str, stream: IO[bytes], size: int, *, mode: int) -> None:
        """Add one file of ``size`` bytes; executable if ``mode`` is, for anybody."""
        entry = tarfile.TarInfo(name)
        entry.size = size
        entry.mode = 0o755 if mode & 0o111 else 0o644
        self._tar.addfile(entry, stream)

    def add_link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = tarfile.TarInfo(name)
        entry.type = tarfile.SYMTYPE
        entry.linkname = target
        self._tar.addfile(entry)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file of the host; its owner and times stay behind."""
        status = path.stat()
        with path.open("rb") as stream:
            self.add_stream(name, stream, status.st_size, mode=status.st_mode)

    def add_tree(self, name: str, root: Path) -> None:
        """Add every regular file below ``root``, sorted; links are followed, caches left out."""
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                self.add_file(f"{name}/{path.relative_to(root).as_posix()}", path)

    def finish(self) -> bytes:
        """The archive. The context takes nothing more after this."""
        self._tar.close()
        return self._buffer.getvalue()
