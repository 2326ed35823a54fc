"""Redaction cuts exactly the token, keeps the message valid, and refuses what it cannot cut."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import CannotRedact, Limits, Redacted, Scanner, Verdict, redact
from tests.dlp.conftest import PATIENT, alnum, github

_SHARED = Scanner({}, key=b"k", limits=PATIENT)
URL = "https://api.test/v1/messages"
JSON = "application/json"

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
}


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner({}, key=b"k", limits=PATIENT)


def _run(
    scanner: Scanner,
    body: bytes,
    *,
    url: str = URL,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    coding: str = "",
) -> Redacted | CannotRedact:
    found = scanner.scan_request(url, headers, body, JSON, coding)
    assert any(f.verdict is Verdict.TOKEN for f in found)
    return redact(
        scanner,
        found,
        url=url,
        headers=headers,
        body=body,
        content_type=JSON,
        content_encoding=coding,
    )


def _message(text: str) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()


def test_a_messages_request_still_parses_and_differs_only_in_the_token(
    scanner: Scanner, rng: random.Random
) -> None:
    value = github(rng)
    result = _run(scanner, _message(f'use\n"{value}" please'))
    assert isinstance(result, Redacted)
    content = json.loads(result.body)["messages"][0]["content"]
    before, _, rest = content.partition("[REDACTED:github.token:")
    assert (before, rest[8:]) == ('use\n"', ']" please')
    assert value not in result.body.decode()


def test_length_is_fixed_and_digests_are_dropped(scanner: Scanner, rng: random.Random) -> None:
    body = _message(github(rng))
    headers = ((b"Content-Length", str(len(body)).encode()), (b"Content-MD5", b"x"), (b"A", b"b"))
    result = _run(scanner, body, headers=headers)
    assert isinstance(result, Redacted)
    assert result.headers == ((b"Content-Length", str(len(result.body)).encode()), (b"A", b"b"))


def test_several_tokens_are_all_cut(scanner: Scanner, rng: random.Random) -> None:
    values = [github(rng) for _ in range(5)]
    result = _run(scanner, _message(" and ".join(values)))
    assert isinstance(result, Redacted)
    assert result.removed == 5
    assert result.body.count(b"[REDACTED:") == 5


def test_a_token_in_a_header_or_query_is_cut_there(scanner: Scanner, rng: random.Random) -> None:
    value = github(rng)
    headers = ((b"x-note", f"key {value} end".encode()),)
    result = _run(scanner, b"{}", headers=headers)
    assert isinstance(result, Redacted)
    assert value.encode() not in result.headers[0][1]
    assert result.headers[0][1].startswith(b"key [REDACTED:")
    result = _run(scanner, b"{}", url=f"{URL}?t={value}&u=1")
    assert isinstance(result, Redacted)
    assert result.url.startswith(b"https://api.test/v1/messages?t=REDACTED-github.token-")
    assert result.url.endswith(b"&u=1")


def test_what_cannot_be_cut_exactly_is_refused(scanner: Scanner, rng: random.Random) -> None:
    body = _message(github(rng))
    signed = _run(scanner, body, headers=((b"Authorization", b"AWS4-HMAC-SHA256 Credential=a"),))
    assert signed == CannotRedact("signed")
    digest = _run(scanner, body, headers=((b"X-Amz-Content-Sha256", b"a"),))
    assert digest == CannotRedact("signed")
    authority = _run(scanner, b"{}", url=f"https://{github(rng)}@api.test/")
    assert authority == CannotRedact("authority")


@pytest.mark.parametrize(("coding", "pack"), sorted(PACKERS.items()))
def test_what_is_compressed_goes_on_as_it_is(
    coding: str, pack: Callable[[bytes], bytes], scanner: Scanner, rng: random.Random
) -> None:
    value = github(rng)
    body = pack(_message(f"before {value} after"))
    headers = ((b"Content-Encoding", coding.encode()), (b"A", b"b"))
    result = _run(scanner, body, coding=coding, headers=headers)
    assert isinstance(result, Redacted) and result.headers == ((b"A", b"b"),)
    content = json.loads(result.body)["messages"][0]["content"]
    assert str(content).count("[REDACTED:github.token:") == 1 and value not in str(content)


def test_more_tokens_than_are_listed_are_cut_in_rounds(rng: random.Random) -> None:
    few = Scanner({}, key=b"k", limits=Limits(findings=5, seconds=30.0))
    tokens = [github(rng) for _ in range(23)]
    done = _run(few, _message(" ".join(tokens)))
    assert isinstance(done, Redacted) and done.removed == 23
    assert not any(token.encode() in done.body for token in tokens)
    endless = _run(few, _message(" ".join(github(rng) for _ in range(400))))
    assert endless == CannotRedact("too many")


def test_more_logins_than_are_looked_at_are_cut_in_rounds(rng: random.Random) -> None:
    words = [alnum(rng, 20) for _ in range(1500)]
    done = _run(_SHARED, _message("\n".join(f"https://app:{w}@db.test/x" for w in words)))
    assert isinstance(done, Redacted)
    assert not any(word.encode() in done.body for word in words)


def test_what_was_not_looked_at_for_the_tokens_in_it_is_looked_at_without_them(
    rng: random.Random,
) -> None:
    few = Scanner({}, key=b"k", limits=Limits(runs=3, seconds=30.0))
    body = _message(" ".join(f"sk-ant-api03-{alnum(rng, 93)}AA" for _ in range(9)))
    assert any(f.rule == "limit.runs" for f in few.scan(body))
    assert isinstance(_run(few, body), Redacted)
    many = _message(" ".join([github(rng), *(alnum(rng, 80) for _ in range(9))]))
    assert _run(few, many) == CannotRedact("limit.runs")


def test_a_key_goes_on_in_the_next_string(scanner: Scanner, rng: random.Random) -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    first, second = alnum(rng, 64), alnum(rng, 64)
    document = {"a": f"see\n{begin}\n{first}", "tool": "Read", "b": f"{second}\n{end}\nend"}
    done = _run(scanner, json.dumps(document).encode())
    assert isinstance(done, Redacted)
    said = json.loads(done.body)
    assert said["tool"] == "Read" and said["a"].startswith("see\n[REDACTED:key.pem:")
    assert said["b"].endswith("]\nend") and second not in said["b"]
    named = json.dumps({"a": f"{begin}\n{first}", second: f"{second}\n{end}"})
    assert _run(scanner, named.encode()) == CannotRedact("structure")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.integers(0, 2**32))
def test_nothing_but_the_tokens_changes(parts: list[str], seed: int) -> None:
    rng = random.Random(seed)
    scanner = _SHARED
    values = [github(rng) for _ in parts]
    text = " ".join(f"{part} {value}" for part, value in zip(parts, values, strict=True))
    result = _run(scanner, _message(text))
    assert isinstance(result, Redacted)
    content = json.loads(result.body)["messages"][0]["content"]
    for value in values:
        mark = next(m for m in content.split("[") if m.startswith("REDACTED:"))
        content = content.replace("[" + mark.partition("]")[0] + "]", value, 1)
    assert content == text
    assert not scanner.scan_request(URL, result.headers, result.body, JSON)


def test_of_several_headers_of_one_name_none_is_cut(scanner: Scanner, rng: random.Random) -> None:
    token = github(rng)
    headers = ((b"cookie", f"a={token}".encode()), (b"cookie", b"b=quite ordinary words, long"))
    found = scanner.scan_request(URL, headers, b"")
    assert redact(scanner, found, url=URL, headers=headers, body=b"") == CannotRedact("headers")
    once = headers[:1]
    found = scanner.scan_request(URL, once, b"")
    assert isinstance(redact(scanner, found, url=URL, headers=once, body=b""), Redacted)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(
        ["AWS_SECRET_ACCESS_KEY={}", "DD_API_KEY={}", "CLOUDFLARE_API_TOKEN={}", "a {} b"]
    ),
    st.lists(st.sampled_from(["later {} again", "?q={}", "ENV X {}", "{}", "x{}y"]), max_size=3),
)
def test_no_copy_of_what_is_cut_is_sent(seed: int, named: str, again: list[str]) -> None:
    rng = random.Random(seed)
    value = "".join(rng.choices("0123456789abcdef", k=40)) if named[2:4] != "{}" else github(rng)
    text = "\n".join([named.format(value), *(form.format(value) for form in again)])
    headers = ((b"x-note", f"see {value}".encode()),)
    body, url = _message(text), f"{URL}?again={value}"
    found = _SHARED.scan_request(url, headers, body, JSON)
    cut = [f for f in found if f.verdict is Verdict.TOKEN]
    sent = redact(_SHARED, cut, url=url, headers=headers, body=body, content_type=JSON)
    if cut and isinstance(sent, Redacted):
        everything = b" ".join((sent.url, sent.body, *(v for _, v in sent.headers)))
        assert value.encode() not in everything
        assert json.loads(sent.body)["model"] == "m"


def test_a_value_that_a_name_gives_away_is_cut_wherever_it_stands(scanner: Scanner) -> None:
    value = alnum(random.Random(5), 39) + "/"
    text = f"AWS_SECRET_ACCESS_KEY={value}\nthe tool printed {value} again"
    escaped = _message(text)[:-1] + b', "note": "' + value.replace("/", "\\/").encode() + b'"}'
    sent = _run(scanner, escaped, url=f"{URL}?q={value[:-1]}%2F")
    assert isinstance(sent, Redacted) and sent.removed >= 4
    assert value[:-1].encode() not in sent.url + sent.body


def test_a_copy_in_the_authority_is_refused(scanner: Scanner) -> None:
    token = github(random.Random(6))
    found = scanner.scan_request(URL, (), _message(token), JSON)
    sent = redact(scanner, found, url=f"https://{token}.test/", headers=(), body=_message(token))
    assert sent == CannotRedact("authority")


def test_a_copy_in_the_path_is_refused(scanner: Scanner) -> None:
    """With another path the request would ask for another resource."""
    token = github(random.Random(6))
    found = scanner.scan_request(URL, (), _message(token), JSON)
    url = f"https://api.test/v1/{token}/messages"
    assert redact(scanner, found, url=url, headers=(), body=_message(token)) == CannotRedact("path")
    url = f"https://api.test/v1/messages?q={token}#here"
    sent = redact(scanner, found, url=url, headers=(), body=_message(token))
    assert isinstance(sent, Redacted) and token.encode() not in sent.url


@pytest.mark.parametrize("size", [300, 616, 1500, 3000, 9000])
@pytest.mark.parametrize("prefix", ["ya29.", "hvb.", "pypi-AgEIcHlwaS5vcmc", "FlyV1 fm2_"])
def test_long_tokens_are_cut_to_their_last_byte(scanner: Scanner, prefix: str, size: int) -> None:
    body = alnum(random.Random(size), size)
    sent = _run(scanner, _message(f"the token {prefix}{body} and more"))
    assert isinstance(sent, Redacted)
    assert body[-30:].encode() not in sent.body and b" and more" in sent.body


@pytest.mark.parametrize("word", ["production", "anthropic", "tool_use_id", "content"])
def test_a_password_that_is_a_word_is_cut_where_it_is_one_alone(
    scanner: Scanner, word: str
) -> None:
    text = f"DB=postgres://app:{word}@db.internal/main and {word} in prose"
    body = json.dumps({"model": f"claude-{word}", word: [{"content": text}]}).encode()
    url = "https://api.anthropic.com/v1/messages"
    found = scanner.scan_request(url, (), body, JSON)
    sent = redact(scanner, found, url=url, headers=((b"x-env", word.encode()),), body=body)
    assert isinstance(sent, Redacted)
    said = json.loads(sent.body)
    assert said["model"] == f"claude-{word}" and word in said
    assert sent.url == url.encode() and sent.headers[0][1] == word.encode()
