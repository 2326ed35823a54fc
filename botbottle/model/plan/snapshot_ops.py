"""Ops of a snapshot: the file system as an image, the volumes as another, and back."""

from __future__ import annotations

from botbottle.model.plan.base import Base, Ref
from botbottle.model.resources import ContainerSpec

_KEPT = "/snapshots"  # after a bottle's name: the key of what is kept of it


def kept_of(bottle: str) -> str:
    """The key of a bottle's snapshots."""
    return bottle + _KEPT


def is_retention(key: str) -> bool:
    """Whether an op or change under this key removes snapshots because the settings let them go.
    That follows the clock, what else takes place and who uses them: two looks may differ in it."""
    return key.endswith(_KEPT)


class CommitImage(Base, frozen=True, kw_only=True):
    """Snapshot the file system of a container that does not execute into the image ``tag``."""

    ref: Ref
    tag: str
    labels: tuple[tuple[str, str], ...]


class SaveVolumes(Base, frozen=True, kw_only=True):
    """Copy the volumes of a stopped container into the image ``tag``, then list the whole
    snapshot in the ledger. ``paths``: where the container has them; each lands in a directory
    named like the last component of its path. ``snapshot``: tag of the file system's image;
    empty: the copy belongs to no snapshot and none is listed."""

    ref: Ref
    tag: str
    snapshot: str
    paths: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]


class RestoreVolumes(Base, frozen=True, kw_only=True):
    """Fill those volumes that are empty from the image that ``SaveVolumes`` made. ``spec``: a
    container that mounts them; it is made for this, never started, and removed."""

    spec: ContainerSpec
    labels: tuple[tuple[str, str], ...]


class ForgetSnapshot(Base, frozen=True, kw_only=True):
    """Take a snapshot whose images are gone off the ledger's list."""

    account: str
    image: str
