"""``bb audit``: the record for people and machines, verified, and whole in a file of its own."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.cli.audit import line, report, write
from botbottle.cli.context import Context
from botbottle.errors import BBError, LedgerCorrupt
from botbottle.ledger import open_ledger
from botbottle.ledger.base import chain_hash
from botbottle.ledger.records import AuditRow
from tests.cli_manifests.run import bb

COLUMNS = ("seq", "at", "action", "account", "policy", "trigger", "by", "before", "after",
           "detail", "prev")  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = f"{tmp_path}/l.db"
    ledger = open_ledger(path, create=True)
    ledger.register("home/web", ())
    for n in range(1205):
        ledger.note_audit("note", "home/web", by="me", detail=f"n {n}")
    ledger.close()
    return path


def context(tmp_path: Path) -> Context:
    made = Context(tmp_path, tmp_path)
    made.out, made.err = io.StringIO(), io.StringIO()
    return made


def test_an_export_has_every_row_and_can_be_checked_without_us(
    database: str, tmp_path: Path
) -> None:
    ledger, out = open_ledger(database), tmp_path / "audit.jsonl"
    write(context(tmp_path), ledger, out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [r["seq"] for r in rows] == list(range(1, 1206))
    previous = ""
    for row in rows:
        assert row["prev"] == previous
        assert row["hash"] == chain_hash(tuple(row[c] for c in COLUMNS))
        previous = row["hash"]
    assert previous == ledger.verify_audit().head
    assert out.stat().st_mode & 0o777 == 0o600
    ledger.close()


def test_a_file_is_never_written_over(database: str, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    out.write_text("mine")
    ledger = open_ledger(database)
    with pytest.raises(BBError, match="cannot write"):
        write(context(tmp_path), ledger, out)
    ledger.close()
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET detail = 'x' WHERE seq = 700",
        "DELETE FROM audit WHERE seq = 1205",
        "DELETE FROM audit WHERE seq > 1000",
        "DELETE FROM audit WHERE seq = 1",
    ],
)
def test_verify_ends_with_an_error_when_the_record_was_changed(
    database: str, tmp_path: Path, tampering: str
) -> None:
    with sqlite3.connect(database) as raw:
        raw.execute(tampering)
    raw.close()
    ledger = open_ledger(database)
    with pytest.raises(LedgerCorrupt):
        report(context(tmp_path), ledger.verify_audit())
    ledger.close()


def test_the_head_is_told_to_be_kept_elsewhere_and_found_again(
    database: str, tmp_path: Path
) -> None:
    ledger, where = open_ledger(database), context(tmp_path)
    check = ledger.verify_audit()
    report(where, check)
    assert f"1205 rows, head {check.head}" in where.err.getvalue()  # type: ignore[attr-defined]
    with pytest.raises(LedgerCorrupt, match="rewritten"):
        report(where, ledger.verify_audit("0" * 64))
    ledger.close()


def test_a_line_has_what_there_is_and_cannot_steer_a_terminal() -> None:
    row = AuditRow(
        7, 0.0, "limit", "global", "", "claude/day", "ann", "5", "", "why\x1b[2J", "", ""
    )
    assert line(row) == (
        "1970-01-01 00:00:00Z  7  global  limit  claude/day  5 -> -  by ann  why\\u001b[2J\n"
    )
    assert line(replace(row, action="hold", policy="kill", before="", detail="")) == (
        "1970-01-01 00:00:00Z  7  global  hold kill  claude/day  by ann\n"
    )


@pytest.mark.parametrize("head", ["abc", "0" * 63, "G" * 64, "٣" * 64])
def test_a_head_that_is_none_is_no_sign_of_a_change(head: str, tmp_path: Path) -> None:
    ran = bb("--home", str(tmp_path), "audit", "--verify", "--head", head)
    assert ran.code == 64 and "64 hex digits" in ran.err
