"""The difference between two plans, and nothing else."""

from __future__ import annotations

from typing import Any

from botbottle.model.bottle import Resources
from botbottle.ui.plan_json import document
from botbottle.ui.stale import difference
from tests.support.worlds import World, bottle, declared


def doc(*names: str, **changes: Any) -> dict[str, Any]:
    return document(World().plan(declared(*(bottle(n, **changes) for n in names))))


def test_rows_of_one_side_only() -> None:
    text = difference(doc("a", "b"), doc("a", "c"))
    assert "- create b/agent" in text and "+ create c/agent" in text
    assert "a/agent" not in text and "reach b" in text and "+ op start:c/agent" in text


def test_an_operation_with_other_fields_names_them() -> None:
    old, new = doc("a"), doc("a")
    changed = next(op for op in new["ops"] if op["id"] == "push:a")
    changed["secrets"] = [["ANOTHER_KEY", "aaaaaaaa"]]
    body = difference(old, new).splitlines()[1:]
    assert body == ["  ~ op push:a  (secrets)"]


def test_what_the_digest_leaves_out_is_no_difference() -> None:
    old, new = doc("a", "b"), doc("b")
    rows = difference(old, new)
    assert "create b/" not in rows and "op create:b" not in rows, "its addresses moved up"
    push = next(op for op in new["ops"] if op["id"] == "push:b")
    push["secrets"] = [[name, "ffffffff"] for name, _ in push["secrets"]]
    assert difference(old, new) == rows


def test_a_document_of_an_older_bb_without_a_key_is_no_difference_in_that_key() -> None:
    old, new = doc("a"), doc("a")
    del old["notices"]
    for op in old["ops"]:
        op.pop("best_effort")
    assert "~ op" not in difference(old, new)


def test_a_field_of_a_record_is_named_and_not_the_whole_record() -> None:
    old = doc("a", resources=Resources(memory=1 << 30))
    new = doc("a", resources=Resources(memory=1 << 31))
    (line,) = (x for x in difference(old, new).splitlines() if "op create:a/agent" in x)
    assert "memory" in line and "(spec)" not in line
