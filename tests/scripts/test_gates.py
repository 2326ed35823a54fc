"""The gates' closing line is true: it counts every test, and a failing gate is a failure."""

from __future__ import annotations

import os
import subprocess
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


def test_only_chaos_looks_for_new_examples(tmp_path: Path) -> None:
    """The others try the same ones each time, whatever the machine has in store, and keep none."""
    asked = {name: {w for g in found for w in g.argv} for name, found in gates.TARGETS.items()}
    exploring = {name for name, words in asked.items() if "BB_EXPLORE=1" in words}
    assert exploring == {"chaos"}
    (tmp_path / "conftest.py").write_text((gates.ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(EXAMPLES)
    runs = [tried(tmp_path, explore) for explore in ("", "", "1", "1")]
    assert runs[0] == runs[1] and not (runs[2] == runs[3] == runs[0])
    assert {len(run.splitlines()) for run in runs} == {100}, "as many examples either way"


EXAMPLES = """
from pathlib import Path
from hypothesis import given
from hypothesis import strategies as st

@given(st.integers())
def test_it(n):
    with Path("tried").open("a") as out:
        print(n, file=out)
"""


def tried(folder: Path, explore: str) -> str:
    """The examples of a run; without exploring, nothing else is left behind."""
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "BB_EXPLORE")}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    (folder / "tried").unlink(missing_ok=True)
    subprocess.run(
        argv, cwd=folder, env={**env, "BB_EXPLORE": explore}, check=True, capture_output=True
    )
    if not explore:
        assert not (folder / ".hypothesis/examples").exists()
    return (folder / "tried").read_text()


def test_end_to_end_tests_have_an_engine_for_each_process(tmp_path: Path) -> None:
    """With as many processes as there are private engines; with one where there are none."""
    (tmp_path / "conftest.py").write_text((gates.ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(ENGINE)
    asked = [word for gate in gates.TARGETS["test"] for word in gate.argv if gate.report == "e2e"]
    start = asked.index("-n")
    for engines in ("one two", ""):
        env = {**os.environ, "BB_ENGINES": engines, "DOCKER_HOST": "theirs"}
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *asked[start:]]
        subprocess.run(argv, cwd=tmp_path, env=env, check=True, capture_output=True)
        files = list(tmp_path.glob("used-*"))
        used = {file.read_text() for file in files}
        for file in files:
            file.unlink()
        assert used == set(engines.split() or ["theirs"])


ENGINE = """
import os
from pathlib import Path

worker = os.environ["PYTEST_XDIST_WORKER"]
Path(f"used-{worker}").write_text(os.environ["DOCKER_HOST"])

def test_it():
    pass
"""
