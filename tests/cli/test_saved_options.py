"""A saved plan is applied with the options that it was made with, and nothing more than it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.cli.consent import Consent
from botbottle.cli.run import Run
from botbottle.errors import Exit
from tests.cli.applied import Bench
from tests.support.stub_engine import stub_engine

SEEN: list[tuple[tuple[str, ...], list[int], str]] = []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Two bottles to create; what would be carried out is only noted."""
    SEEN.clear()

    def go(run: Run, consent: Consent, *_: object) -> int:
        limits = [x.tokens for b in run.declared.bottles for x in b.scopes[0].limits]
        SEEN.append((run.only, limits, run.plan().digest))
        return 0

    monkeypatch.setattr(Run, "go", go)
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        (made.project / ".bot-bottle/agents/api.md").write_text("---\nbottle: limited\n---\n")
        yield made


@pytest.mark.parametrize("words", [(), ("--only", "web"), ("--budget", "claude=900k")])
def test_nothing_has_to_be_said_again(bench: Bench, words: tuple[str, ...]) -> None:
    file = str(bench.home.parent / "plan.json")
    assert bench.bb("plan", "--out", file, *words)[0] == Exit.OK
    code, _, err = bench.bb("apply", file, "--yes")
    assert code == 0, err
    ((only, limits, digest),) = SEEN
    assert only == (("web",) if "--only" in words else ())
    assert (900_000 in limits) == ("--budget" in words)
    assert digest == bench.plan(*words)["digest"]
    assert "--only" in words or digest != bench.plan("--only", "web")["digest"], "the control"


def test_something_else_beside_it_is_a_usage_error(bench: Bench) -> None:
    file = str(bench.home.parent / "plan.json")
    bench.bb("plan", "--out", file, "--only", "web")
    code, _, err = bench.bb("apply", file, "--yes", "--only", "api")
    assert code == Exit.USAGE and "saved with --only web" in err and SEEN == []
