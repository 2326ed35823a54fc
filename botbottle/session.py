"""One verb's view of the world: manifests, engine, ledger and host, put together for the planner.

Reading only: ``Session`` holds an ``EngineRead`` and a ledger opened read-only (or none yet).
``plan()`` is what ``bb plan``, ``bb apply``, ``bb watch`` and ``bb status`` all show, so none of
them can see another world than the others.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from botbottle import __version__, places
from botbottle.control.api import ControlRead
from botbottle.credentials import Credentials
from botbottle.engine.api import EngineRead
from botbottle.errors import ManifestError, Refused
from botbottle.hosted import read_ca, sidecar_user
from botbottle.load.env import EnvValues
from botbottle.load.trees import contents, lacking
from botbottle.manifests import Manifests
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import HomePaths
from botbottle.model.plan import Plan
from botbottle.model.resources import Observed, SidecarStatus
from botbottle.model.sidecar_config import fingerprint
from botbottle.patience import certain, silenced
from botbottle.planner.approved import copied_workspaces, counted, guards_of, limits, policies
from botbottle.planner.facts import Facts
from botbottle.planner.names import ledger_name, names, outer_name
from botbottle.planner.plan import plan
from botbottle.planner.wanted import SIDECAR_RECIPE, env_names, image_recipe, routes
from botbottle.providers import login
from botbottle.reading import LedgerReads
from botbottle.snapshots import with_snapshots
from botbottle.statuses import statuses

if TYPE_CHECKING:
    from botbottle.load import Loaded, Overrides

NO_KEY = "00000000"  # in place of every fingerprint while there is no key


class Session(LedgerReads):
    """Everything a reading verb needs. ``environ`` holds the host's variables (never copied to
    ``os.environ``); ``env_values`` the asked and copied values of bottles, in memory."""

    def __init__(
        self,
        home: Path,
        cwd: Path,
        environ: Mapping[str, str],
        engine: EngineRead,
        control: ControlRead,
        overrides: Overrides | None = None,
    ) -> None:
        self.home = home
        self.paths = HomePaths(str(home))
        self.environ = environ
        self.engine = engine
        self.control = control
        self.manifests = Manifests(home, cwd, overrides)
        self.env_values: dict[str, Mapping[str, str]] = {}
        self.credentials = Credentials(environ)
        self.silent: set[str] = set()  # sidecars that the newest plan has asked twice, in vain

    def load(self) -> Loaded:
        """Read all manifests; errors do not raise here."""
        return self.manifests.load()

    def key(self) -> bytes:
        """The fingerprint key; before the first apply there is none and any will do."""
        try:
            return Path(self.paths.fingerprint_key).read_bytes()
        except FileNotFoundError:
            return os.urandom(32)

    def marker(self) -> Callable[[str], str]:
        """Value → fingerprint. Before the first apply there is no key, so every value has the
        same one: a plan is the same bytes however often it is made, and tells nothing."""
        if not Path(self.paths.fingerprint_key).exists():
            return lambda _: NO_KEY
        return functools.partial(fingerprint, self.key())

    def facts(
        self, declared: Declared, *, only: Sequence[str] = (), destroy: bool = False
    ) -> Facts:
        """What the planner is told about this host."""
        mark = self.marker()
        images, unreadable = self._tags(declared)
        values, unusable = self.credentials.of(r for b in declared.bottles for r in routes(b))
        applied = self.applied(declared) or {}
        skills = Path(self.environ.get("HOME", "~")).expanduser() / ".claude/skills"
        return Facts(
            paths=self.paths,
            sidecar_user=sidecar_user(),
            images=images,
            unreadable=unreadable,
            bb_version=__version__,
            secrets={n: mark(v) for n, v in values.items()},
            accounts={n: a for n, v in values.items() if (a := login.account(v))},
            lacking=unusable,
            env=self.env_marks(declared, mark),
            approved={name: frozenset(r) for name, r in applied.get("reach", {}).items()},
            guards=guards_of(applied),
            counted=counted(applied),
            uses=applied.get("uses", {}),
            policies=policies(applied),
            limits=limits(applied),
            workspaces=copied_workspaces(applied),
            upstream_ca=read_ca(declared.settings.egress_ca),
            skills_dir=str(skills),
            skills=contents(skills, declared),
            no_trees=lacking(skills, declared),
            project_root=declared.project.root,
            only=tuple(only),
            destroy=destroy,
            ledger_locked=bool(declared.settings.ledger) and self.control.ledger_locked(),
            ledger_gone=self._ledger_gone(declared),
            lost=places.lost(self.paths, but=declared.project.id),
        )

    def _ledger_gone(self, declared: Declared) -> bool:
        """A project is noted once its ledger is open, so one without the file has lost it. Where
        somebody took the containers and volumes away as well, nothing else would tell."""
        if declared.settings.ledger or Path(self.paths.ledger_db).exists():
            return False
        return places.noted(self.paths, declared.project)

    def _tags(self, declared: Declared) -> tuple[dict[str, str], dict[str, str]]:
        """Recipe → tag, and why of those without one: a Dockerfile that cannot be read is one
        bottle's trouble, and none at all of an order that stops or holds it."""
        tags, unreadable = {}, {}
        for name in sorted({SIDECAR_RECIPE, *(image_recipe(b) for b in declared.bottles)}):
            try:
                tags[name] = self.manifests.tag(name, declared)
            except ManifestError as error:
                tags[name], unreadable[name] = "", str(error)
        return tags, unreadable

    def env_marks(
        self, declared: Declared, mark: Callable[[str], str]
    ) -> dict[str, tuple[tuple[str, str], ...]]:
        """Bottle → (variable, fingerprint) of the values at hand: given for this run, else from
        the host's variables, else still in the running sidecar's memory."""
        marks = {}
        for spec in declared.bottles:
            if names_ := env_names(spec):
                values = self.values_of(spec, names_)
                self.env_values[spec.name] = values
                marks[spec.name] = tuple((n, mark(v)) for n, v in sorted(values.items()))
        return marks

    def values_of(self, spec: BottleSpec, wanted: Sequence[str]) -> Mapping[str, str]:
        """Values of one bottle's asked and copied variables, in memory."""
        given = self.env_values.get(spec.name, {})
        if all(n in given for n in wanted):
            return given
        host = {e.name: e.value if e.kind == "host" else f"BB_ENV_{e.name}" for e in spec.env}
        found = {n: self.environ[host[n]] for n in wanted if host[n] in self.environ}
        (kept,) = self.control.kept_env([self.paths.bottle(spec.project, spec.name).control])
        known = {**{n: v for n, v in kept.items() if n in wanted}, **found, **given}
        return EnvValues(known)

    def with_snapshots(
        self, declared: Declared, facts: Facts, observed: Observed, view: LedgerView
    ) -> Facts:
        """The facts with those snapshots that a plan could ask for and the engine still has."""
        return with_snapshots(self.engine, declared, facts, observed, view)

    def observe(self, declared: Declared, facts: Facts) -> Observed:
        """One snapshot of the engine and of what every running sidecar has active. Raises Refused
        for a home that was moved while its containers are still there."""
        self._unmoved()
        home_id, project = self.paths.home_id, declared.project.id
        called = [names(home_id, project, b.name) for b in declared.bottles]
        held = [n for c in called for n in (c.agent, c.egress, c.network, c.home, c.workspace)]
        held += [ledger_name(home_id), outer_name(home_id)]
        if declared.settings.egress_network:
            held.append(declared.settings.egress_network)
        found = self.engine.observe(
            home_id,
            tags=tuple(t for t in facts.images.values() if t),
            names=held,
            subnets=(declared.settings.address_pool,),
            lookalikes=True,
        )
        return replace(found, sidecars=self.active(found))

    def _unmoved(self) -> None:
        """Containers are named after the home's path. Those of the path before serve the same
        sockets and ledger directory, and would answer in place of new ones."""
        if not (old := places.before(self.paths)):
            return
        home_id = HomePaths(old).home_id
        left = self.engine.observe(home_id).containers
        if any(c.labels.get(labels.HOME) == home_id for c in left):
            raise Refused(
                f"this home was {old} when it was last applied, and its containers are still there",
                code="BB7024",
                where=str(self.home),
                hint=f"call it by that path (a symbolic link will do): bb --home {old} status\n"
                f"to move it: bb --home {old} destroy in each project, then bb apply",
            )

    def active(self, found: Observed) -> dict[str, SidecarStatus | None]:
        """What every running sidecar of these containers has active."""
        asking = {name for name, values in self.env_values.items() if values}
        return statuses(self.control, self.paths, found, asking, self.key)

    def _old_password(self, declared: Declared) -> bool:
        """Whether the ledger service uses another password than this process. Not a question for
        ``bb watch``, whose own may be the older one: it takes over the service's."""
        ledger = self.reading(declared) if declared.settings.ledger else None
        return ledger is not None and self.control.ledger_locked(ledger.password)

    def plan(
        self,
        declared: Declared,
        *,
        only: Sequence[str] = (),
        destroy: bool = False,
        view: LedgerView | None = None,
    ) -> Plan:
        """Observe once and plan."""
        facts = self.facts(declared, only=only, destroy=destroy)
        facts = replace(facts, ledger_locked=facts.ledger_locked or self._old_password(declared))
        observed = self.observe(declared, facts)
        view = view or self.view(declared)
        facts = self.with_snapshots(declared, facts, observed, view)
        return self.planned(declared, observed, view, facts)

    def planned(
        self, declared: Declared, observed: Observed, view: LedgerView, facts: Facts
    ) -> Plan:
        """A plan that stops a sidecar for its silence only after it was asked again (``patience``):
        this waits for seconds then, which a watch does not do (``watch.silence``)."""

        def made(seen: Observed) -> Plan:
            return plan(declared, seen, view, facts)

        found, _ = certain(made(observed), observed, made, self.active, known=self.silent)
        self.silent = silenced(found)
        return found


def declared_or_raise(loaded: Loaded) -> Declared:
    """The declared set. Raises ManifestError when there are errors (already reported)."""
    if loaded.declared is None:
        count = len(loaded.errors)
        raise ManifestError(
            f"{count} error{'s' if count != 1 else ''} in the manifests",
            hint="bb validate shows each with its place",
        )
    return loaded.declared
