"""The table of verbs: name → (module, one-line help). Read by help and completion without
importing any verb; a verb's module is imported only when it runs."""

from __future__ import annotations

VERBS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a commented starter into the home directory."),
    "validate": ("validate", "Check all manifests; no engine, no network, no write."),
    "plan": ("plan", "Show what apply would change, and the reach each change adds."),
    "apply": ("apply", "Make it so: show the plan, ask, carry it out, verify."),
    "watch": ("watch", "Keep it so: repair drift and enforce budgets."),
    "adopt": ("adopt", "Take over the files of a container that is not ours, by a copy."),
    "destroy": ("destroy", "Remove everything of this project from the engine."),
    "status": ("status", "Bottles, their state, budget and what holds them back."),
    "top": ("top", "The fleet in this terminal: watch it and steer it."),
    "usage": ("usage", "Tokens spent, by bottle, provider, model or day."),
    "attach": ("attach", "Open the agent of a running bottle in this terminal."),
    "logs": ("logs", "Output of a bottle's agent or sidecar."),
    "denials": ("denials", "What sidecars refused, and why."),
    "findings": ("findings", "What leak and injection detection saw, and alarms."),
    "routes": ("routes", "Active routes; suggestions from what was refused."),
    "proposals": ("proposals", "What bottles ask an operator for: list, approve, reject."),
    "list": ("list", "Agents and bottles: available and active."),
    "info": ("info", "The effective configuration of an agent, with provenance."),
    "explain": ("explain", "Where a value comes from: winners and losers."),
    "edit": ("edit", "Open a manifest in $EDITOR and validate it on save."),
    "schema": ("schema", "Print or check the JSON Schemas."),
    "show": ("show", "Print a saved plan."),
    "budget": ("budget", "Show, set, raise or reset budgets."),
    "cutoff": ("enforce", "Stop all traffic of bottles, now."),
    "freeze": ("enforce", "Snapshot bottles, then stop them."),
    "kill": ("enforce", "Remove bottles; nothing is saved."),
    "release": ("enforce", "Lift an operator's hold or a kill."),
    "resume": ("enforce", "Continue frozen bottles, under today's manifests."),
    "freezes": ("freezes", "Snapshots of frozen bottles: list, search, remove old ones."),
    "resume-watch": ("resume_watch", "Let watch repair a bottle again that it gave up on."),
    "replay": ("replay", "Plan a recorded watch again, without an engine."),
    "history": ("history", "Every applied desired set of this project."),
    "diff": ("history", "What differs between two generations."),
    "undo": ("history", "Apply an older desired set, with approvals."),
    "report": ("report_html", "Usage, budgets, denials, findings and audit as one HTML page."),
    "audit": ("audit", "The enforcement record; verify its chain."),
    "ledger": ("ledger", "Check, back up, restore, export or shrink the ledger."),
    "scan": ("scan", "Scan text for secrets or injections."),
    "completion": ("completion", "Print the completion script of a shell."),
    "version": ("version", "Print the version."),
}

# How help shows them: every verb once, in the order in which people meet them.
GROUPS: dict[str, tuple[str, ...]] = {
    "Manifests": ("init", "validate", "edit", "list", "info", "explain"),
    "Plan and apply": ("plan", "apply", "watch", "adopt", "destroy", "show"),
    "Bottles": ("status", "top", "attach", "logs", "routes", "denials", "findings", "proposals"),
    "Budgets and enforcement": (
        "usage", "budget", "cutoff", "freeze", "kill", "release", "resume", "freezes",
        "resume-watch",
    ),
    "History": ("history", "diff", "undo", "replay", "audit", "report", "ledger"),
    "Tools": ("scan", "schema", "completion", "version"),
}  # fmt: skip
