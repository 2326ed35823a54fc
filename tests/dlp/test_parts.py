"""The small pieces: boundaries, minimal patterns, checksums, placeholders, the rule cache."""

from __future__ import annotations

import base64
import random
import re
import zlib
from pathlib import Path

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.boundary import left_ok, right_ok
from botbottle.dlp.checks import checksum_or_random, crc32_suffix, jwt
from botbottle.dlp.compile import main as compile_main
from botbottle.dlp.compiled import CompiledRules
from botbottle.dlp.entropy import shannon
from botbottle.dlp.findings import Finding, Verdict, strongest
from botbottle.dlp.placeholders import is_placeholder
from botbottle.dlp.rules import Rule, catalogue
from botbottle.dlp.rules.minimal import minimal
from tests.dlp.conftest import alnum
from tests.dlp.sampling import sample

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("before", "fine"),
    [
        (b"", True), (b" ", True), (b'"', True), (b"\\n", True), (b"\\\\n", True), (b"%0A", True),
        (b"\\u000a", True), (b"\\x0a", True), (b"\x1b[0m", True), (b"\\u001b[1;31m", True),
        (b"\\033[m", True), (b"n", False), (b"x1", False), (b"_", False), (b"am", False),
        (b"0A", False), (b"u000a", False), (b"[31m", False),
    ],
)  # fmt: skip
def test_a_left_boundary_knows_escapes(before: bytes, fine: bool) -> None:
    assert left_ok(before + b"token", len(before)) is fine


def test_a_right_boundary_is_the_end_or_no_word_byte() -> None:
    assert right_ok(b"token", 5)
    assert right_ok(b"token\\n", 5)
    assert not right_ok(b"tokens", 5)


@pytest.mark.parametrize(
    ("pattern", "shorter"),
    [
        ("ghp_[a-z]{36}", "ghp_[a-z]{36}"),
        ("x[a-z]{20,80}", "x[a-z]{20}"),
        ("x[a-z]{20,}", "x[a-z]{20}"),
        ("x[a-z]+", "x[a-z]"),
        ("x[a-z]{20,80}={0,2}", "x[a-z]{20}"),
        ("x(?:-\\d)?", "x"),
        ("x([a-z]{4,9})", "x([a-z]{4})"),
        ("a{2,3}|b+", "a{2}|b"),
        ("x[a-z\\]]{2,3}\\}", "x[a-z\\]]{2,3}\\}"),
        ("x.{0,9}?y*", "x"),
    ],
)
def test_the_tail_is_cut_to_its_minimum(pattern: str, shorter: str) -> None:
    assert minimal(pattern) == shorter


@pytest.mark.parametrize(
    "rule", [r for r in catalogue() if isinstance(r, Rule) and not r.anchor], ids=lambda r: r.id
)
def test_a_minimal_pattern_matches_a_prefix_of_every_match(rule: Rule) -> None:
    rng = random.Random(rule.id)
    text = sample(rule.pattern, rng)
    assert re.search(rule.expressions[0], text, re.DOTALL), text


def _github(rng: random.Random) -> bytes:
    body = alnum(rng, 30).encode()
    number, digits = zlib.crc32(body), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return b"ghp_" + body + digits.rjust(6, "0").encode()


def test_a_checksum_is_recognised_and_a_changed_one_is_not(rng: random.Random) -> None:
    token = _github(rng)
    assert crc32_suffix(token)
    assert not crc32_suffix(token[:10] + b"!" + token[11:])
    assert checksum_or_random(b"ghp_" + alnum(rng, 36).encode())
    assert checksum_or_random(b"ghp_" + b"a" * 36) is Verdict.WARN
    assert not checksum_or_random(b"ghp_" + b"abcde" * 7 + b"a")


@pytest.mark.parametrize(
    ("header", "fine"),
    [
        (b'{"alg":"none"}', True),
        (b'{"kty":"EC"}', True),
        (b'{"a":1}', False),
        (b"[1]", False),
        (b"x", False),
    ],
)
def test_a_jwt_s_header_has_to_decode(header: bytes, fine: bool) -> None:
    assert jwt(base64.urlsafe_b64encode(header) + b".e30.sig") is fine


def test_entropy_of_known_distributions() -> None:
    assert shannon(b"") == 0.0
    assert shannon(b"aaaa") == 0.0
    assert shannon(b"abcd") == 2.0


@pytest.mark.parametrize(
    "value",
    [
        b"sk-ant-api03-YOUR_KEY",
        b"AKIAIOSFODNN7EXAMPLE",
        b"ghp_" + b"0" * 36,
        b"abc-${TOKEN}-abc",
        b"sk_test" + b"_4eC39HqLyjWDarjtT1zdp7dc",
        b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
        b"aWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    ],
)
def test_documentation_values_are_placeholders(value: bytes) -> None:
    assert is_placeholder(value)


def test_a_random_value_is_no_placeholder(rng: random.Random) -> None:
    assert not is_placeholder(alnum(rng, 40).encode())


def test_the_strongest_verdict_decides() -> None:
    findings = [
        Finding(v, "r", "body", 0, 1, "0") for v in (Verdict.WARN, Verdict.BLOCK, Verdict.TOKEN)
    ]
    assert strongest(findings) is Verdict.BLOCK
    assert strongest([]) is None


def test_a_cached_database_is_used_and_a_damaged_one_is_not(
    tmp_path: Path, rng: random.Random
) -> None:
    rules = [r for r in catalogue() if r.id == "gitlab.pat"]
    CompiledRules.build(rules, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    body = b"glpat" + b"-" + alnum(rng, 20).encode()
    for content in (file.read_bytes(), file.read_bytes()[:-1] + b"x", b"", b"short"):
        file.write_bytes(content)
        again = CompiledRules.build(rules, cache=tmp_path)
        assert [f.rule for f in Scanner({}, key=b"k", rules=again).scan(body)] == ["gitlab.pat"]


def test_an_unwritable_cache_does_not_stop_the_scanner(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rules = [r for r in catalogue() if r.id == "gitlab.pat"]
    assert CompiledRules.build(rules, cache=tmp_path / "file" / "x").ruleset.targets


def test_the_database_can_be_prepared_for_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_main([str(tmp_path)]) == 0
    assert "expressions" in capsys.readouterr().out
    assert [p.suffix for p in tmp_path.iterdir()] == [".hsdb"]
    assert compile_main([]) == 64


@pytest.mark.parametrize(
    "end",
    [
        b"_4eC39HqLyjWDarjtT1zdp7dc",
        b"1234567890abcdef",
        b"EXAMPLE",
        b"EXAMPLEKEY",
        b"-EXAMPLE",
        b"_EXAMPLE",
    ],
)
def test_a_word_behind_a_whole_token_does_not_make_it_an_example(end: bytes) -> None:
    for token in (b"sk-ant-api03-" + b"q7Z2kX9v" * 11, b"glpat-" + b"q7Z2kX9vLm3Pw8Rt5Yb1"):
        assert not is_placeholder(token + end)
    assert is_placeholder(b"AKIAI44QH8DHBEXAMPLE")
