"""Logins, addresses and documents as held values: which of their parts are secret."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.known.parts import segments
from tests.dlp.conftest import alnum, leaks

Make = Callable[..., Scanner]


@pytest.mark.parametrize(
    ("value", "public"),
    [
        ("deploy-robot@example.test:changeme", "deploy-robot@example.test"),
        ("postgres://service:changeme@orders-db.test.internal/a", "orders-db.test.internal/a"),
    ],
)
def test_of_a_login_with_a_guessable_password_all_of_it_is_a_leak_and_nothing_less(
    value: str, public: str, make: Make
) -> None:
    scanner = make({"S": value.encode()})
    assert not leaks(scanner, f"write to {public} and changeme, changeme!".encode())
    assert not leaks(scanner, base64.b64encode(public.encode() * 3))
    assert not leaks(scanner, value[:-2].encode())
    for form in (str.encode, lambda v: base64.b64encode(v.encode()), lambda v: v[::-1].encode()):
        assert leaks(scanner, b'{"x": "' + form(value) + b'"}')
    assert leaks(scanner, value.encode().hex(":").encode())


def test_a_login_as_a_header_has_it_is_none_without_its_password(
    make: Make, rng: random.Random
) -> None:
    user, password = "deploy-robot@example.test", alnum(rng, 24)
    header = base64.b64encode(f"{user}:{password}".encode())
    scanner = make({"S": header})
    assert not leaks(scanner, base64.b64encode(f"{user}:{alnum(rng, 24)}".encode()))
    assert leaks(scanner, b"Authorization: Basic " + header)


def test_an_address_is_secret_behind_its_host(make: Make, rng: random.Random) -> None:
    path = f"services/{alnum(rng, 9)}/{alnum(rng, 24)}"
    scanner = make({"S": f"https://hooks.chat-vendor.test/{path}".encode()})
    assert not leaks(scanner, b"see https://hooks.chat-vendor.test/ for help")
    assert leaks(scanner, b"POST " + path.encode())


def test_a_host_that_is_a_key_is_secret_as_well(make: Make, rng: random.Random) -> None:
    host = f"{alnum(rng, 24).lower()}.tunnel-vendor.test"
    scanner = make({"S": f"https://{host}/api/v1/inbox".encode()})
    assert leaks(scanner, f"connect to {host}".encode())


def test_a_word_behind_a_prefix_is_no_password(make: Make) -> None:
    scanner = make({"S": b"dev-access-changemeplease"})
    assert leaks(scanner, b"use changemeplease") and leaks(scanner, b"dev-access-changemeplease")


def test_in_a_connection_string_the_key_is_secret_and_the_account_is_not(
    make: Make, rng: random.Random
) -> None:
    key = base64.b64encode(rng.randbytes(48)).decode()
    value = (
        f"DefaultEndpointsProtocol=https;AccountName=ordersproduction;AccountKey={key};"
        "EndpointSuffix=core.storage-vendor.test"
    )
    scanner = make({"S": value.encode()})
    assert not leaks(scanner, b"DefaultEndpointsProtocol=https;AccountName=ordersproduction;")
    assert not leaks(scanner, b"the host is ordersproduction.core.storage-vendor.test")
    assert leaks(scanner, value.encode()) and leaks(scanner, f"key {key[10:40]}".encode())


def test_in_a_document_what_has_no_public_name_is_secret(make: Make, rng: random.Random) -> None:
    hook = f"https://chat.test/hooks/{alnum(rng, 24)}"
    document = {
        "client_email": "robot@company-production.iam.test",
        "token_uri": "https://accounts.company.test/oauth2/token",
        "phrase": "Sommer-Regen-Katze-Fenster-Nacht",
        "webhook_url": hook,
        "password": "kx-9-delta",
        "private_key": alnum(rng, 40),
    }
    scanner = make({"S": json.dumps(document).encode()})
    for name in ("client_email", "token_uri"):
        assert not leaks(scanner, document[name].encode()), name
    for name in ("phrase", "webhook_url", "password", "private_key"):
        assert leaks(scanner, b'x "' + document[name].encode() + b'" y'), name


def test_a_document_that_is_none_is_secret_as_it_is(rng: random.Random) -> None:
    text = ('{"private_key": "' + alnum(rng, 40) + '",').encode()
    assert text in [segment.text for segment in segments(text)]
    assert segments(b"[" * 100_000)
