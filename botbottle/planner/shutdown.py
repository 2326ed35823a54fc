"""What is done with a bottle whose budget is used up (``shutdown``), as it was approved. Pure.

It changes nothing on the engine until the day it is carried out, and a kill deletes volumes then.
So an edit of it is an operation of its own: a plan shows it, its digest covers it, and a kill needs
an approval. Until an apply has kept that, nobody does anything worse than what was approved; and
of a bottle that is held it waits, as an order must not be held up by what it would need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.plan import Action, ChangePolicy, FieldChange, Notice
from botbottle.planner.about import about
from botbottle.planner.approved import deadlier
from botbottle.planner.draft import Draft
from botbottle.planner.facts import Facts
from botbottle.planner.wanted import WAITS, Wanted

type Edited = Mapping[str, BottleSpec]  # bottles as they are declared, by name


def approved(declared: Declared, facts: Facts) -> Declared:
    """What may be carried out now: a kill only where it was one when it was applied."""
    if not any(deadlier(b, facts.policies) for b in declared.bottles):
        return declared
    milder = (
        replace(b, shutdown=facts.policies[b.name]) if deadlier(b, facts.policies) else b
        for b in declared.bottles
    )
    return replace(declared, bottles=tuple(milder))


def plan_policy(draft: Draft, want: Wanted, edited: BottleSpec) -> None:
    """Tell an edit since the last apply, and keep it where it can be approved."""
    name, was = edited.name, draft.facts.policies.get(edited.name)
    if was is None or was == edited.shutdown:
        return
    kept = _kept(draft, want, edited)
    action, reason = (Action.UPDATE, "policy-changed") if kept else (Action.HOLD, WAITS)
    written = edited.origins.get("shutdown", ()) or draft.written.get("shutdown", ())
    fields = (FieldChange("shutdown", was, edited.shutdown, written),)
    draft.change(f"{name}/account", name, action, reason, fields)
    if kept:
        told = about(f"policy:{name}", name, "account", reason)
        after = edited.shutdown
        draft.add(ChangePolicy(**told, account=want.account, before=was, policy=after))


def _kept(draft: Draft, want: Wanted, edited: BottleSpec) -> bool:
    """Whether this plan keeps the edit. Nobody is there to approve anything of a watch."""
    waits = not want.standing.free and deadlier(edited, draft.facts.policies)
    return draft.facts.raises and not waits


def deadly(draft: Draft, wants: Iterable[Wanted], edited: Edited) -> Iterable[Notice]:
    """BB323, for each bottle that a used-up budget will delete, and would not have."""
    for want in wants:
        spec = edited[want.spec.name]
        if deadlier(spec, draft.facts.policies):
            was = draft.facts.policies[spec.name]
            text = f"a used-up budget deletes it with its volumes (shutdown was {was})"
            if _kept(draft, want, spec):
                yield Notice("BB323", spec.name, text, "destroy")
            else:
                yield Notice("BB323", spec.name, f"{text}; it waits for bb apply")
