"""Launch options: budgets, bottles and values given on the command line for this run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.options import Option
from botbottle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from botbottle.cli.context import Context
    from botbottle.load import Overrides
    from botbottle.model.bottle import Declared, Limit
    from botbottle.session import Session

EnvFile = Annotated[
    Path | None,
    Option("--env-file", envvar="BB_ENV_FILE", help="NAME=VALUE lines for the bottles' env."),
]
Bottle = Annotated[
    list[str] | None,
    Option("--bottle", help="Use these bottles, in order, instead of the agents'."),
]
Budget = Annotated[
    list[str] | None,
    Option("--budget", help="PROVIDER=TOKENS[/WINDOW], the most specific budget."),
]


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
        if file is not None:
            from botbottle.load import read_env_file

            read_env_file(context.cwd / file)  # nobody needs it, but a wrong name is told
        return {}
    from botbottle.cli.env_values import env_values

    return dict(env_values(context, lacking, file))


def overrides(budget: list[str] | None, bottle: list[str] | None = None) -> Overrides | None:
    """Launch options as the loader takes them."""
    limits = [parse_budget(text) for text in budget or ()]
    if not limits and not bottle:
        return None
    from botbottle.load import Overrides

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
