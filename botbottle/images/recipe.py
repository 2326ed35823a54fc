"""What each image is made of, and the tag that follows from it. Pure but for reading the package.

::

    base-agent ── agent-base ─┬─ agent-claude      Debian packages, then a user, then a CLI
                              ├─ agent-codex
                              └─ agent-pi
    base-sidecar ── sidecar-deps ── sidecar        Debian's Python, then wheels, then our code
    agent-base or any other ── custom              a bottle's own Dockerfile (``custom``)

A tag is ``botbottle/NAME:HASH``: the first 12 hex digits of a SHA-256 over everything that goes
in, the parent's tag included. Which *way* a base is made (pulled or bootstrapped) is not part of
it: both give the same packages of the same Debian release.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from botbottle.errors import UsageError
from botbottle.images import clis, custom

SUITE = "trixie"
REGISTRY_BASE = "debian:trixie-slim"
PYTHON = "3.13"  # trixie's
REPOSITORY = "botbottle"
CUSTOM_PARENT = "agent-base"
LOCK = "sidecar-requirements.txt"

AGENT_PACKAGES = ("ca-certificates", "curl", "git", "nodejs", "procps", "ripgrep")
SIDECAR_PACKAGES = ("ca-certificates", "python3")

# The part of this package that runs in the sidecar image. The rest stays out: less to attack,
# and a change of the command line does not replace every sidecar.
SIDECAR_PARTS = ("budget", "control", "dlp", "ledger", "meter", "model", "providers", "sidecar")
SIDECAR_MODULES = ("__init__.py", "errors.py")


class Recipe(Struct, frozen=True):
    """One image: a Dockerfile on a parent, plus packages (bases), wheels, our code or a CLI."""

    name: str
    dockerfile: str
    parent: str = ""
    packages: tuple[str, ...] = ()
    content: str = ""  # "", "wheels", "package", or "cli:NAME"


RECIPES = {
    r.name: r
    for r in (
        Recipe("base-agent", "base.Dockerfile", packages=AGENT_PACKAGES),
        Recipe("base-sidecar", "base.Dockerfile", packages=SIDECAR_PACKAGES),
        Recipe("agent-base", "agent-base.Dockerfile", parent="base-agent"),
        *(
            Recipe(f"agent-{name}", "agent-cli.Dockerfile", "agent-base", content=f"cli:{name}")
            for name in clis.CLIS
        ),
        Recipe("sidecar-deps", "sidecar-deps.Dockerfile", "base-sidecar", content="wheels"),
        Recipe("sidecar", "sidecar.Dockerfile", "sidecar-deps", content="package"),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError."""
    if name not in RECIPES:
        known = ", ".join(sorted(RECIPES))
        raise UsageError(f"there is no image named {name!r}", hint=f"one of: {known}")
    return RECIPES[name]


def image_tag(name: str, base: str = "") -> str:
    """The content-addressed tag of an image; ``dockerfile:PATH`` names one of the user's.

    ``base`` is the setting ``images.base``: a reference to build on instead of Debian's own.
    Reads the package's files once per process (a few milliseconds), a user's at every call.
    Raises UsageError for an unknown name, ManifestError for an unusable Dockerfile.
    """
    if custom.is_custom(name):
        return custom_tag(custom.read(name), base)
    return _own_tag(name, base)


def custom_tag(found: custom.Custom, base: str) -> str:
    """The tag of a user's image that was read already."""
    return f"{REPOSITORY}/custom:{found.digest(_own_tag(CUSTOM_PARENT, base))[:12]}"


@functools.cache
def _own_tag(name: str, base: str) -> str:
    found = recipe(name)
    inputs = {
        "format": 1,
        "name": name,
        "from": _own_tag(found.parent, base) if found.parent else base or REGISTRY_BASE,
        "dockerfile": dockerfile(found),
        "packages": found.packages,
        "content": _content_digest(found.content),
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return f"{REPOSITORY}/{name}:{digest[:12]}"


def dockerfile(found: Recipe) -> str:
    """The text of a recipe's Dockerfile."""
    return files(__package__).joinpath("recipes", found.dockerfile).read_text("utf-8")


def lock_path() -> Path:
    """The sidecar's hash-pinned requirements, as shipped in the package."""
    return Path(str(files(__package__).joinpath(LOCK)))


@functools.cache
def package_files() -> dict[str, bytes]:
    """The sidecar's share of this package: path inside the image → content, sorted.

    Read once per process, so that the tag and the image are made of the same bytes even while
    somebody edits the files.
    """
    root = str(files("botbottle"))
    found = [*SIDECAR_MODULES]
    for part in SIDECAR_PARTS:
        found += _below(root, part)
    found.sort(key=lambda name: name.split("/"))
    return {f"botbottle/{name}": Path(root, name).read_bytes() for name in found}


def _below(root: str, folder: str) -> Iterator[str]:
    """Paths below ``root`` of the files in a folder and its folders. Every plan asks, so this is
    ``os.scandir``: it knows what is a file without asking about each."""
    with os.scandir(f"{root}/{folder}") as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _below(root, f"{folder}/{entry.name}")
            elif not entry.name.startswith("."):
                yield f"{folder}/{entry.name}"


def _content_digest(content: str) -> str:
    digest = hashlib.sha256(content.encode())
    if content == "wheels":
        digest.update(lock_path().read_bytes())
    elif content == "package":
        for name, data in package_files().items():
            digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
    elif content.startswith("cli:"):
        for part in clis.parts(content.removeprefix("cli:")):
            digest.update(repr(part).encode())
    return digest.hexdigest()


def forget() -> None:
    """Read everything again at the next call, as after an upgrade in place."""
    _own_tag.cache_clear()
    package_files.cache_clear()
