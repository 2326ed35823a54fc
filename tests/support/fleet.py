"""A fleet in memory: planner and executor on the engine in memory, sidecars and a ledger that
remember what they were given, and what must be true at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from botbottle.engine.fake import FakeEngine
from botbottle.executor import Result, execute
from botbottle.model import labels as lb
from botbottle.model.bottle import Declared, Policy, Scope
from botbottle.model.paths import HomePaths
from botbottle.model.plan import (
    Plan,
    RecordEnforcement,
    RegisterAccount,
    RetireAccount,
)
from botbottle.model.resources import Observed, SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig, fingerprint
from botbottle.planner.facts import Facts
from botbottle.planner.plan import plan
from botbottle.vault import MemoryVault
from tests.support.executing import KEY, VirtualClock
from tests.support.worlds import FACTS, World

SECRETS = {"ANTHROPIC_API_KEY": "sk-a", "OPENAI_API_KEY": "sk-b"}


class Sidecars:
    """Sidecars that live exactly as long as their container runs, and forget on a restart."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.active: dict[tuple[str, str], SidecarStatus] = {}

    def _running(self, control_dir: str) -> tuple[str, str] | None:
        for c in list(self.engine.world.containers.values()):  # other ops go on
            if c.state == "running" and any(m.source == control_dir for m in c.spec.mounts):
                return c.id, c.started_at
        return None

    def status(self, control_dir: str) -> SidecarStatus | None:
        key = self._running(control_dir)
        fresh = SidecarStatus(ready=True, ledger=True, version=FACTS.bb_version)
        return self.active.get(key, fresh) if key else None

    def configure(
        self, control_dir: str, config: SidecarConfig, secrets: Mapping[str, str], key: bytes
    ) -> SidecarStatus | None:
        with self.engine._write("configure", control_dir):
            running = self._running(control_dir)
            assert running, "config is pushed to a sidecar that does not run"
            marks = tuple((n, fingerprint(key, v)) for n, v in sorted(secrets.items()))
            status = SidecarStatus(
                config_hash=config.config_hash,
                config=config,
                secrets=marks,
                version=FACTS.bb_version,
                ready=True,
                ledger=True,
            )
            self.active[running] = status
            return status

    def ledger_answers(self, password: str = "") -> bool:
        return any(
            c.labels.get(lb.KIND) == "ledger" and c.state == "running"
            for c in self.engine.world.containers.values()
        )

    def unlock_ledger(self, password: str) -> None:
        raise AssertionError("no password was asked for")


class Books:
    """The ledger as the planner sees it, written to by the executor; each write may crash."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine, self.world = engine, World()

    @contextmanager
    def _write(self, method: str) -> Iterator[dict[str, object]]:
        with self.engine._write(method):
            yield {"id": method, "resource": "", "bottle": "", "reason": ""}

    def register(self, account: str, scopes: Sequence[Scope], **more: object) -> None:
        with self._write("register") as base:
            self.world.apply(
                RegisterAccount(**base, account=account, scopes=tuple(scopes), **more)  # type: ignore[arg-type]
            )

    def retire(self, account: str) -> None:
        with self._write("retire") as base:
            self.world.apply(RetireAccount(**base, account=account))  # type: ignore[arg-type]

    def enforce(
        self, account: str, policy: Policy, trigger: str, *, before: str, after: str,
        lift: bool = False, by: str = "bb", now: float,
    ) -> bool:  # fmt: skip
        with self._write("enforce") as base:
            self.world.apply(
                RecordEnforcement(
                    **base, account=account, policy=policy, trigger=trigger, lift=lift,  # type: ignore[arg-type]
                    before=before, after_state=after,
                )
            )  # fmt: skip
        return True

    def record_freeze(self, account: str, image: str, manifest_digest: str, *, now: float) -> None:
        with self._write("freeze"):
            pass

    def note_audit(self, action: str, subject: str, *, by: str, detail: str = "") -> None:
        with self._write("audit"):
            pass


@dataclass(slots=True)
class Builder:
    """Images by tag."""

    engine: FakeEngine

    def ensure(self, recipe: str, tag: str, progress: Callable[[str], None]) -> None:
        if self.engine.image_id(tag) is None:
            self.engine.build(tag.encode(), tag=tag, labels=())


@dataclass(slots=True)
class Fleet:
    """Planner, executor and everything below them."""

    home: str
    engine: FakeEngine = field(default_factory=FakeEngine)
    sidecars: Sidecars = field(init=False)
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        self.sidecars = Sidecars(self.engine)
        self.books = Books(self.engine)

    @property
    def facts(self) -> Facts:
        marks = {n: fingerprint(KEY, v) for n, v in SECRETS.items()}
        return replace(FACTS, paths=HomePaths(self.home), secrets=marks)

    def observe(self) -> Observed:
        paths = HomePaths(self.home)
        seen = self.engine.observe(paths.home_id, tags=tuple(FACTS.images.values()))
        statuses = {
            c.id: self.sidecars.status(
                paths.bottle(c.labels[lb.PROJECT], c.labels[lb.BOTTLE]).control
            )
            for c in seen.containers
            if c.labels.get(lb.KIND) == "egress" and c.state == "running"
        }
        return replace(seen, sidecars=statuses)

    def plan(self, want: Declared) -> Plan:
        return plan(want, self.observe(), self.books.world.view, self.facts)

    def apply(self, want: Declared, parallel: int = 1) -> Result:
        return execute(
            self.plan(want),
            self.engine,
            self.sidecars,
            self.books,
            MemoryVault(KEY, SECRETS),
            Builder(self.engine),
            parallel=parallel,
            clock=VirtualClock(),
        )

    def check_safe(self, *, running_agents_only: bool = False) -> None:
        """What must hold at every moment, also in the middle of an apply that just died.
        ``running_agents_only``: somebody else moves things about, so only look at what runs."""
        live: dict[tuple[str, str], int] = {}
        world = self.engine.world
        for c in world.containers.values():
            kind, name = c.labels.get(lb.KIND, ""), c.labels.get(lb.BOTTLE, "")
            if c.alive:
                live[kind, name] = live.get((kind, name), 0) + 1
            if kind == "agent" and (c.alive or not running_agents_only):
                kinds = {world.network(ref_of(e)).labels[lb.KIND] for e in c.endpoints}
                assert kinds <= {"internal"}, "an agent is on another network"
            if kind == "agent" and c.state == "running" and c.started_at:
                held = [
                    s
                    for (identity, _), s in self.sidecars.active.items()
                    if identity in world.containers
                    and world.containers[identity].labels.get(lb.BOTTLE) == name
                ]
                assert held, "an agent was started before its sidecar was configured"
                assert c.files, "an agent was started without its files"
        assert all(n == 1 for n in live.values()), f"two live copies: {live}"


def ref_of(name: str) -> object:
    from botbottle.model.plan import Ref

    return Ref(name)
