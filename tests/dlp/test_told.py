"""What a scan tells of what it found: nothing is cut off in silence, and approvals are exact."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable

from botbottle.dlp import Allowed, Allowlist, Finding, Limits, Scanner, Verdict, strongest
from tests.dlp.conftest import alnum, github

Make = Callable[..., Scanner]


def _cut_off(found: tuple[Finding, ...]) -> list[tuple[Verdict, str]]:
    return [(f.verdict, f.location) for f in found if f.rule == "limit.findings"]


def test_a_flood_of_tokens_says_that_tokens_were_left_out(make: Make, rng: random.Random) -> None:
    flood = [github(rng).encode() for _ in range(Limits().findings + 1)]
    found = make().scan(b" ".join(flood))
    assert _cut_off(found) == [(Verdict.TOKEN, "body")]
    assert len(found) == Limits().findings + 1
    exact = make().scan(b" ".join(flood[1:]))
    assert _cut_off(exact) == [] and len(exact) == Limits().findings


def test_a_flood_of_candidates_is_held(make: Make, rng: random.Random) -> None:
    flood = b" ".join(github(rng).encode() for _ in range(600))
    found = make(limits=Limits(candidates=50, seconds=30)).scan(flood)
    assert (Verdict.TOKEN, "limit.events") in {(f.verdict, f.rule) for f in found}


def test_what_is_weaker_uses_up_no_room_of_tokens(make: Make, rng: random.Random) -> None:
    vague = [f'"password": "{alnum(rng, 24)}"'.encode() for _ in range(20)]
    token = github(rng).encode()
    few = make(limits=Limits(findings=10, seconds=30))
    found = few.scan(b"\n".join([*vague, token]))
    assert strongest(found) is Verdict.TOKEN
    assert _cut_off(found) == [(Verdict.SUPERVISE, "body")]
    assert strongest(few.scan(b"\n".join(vague))) is Verdict.SUPERVISE


def test_copies_of_one_value_leave_room_for_every_other(make: Make, rng: random.Random) -> None:
    copied, other = github(rng), github(rng)
    body = " ".join([copied] * 10).encode()
    few = make(limits=Limits(findings=10, seconds=30))
    found = few.scan_request(f"https://a.test/?q={copied}", [("x-a", other)], body)
    alone = few.scan(other.encode())[0].fingerprint
    assert alone in {f.fingerprint for f in found}
    assert {"body", "header:x-a", "url"} <= {f.location for f in found if f.of_value}
    assert _cut_off(found) == [(Verdict.TOKEN, "body")]


def test_values_that_were_cut_off_are_told_for_each_surface(make: Make, rng: random.Random) -> None:
    few = make(limits=Limits(findings=10, seconds=30))
    body = b" ".join(github(rng).encode() for _ in range(10))
    found = few.scan_request("https://a.test/?q=" + github(rng), [("x-a", github(rng))], body)
    assert len([f for f in found if f.of_value]) == 10
    assert _cut_off(found) == [(Verdict.TOKEN, "header:x-a"), (Verdict.TOKEN, "url")]


def test_an_approval_of_one_value_hides_no_other_behind_copies(
    make: Make, rng: random.Random
) -> None:
    copied = github(rng).encode()
    (finding,) = make().scan(copied)
    allow = Allowlist([Allowed(finding.fingerprint, "fixture")])
    body = b" ".join([copied] * 300 + [github(rng).encode()])
    assert strongest(make(allow=allow).scan(body)) is Verdict.TOKEN
    assert make(allow=allow).scan(b" ".join([copied] * 200)) == ()


def test_a_stronger_bound_is_not_hidden_by_a_weaker_one_of_its_name(
    make: Make, rng: random.Random
) -> None:
    value = alnum(rng, 32).encode()
    flood = b" ".join(github(rng).encode() for _ in range(30)) + b" " + b" ".join([value] * 30)
    found = make({"S": value}, limits=Limits(events=20, seconds=30)).scan(flood)
    bounds = [(f.verdict, f.rule) for f in found if not f.of_value]
    assert (Verdict.BLOCK, "limit.events") in bounds


def test_bounds_are_few_and_none_is_cut_off(make: Make) -> None:
    packed = base64.b64encode(b"what is packed is not looked into when there is no time").decode()
    headers = [(f"x-{n}", packed) for n in range(300)]
    url = "https://a.test/p?q=" + packed
    found = make(limits=Limits(seconds=0.0)).scan_request(url, headers, packed.encode())
    assert {f.rule for f in found} == {"limit.time", "limit.runs"}
    assert {"url", "body"} <= {f.location.partition(">")[0] for f in found}
    assert len(found) < 10


def test_an_approved_fingerprint_passes_until_it_expires(make: Make, rng: random.Random) -> None:
    body = github(rng).encode()
    (finding,) = make().scan(body)
    entry = Allowed(finding.fingerprint, "fixture of the docs", expires=time.time() + 60)
    assert make(allow=Allowlist([entry])).scan(body) == ()
    stale = Allowed(finding.fingerprint, "old", expires=time.time() - 1)
    assert make(allow=Allowlist([stale])).scan(body) == (finding,)
    other = Allowed(finding.fingerprint, "other rule", rule="npm.token")
    assert make(allow=Allowlist([other])).scan(body) == (finding,)


def test_no_approval_covers_a_held_secret(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 32).encode()
    (finding,) = make({"S": value}).scan(value)
    allow = Allowlist([Allowed(finding.fingerprint, "mistake")])
    assert strongest(make({"S": value}, allow=allow).scan(value)) is Verdict.BLOCK


def test_the_fingerprint_depends_on_key_and_secret(rng: random.Random) -> None:
    body = github(rng).encode()
    marks = {Scanner({}, key=key).scan(body)[0].fingerprint for key in (b"a", b"b", b"a")}
    assert len(marks) == 2


def test_a_token_between_the_lines_of_a_key_is_told_as_well() -> None:
    token = "glpat-" + "u8jZPDe0IGXLD6GncfBA"
    body = base64.b64encode(bytes(range(60))).decode()
    text = f"-----BEGIN PRIVATE KEY-----\n{body}\n{token}\n-----END PRIVATE KEY-----\n"
    found = Scanner({}, key=b"k").scan(text.encode())
    assert {f.rule for f in found} == {"key.pem", "gitlab.pat"}


def test_what_is_sent_in_plain_is_seen_when_no_time_is_left(make: Make, rng: random.Random) -> None:
    value, token = alnum(rng, 40).encode(), github(rng).encode()
    scanner = make({"S": value}, limits=Limits(seconds=0.0, seconds_per_mb=0.0))
    costly = ((b"x-a", base64.b64encode(b"text " * 99)),)
    for body in (value, b"a " * 200_000 + value):
        found = scanner.scan_request("https://a.test/", costly, body)
        assert strongest(found) is Verdict.BLOCK
    assert "github.token" in {f.rule for f in scanner.scan_request("/", costly, token)}
