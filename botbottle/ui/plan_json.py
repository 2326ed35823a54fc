"""The plan for machines: one JSON document with a format version."""

from __future__ import annotations

import json
from typing import Any

from botbottle.model import canonical
from botbottle.model.plan import Plan, op_wire


def document(plan: Plan) -> dict[str, Any]:
    """The plan document (``schemas/plan.json``). Readers ignore unknown keys and reject an
    unknown major version of ``format_version``."""
    data: dict[str, Any] = canonical.plain(plan)
    data["ops"] = [op_wire(op) for op in plan.ops]
    data["digest"] = plan.digest
    data["needs"] = list(plan.needs)
    return {"format_version": data.pop("format_version"), **data}


def dumps(plan: Plan) -> str:
    """The document as indented JSON with sorted keys and a final newline."""
    return json.dumps(document(plan), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
