"""A Debian base image from Debian packages alone, with mmdebstrap: no image registry needed."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from botbottle.errors import ImageBuildFailed
from botbottle.images import recipe

TIMEOUT = 900  # seconds
MISSING = "mmdebstrap is not installed"

# Documentation is half of a small image. Copyright files stay, as their licences ask.
_EXCLUDE = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")
_INCLUDE = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")
_HOOKS = (
    'rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
    'find "$1" -xdev -perm /6000 -type f -exec chmod a-s {} +',
)


class Mirror(Struct, frozen=True):
    """Where this machine gets Debian from. Empty: mmdebstrap's own default."""

    main: str = ""
    security: str = ""

    def sources(self, suite: str) -> tuple[str, ...]:
        """Lines in the format of sources.list(5)."""
        if not self.main:
            return ()
        lines = [f"deb {self.main} {suite} main", f"deb {self.main} {suite}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {suite}-security main")
        return tuple(lines)


def available() -> bool:
    """Whether this way of making a base can be tried at all."""
    return shutil.which("mmdebstrap") is not None


def parse_mirror(text: str) -> Mirror:
    """The machine's Debian mirror from ``apt-get indextargets`` lines ``ORIGIN|SUITE|URI``.

    An address with credentials in it is left out: it would end up in the image.
    """
    main = security = ""
    for line in text.splitlines():
        origin, _, rest = line.partition("|")
        suite, _, uri = rest.partition("|")
        if origin != "Debian" or not uri or "@" in urlsplit(uri).netloc:
            continue
        if suite.endswith("-security"):
            security = security or uri
        else:
            main = main or uri
    return Mirror(main, security)


def this_machines_mirror() -> Mirror:
    """Read from apt; the default where there is no apt."""
    if shutil.which("apt-get") is None:
        return Mirror()
    line = "$(ORIGIN)|$(SUITE)|$(REPO_URI)"
    argv = ["apt-get", "indextargets", "--format", line, "Created-By: Packages"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return parse_mirror(done.stdout)


def command(packages: Sequence[str], target: Path, mirror: Mirror) -> list[str]:
    """The mmdebstrap call: a minimal suite with ``packages``, as a tar archive."""
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDE]
    argv += [f"--dpkgopt=path-include={pattern}" for pattern in _INCLUDE]
    argv += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    argv += [f"--customize-hook={hook}" for hook in _HOOKS]
    return [*argv, recipe.SUITE, str(target), *mirror.sources(recipe.SUITE)]


def run(packages: Sequence[str], target: Path) -> None:
    """Write the base's root file system to ``target``. Raises ImageBuildFailed."""
    if not available():
        raise ImageBuildFailed(MISSING)
    argv = command(packages, target, this_machines_mirror())
    last: deque[str] = deque(maxlen=12)
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageBuildFailed(f"mmdebstrap took over {TIMEOUT} s") from error
    last.extend(done.stderr.strip().splitlines())
    if done.returncode != 0:
        raise ImageBuildFailed("mmdebstrap failed\n" + "\n".join(last))
