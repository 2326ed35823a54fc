"""A bottle's account in the ledger: its registration, and the audit rows that are owed."""

from __future__ import annotations

from botbottle.budget.counting import counted_classes
from botbottle.model.bottle import BottleSpec, Scope, Settings
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import LedgerView, Pool, Registered, registration_digest
from botbottle.model.plan import Action, FieldChange, RecordEnforcement, RegisterAccount
from botbottle.planner.draft import Draft
from botbottle.planner.enforce import pool_key
from botbottle.planner.wanted import WAITS, Wanted


def registration(spec: BottleSpec, settings: Settings) -> str:
    """Digest of a bottle's account as its manifests want it."""
    mode, agent = spec.budget_mode(settings.budget_mode), f"{spec.project}/{spec.agent}"
    return registration_digest(spec.scopes, mode, counted_classes(settings), agent, spec.ancestry)


def plan_register(draft: Draft, want: Wanted, settings: Settings, view: LedgerView) -> str:
    """Write the account when the ledger has another registration, or none of a bottle that is to
    run. An edit that waits (see ``pending``) is only shown."""
    spec, count = want.spec, counted_classes(settings)
    known = view.registered.get(want.account)
    if known is None:
        if want.mode != "running":
            return ""
    elif known.digest == registration(spec, settings):
        return ""
    resource = f"{spec.name}/account"
    fields = limit_changes(draft, spec, settings, known) if known else ()
    if known and not want.registers:
        draft.change(resource, spec.name, Action.HOLD, WAITS, fields)
        return ""
    action, reason = (Action.UPDATE, "budget-changed") if known else (Action.CREATE, "missing")
    draft.change(resource, spec.name, action, reason, fields)
    return draft.add(
        RegisterAccount(
            id=f"register:{spec.name}",
            resource=resource,
            bottle=spec.name,
            reason=reason,
            account=want.account,
            scopes=spec.scopes,
            mode=spec.budget_mode(settings.budget_mode),
            count=count,
            agent=f"{spec.project}/{spec.agent}",
            ancestry=spec.ancestry,
        )
    )


def limit_changes(
    draft: Draft, spec: BottleSpec, settings: Settings, known: Registered
) -> tuple[FieldChange, ...]:
    """Old → new of every limit of the bottle's scopes, in tokens, of those that it leaves, and of
    how they count. What an operator has set stays as it is: the limits are those it stands for."""
    fields = [
        FieldChange(key, was, now, draft.written.get(key, ()))
        for key, was, now in (
            ("budget_mode", known.mode, spec.budget_mode(settings.budget_mode)),
            ("count", ", ".join(known.count), ", ".join(counted_classes(settings))),
        )
        if was != now
    ]
    mine = {scope.key for scope in spec.scopes}
    for scope in known.scopes:
        for pool in draft.pools.get(scope.key, ()) if scope.key not in mine else ():
            if (was := _tokens(_declared(pool))) or not pool.override:
                fields.append(FieldChange(_path(scope, *pool_key(pool)[1:]), was, ""))
    for scope in spec.scopes:
        new = {(x.provider, str(x.window)): x.tokens for x in scope.limits}
        old = {(p.provider, str(p.window)): _declared(p) for p in draft.pools.get(scope.key, ())}
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                provider, _ = key
                path, written = _path(scope, *key), _written(draft, spec, scope, provider)
                was, now = _tokens(old.get(key)), _tokens(new.get(key))
                fields.append(FieldChange(path, was, now, written))
    return tuple(fields)


def _declared(pool: Pool) -> int | None:
    """The limit that manifests gave it, in tokens; None: only an operator did."""
    return pool.declared if pool.override else pool.limit


def _path(scope: Scope, provider: str, window: str) -> str:
    return f"{scope.key} budget.{provider}" + (f"/{window}" if window else "")


def _written(draft: Draft, spec: BottleSpec, scope: Scope, provider: str) -> tuple[Origin, ...]:
    """Where this scope's own limit is written: what a more specific one says is no part of it."""
    leaf = f"budget.{provider}"
    if scope.kind == "global":
        return draft.written.get(leaf, ())
    own = scope.key.partition(":")[2]
    file = f"agents/{spec.agent}.md" if scope.kind == "agent" else f"bottles/{own}.md"
    return tuple(origin for origin in spec.origins.get(leaf, ()) if origin.file == file)


def _tokens(limit: int | None) -> str:
    return "" if limit is None else f"{limit:,}"


def plan_record(draft: Draft, want: Wanted, view: LedgerView) -> None:
    """The audit row of an enforcement, exactly one for each trigger, after its last action; and
    the row of its lifting when the bottle is free again."""
    name, state = want.spec.name, want.standing
    record = view.enforced.get(want.account)
    if state.free and record is None:
        return
    if (
        record
        and not state.free
        and record.policy == state.policy
        and record.trigger_id in ("", state.trigger_id)
    ):
        return
    if state.reason == "latched":
        return
    actions = draft.existing(op.id for op in draft.ops_of(name))
    before = (
        "running" if any(c.state == "running" for c in draft.mine(name, "agent")) else "not running"
    )
    draft.add(
        RecordEnforcement(
            id=f"record:{name}",
            resource=f"{name}/account",
            bottle=name,
            reason="lifted" if state.free else state.reason,
            after=actions,
            account=want.account,
            policy=record.policy if state.free and record else (state.policy or "cutoff"),
            trigger=record.trigger_id if state.free and record else state.trigger_id,
            lift=state.free,
            before=before,
            after_state=want.mode,
        )
    )
    draft.change(
        f"{name}/account",
        name,
        Action.UPDATE if state.free else Action.HOLD,
        "lifted" if state.free else state.reason,
        note=state.message,
    )
