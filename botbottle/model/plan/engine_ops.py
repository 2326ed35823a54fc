"""Ops that are one call of the engine."""

from __future__ import annotations

from botbottle.model.plan.base import Base, Ref
from botbottle.model.resources import Attachment, ContainerSpec, Limits, NetworkSpec, VolumeSpec


class EnsureImage(Base, frozen=True, kw_only=True):
    """Build the image ``tag`` (recipe ``recipe``) unless it exists."""

    recipe: str
    tag: str


class CreateNetwork(Base, frozen=True, kw_only=True):
    spec: NetworkSpec
    labels: tuple[tuple[str, str], ...]


class RemoveNetwork(Base, frozen=True, kw_only=True):
    ref: Ref


class CreateVolume(Base, frozen=True, kw_only=True):
    spec: VolumeSpec
    labels: tuple[tuple[str, str], ...]


class RemoveVolume(Base, frozen=True, kw_only=True):
    name: str


class CreateContainer(Base, frozen=True, kw_only=True):
    """``labels`` carry ownership, spec and hash; ``directories`` and ``files`` (host paths with
    mode) are made first; ``name`` may be a temporary one that a later RenameContainer settles."""

    spec: ContainerSpec
    name: str
    labels: tuple[tuple[str, str], ...]
    directories: tuple[tuple[str, int], ...] = ()
    files: tuple[tuple[str, int], ...] = ()


class StartContainer(Base, frozen=True, kw_only=True):
    ref: Ref


class StopContainer(Base, frozen=True, kw_only=True):
    """``kill``: at once and without a word to its programs, so nothing changes any more."""

    ref: Ref
    timeout: int = 2
    kill: bool = False


class PauseContainer(Base, frozen=True, kw_only=True):
    ref: Ref


class UnpauseContainer(Base, frozen=True, kw_only=True):
    ref: Ref


class RemoveContainer(Base, frozen=True, kw_only=True):
    ref: Ref
    kill: bool = False


class RenameContainer(Base, frozen=True, kw_only=True):
    ref: Ref
    name: str


class UpdateContainer(Base, frozen=True, kw_only=True):
    ref: Ref
    limits: Limits


class ConnectNetwork(Base, frozen=True, kw_only=True):
    ref: Ref
    network: Ref
    attachment: Attachment


class DisconnectNetwork(Base, frozen=True, kw_only=True):
    ref: Ref
    network: Ref


class RemoveImage(Base, frozen=True, kw_only=True):
    tag: str
