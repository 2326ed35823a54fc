"""Values that a route lets pass: exactly these, there, until their day, and never a held secret."""

from __future__ import annotations

import asyncio
import random
import string
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from botbottle.dlp import Limits, Scanner, Verdict
from botbottle.dlp.findings import NOTHING, Finding, fingerprint
from botbottle.model.approval import Approval
from botbottle.model.route import Dlp, OnMatch, Route
from botbottle.sidecar.egress.allowed import APPROVED_SECONDS, Approvals
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.grpc import Conversation
from botbottle.sidecar.egress.scan import MOST_SHOWN, Judgement, OutboundScan, Outgoing, in_target
from botbottle.sidecar.egress.upload import Upload, UploadRefused
from tests.sidecar_egress.raw_client import code_of, exchange, get, reached
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

KEY = b"a key of the home"
TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6Q7r8"
OTHER = "ghp_" + "Z9y8X7w6V5u4T3s2R1q0" + "P9o8N7m6L5k4J3h2"
HELD = "ghp_" + "Q7r8S9t0U1v2W3x4Y5z6" + "A7b8C9d0E1f2G3h4"
SCANNER = Scanner({"T": HELD.encode()}, key=KEY)
PATIENT = Scanner({"T": HELD.encode()}, key=KEY, limits=Limits(seconds=30.0))
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


COPIES = 300  # of an approved value: more than a list of findings has


def _sent(where: str) -> Outgoing:
    """Copies of an approved value in the body, another token behind them or elsewhere."""
    body = f"{TOKEN} " * COPIES
    url = f"https://a.example/x?q={OTHER if where == 'url' else 'y'}"
    header = OTHER if where == "header" else "plain"
    body += OTHER if where in ("body", "message") else ""
    if where == "message":  # of a WebSocket
        return Outgoing("", (), body.encode())
    return Outgoing(url, ((b"x-note", header.encode()),), body.encode())


@pytest.mark.parametrize("on_match", ["block", "redact", "supervise"])
@pytest.mark.parametrize("where", ["body", "header", "url", "message"])
@pytest.mark.parametrize("by", ["the list", "an operator"])
def test_copies_of_an_approved_value_let_no_other_pass(
    on_match: OnMatch, where: str, by: str
) -> None:
    ledger = Asked()
    approvals = Approvals(wall=lambda: LAST_DAY)
    stage = OutboundScan(cast(Ledger, ledger), approvals)
    listed = route(*([approval()] if by == "the list" else []), on_match=on_match)
    approvals.remember(listed, SCANNER.scan(TOKEN.encode()))

    def judged(message: Outgoing) -> Judgement:
        return asyncio.run(stage.judge(PATIENT, listed, message, supervised=True))

    assert judged(Outgoing("https://a.example/x", (), f"{TOKEN} ".encode() * 200)).denial is None
    denial = judged(_sent(where)).denial
    assert denial is not None and denial.code == "dlp"
    assert ledger.times == 0
    alone = judged(Outgoing("https://a.example/x", (), OTHER.encode()))
    assert (alone.denial is not None) == (on_match == "block")
    assert OTHER.encode() not in alone.message.body or on_match != "redact"


@pytest.mark.parametrize("kind", [Upload, Conversation])
def test_copies_of_an_approved_value_let_no_other_pass_on_its_way(
    kind: type[Upload] | type[Conversation],
) -> None:
    approvals = Approvals(wall=lambda: LAST_DAY)
    listed = route(approval())

    def left(text: str) -> bytes:
        body = text.encode()
        framed = b"\0" + len(body).to_bytes(4) + body if kind is Conversation else body
        through = kind(
            PATIENT, frozenset({"token_patterns", "known_secrets"}),
            lambda found: approvals.marked(PATIENT, listed, found), lambda _found: None,
        )  # fmt: skip
        return _passed(through, framed)

    assert left(f"{TOKEN} " * 200).endswith(f"{TOKEN} ".encode())
    with pytest.raises(UploadRefused):
        left(f"{TOKEN} " * COPIES + OTHER)


def test_a_target_is_left_out_of_records_however_much_else_was_found() -> None:
    few = Scanner({}, key=KEY, limits=Limits(findings=5, seconds=30.0))
    url = f"https://a.example/{OTHER}?q=1"
    flood = " ".join(f"ghp_{_random(n, 36)}" for n in range(5)).encode()
    found = few.scan_request(url, [], flood)
    assert OTHER.encode() not in flood and in_target(found, url)
    assert not in_target(few.scan_request("https://a.example/x", [], flood * 2), url)


def _passed(through: Any, body: bytes) -> bytes:
    """What leaves of a body: fed in one piece, then ended."""
    if hasattr(through, "feed"):
        return b"".join(through.feed(body) + through.finish())
    return b"".join(through(body) + through(b""))


def test_vague_findings_hide_no_token_where_a_route_redacts() -> None:
    lines = [f'"password": "{_random(n)}"' for n in range(COPIES)]
    redacts = route(on_match="redact")
    passed = judge(redacts, "\n".join(lines), scanner=PATIENT)
    assert passed.denial is None
    assert "limit.findings" in {f.rule for f in passed.noted}
    done = judge(redacts, "\n".join([*lines, OTHER]), scanner=PATIENT)
    assert done.denial is None and OTHER.encode() not in done.message.body


def test_an_operator_approves_what_was_shown_and_nothing_else() -> None:
    ledger = Asked()
    stage = OutboundScan(cast(Ledger, ledger), Approvals())
    asks = route(on_match="supervise")

    def denied(values: list[str], times: int = 1) -> str:
        message = Outgoing("https://a.example/", (), " ".join(values * times).encode())
        denial = asyncio.run(stage.judge(PATIENT, asks, message, supervised=True)).denial
        return denial.reason if denial else ""

    values = [f"ghp_{_random(n, 36)}" for n in range(MOST_SHOWN + 1)]
    assert "11 different" in denied(values) and ledger.times == 0
    assert denied(values[:-1], times=3) == "" and ledger.times == 1
    (shown,) = ledger.shown
    assert len({row["fingerprint"] for row in shown}) == len(shown) == MOST_SHOWN
    assert denied(values[:-1]) == "" and ledger.times == 1
    assert denied(values) == "" and ledger.times == 2
    assert len(ledger.shown[1]) == 1


def test_nobody_is_asked_where_not_everything_could_be_shown() -> None:
    ledger = Asked()
    denial = judge(
        route(on_match="supervise"), f"{OTHER} " * COPIES, ledger=ledger, scanner=PATIENT
    ).denial
    assert denial is not None and "left out" in denial.reason and ledger.times == 0
    few = judge(route(on_match="supervise"), f"{OTHER} " * 200, ledger=ledger, scanner=PATIENT)
    assert few.denial is None and ledger.times == 1


def _random(seed: int, size: int = 24) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(size - 1)) + "7"


def test_an_upload_in_passing_goes_by_the_same_list() -> None:
    body = b"x " * 50_000 + TOKEN.encode() + b" y" * 50_000

    def left(where: Route) -> bytes:
        approvals, seen = Approvals(wall=lambda: LAST_DAY), list[Finding]()
        upload = Upload(
            SCANNER, frozenset({"token_patterns", "known_secrets"}),
            lambda found: approvals.marked(SCANNER, where, found), seen.extend,
        )  # fmt: skip
        out = _passed(upload, body)
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
    request = get(f"/x?t={TOKEN}")
    assert code_of(exchange(rig, request)) == "dlp" and reached(rig) == []
    (first,) = _findings(rig, 1)
    mark = first["fingerprint"]
    far = Approval(fingerprint=mark, reason="fixture", until="9999-12-30")
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block", allow=(far,))))
    assert code_of(exchange(rig, request)) == "" and len(reached(rig)) == 1
    told = [x.get("allowed_by", "") for x in _findings(rig, 2)]
    assert told == ["", "the route: fixture, until 9999-12-30"]
    over = Approval(fingerprint=mark, reason="fixture", until="2020-01-01")
    rig.configure(rig.route(EXAMPLE, dlp=Dlp(outbound_on_match="block", allow=(over,))))
    assert code_of(exchange(rig, request)) == "dlp"
