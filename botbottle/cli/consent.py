"""What stands between a plan and its first write: the caller's approval of this very plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from botbottle.errors import PlanStale, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botbottle.cli.context import Context
    from botbottle.model.plan import Plan


class Consent(Struct, frozen=True, kw_only=True):
    """Approval given beforehand: of everything harmless (``yes``), of more (``allow``), or of
    one plan by its digest; ``saved`` is that plan's document where the caller has it."""

    yes: bool = False
    allow: tuple[str, ...] = ()
    digest: str = ""
    saved: Mapping[str, Any] | None = None

    @property
    def ops(self) -> frozenset[str]:
        """Ids of the approved plan's ops, where its document is here."""
        return frozenset(op["id"] for op in self.saved["ops"]) if self.saved else frozenset()

    def holds(self, shown: Plan) -> bool:
        """Whether this plan is the one that was approved, as far as one was named."""
        return not self.digest or self.digest == shown.digest


def ask(context: Context, verb: str, shown: Plan, consent: Consent) -> None:
    """Returns when ``shown`` is approved. Raises Refused, or PlanStale."""
    from botbottle.approval import check_allowed, parse_allow

    if not consent.holds(shown):
        raise stale(context, consent, shown)
    if consent.digest:
        return
    if consent.yes:
        again = context.again(verb, "--yes", *allowing(shown, consent))
        check_allowed(shown, parse_allow(consent.allow), again)
        return
    if not context.interactive:
        yes = context.again(verb, "--yes", *allowing(shown, consent))
        raise Refused(
            "there is no terminal to ask on",
            code="BB7006",
            hint=f"{yes}\nor {context.again(verb, '--approve', shown.digest)}",
        )
    context.err.write(f"Apply this plan ({shown.digest})? [y/N] ")
    context.err.flush()
    answer = context.stdin.readline()
    if not answer:  # Ctrl-D leaves the cursor behind the question
        context.err.write("\n")
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("not approved; nothing was changed", code="BB7007")


def allowing(shown: Plan, consent: Consent) -> tuple[str, ...]:
    """The words that ``--yes`` needs besides; none where nothing is left to be allowed."""
    from botbottle.approval import parse_allow

    missing = [need for need in shown.needs if need not in parse_allow(consent.allow)]
    return ("--allow", ",".join(missing)) if missing else ()


def stale(context: Context, consent: Consent, shown: Plan) -> PlanStale:
    """Print what differs from the approved plan, only that, where it is known; the error."""
    from botbottle.ui.plan_json import document
    from botbottle.ui.stale import difference

    if consent.saved is not None:
        context.out.write(difference(consent.saved, document(shown)))
        context.out.flush()
    where = "above is what differs" if consent.saved is not None else "look at the plan above"
    return PlanStale(
        f"the approved plan {consent.digest} is not today's plan {shown.digest}",
        hint=f"{where}; to approve today's plan: {_approving(context, consent, shown)}",
    )


def _approving(context: Context, consent: Consent, shown: Plan) -> str:
    """The command line that approves ``shown``. A saved plan's own options stay in it: without
    them the digest would be that of another plan."""
    import shlex

    from botbottle.cli.saved import Picked, picked

    if consent.saved is None:
        words = context.words or ("apply", "--approve", consent.digest)
        return shlex.join(("bb", *(w.replace(consent.digest, shown.digest) for w in words)))
    options = shlex.split(picked(consent.saved, Picked()).words())
    return shlex.join(
        ("bb", *context.before("apply"), "apply", *options, "--approve", shown.digest)
    )
