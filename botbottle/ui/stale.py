"""What differs between two plans, and nothing else: for an approval that does not hold any more.

Works on plan documents (``schemas/plan.json``), so that a plan saved by an older bb can be
compared too: keys that only one side knows are no difference. Neither is what a plan's digest
leaves out: the addresses that happen to be free, values of secrets, and labels, which follow
from the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from botbottle.ui.visible import visible

type Document = Mapping[str, Any]
type Row = Mapping[str, Any]

_FREE = "(free)"
_DERIVED = frozenset({"labels"})
_BY_NAME = frozenset({"secrets", "names"})  # pairs of a name and a fingerprint


def difference(old: Document, new: Document) -> str:
    """Lines for people: ``-`` was approved and is not planned now, ``+`` the other way round,
    ``~`` an operation that stays but with other fields."""
    one, other = _comparable(old), _comparable(new)
    lines = [
        *_rows(one, other, "changes", _change),
        *_rows(one, other, "reach", lambda r: f"reach {r['bottle']}  {r['reach']}: {r['text']}"),
        *_rows(one, other, "notices", lambda n: f"{n['code']} {n['bottle']}: {n['message']}"),
        *_ops(one, other),
    ]
    body = "".join(f"  {visible(line)}\n" for line in lines) or "  (only the order of operations)\n"
    head = f"approved plan {old.get('digest', '')} -> today's plan {new.get('digest', '')}\n"
    return head + body


def _comparable(document: Document) -> Document:
    """The document with one word in place of every address that was picked because it was free."""
    text = json.dumps(document)
    if subnets := sorted(_fresh(document)):
        text = re.sub(_addresses(subnets), _FREE, text)
    return dict(json.loads(text))


def _fresh(document: Document) -> set[str]:
    ops = (op for op in document.get("ops", ()) if op.get("op") == "CreateNetwork")
    return {op["spec"]["subnet"] for op in ops if op["spec"].get("kind") == "internal"}


def _addresses(subnets: Iterable[str]) -> str:
    """A pattern of the subnets (written as such) and of every single address in them."""
    texts = [t for s in subnets for t in (s, *map(str, ip_network(s)))]
    return rf"(?<![\d.])(?:{'|'.join(map(re.escape, texts))})(?![\d.])"


def _rows(old: Document, new: Document, section: str, text: Callable[[Row], str]) -> Iterable[str]:
    """Rows of one section that only one of the two has, in the order of the documents."""
    before = [text(row) for row in old.get(section, ())]
    after = [text(row) for row in new.get(section, ())]
    yield from (f"- {line}" for line in before if line not in set(after))
    yield from (f"+ {line}" for line in after if line not in set(before))


def _change(row: Row) -> str:
    fields = "; ".join(f"{f['path']} {f['old']} -> {f['new']}" for f in row.get("fields", ()))
    return f"{row['action']} {row['resource']} ({row['reason']})  {fields}".rstrip()


def _ops(old: Document, new: Document) -> Iterable[str]:
    """Operations by their id. Rows of changes tell most of it; here is what they do not."""
    before = {op["id"]: op for op in old.get("ops", ())}
    after = {op["id"]: op for op in new.get("ops", ())}
    yield from (f"- op {name}" for name in before if name not in after)
    yield from (f"+ op {name}" for name in after if name not in before)
    for name in (n for n in after if n in before):
        if fields := _differing(before[name], after[name]):
            yield f"~ op {name}  ({', '.join(fields)})"


def _differing(one: Row, other: Row, prefix: str = "") -> list[str]:
    """Key paths that differ, sorted; records within are looked into."""
    found: list[str] = []
    for key in sorted((one.keys() & other.keys()) - _DERIVED):
        before, after = _value(key, one[key]), _value(key, other[key])
        if before == after:
            continue
        inner = (
            _differing(before, after, f"{prefix}{key}.")
            if isinstance(before, dict) and isinstance(after, dict)
            else []
        )
        found += inner or [f"{prefix}{key}"]
    return found


def _value(key: str, value: Any) -> Any:
    return [name for name, _ in value] if key in _BY_NAME else value
