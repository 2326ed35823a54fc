"""Approvals: what a plan asks for, and whether the caller has given it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from botbottle.errors import BBError, Conflict, ManifestError, MissingValue, Refused, UsageError
from botbottle.model.bottle import Declared
from botbottle.model.plan import Action, Notice, Plan, is_retention

APPROVALS = ("widen", "destroy", "budget")


def parse_allow(given: Iterable[str]) -> frozenset[str]:
    """``--allow widen,destroy`` (repeatable) as a set. Raises UsageError."""
    names = {name.strip() for text in given for name in text.split(",") if name.strip()}
    for name in sorted(names - set(APPROVALS)):
        raise UsageError(f"--allow {name}: not one of {', '.join(APPROVALS)}")
    return frozenset(names)


def parse_digest(given: str) -> str:
    """``--approve DIGEST``; empty when there is none. Raises UsageError for what is no digest: a
    plan that is empty by now would hide that."""
    if given and not re.fullmatch(r"[0-9a-f]{16}", given, re.ASCII):
        raise UsageError(
            f"--approve {given}: not a digest", hint="bb plan prints it in its last line"
        )
    return given


# A missing value, and a Dockerfile that cannot be read: the manifests ask for what is not there.
_KINDS: Mapping[str, type[BBError]] = {"BB290": MissingValue, "BB802": ManifestError}


def blocking(plan: Plan) -> tuple[Notice, ...]:
    """Notices that stop a bottle from being carried out: missing credentials, taken names."""
    return tuple(n for n in plan.notices if n.code == "BB290" or n.code.startswith("BB8"))


def blocking_error(plan: Plan) -> BBError | None:
    """The error an apply ends with before its first write, or None."""
    found = blocking(plan)
    if not found:
        return None
    text = "; ".join(f"{n.bottle}: {n.message}" if n.bottle else n.message for n in found)
    kind = _KINDS.get(found[0].code, Conflict)
    places = ", ".join(dict.fromkeys(str(n.origin) for n in found if n.origin))
    hint = "fix it and run the same command again; nothing was changed"
    return kind(text, where=places, hint=hint)


def check_declared(declared: Declared) -> None:
    """An empty desired set is more often a mistake than a wish. Raises Refused."""
    if not declared.bottles:
        raise Refused(
            "the manifests declare no agent, so everything of this project would be removed",
            code="BB7001",
            hint="bb destroy removes everything; --allow-empty accepts an empty set",
        )


def foretold(plan: Plan, declared: Declared) -> Plan:
    """The plan with a notice, BB340, of each refusal that an apply of it would meet: what is
    reviewed should be what can be applied."""
    settings, found = declared.settings, list[Notice]()
    checks: tuple[Callable[[], None], ...] = (
        lambda: check_declared(declared),
        lambda: check_limits(plan, settings.max_changes, 0),
        lambda: check_limits(plan, 0, settings.max_deletes),
    )
    for check in checks if plan.ops else ():
        try:
            check()
        except Refused as refused:
            found.append(Notice("BB340", "", f"bb apply will refuse this: {refused.message}"))
    return replace(plan, notices=(*plan.notices, *found)) if found else plan


def check_limits(plan: Plan, max_changes: int, max_deletes: int) -> None:
    """Guards of settings.yml against a typo that touches the whole fleet. Snapshots that
    retention removes are no part of the fleet and do not count; what waits is not done. Raises
    Refused."""
    counted = [c for c in plan.changes if not is_retention(c.bottle) and c.reason != "waits"]
    deletes = sum(c.action is Action.REMOVE for c in counted)
    if max_deletes and deletes > max_deletes:
        raise Refused(
            f"the plan removes {deletes} resources, more than max_deletes: {max_deletes}",
            code="BB7003",
            hint="raise max_deletes in settings.yml or apply in parts with --only",
        )
    changes = len(counted)
    if max_changes and changes > max_changes:
        raise Refused(
            f"the plan has {changes} changes, more than max_changes: {max_changes}",
            code="BB7004",
            hint="raise max_changes in settings.yml or apply in parts with --only",
        )


def check_allowed(plan: Plan, allowed: frozenset[str], again: str) -> None:
    """Raises Refused when the plan asks for an approval that was not given; ``again`` is the
    command that gives it."""
    missing = [need for need in plan.needs if need not in allowed]
    if missing:
        raise Refused(
            f"--yes does not cover this plan: it needs approval to {', '.join(missing)}",
            code="BB7002",
            hint=f"look at the plan above, then: {again}",
        )
