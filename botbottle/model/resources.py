"""What should exist on the engine, in the engine's own terms, and what does exist.

A spec splits into an immutable part (hashed; a change replaces) and a mutable part (compared
with the live object; a change updates in place), exactly along Docker's own line.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import asdict

from botbottle.model import canonical, labels
from botbottle.model.sidecar_config import SidecarConfig

type Kind = Literal["agent", "egress", "ledger", "supervise", "git-gate", "restore"]
type State = Literal["created", "running", "paused", "restarting", "exited", "dead", "removing"]


class Mount(Struct, frozen=True, order=True):
    """A bind (``source`` is an absolute host path), named volume, or tmpfs (``source`` empty).

    ``options`` are tmpfs options such as ``size=64m,mode=1777,uid=1000``.
    """

    kind: Literal["bind", "volume", "tmpfs"]
    target: str
    source: str = ""
    read_only: bool = False
    options: str = ""


class Attachment(Struct, frozen=True, order=True):
    """A wanted network attachment: the network by its unique name, an address, aliases."""

    network: str
    address: str = ""
    aliases: tuple[str, ...] = ()


class NetworkSpec(Struct, frozen=True, dict=True):
    """A bridge network. ``internal``: no gateway to outside; ``inhibit_ipv4``: no host address."""

    name: str
    kind: Literal["internal", "outer"]
    bottle: str
    internal: bool
    subnet: str
    options: tuple[tuple[str, str], ...] = ()

    @functools.cached_property
    def spec_hash(self) -> str:
        """Hash of everything: no field of a network can be changed in place."""
        return canonical.digest_text(canonical.quick(self))


class VolumeSpec(Struct, frozen=True):
    """A named volume that outlives its container: the agent's home and workspace."""

    name: str
    bottle: str


class Limits(Struct, frozen=True):
    """The mutable part of a container. Bytes, billionths of a CPU, processes (0 = unlimited)."""

    memory: int = 0
    nano_cpus: int = 0
    pids: int = 0
    restart: Literal["no", "unless-stopped", "on-failure"] = "no"


_MUTABLE = frozenset({"limits", "name", "networks"})


class ContainerSpec(Struct, frozen=True, dict=True):
    """A hardened container. The first of ``networks`` is given at create, so the container is
    never on a default network; the others are connected before start.

    ``env`` holds no secret. ``image`` is a content-addressed tag. Hardening that is not a field
    here is constant in the engine adapter: all capabilities dropped, no-new-privileges, --init.
    """

    name: str
    kind: Kind
    bottle: str
    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    user: str = "1000:1000"
    workdir: str = ""
    hostname: str = ""
    read_only: bool = True
    networks: tuple[Attachment, ...] = ()  # empty: no network at all
    dns: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    stop_timeout: int = 2  # seconds
    limits: Limits = field(default_factory=Limits)

    @property
    def immutable(self) -> dict[str, object]:
        """The hashed part: without limits, name and outer attachments (all mutable)."""
        data: dict[str, object] = json.loads(self.spec_text)
        return data

    @functools.cached_property
    def spec_text(self) -> str:
        """Canonical JSON of the immutable part."""
        data = {f: v for f, v in asdict(self).items() if f not in _MUTABLE}
        return canonical.quick(data)

    @functools.cached_property
    def spec_hash(self) -> str:
        """Hash of the immutable part."""
        return canonical.digest_text(self.spec_text)


class Endpoint(Struct, frozen=True):
    """A live attachment: the network by id."""

    network_id: str
    network_name: str
    address: str = ""
    aliases: tuple[str, ...] = ()


class ObservedContainer(Struct, frozen=True):
    """A live container as the engine reports it. ``started_at`` is the engine's own string."""

    id: str
    name: str
    state: State
    image_id: str
    labels: Mapping[str, str]
    endpoints: tuple[Endpoint, ...] = ()
    limits: Limits | None = None  # None: not inspected (not running)
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: str = ""

    @property
    def spec_hash(self) -> str:
        """Hash of the immutable spec it was created from; empty on strangers."""
        return self.labels.get(labels.SPEC_HASH, "")


class ObservedNetwork(Struct, frozen=True):
    """A live network. ``endpoints`` are container ids, ours or not."""

    id: str
    name: str
    labels: Mapping[str, str]
    internal: bool = False
    subnets: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()


class ObservedVolume(Struct, frozen=True):
    """A live volume of ours (label HOME)."""

    name: str
    labels: Mapping[str, str]


class ObservedImage(Struct, frozen=True):
    """A local image."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


class SidecarStatus(Struct, frozen=True):
    """What a running egress sidecar says is *active* in it.

    ``config_hash``: hash of the active config without secrets (model.sidecar_config).
    ``config``: the active config itself (no secrets), so that plan shows real reach.
    ``secrets``: name → first 8 hex digits of the keyed HMAC of the value it holds.
    ``env``: fingerprints of the agent's variables kept in the sidecar's memory; ``env_agent``:
    which start of the agent (``ID STARTED_AT``) they were delivered to.
    ``ready``: listening, CA written. ``ledger``: whether its gate answers.
    """

    config_hash: str = ""
    config: SidecarConfig | None = None
    secrets: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    env_agent: str = ""
    version: str = ""
    ready: bool = False
    ledger: bool = False
    detail: str = ""


class Observed(Struct, frozen=True):
    """One immutable snapshot of the engine, taken with labels as filter; strangers that hold
    one of our names or subnets are in it too, recognisable by their labels.

    ``sidecars`` maps a container id to its status, ``None`` where it does not answer.
    """

    engine_version: str = ""
    api_version: str = ""
    containers: tuple[ObservedContainer, ...] = ()
    networks: tuple[ObservedNetwork, ...] = ()
    images: tuple[ObservedImage, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    sidecars: Mapping[str, SidecarStatus | None] = field(default_factory=dict)
