"""Keys as commands: what an operator confirms is exactly a ``bb`` command line, run as one.

So locks, approvals, audit and exit codes are those of the command line and of nothing else.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

SECONDS = 900.0  # an order that takes longer is given up on (the next pass of bb continues it)
LOCK_SECONDS = 30
OUTPUT = 4000  # characters kept of what a command said


class Order(Struct, frozen=True):
    """A command to confirm. ``warning`` says what it costs; ``type_name``: the bottle's name
    must be typed, because nothing brings back what is lost."""

    verb: str
    args: tuple[str, ...]
    title: str
    warning: str = ""
    type_name: str = ""
    takes_reason: bool = True

    def argv(self, reason: str = "") -> tuple[str, ...]:
        """The command line after ``bb`` and its global options. Whatever a text begins with, it
        is an argument and never an option."""
        given = (f"--reason={reason}",) if reason and self.takes_reason else ()
        return (*self.verb.split(), *given, "--", *self.args)

    def shown(self, reason: str = "") -> str:
        """The same for people."""
        return shlex.join(("bb", *(a for a in self.argv(reason) if a != "--")))


def hold(policy: str, bottle: str) -> Order:
    """``cutoff``, ``freeze`` or ``kill``."""
    cost = {
        "cutoff": "Open streams end now and nothing leaves any more; the agent runs on.",
        "freeze": "Traffic ends now; a snapshot is made and the agent stops. bb resume continues.",
        "kill": "Containers, network and volumes are removed. Nothing is saved.",
    }
    typed = bottle if policy == "kill" else ""
    return Order(policy, (bottle,), f"{policy} {bottle}", cost[policy], typed)


def lift(policy: str, bottle: str) -> Order:
    """The way back from what holds a bottle: resume after a freeze, else release."""
    verb = "resume" if policy == "freeze" else "release"
    return Order(verb, (bottle,), f"{verb} {bottle}", "The bottle may work and spend again.")


def budget(scope: str, provider: str, amount: str) -> Order:
    """An operator's limit."""
    return Order(
        "budget set",
        (scope, provider, amount),
        f"budget {scope} {provider} {amount}",
        "Wins over the manifest until bb budget clear. A lifted hold is carried out by bb watch, "
        "or by the next bb apply.",
    )


def decide(proposal: str, bottle: str, approve: bool) -> Order:
    """Approve or reject a proposal."""
    verb = "approve" if approve else "reject"
    cost = "What is asked for happens." if approve else "The agent is told the reason."
    return Order(f"proposals {verb}", (proposal,), f"{verb} {proposal} of {bottle}", cost)


class Outcome(Struct, frozen=True):
    """How an order ended: exit code and the last of what it said."""

    code: int
    said: str


class Runner(Protocol):
    """Carries orders out; blocks, so the app calls it in a worker."""

    def __call__(self, order: Order, reason: str) -> Outcome: ...


class Bb(Struct, frozen=True):
    """Runs orders as ``bb`` on the same home, directory and environment."""

    home: Path
    cwd: Path
    environ: Mapping[str, str]

    def __call__(self, order: Order, reason: str) -> Outcome:
        base = (sys.executable, "-m", "botbottle", "--home", str(self.home), "-C", str(self.cwd))
        options = ("--progress", "plain", "--lock-timeout", str(LOCK_SECONDS))
        try:
            done = subprocess.run(
                [*base, *options, *order.argv(reason)],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=dict(self.environ),
                timeout=SECONDS,
                start_new_session=True,  # Ctrl-C in the dashboard is not for a running order
            )
        except subprocess.TimeoutExpired:
            return Outcome(1, f"gave up after {SECONDS:.0f} s; bb plan shows what is left to do")
        return Outcome(done.returncode, done.stdout[-OUTPUT:].strip())
