"""A few-megabyte root file system from the machine's own shell and core programs, so that engine
tests need neither a registry nor a download."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

PROGRAMS = (
    "sh", "bash", "sleep", "cat", "tar", "id", "ls", "chmod", "mv", "mkdir", "true", "false", "rm",
)  # fmt: skip
HOME = "home/agent"


@functools.cache
def rootfs() -> bytes:
    """The tar: programs under /bin, libraries where the loader looks, an agent's home."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("bin", "etc", "dev", "proc", "sys", "run", "tmp", "home", "workspace"):
            _directory(tar, name)
        _directory(tar, HOME, uid=1000)
        files = {f"bin/{p}": _program(p) for p in PROGRAMS}
        for path in sorted({lib for p in files.values() for lib in _libraries(p)}):
            files[path.lstrip("/")] = Path(path)
        for name, path in sorted(files.items()):
            _file(tar, name, path)
    return buffer.getvalue()


def tag() -> str:
    """Content-addressed, so that a second run finds it."""
    return f"botbottle-test/tiny:{hashlib.sha256(rootfs()).hexdigest()[:12]}"


def _program(name: str) -> Path:
    found = shutil.which(name)
    assert found, f"{name} is not installed"
    return Path(found).resolve()


def _libraries(program: Path) -> list[str]:
    out = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/[^ ()]+)", out)


def _directory(tar: tarfile.TarFile, name: str, uid: int = 0) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, 0o755, uid, uid
    if name == "tmp":
        info.mode = 0o1777
    tar.addfile(info)


def _file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    data = path.read_bytes()
    info.size, info.mode = len(data), 0o755
    tar.addfile(info, io.BytesIO(data))
