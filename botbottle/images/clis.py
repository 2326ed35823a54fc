"""The providers' own commands: pinned npm packages, fetched on the host, checked, repacked.

The packages are unpacked here and never run: no install script of theirs gets a chance, and
what is unpacked is what the pinned SHA-512 says.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from botbottle.errors import ImageBuildFailed
from botbottle.images.context import Context

TIMEOUT = 600  # seconds for one download of about 170 MB


@dataclass(frozen=True, slots=True)
class Platform:
    """One architecture's package: an npm spec, its integrity (base64 SHA-512), and the folder
    inside it that holds the files."""

    spec: str
    sha512: str
    folder: str


@dataclass(frozen=True, slots=True)
class Cli:
    """A provider's command. ``keep``: path prefixes below ``folder`` that the image needs."""

    name: str
    program: str  # path below the folder, linked as /usr/local/bin/NAME
    keep: tuple[str, ...]
    platforms: tuple[tuple[str, Platform], ...]


_CLAUDE = "@anthropic-ai/claude-code-linux-{}@2.1.330"
_CODEX = "@openai/codex@0.169.0-linux-{}"

CLIS = {
    cli.name: cli
    for cli in (
        Cli(
            name="claude",
            program="claude",
            keep=("claude", "LICENSE.md"),
            platforms=(
                (
                    "x86_64",
                    Platform(
                        _CLAUDE.format("x64"),
                        "9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85S"
                        "DN/LPVZyjsGezQ==",
                        "package/",
                    ),
                ),
                (
                    "aarch64",
                    Platform(
                        _CLAUDE.format("arm64"),
                        "V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0ue"
                        "djQxUY02ARPcsA==",
                        "package/",
                    ),
                ),
            ),
        ),
        Cli(
            name="codex",
            program="bin/codex",
            keep=("bin/", "codex-path/", "codex-resources/bwrap"),
            platforms=(
                (
                    "x86_64",
                    Platform(
                        _CODEX.format("x64"),
                        "o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8"
                        "mlGOsQGFXVbVww==",
                        "package/vendor/x86_64-unknown-linux-musl/",
                    ),
                ),
                (
                    "aarch64",
                    Platform(
                        _CODEX.format("arm64"),
                        "NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TW"
                        "xYzvxPfj5G/xFg==",
                        "package/vendor/aarch64-unknown-linux-musl/",
                    ),
                ),
            ),
        ),
    )
}


def add(context: Context, name: str, arch: str, workdir: Path) -> None:
    """Put a provider's command into a build context as ``opt/NAME`` and ``bin/NAME``.

    Raises ImageBuildFailed: no npm, no package for ``arch``, no download, or a wrong hash.
    """
    cli = CLIS[name]
    platform = dict(cli.platforms).get(arch)
    if platform is None:
        raise ImageBuildFailed(f"{name} publishes no package for {arch}", where=f"agent-{name}")
    archive = fetch(platform, name, workdir)
    verify(archive, platform)
    repack(archive, cli, platform, context)


def fetch(platform: Platform, name: str, workdir: Path) -> Path:
    """Download the package with the machine's own npm and its configuration."""
    npm = shutil.which("npm")
    if npm is None:
        raise ImageBuildFailed(
            f"npm is needed to fetch the {name} command",
            where=f"agent-{name}",
            hint="install npm, or give the bottle a `dockerfile:` that has the command",
        )
    argv = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(workdir)]
    try:
        done = subprocess.run(
            [*argv, platform.spec],
            cwd=workdir,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageBuildFailed(f"npm pack {platform.spec} took over {TIMEOUT} s") from error
    packed = sorted(workdir.glob("*.tgz"))
    if done.returncode != 0 or len(packed) != 1:
        last = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ImageBuildFailed(
            f"npm could not fetch {platform.spec}\n{last}",
            where=f"agent-{name}",
            hint="check `npm ping`, or give the bottle a `dockerfile:` that has the command",
        )
    return packed[0]


def verify(archive: Path, platform: Platform) -> None:
    """Raises ImageBuildFailed unless the archive is the pinned one."""
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").digest()
    if base64.b64encode(found).decode() != platform.sha512:
        raise ImageBuildFailed(
            f"{platform.spec} is not the package that was pinned (its SHA-512 differs)",
            hint="do not use it: the package source may be compromised",
        )


def repack(archive: Path, cli: Cli, platform: Platform, context: Context) -> None:
    """Copy the wanted regular files; anything else (links, devices) is not taken."""
    programs = 0
    with tarfile.open(archive, "r:gz") as packed:
        for member in packed:
            path = member.name.removeprefix(platform.folder)
            wanted = member.name.startswith(platform.folder) and path.startswith(cli.keep)
            stream = packed.extractfile(member) if wanted and member.isreg() else None
            if stream is None or ".." in path.split("/"):
                continue
            context.add_stream(f"opt/{cli.name}/{path}", stream, member.size, mode=member.mode)
            programs += path == cli.program
    if programs != 1:
        raise ImageBuildFailed(f"{platform.spec} does not contain {cli.program}")
    context.add_link(f"bin/{cli.name}", f"/opt/{cli.name}/{cli.program}")
