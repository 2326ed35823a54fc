"""Orders are bb command lines, run as such; no text becomes an option."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from botbottle.cli.group import load_verb
from botbottle.ui.top import orders
from botbottle.ui.top.orders import Order

ALL = [
    orders.hold("cutoff", "web"),
    orders.hold("freeze", "web"),
    orders.hold("kill", "web"),
    orders.lift("freeze", "web"),
    orders.lift("kill", "web"),
    orders.budget("global", "claude", "5M/day"),
    orders.decide("abc", "web", True),
    orders.decide("abc", "web", False),
]


@pytest.mark.parametrize("order", ALL, ids=lambda o: o.title)
def test_the_command_line_takes_every_order(order: Order) -> None:
    first, *rest = order.argv("because")
    command = load_verb(first)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    context = command.make_context(first, list(rest))
    assert context.params["reason"] == "because"
    assert order.args[-1] in str(list(context.params.values()))


def test_a_name_or_reason_that_looks_like_an_option_is_none() -> None:
    order = Order("cutoff", ("--all",), "t")
    context = load_verb("cutoff").make_context("cutoff", list(order.argv("--all")[1:]))
    assert context.params["all_"] is False
    assert list(context.params["names"]) == ["--all"]
    assert context.params["reason"] == "--all"


def test_only_a_kill_asks_for_the_name() -> None:
    assert [o.type_name for o in ALL] == ["", "", "web", "", "", "", "", ""]


def test_what_is_shown_is_the_command_quoted() -> None:
    assert (
        orders.hold("cutoff", "web").shown("it's late")
        == """bb cutoff '--reason=it'"'"'s late' web"""
    )


def test_an_order_runs_on_the_same_home_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps([sys.argv[1:], os.environ.get('MARK'), sys.stdin.read()]))\nsys.exit(6)\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setattr(orders.sys, "executable", str(stand_in))
    done = orders.Bb(tmp_path / "home", tmp_path, {"MARK": "here"})(ALL[0], "why")
    argv, mark, stdin = json.loads(done.said)
    assert (done.code, mark, stdin) == (6, "here", "")
    assert argv[:6] == ["-m", "botbottle", "--home", str(tmp_path / "home"), "-C", str(tmp_path)]
    assert argv[-4:] == ["cutoff", "--reason=why", "--", "web"]


def test_an_order_that_never_ends_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexec sleep 30\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(orders.sys, "executable", str(stand_in))
    monkeypatch.setattr(orders, "SECONDS", 0.3)
    done = orders.Bb(tmp_path, tmp_path, {"PATH": "/usr/bin:/bin"})(ALL[0], "")
    assert done.code == 1 and "gave up" in done.said
