"""The effective bottle: an agent with its resolved, merged policy, and the host's settings.

Made by ``load`` from manifests; read by the planner. Everything is frozen, ordered and free of
secrets: credentials appear only as names of host variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from botbottle.model.diagnostic import Origin
from botbottle.model.route import Route

type Window = Literal["", "hour", "day", "week", "month"]
type Policy = Literal["cutoff", "freeze", "kill"]
type ScopeKind = Literal["launch", "agent", "bottle", "parent", "global"]
type WantedState = Literal["started", "stopped", "absent"]

WINDOWS: tuple[Window, ...] = ("", "hour", "day", "week", "month")
POLICIES: tuple[Policy, ...] = ("cutoff", "freeze", "kill")


class Limit(Struct, frozen=True, order=True):
    """A budget: ``tokens`` for one provider, in all or per window (UTC calendar windows)."""

    provider: str
    tokens: int
    window: Window = ""


class Scope(Struct, frozen=True):
    """A pool of budget and a rollup of usage.

    ``key`` is stable and unique in a ledger: ``launch:PROJECT/NAME``, ``agent:PROJECT/NAME``,
    ``bottle:NAME`` (own bottle files and their ancestors alike: an ancestor's pool is shared by
    all that extend it) and ``global``. A scope without limits only collects usage.
    """

    kind: ScopeKind
    key: str
    limits: tuple[Limit, ...] = ()


class EnvVar(Struct, frozen=True):
    """An environment variable of the agent.

    ``literal``: ``value`` is the text. ``ask``: ``value`` is the prompt (may be empty).
    ``host``: ``value`` is the name of the host variable to copy.
    """

    name: str
    kind: Literal["literal", "ask", "host"]
    value: str


class Resources(Struct, frozen=True):
    """Limits of the agent container: bytes, CPUs (1.0 = one core), processes."""

    memory: int = 2 * 1024**3
    cpus: float = 2.0
    pids: int = 512


class GitUser(Struct, frozen=True):
    """Git identity; an empty field is not set."""

    name: str = ""
    email: str = ""


class GitRepo(Struct, frozen=True):
    """A declared remote of the git-gate; ``key_provider`` is ``static`` or ``gitea``."""

    name: str
    url: str
    host_key: str
    key_provider: Literal["static", "gitea"] = "static"
    key_path: str = ""
    forge_token_env: str = ""
    api_url: str = ""


class _Written(Struct, frozen=True, eq=False):
    """What manifests say. Equal when it says the same: where it was written does not count."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def _said(self) -> tuple[object, ...]:
        return tuple(getattr(self, f) for f in self.__struct_fields__ if f != "origins")


class BottleSpec(_Written, frozen=True, eq=False):
    """One declared running instance. ``name`` is unique in its project.

    ``scopes`` are ordered most specific first. ``own`` are the bottle files that the agent names,
    ``ancestry`` all: own ones first, then parents depth-first, later parents first. ``origins``
    maps a leaf's key path (``egress.routes[0].host``) to where it was written, the winner first,
    then what it overrode. ``all_scopes``: every scope must have room whatever the settings' mode,
    because a project's agent narrows: its own pool must not replace the shared one above it.
    """

    name: str
    agent: str
    project: str
    layer: Literal["home", "project"]
    ancestry: tuple[str, ...]
    template: str = "claude"
    dockerfile: str = ""
    auth_token: str = ""
    forward_host_credentials: bool = False
    provider_settings: tuple[tuple[str, str], ...] = ()
    env: tuple[EnvVar, ...] = ()
    routes: tuple[Route, ...] = ()
    egress_log: int = 1
    learning: bool = False
    supervise: bool = True
    scopes: tuple[Scope, ...] = ()
    shutdown: Policy = "cutoff"
    resume_auto: bool = False
    resources: Resources = field(default_factory=Resources)
    git_user: GitUser = field(default_factory=GitUser)
    git_repos: tuple[GitRepo, ...] = ()
    state: WantedState = "started"
    run: Literal["interactive", "headless"] = "interactive"
    task: str = ""
    workspace: str = ""
    skills: tuple[str, ...] = ()
    prompt: str = ""
    preflight: Literal["off", "estimate", "exact"] = "off"
    all_scopes: bool = False
    own: tuple[str, ...] = ()
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)

    def budget_mode(self, chosen: Literal["nearest", "all"]) -> Literal["nearest", "all"]:
        """The mode that holds for this bottle when the settings choose ``chosen``."""
        return "all" if self.all_scopes else chosen


class Settings(_Written, frozen=True, eq=False):
    """``settings.yml``: host-wide choices. ``ledger`` is a database URL or empty (SQLite at home).

    ``count_*`` say which token classes a budget counts (output always counts).
    ``egress_network`` names an existing network for the sidecars' outer side instead of our
    own; ``egress_ca`` a PEM file that the sidecars trust besides the public CAs (both for hosts
    behind a TLS-inspecting company proxy). ``freezes_*``: how many snapshots of each bottle stay
    and for how many days (0: any), and whether removing the others asks first.
    """

    budgets: tuple[Limit, ...] = ()
    shutdown: Policy = "cutoff"
    budget_mode: Literal["nearest", "all"] = "nearest"
    count_cache_read: bool = True
    count_cache_write: bool = True
    count_input: bool = True
    ledger: str = ""
    max_changes: int = 0
    max_deletes: int = 0
    provider_hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    egress_network: str = ""
    egress_ca: str = ""
    address_pool: str = "10.213.0.0/16"
    base_image: str = ""
    preflight: Literal["off", "estimate", "exact"] = "off"
    notify_command: str = ""
    notify_webhook: str = ""
    freezes_keep: int = 5
    freezes_max_days: int = 0
    freezes_remove: Literal["manual", "auto"] = "manual"
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)


class Project(Struct, frozen=True):
    """Where manifests come from. ``id`` labels resources: the directory's name and a short hash
    of its path, or ``home``. ``root`` is empty for home."""

    id: str
    root: str
    home: str


class Declared(Struct, frozen=True):
    """What the manifests say, before enforcement: the input of ``planner``."""

    project: Project
    bottles: tuple[BottleSpec, ...] = ()
    settings: Settings = field(default_factory=Settings)
