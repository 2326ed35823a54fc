"""``bb apply``: plan, show, ask, carry out exactly that, then observe and plan again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.cli.plan import Only, finish, write_plan
from botbottle.errors import ApplyIncomplete, BBError, Exit, PlanStale, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from botbottle.executor import Result
    from botbottle.load import Overrides
    from botbottle.model.bottle import Declared, Limit
    from botbottle.model.plan import Plan
    from botbottle.session import Session
    from botbottle.ui.events import Event

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="What --yes may do besides: widen,destroy,budget."),
]
Approve = Annotated[str, typer.Option("--approve", help="Apply only the plan with this digest.")]
Parallel = Annotated[int, typer.Option("--parallel", min=1, max=64, help="Ops at a time.")]


def register(app: typer.Typer) -> None:
    @app.command()
    def apply(
        ctx: typer.Context,
        file: Annotated[Path | None, typer.Argument(help="A plan saved with --out.")] = None,
        yes: Yes = False,
        allow: Allow = None,
        approve: Approve = "",
        only: Only = None,
        parallel: Parallel = 4,
        fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at a failure.")] = False,
        allow_empty: Annotated[
            bool, typer.Option("--allow-empty", help="Accept manifests that declare nothing.")
        ] = False,
        env_file: Annotated[
            Path | None, typer.Option("--env-file", help="NAME=VALUE lines for the bottles' env.")
        ] = None,
        bottle: Annotated[
            list[str] | None,
            typer.Option("--bottle", help="Use these bottles, in order, instead of the agents'."),
        ] = None,
        budget: Annotated[
            list[str] | None,
            typer.Option("--budget", help="PROVIDER=TOKENS[/WINDOW], the most specific budget."),
        ] = None,
    ) -> int:
        """Make it so: show the plan, ask, carry it out, verify."""
        context: Context = ctx.obj
        session = open_session(context, overrides(budget, bottle))
        declared = load_declared(context, session)
        digest = digest_of(file) if file else approve
        session.env_values.update(ask_env(context, session, declared, env_file, only or ()))
        run = Run(context, session, declared, "apply", tuple(only or ()))
        refuse_empty(declared, allow_empty=allow_empty)
        return run.go(
            yes=yes, allow=allow or (), digest=digest, parallel=parallel, fail_fast=fail_fast
        )


def ask_env(
    context: Context,
    session: Session,
    declared: Declared,
    file: Path | None,
    only: Sequence[str],
) -> dict[str, Mapping[str, str]]:
    """Values of asked and copied variables for the bottles that are to run. What neither the
    host, a file nor the running sidecar knows is asked for. Raises MissingValue."""
    from botbottle.planner.wanted import env_names

    lacking = []
    for spec in declared.bottles:
        wanted = env_names(spec)
        if wanted and spec.state == "started" and (not only or spec.name in only):
            known = session.values_of(spec, wanted)
            if file is not None or any(n not in known for n in wanted):
                lacking.append(spec)
    if not lacking:
        return {}
    from botbottle.cli.env_values import env_values

    return dict(env_values(context, lacking, file))


def overrides(budget: list[str] | None, bottle: list[str] | None = None) -> Overrides | None:
    """Launch options as the loader takes them."""
    from botbottle.load import Overrides

    limits = [parse_budget(text) for text in budget or ()]
    if not limits and not bottle:
        return None
    return Overrides(budgets=tuple(limits), bottles=tuple(bottle or ()))


def parse_budget(text: str) -> Limit:
    """``PROVIDER=TOKENS[/WINDOW]``. Raises UsageError."""
    from botbottle.budget.limits import parse_limit

    provider, found, amount = text.partition("=")
    if not found or not provider:
        raise UsageError(f"--budget {text}: write PROVIDER=TOKENS or PROVIDER=TOKENS/WINDOW")
    try:
        return parse_limit(provider, amount)
    except ValueError as error:
        raise UsageError(f"--budget {text}: {error}") from error


def digest_of(path: Path) -> str:
    """The digest inside a saved plan. Raises BBError when it is none."""
    try:
        data = json.loads(path.read_text("utf-8"))
        if str(data["format_version"]).split(".")[0] != "1":
            raise BBError(f"unknown plan format {data['format_version']}", where=str(path))
        return str(data["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BBError(
            f"not a plan of bb: {type(error).__name__}", where=str(path), hint="bb plan --out FILE"
        ) from error


def refuse_empty(declared: Declared, *, allow_empty: bool) -> None:
    """An empty desired set is more often a mistake than a wish. Raises Refused."""
    if not declared.bottles and not allow_empty:
        raise Refused(
            "the manifests declare no agent, so everything of this project would be removed",
            code="BB7001",
            hint="bb destroy removes everything; --allow-empty accepts an empty set",
        )


class Run:
    """One apply or destroy: from plan to verified end."""

    def __init__(
        self,
        context: Context,
        session: Session,
        declared: Declared,
        verb: str,
        only: tuple[str, ...] = (),
        *,
        destroy: bool = False,
    ) -> None:
        self.context = context
        self.session = session
        self.declared = declared
        self.verb = verb
        self.only = only
        self.destroy = destroy

    def plan(self) -> Plan:
        return self.session.plan(self.declared, only=self.only, destroy=self.destroy)

    def go(
        self,
        *,
        yes: bool,
        allow: list[str] | tuple[str, ...],
        digest: str,
        parallel: int,
        fail_fast: bool,
    ) -> int:
        """Plan, get approval, lock, plan again, carry out, verify."""
        from botbottle.approval import blocking_error, check_limits, parse_allow

        allowed = parse_allow(allow)
        shown = self.plan()
        write_plan(self.context, shown, "text")
        if shown.empty and not blocking_error(shown):
            finish(self.context, shown, self.verb, 0)
            self.warn_unwatched()
            return int(Exit.OK)
        if error := blocking_error(shown):
            raise error
        settings = self.declared.settings
        check_limits(shown, settings.max_changes, 0 if self.destroy else settings.max_deletes)
        self.approve(shown, yes=yes, allowed=allowed, digest=digest)
        return self.locked(shown, parallel, fail_fast)

    def approve(self, shown: Plan, *, yes: bool, allowed: frozenset[str], digest: str) -> None:
        """Raises Refused or PlanStale unless this very plan is approved."""
        from botbottle.approval import check_allowed

        if digest:
            if digest != shown.digest:
                raise PlanStale(
                    f"the approved plan {digest} is not today's plan {shown.digest}",
                    hint="look at the plan above and approve its digest",
                )
            return
        if yes:
            check_allowed(shown, allowed)
            return
        if not self.context.interactive:
            raise Refused(
                "there is no terminal to ask on",
                code="BB7006",
                hint=f"bb {self.verb} --yes, or bb apply --approve {shown.digest}",
            )
        self.context.err.write(f"Apply this plan ({shown.digest})? [y/N] ")
        self.context.err.flush()
        if self.context.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("not approved; nothing was changed", code="BB7007")

    def locked(self, shown: Plan, parallel: int, fail_fast: bool) -> int:
        """Under the project's lock: only the approved diff, then the second plan."""
        from botbottle.applying import prepare_home
        from botbottle.locking import project_lock

        paths = self.session.paths
        prepare_home(paths)
        with project_lock(
            paths.lock(self.declared.project.id),
            self.verb,
            timeout=self.context.lock_timeout,
            waiting=self.say,
        ):
            now = self.plan()
            if now.digest != shown.digest:
                raise PlanStale(
                    "the world moved while the plan waited for approval",
                    hint=f"nothing was changed; look again: bb {self.verb}",
                )
            result = self.execute(now, parallel, fail_fast)
            return self.conclude(now, result)

    def execute(self, plan: Plan, parallel: int, fail_fast: bool) -> Result:
        from botbottle.applying import carry_out
        from botbottle.cli.interrupt import graceful
        from botbottle.control.adapter import ControlClient
        from botbottle.engine.docker import connect

        ledger = self.session.open_ledger(self.declared, write=True)
        try:
            with graceful(self.context.err) as cancelled:
                return carry_out(
                    self.session,
                    # What is destroyed has to be approved again to come back.
                    replace(self.declared, bottles=()) if self.destroy else self.declared,
                    plan,
                    engine=connect(self.context.environ),
                    control=ControlClient(self.session.paths.socket_root),
                    ledger=ledger,
                    emit=self.emitter(),
                    parallel=parallel,
                    fail_fast=fail_fast,
                    cancelled=cancelled,
                    only=self.only,
                )
        finally:
            ledger.close()

    def emitter(self) -> Callable[[Event], None]:
        """People on stderr; ``--events`` gets JSON lines besides."""
        from botbottle.ui.progress import both, json_lines, renderer

        shown = renderer(self.context.progress_mode, self.context.err)
        if not self.context.events or self.context.events == "-":
            return shown
        return both(shown, json_lines(Path(self.context.events).open("a", encoding="utf-8")))

    def conclude(self, plan: Plan, result: Result) -> int:
        """Report what was not done; else observe and plan again: it must be empty."""
        from botbottle.cli.outcome import groups

        if not result.ok:
            self.context.err.write(groups(result))
        if result.interrupted:
            self.say(f"interrupted: {len(result.done)} done, {len(result.not_started)} not started")
            return int(Exit.INTERRUPTED)
        if not result.ok:
            raise ApplyIncomplete(
                f"{len(result.done)} operations done, {len(result.failed)} failed, "
                f"{len(result.not_started)} not started",
                hint=f"fix the cause and run the same command again: bb {self.verb}",
            )
        second = self.plan()
        if not second.empty:
            fields = ", ".join(sorted({op.id for op in second.ops}))
            raise BBError(
                f"did not converge: a second plan still wants {fields}",
                code="BB4001",
                hint="bb plan --full shows the fields; if nobody else changes them, it is a bug",
            )
        finish(self.context, plan, self.verb, 0)
        self.warn_unwatched()
        return int(Exit.OK)

    def warn_unwatched(self) -> None:
        """After an apply: policies that nobody would carry out."""
        from botbottle.cli.unwatched import unwatched, warning

        if self.verb == "apply":
            found = unwatched(self.declared, self.session.view(self.declared))
            self.context.err.write(warning(found))

    def say(self, text: str) -> None:
        self.context.err.write(f"bb {self.verb}: {text}\n")
        self.context.err.flush()
