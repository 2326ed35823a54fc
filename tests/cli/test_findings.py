"""Lines of ``bb findings``: what to copy into a route's list, and who let a value pass."""

from __future__ import annotations

from botbottle.cli.findings import line

ROW = {"at": 0.0, "data": {"rule": "github.token", "fingerprint": "b5b794c21f0a9d33"}}


def test_the_fingerprint_can_be_copied() -> None:
    assert line(ROW) == "1970-01-01 00:00:00Z  fingerprint=b5b794c21f0a9d33  rule=github.token\n"


def test_who_let_it_pass_is_said_last() -> None:
    data = {"rule": "r", "allowed_by": "the route: fixture, until 2027-01-31"}
    assert line({"at": 0.0, "data": data}).endswith(
        "rule=r  allowed by the route: fixture, until 2027-01-31\n"
    )


def test_a_reason_sends_no_control_characters_to_the_terminal() -> None:
    assert "\x1b" not in line({"at": 0.0, "data": {"allowed_by": "\x1b[2J"}})
