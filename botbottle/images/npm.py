"""Provider commands from npm: fetched on the host, checked, repacked into a build context.

The packages are unpacked here and never run: no install script of theirs gets a chance, and
what is unpacked is what the pinned SHA-512 says.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from botbottle.errors import ImageBuildFailed
from botbottle.images.clis import Cli, Platform, parts
from botbottle.images.context import Context

TIMEOUT = 600  # seconds for one download of about 170 MB


def add(context: Context, name: str, arch: str, workdir: Path) -> None:
    """Put a provider's command, and what runs it, into a build context as ``opt/NAME`` and
    ``bin/NAME``.

    Raises ImageBuildFailed: no npm, no package for ``arch``, no download, or a wrong hash.
    """
    for cli in parts(name):
        platform = dict(cli.platforms).get(arch)
        if platform is None:
            raise ImageBuildFailed(
                f"{cli.name} publishes no package for {arch}", where=f"agent-{name}"
            )
        folder = workdir / cli.name
        folder.mkdir()
        archive = fetch(platform, name, folder)
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
