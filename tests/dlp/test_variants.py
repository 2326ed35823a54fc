"""What is looked for: the forms of a value, and which parts of it are secret."""

from __future__ import annotations

import base64
import json
import random

import pytest

from botbottle.dlp import VariantCache
from botbottle.dlp.known.index import KnownIndex
from botbottle.dlp.known.parts import segments, weak
from botbottle.dlp.known.variants import variants
from tests.dlp.conftest import alnum, github


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
    assert len(KnownIndex(secrets, None).plain) < 200 * 100


def test_literals_are_taken_in_the_order_of_their_numbers_with_their_case() -> None:
    secret = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Hc3"
    index = KnownIndex({"S": secret}, None)
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
