"""Carrying a plan out: the writing half of ``apply``, ``destroy`` and ``watch``.

Everything that can refuse has been asked before this is called; here the write boundary is
crossed. The home's own files (fingerprint key, directories, ledger) come first.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from botbottle import places
from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError, ImageBuildFailed, LedgerError
from botbottle.executor import Control, Result, execute, taking
from botbottle.hosted import UNPRIVILEGED
from botbottle.ledger.api import Ledger
from botbottle.locking import operator
from botbottle.model import canonical
from botbottle.model.bottle import Declared
from botbottle.model.paths import HomePaths
from botbottle.model.plan import CreateVolume, Op, Plan
from botbottle.planner.approved import (
    copied_workspaces,
    counted,
    guard_of,
    kept_policies,
    narrowed,
    policies,
    reach_of,
    started,
    use_of,
)
from botbottle.planner.names import names
from botbottle.session import Session
from botbottle.ui.events import Event
from botbottle.vault import MemoryVault

PARTIAL = ""  # in place of a plan's digest: no plan was carried out to its end


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
    held = {h.bottle for h in plan.held}
    made: list[str] = []

    def ahead() -> None:
        """While it is seen whether all stays up, the generation is written out, too: nobody else
        changes what is approved while the lock is held. It is kept only after that."""
        meanwhile()
        made.clear()
        with suppress(BBError):  # it is written out again at the end, and told then
            made.append(generation(session, declared, facts.only, held))

    try:
        if fence() and refusal is None:
            narrow(session, declared, ledger, _bottles(plan.ops) - held)
            forget(session, declared, ledger, emptied(plan, facts.paths.home_id))
    except LedgerError as refused:
        if not taking(plan.ops):
            raise
        refusal = refused
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
        _approved(session, declared, plan, result, facts.only, held, ledger, made)
    return result


def _approved(
    session: Session,
    declared: Declared,
    plan: Plan,
    result: Result,
    only: Sequence[str],
    held: Collection[str],
    ledger: Ledger,
    made: Sequence[str] = (),
) -> None:
    """Keep what was approved and done (``made``: its document, where that is written out). Of an
    apply that has not come to its end it is not worth an error of its own: it is asked for
    again."""
    if result.ok:
        document = made[0] if made else generation(session, declared, only, held)
        save(ledger, declared, document, plan.digest)
        return
    with suppress(BBError):
        undone = _bottles(result.lacking)
        save(ledger, declared, generation(session, declared, only, held, undone), PARTIAL)


def _bottles(ops: Iterable[Op]) -> set[str]:
    """The bottles that operations are about; what is kept of one (``NAME/snapshots``) is its."""
    return {op.bottle.partition("/")[0] for op in ops}


def save(ledger: Ledger, declared: Declared, document: str, digest: str) -> None:
    """Keep a generation; ``digest`` is that of the plan that was carried out to its end."""
    project = declared.project.id
    ledger.save_generation(project, document, plan_digest=digest, by=operator(), now=time.time())


def narrow(session: Session, declared: Declared, ledger: Ledger, names: Collection[str]) -> None:
    """What today's manifests take away from these bottles is approved no longer, whoever carries
    it out and whether that comes to its end: it does not come back unasked. The lock is held."""
    kept = session.applied(declared)
    if kept is not None and narrows(kept, declared, names):
        left = narrowed(kept, declared, names)
        save(ledger, declared, canonical.canonical(left), PARTIAL)


def edited(kept: Mapping[str, Any], declared: Declared) -> bool:
    """Whether the kept set is another one than today's."""
    return bool(canonical.canonical(_set_of(declared)) != canonical.canonical(_set_in(kept)))


def renew(session: Session, declared: Declared, ledger: Ledger) -> None:
    """Keep today's set with what was approved before. There was nothing to do, and the lock is
    held: it is no generation of its own."""
    kept = session.applied(declared)
    if kept is not None and edited(kept, declared):
        before = {"policies": policies(kept)}  # an older bb kept them with the bottles alone
        today = canonical.canonical({**before, **kept, **_set_of(declared)})
        save(ledger, declared, today, PARTIAL)


def _set_of(declared: Declared) -> dict[str, Any]:
    return {"bottles": declared.bottles, "settings": declared.settings}


def _set_in(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {"bottles": kept.get("bottles"), "settings": kept.get("settings")}


def emptied(plan: Plan, home: str) -> set[str]:
    """The bottles whose workspace volume is made anew."""
    made = [op for op in plan.ops if isinstance(op, CreateVolume)]
    return {
        op.bottle for op in made if op.spec.name == names(home, plan.project, op.bottle).workspace
    }


def forget(session: Session, declared: Declared, ledger: Ledger, bottles: Collection[str]) -> None:
    """Nothing is in these workspaces: where the copy fails or is interrupted, it is made again."""
    kept = session.applied(declared) or {}
    copied = copied_workspaces(kept)
    left = {name: folder for name, folder in copied.items() if name not in bottles}
    if left != copied:
        save(ledger, declared, canonical.canonical({**kept, "workspaces": left}), PARTIAL)


def narrows(kept: Mapping[str, Any], declared: Declared, names: Collection[str]) -> bool:
    """Whether these bottles' manifests take something away from what was approved."""
    return narrowed(kept, declared, names) != kept


def generation(
    session: Session,
    declared: Declared,
    only: Sequence[str],
    held: Collection[str] = (),
    undone: Collection[str] | None = None,
) -> str:
    """The desired set as kept in the history, with the reach and the protection that were approved.

    Of bottles that were left out (``only``) or are ``held``, that of before: an order and whoever
    applies beside it have approved nothing that waits in their manifests. ``undone``: bottles that
    lack operations of an apply that has not come to its end; then the set is that of before, too,
    and only what was approved and done is new."""
    applied = session.applied(declared) or {}
    specs, left = started(declared), {*held, *(undone or ())}
    fresh = {n: b for n, b in specs.items() if n not in left and (not only or n in only)}

    def before(part: str) -> dict[str, Any]:
        kept: dict[str, Any] = applied.get(part, {})
        out = {n for n in kept if (n in specs if n in left else only and n not in only)}
        return {name: kept[name] for name in out}

    unkept = {
        b.name
        for b in declared.bottles
        if b.name in (undone or ()) or (only and b.name not in only)
    }
    whole: dict[str, Any] = {"bottles": declared.bottles, "settings": declared.settings}
    if undone is not None:
        whole |= {"bottles": applied.get("bottles", ())}
        whole |= {"settings": applied.get("settings", declared.settings)}
    return canonical.canonical(
        {
            **whole,
            "reach": before("reach") | {n: reach_of(b) for n, b in fresh.items()},
            "guards": before("guards")
            | {n: guard_of(b, declared.settings) for n, b in fresh.items()},
            "counted": sorted({*fresh, *(before("guards").keys() & counted(applied))}),
            "uses": before("uses") | {n: use_of(b) for n, b in fresh.items()},
            "policies": kept_policies(applied, declared, held, unkept),
            "workspaces": before("workspaces")
            | {n: b.workspace for n, b in fresh.items() if b.workspace},
        }
    )
