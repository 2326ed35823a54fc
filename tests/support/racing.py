"""Enforcement races on a real engine and a real ledger: one bottle, the reconciler in this process.

A race is a list of things that people, agents and other processes do, with passes between them
that die after any operation, or are killed as processes. Whatever the order, passes that follow
end where the ledger says, with one audit row for each trigger.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.enforcement.bottle import NAME, Bench
from botbottle.applying import carry_out
from botbottle.cli.lifting import release_one
from botbottle.control.adapter import ControlClient
from botbottle.errors import BBError, Refused
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Limit, Policy
from botbottle.model.plan import Plan
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.planner.enforce import Standing
from botbottle.planner.plan import states_of
from botbottle.planner.resume import volumes_tag
from botbottle.ui.events import Event, OpDone, OpStarted

NEVER = "0001-01-01T00:00:00Z"  # the engine's word for a start that has not been
PASSES = 6  # at most, until nothing is left to do
ORDERS: tuple[Policy, ...] = ("cutoff", "freeze", "kill")


class Died(BaseException):
    """This pass ends here, as by a kill."""


@dataclass
class Race:
    """One race on ``bottle``; the same seed does the same things."""

    bottle: Bench
    seed: int
    happened: list[str] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.began = len(self.audit())

    # -- what happens -------------------------------------------------------------------------
    def event(self) -> None:
        acts: list[Callable[[Ledger], None]] = [
            self.cross, self.grant, self.command, self.command, self.release, self.lose,
        ]  # fmt: skip
        act = self.rng.choice(acts)
        self.happened.append(act.__name__)
        with self.bottle.ledger() as ledger:
            act(ledger)

    def cross(self, ledger: Ledger) -> None:
        self._count += 1
        used = Exchange(
            "claude", "messages", "m", "api.example", f"race-{self.seed}-{self._count}",
            Tokens(output=10_000_000), Completeness.FINAL, time.time(),
        )  # fmt: skip
        ledger.settle(self.bottle.key, "", (used,), now=time.time())

    def grant(self, ledger: Ledger) -> None:
        spent = max((p.spent for p in ledger.view(time.time()).pools), default=0)
        limit = Limit("claude", spent + self.rng.choice((1, 1_000_000)))
        ledger.set_limit(f"agent:{self.bottle.key}", limit, by="race")

    def command(self, ledger: Ledger) -> None:
        with contextlib.suppress(Refused):  # a stronger order stands
            ledger.hold(self.bottle.key, self.rng.choice(ORDERS), by="race", now=time.time())

    def release(self, ledger: Ledger) -> None:
        enforced = ledger.view(time.time()).enforced
        release_one(ledger, self.bottle.key, enforced, "race")

    def lose(self, _ledger: Ledger) -> None:
        for identity in self.bottle.ids("agent"):
            subprocess.run(["docker", "rm", "-f", identity], check=False, capture_output=True)

    # -- passes -----------------------------------------------------------------------------------
    def half_pass(self) -> None:
        """One that dies after some operation, with events between its operations."""
        plan = self.plan()
        left = self.rng.randrange(2 * len(plan.ops) + 2)

        def emit(event: Event) -> None:
            nonlocal left
            if isinstance(event, OpStarted | OpDone):
                left -= 1
                if left < 0:
                    raise Died
                if self.rng.random() < 0.2:
                    self.event()

        with contextlib.suppress(Died, BBError):  # the world moved under the plan
            self.execute(plan, emit)

    def killed_pass(self) -> None:
        """``bb watch --once`` as a process, killed at some moment."""
        self.happened.append("watch killed")
        watch = subprocess.Popen(
            self.bottle.argv("watch", "--once"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            watch.wait(self.rng.uniform(0.2, 3.0))
        watch.kill()
        watch.wait()

    def plan(self) -> Plan:
        return self.bottle.session.plan(self.bottle.declared)

    def execute(self, plan: Plan, emit: Callable[[Event], None] = lambda _event: None) -> bool:
        with self.bottle.ledger() as ledger:
            return carry_out(
                self.bottle.session,
                self.bottle.declared,
                plan,
                engine=self.bottle.engine,
                control=ControlClient(self.bottle.session.paths.socket_root),
                ledger=ledger,
                emit=emit,
                parallel=1,
                settle=False,
            ).ok

    def converge(self) -> None:
        for _ in range(PASSES):
            plan = self.plan()
            if plan.empty:
                return
            self.execute(plan)
        left = [op.id for op in self.plan().ops]
        assert not left, f"{PASSES} passes leave {left}"

    def run(self) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self.event()
            if self.rng.random() < 0.2:
                self.killed_pass()
            else:
                self.half_pass()
        self.converge()

    # -- the end -----------------------------------------------------------------------------------
    def standing(self) -> Standing:
        with self.bottle.ledger() as ledger:
            return states_of(self.bottle.declared, ledger.view(time.time()))[NAME]

    def audit(self) -> list[tuple[str, str, str]]:
        with self.bottle.ledger() as ledger:
            rows = ledger.audit(account=self.bottle.key, limit=100_000)
        return [(r.action, r.policy, r.trigger) for r in rows if r.action in ("enforce", "lift")]

    def right_end(self) -> None:
        """Containers, routes and the ledger agree on what the bottle may do."""
        state = self.standing()
        agents = [self.bottle.state(i) for i in self.bottle.ids("agent")]
        config = self.bottle.active()
        match state.policy:
            case "kill":
                assert not agents and not self.bottle.ids("egress") and not self.bottle.volumes()
            case "freeze":
                assert agents in ([], ["exited"], ["created"]) and config is None, (agents, config)
                self.kept()
            case _:
                assert agents == ["running"]
                assert config is not None and bool(config.routes) == state.free

    def kept(self) -> None:
        """An agent that is still there has a snapshot with its volumes, also one that never ran:
        they hold the work of the one that it was to replace."""
        for identity in self.bottle.ids("agent"):
            seen = self.bottle.api.inspect_container(identity)["State"]
            assert (seen["Status"] == "created") == (seen["StartedAt"] == NEVER), seen
            with self.bottle.ledger() as ledger:
                newest = next(f.image for f in ledger.freezes() if f.account == self.bottle.key)
            for tag in (newest, volumes_tag(newest)):
                assert self.bottle.engine.image_id(tag), tag

    def one_row_each(self) -> None:
        """Between two liftings no trigger has two rows, and the one in force has its row."""
        since: Counter[tuple[str, str]] = Counter()
        for action, policy, trigger in self.audit():
            if action == "lift":
                since.clear()
                continue
            since[(policy, trigger)] += 1
            assert since[(policy, trigger)] == 1, f"{policy} {trigger} has two rows"
        state = self.standing()
        if not state.free:
            assert since[(state.policy, state.trigger_id)] == 1, f"{state} has no row"

    def check(self) -> None:
        """Raises AssertionError that names the seed and what happened."""
        try:
            self.run()
            self.right_end()
            self.one_row_each()
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}, {self.happened}: {error}") from error
