"""What is looked for: the forms of a value, and which parts of it are secret."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, VariantCache, Verdict
from botbottle.dlp.known.guess import everyday, weak
from botbottle.dlp.known.index import KnownIndex
from botbottle.dlp.known.parts import segments
from botbottle.dlp.known.variants import variants
from tests.dlp.conftest import alnum, github, leaks


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
    assert len(KnownIndex(secrets).plain) < 200 * 100


def test_literals_are_taken_in_the_order_of_their_numbers_with_their_case() -> None:
    secret = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Hc3"
    index = KnownIndex({"S": secret})
    taken = list(index.plain.taken())
    assert len(taken) == len(index.plain)
    forms = {each.literals[0]: each for each in taken}
    encoded = base64.b64encode(secret)[:8]
    assert not forms[encoded].caseless
    assert forms[secret[:5].lower()].caseless
    for number, each in enumerate(taken):
        entry = index.plain._owners[number][0].entry
        assert each.caseless or not entry.variant.caseless
        wanted = entry.variant.text.lower() if each.caseless else entry.variant.text
        assert each.literals[0] in wanted or index.plain._owners[number][0].offset < 0


def claims(**more: str) -> str:
    head = {"alg": "HS256", "typ": "JWT"}
    body = {"iss": "https://issuer.test/v1", "ref": "abcdefghijklmnop", **more}
    parts = (json.dumps(each, separators=(",", ":")).encode() for each in (head, body))
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)


def test_what_all_tokens_of_an_issuer_share_is_no_leak_and_the_signature_is(
    make: Callable[..., Scanner], rng: random.Random
) -> None:
    held = f"{claims(role='service')}.{alnum(rng, 43)}"
    scanner = make({"S": held.encode()})
    assert not leaks(scanner, f"{claims(role='anon')}.{alnum(rng, 43)}".encode())
    assert not leaks(scanner, claims(role="service").encode())
    assert leaks(scanner, held.encode())
    assert leaks(scanner, held[-20:].encode())


@pytest.mark.parametrize(
    ("value", "public"),
    [
        ("deploy-robot@example.com:{}", "deploy-robot@example.com"),
        ("deployment-robot:{}", "deployment-robot"),
        ("postgres://svc:{}@orders-db.test.internal:5432/a", "orders-db.test.internal:5432/a"),
        ('{{"mail": "robot@company.iam.test", "private_key": "{}"}}', "robot@company.iam.test"),
        ('{{"uri": "https://accounts.test/oauth2", "token": "{}"}}', "accounts.test/oauth2"),
    ],
)  # fmt: skip
def test_names_and_hosts_beside_a_password_are_no_leak(
    value: str, public: str, make: Callable[..., Scanner], rng: random.Random
) -> None:
    password = alnum(rng, 24)
    scanner = make({"S": value.format(password).encode()})
    assert not leaks(scanner, f"write to {public} please".encode())
    for leaked in (password, password[4:21], value.format(password)):
        assert leaks(scanner, f"x {leaked} y".encode()), leaked


def test_a_key_in_the_place_of_a_name_is_one(
    make: Callable[..., Scanner], rng: random.Random
) -> None:
    key = alnum(rng, 40)
    scanner = make({"S": f"{key}:x-oauth-basic".encode()})
    assert leaks(scanner, f"x {key} y".encode())


EVERYDAY = (
    "0123456789abcdef", "12345678901234567890", "abcdefghijklmnopqrstuvwxyz012345", "qwertyuiop",
    "admin123", "password1234", "Passw0rd!", "Winter2024!", "localhost:5432", "redis:6379",
)  # fmt: skip


@pytest.mark.parametrize("value", EVERYDAY)
def test_a_held_value_that_is_in_every_text_is_noted_and_stops_nothing(
    value: str, make: Callable[..., Scanner]
) -> None:
    found = make({"S": value.encode()}).scan(f"connect to '{value}' first".encode())
    assert [f.verdict for f in found if f.rule.startswith("known_secret/")] == [Verdict.WARN]


def test_few_random_values_are_taken_for_everyday_ones(rng: random.Random) -> None:
    for size, most in ((8, 40), (10, 20), (12, 10), (16, 0)):
        for letters in (string.ascii_lowercase + string.digits, string.hexdigits.lower()):
            values = ("".join(rng.choices(letters, k=size)) for _ in range(4000))
            assert sum(everyday(value.encode()) for value in values) <= most
