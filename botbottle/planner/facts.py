"""What the planner is told about this host and moment: it looks nothing up itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from botbottle.model.bottle import Policy
from botbottle.model.paths import HomePaths
from botbottle.model.sidecar_config import SidecarConfig, from_wire


class Guards(Mapping[str, SidecarConfig]):
    """Configurations of bottles as they were kept, read when they are asked for: few are."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        self._kept = kept

    def __getitem__(self, name: str) -> SidecarConfig:
        return from_wire(self._kept[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class Facts(Struct, frozen=True):
    """Inputs beside manifests, engine and ledger.

    ``sidecar_user`` is ``uid:gid`` of sidecars and ledger service. ``images`` maps a recipe to its
    content-addressed tag; ``unreadable`` says of recipes without one why. ``secrets`` maps the name
    of a host variable to the fingerprint of its value (absent: the variable is not set); for an
    operator's own login that cannot be used ``lacking`` says why. ``accounts`` maps a login to the
    account it belongs to. ``env`` maps a bottle to (variable, fingerprint) of its asked and copied
    values. ``upstream_ca`` is PEM text. ``skills_dir`` is the host directory of skills, ``skills``
    maps each that is named to a digest of what is in it,
    ``project_root`` that of the project, which a workspace lies in; ``no_trees`` maps directories
    to copy from that cannot be read to why. ``only`` restricts to bottles by name.
    ``destroy`` plans to nothing at all, including the shared ledger service when no other project
    needs it.
    ``snapshots`` maps a bottle to those of its existing snapshots that a plan could ask for (see
    ``resume.candidates``), newest first; ``saved`` are those whose volumes exist as an image, too.
    ``snapshots_in_use`` are listed snapshots that somebody made a container from by hand.
    ``guards``: routes with their leak detection, and supervision, as each bottle was last approved;
    ``counted``: those of them whose guard tells which hosts were counted (an older bb kept none);
    ``uses``: whose agent file it was, and which bottle files that named (see ``approved.use_of``);
    ``workspaces``: the folder that was copied into it.
    ``policies``: the bottles' ``shutdown`` as it was applied last; ``limits`` their bytes,
    billionths of a CPU and processes.
    ``raises`` False: nobody can approve a raised limit (a watch), so that it waits.
    ``ledger_locked``: the ledger service waits for the password of its database.
    ``ledger_gone``: the project was applied with this home, and its ledger's file is not there.
    ``lost``: other projects of this home whose folder is gone, with the path that it had.
    """

    paths: HomePaths
    sidecar_user: str
    images: Mapping[str, str]
    bb_version: str
    unreadable: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    approved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    guards: Mapping[str, SidecarConfig] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
    uses: Mapping[str, str] = field(default_factory=dict)
    workspaces: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    limits: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    upstream_ca: str = ""
    skills_dir: str = ""
    skills: Mapping[str, str] = field(default_factory=dict)
    project_root: str = ""
    no_trees: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    destroy: bool = False
    platform_dns: tuple[str, ...] = ()
    snapshots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    saved: frozenset[str] = frozenset()
    snapshots_in_use: frozenset[str] = frozenset()
    ledger_locked: bool = False
    ledger_gone: bool = False
    raises: bool = True
    lost: Mapping[str, str] = field(default_factory=dict)
