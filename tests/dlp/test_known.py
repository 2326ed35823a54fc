"""Held secrets are found in every dress, whole, in part, in pieces; ordinary text is not."""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import json
import quopri
import random
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbottle.dlp import FragmentMemory, Scanner, VariantCache, Verdict
from botbottle.dlp.known.index import KnownIndex
from botbottle.dlp.known.parts import segments, weak
from botbottle.dlp.known.squeeze import squeeze
from botbottle.dlp.known.variants import variants
from tests.dlp.conftest import ALNUM, PATIENT, alnum, github

Make = Callable[..., Scanner]


def _chunks(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda s: s.encode(),
    "upper case": lambda s: s.upper().encode(),
    "base64": lambda s: _b64(s.encode()),
    "base64 at offset 1": lambda s: _b64(b"x" + s.encode()),
    "base64 at offset 2": lambda s: _b64(b"xy" + s.encode() + b"z"),
    "base64url": lambda s: base64.urlsafe_b64encode(b"\xff" + s.encode()).rstrip(b"="),
    "base64 in lines": lambda s: base64.encodebytes(b"y" * 50 + s.encode()),
    "hex": lambda s: s.encode().hex().encode(),
    "HEX": lambda s: s.encode().hex().upper().encode(),
    "hex with colons": lambda s: s.encode().hex(":").encode(),
    "hex array": lambda s: ", ".join(hex(c) for c in s.encode()).encode(),
    "percent": lambda s: quote(s, safe="").encode(),
    "percent, every byte": lambda s: "".join(f"%{c:02X}" for c in s.encode()).encode(),
    "percent twice": lambda s: "".join(f"%25{c:02x}" for c in s.encode()).encode(),
    "base32": lambda s: base64.b32encode(s.encode()),
    "base32 lower": lambda s: base64.b32encode(b"u:" + s.encode()).lower().rstrip(b"="),
    "gzip": lambda s: gzip.compress(s.encode(), mtime=0),
    "gzip, base64": lambda s: _b64(gzip.compress(s.encode(), mtime=0)),
    "zlib, base64": lambda s: _b64(zlib.compress(s.encode())),
    "gzip, hex": lambda s: gzip.compress(s.encode(), mtime=0).hex().encode(),
    "reversed": lambda s: s[::-1].encode(),
    "JSON unicode escapes": lambda s: "".join(f"\\u{ord(c):04x}" for c in s).encode(),
    "hex escapes": lambda s: "".join(f"\\x{ord(c):02x}" for c in s).encode(),
    "octal escapes": lambda s: "".join(f"\\{ord(c):03o}" for c in s).encode(),
    "HTML entities": lambda s: "".join(f"&#{ord(c)};" for c in s).encode(),
    "quoted-printable": lambda s: quopri.encodestring((s + "=é").encode()),
    "UTF-16 LE": lambda s: s.encode("utf-16-le"),
    "UTF-16 BE": lambda s: s.encode("utf-16-be"),
    "UTF-16, base64": lambda s: _b64(s.encode("utf-16-le")),
    "rot13": lambda s: codecs.encode(s, "rot13").encode(),
    "base85": lambda s: base64.b85encode(s.encode()),
    "ascii85": lambda s: base64.a85encode(s.encode()),
    "decimal array": lambda s: json.dumps(list(s.encode())).encode(),
    "binary": lambda s: " ".join(f"{c:08b}" for c in s.encode()).encode(),
    "base64 twice": lambda s: _b64(_b64(s.encode())),
    "base64 three times": lambda s: _b64(_b64(_b64(s.encode()))),
    "base64 of hex": lambda s: _b64(binascii.hexlify(s.encode())),
    "hex of base64": lambda s: _b64(s.encode()).hex().encode(),
    "base64, gzip, base64": lambda s: _b64(gzip.compress(_b64(s.encode()), mtime=0)),
    "spaced out": lambda s: " ".join(s).encode(),
    "dotted": lambda s: ".".join(s).encode(),
    "pairs with commas": lambda s: ",".join(_chunks(s, 2)).encode(),
    "threes with dashes": lambda s: "-".join(_chunks(s, 3)).encode(),
    "fours in lines": lambda s: "\n".join(_chunks(s, 4)).encode(),
    "eights in escaped lines": lambda s: "\\n".join(_chunks(s, 8)).encode(),
    "concatenated": lambda s: "' + '".join(_chunks(s, 5)).encode(),
    "JSON array": lambda s: json.dumps(_chunks(s, 6)).encode(),
}


def _body(payload: bytes, size: int) -> bytes:
    filler = b"def load(path):\n    return open(path).read()\n" * size
    return filler + b'value = "' + payload + b'"\n' + filler


def _leaks(scanner: Scanner, data: bytes) -> list[str]:
    return [f.rule for f in scanner.scan(data) if f.verdict is Verdict.BLOCK]


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_held_secret_is_found_in_any_encoding(
    name: str, make: Make, engine: str, rng: random.Random
) -> None:
    values = [
        github(rng),
        "sk-ant-api03-" + alnum(rng, 60),
        alnum(rng, 20),
        alnum(rng, 17) + "/+=" + alnum(rng, 20),
    ]
    scanner = make({f"S{i}": value.encode() for i, value in enumerate(values)})
    for value in values:
        for size in (2, 1000) if engine == "hyperscan" else (2,):
            assert _leaks(scanner, _body(ENCODINGS[name](value), size)), value[:4]


def test_the_control_body_without_the_secret_is_clean(make: Make, rng: random.Random) -> None:
    scanner = make({"S": github(rng).encode()})
    assert not scanner.scan(_body(alnum(rng, 36).encode(), 500))


_LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "url": base64.urlsafe_b64encode,
    "hex": binascii.hexlify,
    "gzip64": lambda data: _b64(gzip.compress(data, mtime=0)),
    "zlib64": lambda data: _b64(zlib.compress(data)),
    "percent": lambda data: quote(data, safe="").encode(),
    "json": lambda data: json.dumps(data.decode("latin-1")).encode(),
    "base32": base64.b32encode,
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    chain=st.lists(st.sampled_from(sorted(_LAYERS)), max_size=3),
    before=st.text(ALNUM + " :=", max_size=30),
    seed=st.integers(0, 2**32),
)
def test_any_chain_of_up_to_three_encodings_is_undone(
    chain: list[str], before: str, seed: int
) -> None:
    value = github(random.Random(seed))
    data = before.encode() + value.encode()
    for layer in chain:
        data = _LAYERS[layer](data)
    scanner = Scanner({"S": value.encode()}, key=b"k", limits=PATIENT)
    assert _leaks(scanner, b'{"text": "' + data + b'"}')


@pytest.mark.parametrize("start", [4, 9, 20, 24])
def test_sixteen_bytes_of_a_secret_are_a_leak(start: int, make: Make, rng: random.Random) -> None:
    value = github(rng)
    part = value[start : start + 16].encode()
    assert _leaks(make({"S": value.encode()}), b"x " + part + b" y")


def test_seven_bytes_of_a_secret_are_none(make: Make, rng: random.Random) -> None:
    value = github(rng)
    assert not _leaks(make({"S": value.encode()}), b"x " + value[10:17].encode() + b" y")


def test_the_public_prefix_of_a_token_is_no_leak(make: Make, rng: random.Random) -> None:
    scanner = make({"S": b"sk-ant-api03-" + alnum(rng, 60).encode()})
    assert not _leaks(scanner, b"keys look like sk-ant-api03-... in the console")


def test_the_header_of_a_held_jwt_is_no_leak(make: Make, rng: random.Random) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    scanner = make({"S": header + b"." + alnum(rng, 40).encode() + b"." + alnum(rng, 43).encode()})
    assert not _leaks(scanner, b"every such token starts " + header + b".")


def test_a_key_s_armor_is_no_leak_but_its_body_is(make: Make, rng: random.Random) -> None:
    lines = [alnum(rng, 64) for _ in range(6)]
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    scanner = make({"S": "\n".join([begin, *lines, end]).encode()})
    assert not _leaks(scanner, f"{begin}\n{end}".encode())
    assert _leaks(scanner, f"line three is {lines[3]}".encode())


def test_halves_in_two_fields_are_put_together(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 24)
    body = json.dumps({"a": value[:12], "note": "z" * 40, "b": value[12:]}).encode()
    assert _leaks(make({"S": value.encode()}), body)


def test_pieces_in_consecutive_requests_are_put_together(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 24)
    scanner, memory = make({"S": value.encode()}), FragmentMemory()

    def send(part: str, scope: str) -> bool:
        found = scanner.scan_request(
            "https://a.test/", [], part.encode(), memory=memory, scope=scope
        )
        return any(f.verdict is Verdict.BLOCK for f in found)

    assert not send(value[:12], "bottle one, a.test")
    assert not send(value[12:], "bottle two, a.test")
    assert send(value[12:], "bottle one, a.test")


def test_of_a_value_with_a_public_beginning_the_rest_is_enough(
    make: Make, rng: random.Random
) -> None:
    value = "vendor-live-" + alnum(rng, 14)
    scanner, memory = make({"S": value.encode()}), FragmentMemory()
    verdicts = [
        scanner.scan_request("https://a.test/", [], part.encode(), memory=memory, scope="a")
        for part in (value[12:21], value[18:])
    ]
    assert not verdicts[0]
    assert [f.rule for f in verdicts[1]] == ["known_secret/fragments/S"]


def test_fragments_are_forgotten_after_their_time_and_bounded_in_number(rng: random.Random) -> None:
    memory = FragmentMemory(scopes=3, seconds=10)
    for index in range(9):
        memory.add(str(index), [], now=0.0)
    assert len(memory) == 3
    memory.forget()
    assert len(memory) == 0


def test_a_short_secret_matches_only_as_a_word(make: Make) -> None:
    scanner = make({"PIN": b"kq7w2z"})
    assert _leaks(scanner, b"pin=kq7w2z;")
    assert not _leaks(scanner, b"xkq7w2zy")


@pytest.mark.parametrize(
    "value", [b"true", b"production", b"test", b"aaaaaaaaaaaaaaaa", b"password"]
)
def test_a_plain_word_held_as_a_secret_blocks_nothing(value: bytes, make: Make) -> None:
    assert not _leaks(make({"S": value}), b'{"stage": "' + value + b'", "x": ' + value + b"}")


def test_values_too_short_to_look_for_are_named(make: Make) -> None:
    assert make({"TINY": b"ab", "EMPTY": b""}).unscannable == ("TINY", "EMPTY")


def test_the_canary_is_found_like_a_secret(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 32).encode()
    assert _leaks(make(canary=value), b"key " + value) == ["known_secret/plain/canary"]
    assert "known_secret/base64/canary" in _leaks(make(canary=value), base64.b64encode(value))


def test_no_repr_shows_a_value(make: Make, rng: random.Random) -> None:
    value = alnum(rng, 32)
    scanner = make({"S": value.encode()})
    finding = scanner.scan(value.encode())[0]
    for text in (repr(scanner), repr(scanner.index), repr(finding), str(finding)):
        assert value not in text
        assert value[:8] not in text


def test_the_variant_cache_is_bounded_and_hands_out_copies() -> None:
    cache = VariantCache(entries=2)
    first = cache(b"one-value-here-1234")
    first.clear()
    assert cache(b"one-value-here-1234")
    for index in range(5):
        cache(f"another-value-{index}".encode())
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0
    assert "value" not in repr(cache)


def test_variants_are_distinct_and_contain_the_plain_form_first(rng: random.Random) -> None:
    found = variants(github(rng).encode())
    assert found[0].codec == "plain"
    assert len({(v.text, v.caseless) for v in found}) == len(found)


def test_squeezing_leaves_nothing_of_separators_and_escapes() -> None:
    assert squeeze(b'ab" +\\n "cd-12') == b"abcd12"
    assert squeeze(b"nightmaRe") == b"ighmae"


_SEPARATORS = (
    " ",
    "\n",
    "\\n",
    "\\r\\n    ",
    "', '",
    '" + "',
    '\\", \\"',
    "-",
    ".",
    "/",
    "\\t",
    " & ",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    separators=st.lists(st.sampled_from(_SEPARATORS), min_size=1, max_size=5),
    size=st.sampled_from([0, 30, 300]),
)
def test_a_secret_in_uneven_pieces_with_any_separators_is_found(
    seed: int, sizes: list[int], separators: list[str], size: int
) -> None:
    value = alnum(random.Random(seed), 36)
    text, at = "", 0
    for index in range(len(value)):
        text += value[at : at + sizes[index % len(sizes)]] + separators[index % len(separators)]
        at += sizes[index % len(sizes)]
    scanner = Scanner({"S": value.encode()}, key=b"k", limits=PATIENT)
    assert _leaks(scanner, _body(text.encode(), size))


@pytest.mark.parametrize("value", [b"hunter2", b"correcthorse", b"0000000000"])
def test_guessable_values_are_weak(value: bytes) -> None:
    assert weak(value)


def test_structured_values_are_cut_into_their_secret_parts(rng: random.Random) -> None:
    key = alnum(rng, 40)
    document = json.dumps({"type": "service_account", "private_key_id": key}).encode()
    texts = [segment.text for segment in segments(document)]
    assert key.encode() in texts
    assert b"service_account" not in texts


def test_an_index_of_a_hundred_secrets_stays_small(rng: random.Random) -> None:
    secrets = {f"S{i}": github(rng).encode() for i in range(100)}
    assert len(KnownIndex(secrets, None).plain) < 200 * 100
