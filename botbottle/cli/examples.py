"""Command lines to begin with, shown at the end of a verb's help. Each is parsed in the tests."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("bb init", "bb --home ~/policy init"),
    "validate": ("bb validate", "bb validate --strict --format github"),
    "plan": (
        "bb plan",
        "bb plan --only web --diff",
        "bb plan --deny widens --detailed-exitcode --format markdown",
        "bb plan --out plan.json",
    ),
    "apply": (
        "bb apply",
        "bb apply --yes --allow widen",
        "bb apply --approve 3f9c1e07a1b2c3d4",
        "bb apply plan.json",
        "bb apply --only web --budget claude=2M/day",
    ),
    "watch": ("bb watch", "bb watch --once", "bb watch --metrics 9464", "bb watch --follow"),
    "adopt": ("bb adopt", "bb adopt web --from bb-web-0a1b2c3d-agent"),
    "destroy": ("bb destroy", "bb destroy --yes --images"),
    "status": ("bb status", "bb status --json"),
    "top": ("bb top", "bb top --once --json"),
    "usage": (
        "bb usage",
        "bb usage --by bottle,day --since 7d",
        "bb usage --by model --csv",
    ),
    "attach": ("bb attach web", "bb attach web -- bash"),
    "logs": ("bb logs web", "bb logs web --part agent --follow"),
    "denials": ("bb denials", "bb denials web --limit 500 --json"),
    "findings": ("bb findings", "bb findings web"),
    "routes": ("bb routes list web", "bb routes suggest web"),
    "proposals": ("bb proposals list", "bb proposals approve 7", "bb proposals reject 7"),
    "list": ("bb list", "bb list --offline --json"),
    "info": ("bb info web",),
    "explain": ("bb explain web.budget", "bb explain web.egress.routes"),
    "edit": ("bb edit web", "bb edit bottles/dev", "bb edit settings"),
    "schema": (
        "bb schema bottle",
        "bb schema --check --folder schemas",
        "bb schema --write schemas",
    ),
    "show": ("bb show plan.json",),
    "budget": (
        "bb budget show",
        "bb budget set bottle:dev claude 10M/day --reason release",
        "bb budget reset bottle:dev claude",
        "bb budget clear bottle:dev claude",
    ),
    "cutoff": ("bb cutoff web", "bb cutoff --all --reason incident"),
    "freeze": ("bb freeze web",),
    "kill": ("bb kill web",),
    "release": ("bb release web", "bb release web --allow widen"),
    "resume": ("bb resume web", "bb resume web --budget claude=2M"),
    "freezes": ("bb freezes", "bb freezes --scan", "bb freezes --prune 30d --keep 3"),
    "resume-watch": ("bb resume-watch web",),
    "replay": ("bb replay flight.jsonl --pass 12",),
    "history": ("bb history",),
    "diff": ("bb diff -2", "bb diff -3 -1"),
    "undo": ("bb undo", "bb undo -3 --yes"),
    "report": ("bb report --since 7d --out week.html",),
    "audit": ("bb audit", "bb audit --verify", "bb audit --export audit.jsonl"),
    "ledger": ("bb ledger check", "bb ledger backup ledger.db", "bb ledger export ledger.jsonl"),
    "scan": ("bb scan src", "bb scan --diff", "bb scan - --direction inbound"),
    "completion": ("bb completion bash",),
}


def epilog(verb: str) -> str:
    """The end of a verb's help; empty for a verb that explains itself."""
    lines = EXAMPLES.get(verb, ())
    return "\b\n" + "\n".join(("Examples:", *(f"  {line}" for line in lines))) if lines else ""


EXIT_CODES = """\b
Exit codes:
  0 done or nothing to do    1 failed              2 changes (--detailed-exitcode)
  3 manifests or values      4 apply incomplete    5 not the approved plan
  6 locked by another bb     7 not approved        8 no Docker Engine
  64 command line            70 bug in bb          130, 143 interrupted"""
