"""Values that a route lets pass: exactly these, there, until their day, and never a held secret."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from botbottle.dlp import Limits, Scanner, Verdict
from botbottle.dlp.findings import NOTHING, Finding, fingerprint
from botbottle.model.approval import Approval
from botbottle.model.route import Dlp, Match, OnMatch, Route
from botbottle.sidecar.egress.allowed import APPROVED_SECONDS, Approvals
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.scan import Judgement, OutboundScan, Outgoing
from botbottle.sidecar.egress.upload import Upload
from tests.sidecar_egress.raw_client import code_of, exchange, get, reached
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

KEY = b"a key of the home"
TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"
OTHER = "ghp_" + "Z9y8X7w6V5u4T3s2R1q0" + "P9o8N7m6L5k4J3h2"
HELD = "ghp_" + "Q7r8S9t0U1v2W3x4Y5z6" + "A7b8C9d0E1f2G3h4"
SCANNER = Scanner({"T": HELD.encode()}, key=KEY)
PATIENT = Scanner({"T": HELD.encode()}, key=KEY, limits=Limits(seconds=30.0))
SUPERVISED = Dlp(outbound_on_match="supervise")
LAST_DAY = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def approval(value: str = TOKEN, key: bytes = KEY, **more: Any) -> Approval:
    mark = fingerprint(key, value.encode())
    return Approval(**{"fingerprint": mark, "reason": "fixture", "until": "2027-01-31"} | more)


def route(
    *allow: Approval, on_match: OnMatch = "block", detectors: tuple[str, ...] | None = None
) -> Route:
    dlp = Dlp(outbound_detectors=detectors, outbound_on_match=on_match, allow=allow)
    return Route("a.example", dlp=dlp)


class Asked:
    """A ledger whose operator approves everything; keeps the questions."""

    def __init__(self) -> None:
        self.times = 0
        self.shown: list[list[dict[str, Any]]] = []

    async def ask(self, _kind: str, payload: dict[str, Any], *_: Any) -> bool:
        self.times += 1
        self.shown.append(payload["findings"])
        return True


def judge(
    route_: Route,
    text: str,
    now: float = LAST_DAY,
    ledger: Asked | None = None,
    scanner: Scanner = SCANNER,
) -> Judgement:
    stage = OutboundScan(cast(Ledger, ledger or Asked()), Approvals(wall=lambda: now))
    message = Outgoing("https://a.example/x", (), text.encode())
    return asyncio.run(stage.judge(scanner, route_, message, supervised=True))


def passed(through: Any, body: bytes) -> bytes:
    """What leaves of a body: fed in one piece, then ended."""
    return b"".join(through(body) + through(b""))


def test_a_listed_value_passes_and_is_written_down() -> None:
    assert judge(route(), f"token {TOKEN}").denial is not None
    passed = judge(route(approval()), f"token {TOKEN}")
    assert passed.denial is None and passed.message.body == f"token {TOKEN}".encode()
    (found,) = passed.noted
    assert found.allowed == "the route: fixture, until 2027-01-31"
    assert found.verdict is Verdict.TOKEN


def test_it_ends_with_its_day_and_nobody_has_to_say_so() -> None:
    clock = [LAST_DAY]
    stage = OutboundScan(cast(Ledger, Asked()), Approvals(wall=lambda: clock[0]))
    message, listed = Outgoing("https://a.example/", (), TOKEN.encode()), route(approval())

    def refused() -> bool:
        return (
            asyncio.run(stage.judge(SCANNER, listed, message, supervised=True)).denial is not None
        )

    assert not refused()
    clock[0] += 1
    assert refused()
    clock[0] -= 1
    assert not refused()


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        pytest.param(approval(), OTHER, id="another value"),
        pytest.param(approval(), f"{TOKEN} {OTHER}", id="another value beside it"),
        pytest.param(approval(key=b"another key"), TOKEN, id="a fingerprint of another home"),
        pytest.param(approval(rule="slack.bot"), TOKEN, id="another rule"),
        pytest.param(approval(HELD), HELD, id="a held secret"),
        pytest.param(approval(HELD), HELD[::-1], id="a held secret, reversed"),
        pytest.param(approval(HELD), HELD.encode().hex(), id="a held secret, in hex"),
        pytest.param(approval(), f"{TOKEN}{HELD[4:30]}", id="a part of a held secret behind it"),
    ],
)
@pytest.mark.parametrize("detectors", [None, ("token_patterns",)])
def test_nothing_else_passes_with_it(
    listed: Approval, text: str, detectors: tuple[str, ...] | None
) -> None:
    assert judge(route(listed, detectors=detectors), text).denial is not None
    assert judge(route(approval(), detectors=detectors), TOKEN).denial is None


def test_a_list_brings_back_the_search_for_held_secrets() -> None:
    assert judge(route(approval(), detectors=()), HELD).denial is not None
    assert judge(route(detectors=()), HELD).denial is None


def test_a_held_secret_passes_by_no_approval_even_where_it_only_looks_like_a_token() -> None:
    found = Finding(Verdict.TOKEN, "github.token", "body", 0, 40, fingerprint(KEY, HELD.encode()))
    listed = route(approval(HELD))
    approvals = Approvals(wall=lambda: LAST_DAY)
    approvals.remember(listed, (found,))
    assert approvals.marked(SCANNER, listed, (found,)) == (found,)
    stranger = Scanner({}, key=KEY)  # the control: it does not hold that value
    assert approvals.marked(stranger, listed, (found,))[0].allowed


def test_a_bound_that_was_reached_is_never_remembered() -> None:
    late = Finding(Verdict.SUPERVISE, "limit.time", "body", 0, 0, NOTHING)
    approvals = Approvals()
    approvals.remember(route(), (late,))
    assert not approvals.marked(SCANNER, route(), (late,))[0].allowed


def test_a_redacting_route_cuts_out_what_is_not_listed_and_keeps_what_is() -> None:
    listed = route(approval(), on_match="redact")
    done = judge(listed, f"keep {TOKEN} cut {OTHER}")
    assert done.denial is None
    assert TOKEN.encode() in done.message.body and OTHER.encode() not in done.message.body
    late = judge(listed, f"keep {TOKEN} cut {OTHER}", LAST_DAY + 1)
    assert TOKEN.encode() not in late.message.body


def test_an_operator_is_not_asked_about_a_listed_value() -> None:
    ledger = Asked()
    assert judge(route(approval(), on_match="supervise"), TOKEN, ledger=ledger).denial is None
    assert ledger.times == 0
    assert judge(route(on_match="supervise"), TOKEN, ledger=ledger).denial is None
    assert ledger.times == 1


def test_an_operators_decision_holds_for_its_route_and_for_an_hour() -> None:
    clock, ledger = [0.0], Asked()
    stage = OutboundScan(cast(Ledger, ledger), Approvals(steady=lambda: clock[0]))
    first = route(on_match="supervise")
    second = Route("b.example", dlp=first.dlp)

    def asks(where: Route) -> int:
        before = ledger.times
        message = Outgoing("https://a.example/", (), TOKEN.encode())
        asyncio.run(stage.judge(SCANNER, where, message, supervised=True))
        return ledger.times - before

    assert [asks(first), asks(first), asks(second)] == [1, 0, 1]
    clock[0] += APPROVED_SECONDS
    assert asks(first) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Route("a.example", dlp=Dlp(outbound_on_match="block")), id="that blocks"),
        pytest.param(
            Route("a.example", matches=(Match(methods=("GET",)),), dlp=SUPERVISED), id="for others"
        ),
        pytest.param(Route("a.example", stream_uploads=True, dlp=SUPERVISED), id="for uploads"),
        pytest.param(Route("a.example", port=8443, dlp=SUPERVISED), id="to another port"),
    ],
)
def test_an_operators_decision_holds_for_no_other_route_to_the_host(other: Route) -> None:
    stage = OutboundScan(cast(Ledger, Asked()), Approvals(steady=lambda: 0.0))
    approved = Route("a.example", dlp=SUPERVISED)
    message = Outgoing("https://a.example/", (), TOKEN.encode())
    assert asyncio.run(stage.judge(SCANNER, approved, message, supervised=True)).denial is None
    again = stage.judge(SCANNER, Route("a.example", dlp=SUPERVISED), message, supervised=False)
    assert asyncio.run(again).denial is None, "the same, though nobody can be asked"
    assert asyncio.run(stage.judge(SCANNER, other, message, supervised=False)).denial is not None


def test_an_upload_in_passing_goes_by_the_same_list() -> None:
    body = b"x " * 50_000 + TOKEN.encode() + b" y" * 50_000

    def left(where: Route) -> bytes:
        approvals, seen = Approvals(wall=lambda: LAST_DAY), list[Finding]()
        upload = Upload(
            SCANNER, frozenset({"token_patterns", "known_secrets"}),
            lambda found: approvals.marked(SCANNER, where, found), seen.extend,
        )  # fmt: skip
        out = passed(Passing(upload), body)
        assert [f.allowed for f in seen] == ["the route: fixture, until 2027-01-31"]
        return out

    assert left(route(approval())) == body
    with pytest.raises(UploadRefused):
        left(route(approval(OTHER)))


def _findings(rig: Rig, count: int) -> list[dict[str, Any]]:
    """The findings in the sidecar's log once there are ``count``; the log arrives by itself."""

    def logged() -> list[dict[str, Any]]:
        return [line for line in list(rig.sidecar.lines) if line["event"] == "finding"]

    until(lambda: len(logged()) >= count, f"{count} findings")
    return logged()


def test_on_the_live_proxy_the_list_can_be_copied_from_the_findings(rig: Rig) -> None:
    plain = rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block"))
    rig.configure(plain)
    before = len(_findings(rig, 0))  # of other tests
    request = get(f"/x?t={TOKEN}")
    assert code_of(exchange(rig, request)) == "dlp" and reached(rig) == []
    (first,) = _findings(rig, before + 1)[before:]
    mark = first["fingerprint"]
    far = Approval(fingerprint=mark, reason="fixture", until="9999-12-30")
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block", allow=(far,))))
    assert code_of(exchange(rig, request)) == "" and len(reached(rig)) == 1
    told = [x.get("allowed_by", "") for x in _findings(rig, before + 2)[before:]]
    assert told == ["", "the route: fixture, until 9999-12-30"]
    over = Approval(fingerprint=mark, reason="fixture", until="2020-01-01")
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block", allow=(over,))))
    assert code_of(exchange(rig, request)) == "dlp"
