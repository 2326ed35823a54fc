"""The gates' closing line is true: it counts every test, and a failing gate is a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import gates

REPORT = (
    '<testsuites><testsuite tests="{tests}" errors="{errors}" failures="{failures}" '
    'skipped="{skipped}"/></testsuites>'
)


def gate(tmp_path: Path, name: str, code: int, **counts: int) -> gates.Gate:
    """A gate that writes a report (if it has counts) and exits with ``code``."""
    script = f"raise SystemExit({code})"
    if counts:
        text = REPORT.format(**({"errors": 0, "failures": 0, "skipped": 0} | counts))
        target = tmp_path / f"{name}.xml"
        script = f"import pathlib; pathlib.Path({str(target)!r}).write_text({text!r}); {script}"
    return gates.Gate(name, (sys.executable, "-c", script), report=name if counts else "")


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "REPORTS", tmp_path)


def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *all_gates: gates.Gate
) -> tuple[int, str]:
    monkeypatch.setitem(gates.TARGETS, "check", all_gates)
    code = gates.main("check")
    return code, capsys.readouterr().out.splitlines()[-1]


def test_the_stages_are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = gate(tmp_path, "unit", 0, tests=10, skipped=1)
    e2e = gate(tmp_path, "e2e", 0, tests=5)
    assert outcome(monkeypatch, capsys, unit, e2e) == (0, "14 passed, 0 failed, 1 skipped")


def test_failures_and_errors_of_any_stage_fail_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = gate(tmp_path, "unit", 1, tests=10, failures=2, errors=1)
    e2e = gate(tmp_path, "e2e", 0, tests=5)
    assert outcome(monkeypatch, capsys, unit, e2e) == (1, "12 passed, 3 failed")


def test_a_failing_gate_without_tests_is_one_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lint = gate(tmp_path, "lint", 1)
    unit = gate(tmp_path, "unit", 0, tests=3)
    assert outcome(monkeypatch, capsys, lint, unit) == (1, "3 passed, 1 failed")


def test_a_runner_that_dies_without_a_report_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "e2e.xml"
    stale.write_text(REPORT.format(tests=99, errors=0, failures=0, skipped=0))
    died = gates.Gate("e2e", (sys.executable, "-c", "import os; os.abort()"), report="e2e")
    assert outcome(monkeypatch, capsys, died) == (1, "0 passed, 1 failed")


def test_a_report_without_failures_does_not_hide_a_failing_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = gate(tmp_path, "unit", 3, tests=4)
    assert outcome(monkeypatch, capsys, odd) == (1, "4 passed, 1 failed")


def test_no_test_at_all_is_not_a_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = gate(tmp_path, "unit", 0, tests=0)
    assert outcome(monkeypatch, capsys, empty)[0] == 1


def test_every_mark_is_run_by_exactly_one_stage_of_make_test_or_by_chaos() -> None:
    selected = [" ".join(g.argv) for g in gates.TARGETS["test"] if g.report]
    assert [gates.FAST in s for s in selected] == [True, False]
    assert [gates.REAL in s for s in selected] == [False, True]
    assert "chaos" in gates.TARGETS
