"""A ``budget`` mapping to limits, with every mistake."""

from __future__ import annotations

from collections.abc import Mapping

from botbottle.budget.limits import parse_limit
from botbottle.load.findings import did_you_mean
from botbottle.load.known import Known
from botbottle.model.bottle import Limit

type Problem = tuple[tuple[str, str], str, str]


def parse_budget(
    raw: Mapping[str, int | str], known: Known
) -> tuple[tuple[Limit, ...], list[Problem]]:
    """Limits in the order of providers, and (path, message, hint) of each mistake.

    An unknown provider is an error: its budget would never hold anything back.
    """
    limits: list[Limit] = []
    problems: list[Problem] = []
    for provider, amount in sorted(raw.items()):
        path = ("budget", provider)
        if unknown := unknown_provider(provider, known):
            problems.append((path, *unknown))
            continue
        try:
            limits.append(parse_limit(provider, amount))
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            problems.append((path, message, hint or "for example 5000000, 200k or 5M/day"))
    return tuple(limits), problems


def unknown_provider(provider: str, known: Known) -> tuple[str, str] | None:
    """(message, hint) for a budget key that no provider has; None for one that exists."""
    if provider in known.budgets or provider in known.budget_keys():
        return None
    keys = known.budget_keys()
    meant = _OTHER_NAMES.get(provider.lower())
    hint = f"did you mean {meant!r}?" if meant in keys else did_you_mean(provider, keys)
    return f"no provider is called {provider!r}", hint


_OTHER_NAMES = {"anthropic": "claude", "openai": "codex", "chatgpt": "codex", "google": "gemini"}
