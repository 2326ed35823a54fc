"""What changed in a container, field by field, and where each new value was written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botbottle.model import canonical, labels
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import FieldChange
from botbottle.model.resources import ContainerSpec, Limits, ObservedContainer


def field_changes(
    old: ObservedContainer | None, spec: ContainerSpec, origins: Mapping[str, tuple[Origin, ...]]
) -> tuple[FieldChange, ...]:
    """Which immutable fields differ from the spec stored on the old container, with provenance."""
    if old is None:
        return (FieldChange("image", "", spec.image),)
    before = flatten(_stored(old))
    after = flatten(canonical.plain(spec.immutable))
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    return tuple(
        FieldChange(
            _SPOKEN.get(k, k), before.get(k, ""), after.get(k, ""), origins.get(origin_key(k), ())
        )
        for k in changed
    )


_SPOKEN = {
    "env.BB_FILES": "files (prompt, skills)",
    "env.BB_WORKSPACE": "workspace",
    "env.BB_ENV": "env (asked, copied)",
}


def limit_fields(
    old: Limits, new: Limits, origins: Mapping[str, tuple[Origin, ...]]
) -> tuple[FieldChange, ...]:
    """Which limits differ, with provenance."""
    return tuple(
        FieldChange(k, str(before), str(now), origins.get(origin_key(f"limits.{k}"), ()))
        for k in Limits.__struct_fields__
        if (before := getattr(old, k)) != (now := getattr(new, k))
    )


def _stored(old: ObservedContainer) -> object:
    try:
        return json.loads(old.labels.get(labels.SPEC, "{}"))
    except ValueError:
        return {}


def origin_key(path: str) -> str:
    """Key path in the bottle of a container field (for provenance)."""
    if path.startswith(("limits.", "env.")):
        return path.replace("limits.nano_cpus", "resources.cpus").replace("limits.", "resources.")
    return {"image": "agent_provider.template"}.get(path, path)


def flatten(value: object, path: str = "") -> dict[str, str]:
    """Leaves of plain data by key path; lists of [name, value] pairs read as mappings."""
    if isinstance(value, dict):
        items = [(f"{path}.{k}" if path else str(k), v) for k, v in value.items()]
    elif isinstance(value, list) and value and all(_pair(v) for v in value):
        items = [(f"{path}.{v[0]}", v[1]) for v in value]
    elif isinstance(value, list):
        items = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    else:
        return {path: str(value)}
    return {k: v for p, item in items for k, v in flatten(item, p).items()}


def _pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
