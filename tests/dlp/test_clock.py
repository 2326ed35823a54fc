"""A scan's time is that of its own thread: what others do, and waiting, does not use it up."""

from __future__ import annotations

import time

import pytest

from botbottle.dlp import clock as module
from botbottle.dlp.clock import Clock


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPENT", module._Spent())


def _at(patch: pytest.MonkeyPatch, gone_by: float, used: float) -> None:
    patch.setattr(time, "monotonic", lambda: 1000.0 + gone_by)
    patch.setattr(time, "thread_time", lambda: 5.0 + used)


def test_time_that_only_goes_by_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 0, 0)
    clock = Clock(0.1)
    _at(monkeypatch, 60, 0.09)
    assert not clock.over
    _at(monkeypatch, 60, 0.1)
    assert clock.over


def test_more_time_can_be_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    _at(monkeypatch, 0, 0)
    clock = Clock(0.1)
    clock.grant(0.05)
    _at(monkeypatch, 1, 0.14)
    assert not clock.over
    _at(monkeypatch, 1, 0.15)
    assert clock.over


def test_the_system_is_asked_for_used_time_only_where_it_may_be_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _at(monkeypatch, 0, 0)
    clock = Clock(0.1)
    monkeypatch.setattr(time, "thread_time", lambda: pytest.fail("a system call"))
    assert not clock.over
