"""``bb apply --yes | true``: whoever reads has left, so what became of it is told on stderr."""

from __future__ import annotations

import io

import pytest

from botbottle.cli.run import Run
from tests.cli.fakes import err, go, run


class Left(io.StringIO):
    """A pipe whose reader has left."""

    def flush(self) -> None:
        raise BrokenPipeError


def unread(monkeypatch: pytest.MonkeyPatch) -> Run:
    made = run(monkeypatch)
    made.context.out = Left()
    return made


def test_before_its_first_write_nothing_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it carried out all the same, the fake's locked part would raise Reached."""
    made = unread(monkeypatch)
    with pytest.raises(BrokenPipeError):
        go(made, yes=True, allow=("widen",))
    assert "nothing was changed" in err(made)


def test_after_its_last_write_it_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    made = unread(monkeypatch)
    with pytest.raises(BrokenPipeError):
        made.end(made.plan())
    assert "nothing is left to do" in err(made) and "nothing was changed" not in err(made)


@pytest.mark.parametrize("outcome", ["applied", "incomplete", "nothing to do"])
def test_the_outcome_for_a_machine_that_has_left_is_told(
    monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    made = unread(monkeypatch).for_machines()
    with pytest.raises(BrokenPipeError):
        made.document(outcome, made.plan())
    assert f"the outcome is: {outcome}" in err(made)
