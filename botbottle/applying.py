"""Carrying a plan out: the writing half of ``apply``, ``destroy`` and ``watch``.

Everything that can refuse has been asked before this is called; here the write boundary is
crossed. The home's own files (fingerprint key, directories, ledger) come first.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from botbottle import places
from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError, ImageBuildFailed, LedgerError
from botbottle.executor import Control, Result, execute, taking
from botbottle.generations import PARTIAL, emptied, forget, generation, narrow, save
from botbottle.hosted import UNPRIVILEGED
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import Declared
from botbottle.model.paths import HomePaths
from botbottle.model.plan import Op, Plan
from botbottle.planner.facts import Facts
from botbottle.session import Session
from botbottle.ui.events import Event
from botbottle.vault import MemoryVault


class ImageBuilder(Struct, frozen=True):
    """``executor.Images`` on top of the recipes."""

    engine: EngineWrite
    base: str

    def ensure(self, recipe: str, tag: str, progress: Callable[[str], None]) -> None:
        """Build ``recipe``. Raises ImageBuildFailed, also when the recipe changed meanwhile."""
        from botbottle.images import ensure, image_tag  # most applies build nothing

        if image_tag(recipe, self.base) != tag:
            raise ImageBuildFailed(f"the recipe of {recipe} changed", hint="plan again: bb plan")
        ensure(self.engine, recipe, progress, base=self.base)


def prepare_home(paths: HomePaths) -> None:
    """Make the home's own directories and the fingerprint key; owner only."""
    for path in (paths.home, f"{paths.home}/run"):
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Path(paths.fingerprint_key)
    if not key.exists():
        new = key.with_suffix(f".{os.getpid()}")
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:  # a full disk leaves neither a part of a key nor a file
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
            key.hardlink_to(new)  # the first of two concurrent applies wins
        except FileExistsError:
            pass
        finally:
            new.unlink()
    _ledger_dir(Path(paths.ledger_dir))


def _ledger_dir(path: Path) -> None:
    """The ledger's directory belongs to the user that the ledger service runs as."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.getuid() == 0 and path.stat().st_uid == 0:
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)


def vault_of(session: Session, names: Mapping[str, str], ledger: str = "") -> MemoryVault:
    """The values behind the fingerprints of a plan, from the host's variables and logins.
    ``ledger``: the password of its database."""
    values = {name: value for name in names if (value := session.credentials.find(name))}
    return MemoryVault(session.key(), values, session.env_values, ledger)


def carry_out(
    session: Session,
    declared: Declared,
    plan: Plan,
    *,
    engine: EngineWrite,
    control: Control,
    ledger: Ledger,
    emit: Callable[[Event], None],
    parallel: int = 4,
    fail_fast: bool = False,
    settle: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
    fence: Callable[[], bool] = lambda: True,
    only: Sequence[str] = (),
    approve: bool = True,
    meanwhile: Callable[[], None] = lambda: None,
    refusal: LedgerError | None = None,
) -> Result:
    """Execute every op of ``plan``. ``prepare_home`` has been called and the lock is held.

    ``approve``: somebody approved this plan's reach; it becomes the baseline of later plans.
    Raises LedgerError where nothing can be recorded, unless there is something to take away.
    ``refusal``: that of the ledger, which has been asked to take an order before."""
    facts = session.facts(declared, only=only)
    places.note(facts.paths, declared.project)
    approved = Approved(session, declared, plan, ledger, facts)
    if refusal is None and fence():
        refusal = approved.take_back()

    def ahead() -> None:
        meanwhile()
        approved.write_out()

    result = execute(
        plan,
        engine,
        control,
        ledger,
        vault_of(session, facts.secrets, ledger.password),
        ImageBuilder(engine, declared.settings.base_image),
        parallel=parallel,
        fail_fast=fail_fast,
        settle=settle,
        journal=ledger,
        run=uuid.uuid4().hex[:12],
        emit=emit,
        cancelled=cancelled,
        fence=fence,
        meanwhile=ahead if approve else meanwhile,
        refusal=refusal,
    )
    if approve and refusal is None:
        approved.keep(result)
    return result


class Approved(Struct):
    """What one apply changes of that which somebody approved, in three steps: before its first
    operation, while it is seen whether all stays up, and at its end. The lock is held: nobody else
    changes it meanwhile."""

    session: Session
    declared: Declared
    plan: Plan
    ledger: Ledger
    facts: Facts
    written: str = ""  # the generation to keep, once it is written out

    def take_back(self) -> LedgerError | None:
        """What the manifests take away is approved no longer, however the apply ends. The refusal
        of a ledger that cannot record that, where the plan has something to take away all the
        same; raises it where it has not."""
        gone = emptied(self.plan, self.facts.paths.home_id)
        try:
            narrow(self.session, self.declared, self.ledger, _bottles(self.plan.ops) - self._held)
            forget(self.session, self.declared, self.ledger, gone)
        except LedgerError as refused:
            if not taking(self.plan.ops):
                raise
            return refused
        return None

    def write_out(self) -> None:
        """Write the generation out ahead of its keeping; what fails is done again, and told of,
        at the end."""
        self.written = ""
        with suppress(BBError):
            self.written = self._generation()

    def keep(self, result: Result) -> None:
        """Keep what was approved and done. Of an apply that has not come to its end it is not
        worth an error of its own: it is asked for again."""
        if result.ok:
            self._save(self.written or self._generation(), self.plan.digest)
            return
        with suppress(BBError):
            self._save(self._generation(_bottles(result.lacking)), PARTIAL)

    @property
    def _held(self) -> set[str]:
        return {h.bottle for h in self.plan.held}

    def _generation(self, undone: Collection[str] | None = None) -> str:
        return generation(self.session, self.declared, self.facts.only, self._held, undone)

    def _save(self, document: str, digest: str) -> None:
        save(self.ledger, self.declared, document, digest)


def _bottles(ops: Iterable[Op]) -> set[str]:
    """The bottles that operations are about; what is kept of one (``NAME/snapshots``) is its."""
    return {op.bottle.partition("/")[0] for op in ops}
