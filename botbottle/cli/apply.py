"""``bb apply``: plan, show, ask, carry out exactly that, then observe and plan again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import known_bottles, load_declared, open_session
from botbottle.cli.consent import Consent
from botbottle.cli.launch import Bottle, Budget, EnvFile, ask_env, overrides
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.plan import picked_of
from botbottle.cli.saved import picked, read_to_apply
from botbottle.cli.shared import Allow, Approve, DoneJson, Only, Parallel, Yes
from botbottle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def apply(
    ctx: Invocation,
    file: Annotated[
        Path | None, Argument(help="A plan saved with bb plan --out: apply just it.")
    ] = None,
    yes: Yes = False,
    allow: Allow = None,
    approve: Approve = "",
    json_: DoneJson = False,
    only: Only = None,
    parallel: Parallel = 4,
    fail_fast: Annotated[
        bool, Option("--fail-fast", help="Start nothing more after a failure.")
    ] = False,
    wait: Annotated[
        bool,
        Option("--wait/--no-wait", help="Whether to see that what starts stays up."),
    ] = True,
    allow_empty: Annotated[
        bool, Option("--allow-empty", help="Accept manifests that declare nothing.")
    ] = False,
    env_file: EnvFile = None,
    bottle: Bottle = None,
    budget: Budget = None,
) -> int:
    """Make it so: show the plan, ask, carry it out, verify.

    Exit codes: 0 applied or nothing to do, 1 did not converge, 3 invalid manifests or a
    missing value, 4 incomplete, 5 not the approved plan, 6 locked, 7 not approved,
    8 no engine, 64 usage, 130 interrupted, 143 terminated.
    """
    context = ctx.obj
    consent = consent_of(context.path(file) if file else None, approve, yes=yes, allow=allow)
    given = picked(consent.saved, picked_of(only, bottle, budget))
    session = open_session(context, overrides([*given.budget], [*given.bottle]), ask=True)
    from botbottle.cli.run import Pace, Run  # while the engine works

    session.upgrades = True
    declared = load_declared(context, session)
    chosen = known_bottles(declared, given.only)
    session.env_values.update(ask_env(context, session, declared, env_file, chosen))
    if not allow_empty:
        from botbottle.approval import check_declared

        check_declared(declared)
    run = Run(context, session, declared, "apply", chosen)
    run = run.for_machines() if json_ else run
    code = run.go(consent, Pace(parallel=parallel, fail_fast=fail_fast, wait=wait))
    session.manifests.keep(declared)
    return code


def consent_of(
    file: Path | None, approve: str, *, yes: bool, allow: Sequence[str] | None
) -> Consent:
    """What the caller approves. Raises UsageError when a file and a digest disagree."""
    saved = read_to_apply(file) if file else None
    digest = str(saved["digest"]) if saved else approve
    if approve and digest != approve:
        raise UsageError(
            f"--approve {approve} is not the digest of {file}, which is {digest}",
            hint="name one of the two",
        )
    return Consent(yes=yes, allow=tuple(allow or ()), digest=digest, saved=saved)
