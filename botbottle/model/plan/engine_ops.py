"""Ops that are one call of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from botbottle.model.plan.base import Base, Ref
from botbottle.model.resources import Attachment, ContainerSpec, Limits, NetworkSpec, VolumeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureImage(Base):
    """Build the image ``tag`` (recipe ``recipe``) unless it exists."""

    recipe: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNetwork(Base):
    spec: NetworkSpec
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume(Base):
    spec: VolumeSpec
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume(Base):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateContainer(Base):
    """``labels`` carry ownership, spec and hash; ``directories`` (host paths with mode) are made
    first; ``name`` may be a temporary one that a later RenameContainer settles."""

    spec: ContainerSpec
    name: str
    labels: tuple[tuple[str, str], ...]
    directories: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer(Base):
    """``kill``: at once and without a word to its programs, so nothing changes any more."""

    ref: Ref
    timeout: int = 2
    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpauseContainer(Base):
    ref: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer(Base):
    ref: Ref
    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer(Base):
    ref: Ref
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateContainer(Base):
    ref: Ref
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectNetwork(Base):
    ref: Ref
    network: Ref
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectNetwork(Base):
    ref: Ref
    network: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage(Base):
    tag: str
