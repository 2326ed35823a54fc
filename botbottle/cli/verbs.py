"""The table of verbs: name → (module, one-line help). Read by help and completion without
importing any verb; a verb's module is imported only when it runs."""

from __future__ import annotations

VERBS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a commented starter into the home directory."),
    "validate": ("validate", "Check all manifests; no engine, no network, no write."),
    "plan": ("plan", "Show what apply would change, and the reach each change adds."),
    "apply": ("apply", "Make it so: show the plan, ask, carry it out, verify."),
    "watch": ("watch", "Keep it so: repair drift and enforce budgets."),
    "destroy": ("destroy", "Remove everything of this project from the engine."),
    "status": ("status", "Bottles, their state, budget and what holds them back."),
    "usage": ("usage", "Tokens spent, by bottle, provider, model or day."),
    "attach": ("attach", "Open the agent of a running bottle in this terminal."),
    "logs": ("logs", "Output of a bottle's agent or sidecar."),
    "denials": ("denials", "What a bottle's sidecar refused, and why."),
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
    "resume": ("enforce", "Continue frozen bottles where they stopped."),
    "resume-watch": ("resume_watch", "Let watch repair a bottle again that it gave up on."),
    "history": ("history", "Every applied desired set of this project."),
    "diff": ("history", "What differs between two generations."),
    "undo": ("history", "Apply an older desired set, with approvals."),
    "audit": ("audit", "The enforcement record; verify its chain."),
    "ledger": ("ledger", "Check, back up, export or shrink the ledger."),
    "scan": ("scan", "Scan text for secrets or injections."),
    "completion": ("completion", "Print the completion script of a shell."),
    "version": ("version", "Print the version."),
}
