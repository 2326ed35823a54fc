"""Floods of what only looks like a token: nothing hides behind one, and it ends in a verdict."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator

import pytest

from botbottle.dlp import Finding, Limits, Scanner, Verdict, strongest
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.rules.generic import has_value
from botbottle.dlp.ruleset import RuleSet, Work
from tests.dlp.conftest import PATIENT, github

RNG = random.Random(12)
TOKEN = github(RNG)
SCANNER = Scanner({}, key=b"k", limits=PATIENT)


@pytest.fixture(autouse=True)
def _same_in_every_process() -> None:
    RNG.seed(7)


def near(count: int, alphabet: str = "abcdefgh") -> str:
    """Slack's shape without a digit: a candidate each, and no token."""
    parts = (("".join(RNG.choices(alphabet, k=size)) for size in (12, 8)) for _ in range(count))
    return "\n".join("xoxb-" + "-".join(part) for part in parts)


def bounds(found: tuple[Finding, ...]) -> set[tuple[str, Verdict]]:
    return {(f.rule, f.verdict) for f in found if not f.of_value}


def rules(found: tuple[Finding, ...]) -> set[str]:
    return {f.rule for f in found if f.verdict is Verdict.TOKEN and f.of_value}


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_flood_of_one_rule_hides_no_token_of_another(place: str) -> None:
    flood = near(2000)
    body = f"{TOKEN}\n{flood}" if place == "before" else f"{flood}\n{TOKEN}"
    assert "github.token" in rules(SCANNER.scan(body.encode()))
    assert not rules(SCANNER.scan(flood.encode()))


def test_candidates_that_nothing_looked_at_weigh_like_a_token() -> None:
    found = SCANNER.scan(near(3000).encode())
    assert ("limit.events", Verdict.TOKEN) in bounds(found)
    assert not bounds(SCANNER.scan(near(300).encode()))


def test_more_candidates_than_are_counted_weigh_like_a_token() -> None:
    few = Scanner({}, key=b"k", limits=Limits(candidates=100, seconds=30))
    assert ("limit.events", Verdict.TOKEN) in bounds(few.scan(near(300).encode()))
    assert not bounds(few.scan(near(30).encode()))


def test_what_may_only_warn_hides_nothing_and_bounds_nothing_stronger() -> None:
    addresses = "\n".join(f'{{"address": "0x{RNG.randbytes(20).hex()}"}}' for _ in range(3000))
    found = SCANNER.scan(f"{addresses}\n{TOKEN}".encode())
    assert rules(found) == {"github.token"}
    assert {verdict for _, verdict in bounds(found)} <= {Verdict.WARN}
    assert strongest(SCANNER.scan(addresses.encode())) is Verdict.WARN


def _sha512() -> str:
    return base64.b64encode(RNG.randbytes(64)).decode()


LOCKS: dict[str, Callable[[int], str]] = {
    "package-lock.json": lambda n: (
        f'    "node_modules/left-pad-{n}": {{\n      "version": "1.3.{n}",\n      "resolved": '
        f'"https://registry.example/left-pad/-/left-pad-1.3.{n}.tgz",\n      "integrity": '
        f'"sha512-{_sha512()}",\n      "license": "MIT"\n    }},\n'
    ),
    "yarn.lock": lambda n: (
        f'auth-token-{n}@^1.0.0:\n  version "1.0.{n}"\n  resolved "https://registry.example/a/-/'
        f'a-1.0.{n}.tgz#{RNG.randbytes(20).hex()}"\n  integrity sha512-{_sha512()}\n\n'
    ),
    "yarn.lock, berry": lambda n: (
        f'"jwt-secret-{n}@npm:^1.0.0":\n  version: 1.0.{n}\n  resolution: "jwt-secret@npm:1.0.{n}"'
        f"\n  checksum: 10c0/{RNG.randbytes(64).hex()}\n  languageName: node\n\n"
    ),
    "pnpm-lock.yaml": lambda n: (
        f"  /key-store/{n}.0.1:\n    resolution: {{integrity: sha512-{_sha512()}}}\n"
        f"    dev: true\n\n"
    ),
    "Cargo.lock": lambda n: (
        f'[[package]]\nname = "secret-service-{n}"\nversion = "1.0.{n}"\nsource = "registry+https://'
        f'index.example/crates"\nchecksum = "{RNG.randbytes(32).hex()}"\n\n'
    ),
    "go.sum": lambda n: (
        f"example.org/auth/token v1.0.{n}/go.mod h1:"
        f"{base64.b64encode(RNG.randbytes(32)).decode()}\n"
    ),
    "uv.lock": lambda n: (
        f'    {{ url = "https://files.example/packages/{RNG.randbytes(30).hex()}/auth_token-1.{n}'
        f'-py3-none-any.whl", hash = "sha256:{RNG.randbytes(32).hex()}", size = {n} }},\n'
    ),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_of_thousands_of_packages_reaches_no_bound(name: str) -> None:
    entries = [LOCKS[name](n) for n in range(4000)]
    for text in ("".join(entries), json.dumps({"content": "".join(entries)})):
        found = SCANNER.scan(text.encode())
        assert not bounds(found)
        assert strongest(found) in (None, Verdict.WARN)
    entries.insert(3999, f"# {TOKEN}\n")
    assert rules(SCANNER.scan("".join(entries).encode())) == {"github.token"}


def test_what_is_decoded_shares_one_allowance_of_regexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood in each of many layers costs no more than one flood, and is no less refused."""
    asked: list[int] = []
    take = Work.take

    def counting(self: Work, ahead: int) -> bool:
        asked.append(ahead)
        return take(self, ahead)

    monkeypatch.setattr(Work, "take", counting)
    flood = base64.b64encode(near(800).encode()).decode()
    body = " ".join(f'"{flood}{n}"' for n in range(1, 9))
    found = SCANNER.scan(body.encode())
    assert ("limit.events", Verdict.TOKEN) in bounds(found)
    assert len(asked) <= 2 * SCANNER.limits.confirmed
    assert not bounds(SCANNER.scan(f'"{base64.b64encode(near(80).encode()).decode()}"'.encode()))


def test_a_key_is_followed_to_its_end_and_a_header_without_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = "\n".join(base64.b64encode(RNG.randbytes(48)).decode() for _ in range(50))
    whole = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"
    (finding,) = (f for f in SCANNER.scan(f"x\n{whole}\nafter".encode()) if f.rule == "key.pem")
    assert (finding.offset, finding.length) == (2, len(whole))
    (finding,) = (f for f in SCANNER.scan(whole[:2000].encode()) if f.rule == "key.pem")
    assert 1000 < finding.length < 1500
    read: list[int] = []
    around = RuleSet._around

    def counting(self: RuleSet, surface: memoryview, *more: int) -> Iterator[tuple[object, int]]:
        target = self.targets[more[0]]
        read.append(target.before + target.after)
        return around(self, surface, *more)

    monkeypatch.setattr(RuleSet, "_around", counting)
    SCANNER.scan(("-----BEGIN PRIVATE KEY-----\n" + "a1B2" * 9 + "\n").encode() * 4000)
    assert sum(read) < 4_000_000


@pytest.mark.parametrize("size", [16, 120, 190])
@pytest.mark.parametrize("tail", ["", "7", '"; next = 7'])
def test_a_value_is_looked_at_when_a_digit_is_in_it(size: int, tail: str) -> None:
    value = "".join(RNG.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=size))
    text = memoryview(f'api_key = "{value}{tail}"'.encode())
    reach = has_value(text, 11 + 16)
    assert (reach is None) == (tail == "7")
    assert reach is None or reach == 11 + size


def test_a_digit_far_behind_is_not_passed_over() -> None:
    text = memoryview(b"key=" + b"a" * 1000 + b"7" + b"a" * 50)
    reach = has_value(text, 20)
    assert reach is not None
    assert 20 <= reach <= 1004 - 200
    assert has_value(text, 1004 - 100) is None


@pytest.mark.parametrize("separator", [b"|", b"\t"])
def test_a_flood_of_one_piece_hides_no_split_secret(separator: bytes) -> None:
    secret = b"q7Z2kX9vLm3Pw8Yb1Hc6Jd4Fg5Sa0QeVuKzMxBw7"
    scanner = Scanner({"S": secret}, key=b"k", limits=PATIENT)
    split = separator.join(secret[at : at + 1] for at in range(len(secret)))
    for begin in (0, 4, 8):
        flood = b" ".join([squeeze(secret)[begin : begin + 5].replace(b"", b"|")] * 1100)
        found = scanner.scan(flood + b" -- " + split)
        assert Verdict.BLOCK in {f.verdict for f in found}


@pytest.mark.parametrize("byte", range(256))
def test_base64_of_one_repeated_byte_is_no_flood_of_any_rule(byte: int) -> None:
    """WebAssembly in a minified program is such text."""
    for size in (30_000, 30_001):
        text = base64.b64encode(bytes([byte]) * size)
        assert "limit.events" not in {f.rule for f in SCANNER.scan(b'"' + text + b'"')}


def test_base64_of_counted_bytes_is_no_flood_of_any_rule() -> None:
    for unit in (b"0123456789", b"\x01\x04\x10\x40", b"\0\x01\x02", b"0000,", b"1,2,3,"):
        text = base64.b64encode(unit * 4000)
        assert "limit.events" not in {f.rule for f in SCANNER.scan(b'"' + text + b'"')}
