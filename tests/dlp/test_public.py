"""What of a held value is public: of keys nothing, whatever they look like, and little of others.

The values are random with a fixed seed; what is found of them does not depend on time.
"""

from __future__ import annotations

import base64
import codecs
import json
import random
import string
import uuid
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner
from botbottle.dlp.known.parts import segments
from tests.dlp.conftest import ALNUM, alnum, github, leaks

Make = Callable[..., Scanner]
Value = Callable[[random.Random], str]

_SIGNS = ALNUM + "!$%&/()=?-_.:,;+*#"
_PASSWORD = "Tr4b!kq9-Wz7mPd2"


def _letters(alphabet: str, size: int) -> Value:
    return lambda rng: "".join(rng.choice(alphabet) for _ in range(size))


def _base64(size: int) -> Value:
    return lambda rng: base64.b64encode(rng.randbytes(size)).decode()


KINDS: dict[str, Value] = {
    "hex40": lambda rng: rng.randbytes(20).hex(),
    "hex64": lambda rng: rng.randbytes(32).hex(),
    "base64 of 24": _base64(24),
    "base64 of 32": _base64(32),
    "base64 of 64": _base64(64),
    "urlsafe": lambda rng: base64.urlsafe_b64encode(rng.randbytes(32)).decode().rstrip("="),
    "alnum20": _letters(ALNUM, 20),
    "letters40": _letters(string.ascii_letters, 40),
    "uuid": lambda rng: str(uuid.UUID(bytes=rng.randbytes(16), version=4)),
    "password20": _letters(_SIGNS, 20),
    "password32": _letters(_SIGNS, 32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_random_value_is_public(kind: str) -> None:
    rng = random.Random(0)
    for _ in range(5_000):
        value = KINDS[kind](rng).encode()
        first = segments(value)[0]
        assert (first.text, first.public, first.whole, first.word) == (value, 0, False, False)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "reversed": lambda v: v[::-1],
    "hex": lambda v: v.hex().upper().encode(),
    "base64": base64.b64encode,
    "reversed base64": lambda v: base64.b64encode(v)[::-1],
    "base64 of reversed": lambda v: base64.b64encode(v[::-1]),
    "base32": base64.b32encode,
    "rot13": lambda v: codecs.encode(v.decode(), "rot13").encode(),
    "numbers": lambda v: ", ".join(map(str, v)).encode(),
    "two layers": lambda v: base64.b64encode(v.hex().encode()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_value_is_found_in_every_form_and_its_first_sixteen_bytes_too(
    kind: str, make: Make
) -> None:
    rng = random.Random(1)
    for _ in range(3):
        value = KINDS[kind](rng).encode()
        scanner = make({"S": value})
        for name, form in FORMS.items():
            assert leaks(scanner, b'{"x": "' + form(value) + b'"}'), name
        for start in range(0, len(value) - 15, 3):
            assert leaks(scanner, b"key " + value[start : start + 16] + b" end"), start


PREFIXED = ["xoxb-123456789012-", "github_pat_", "acme_live_", "hf_", "user@example.test:"]


@pytest.mark.parametrize("prefix", PREFIXED)
@pytest.mark.parametrize("form", FORMS)
def test_a_value_with_a_public_beginning_is_found_whole_in_every_form(
    form: str, prefix: str, make: Make, rng: random.Random
) -> None:
    value = (prefix + alnum(rng, 24)).encode()
    assert leaks(make({"S": value}), b"k: " + FORMS[form](value) + b"\n")


GITHUB = "ghp_" + "q7Zr2Kx9VbT4mPw8Ld3HsNf6YcJg1XeA5uRk"
KEY = GITHUB[4:]
HELD = {
    "a token as user": (f"https://{GITHUB}:x-oauth-basic@github.test/o/r.git", KEY),
    "a token with 1": (f"https://{GITHUB}:1@github.test/o/r.git", KEY),
    "a token alone": (f"https://{GITHUB}@github.test/o/r.git", KEY),
    "a token as password": (f"https://oauth2:{GITHUB}@gitlab.test/o/r.git", KEY),
    "beside a URL": (f"DATABASE_URL=postgres://u:{_PASSWORD}@db/x\nAPI_KEY={GITHUB}\n", KEY),
    "of the URL": (f"DATABASE_URL=postgres://u:{_PASSWORD}@db/x\nAPI_KEY={GITHUB}\n", _PASSWORD),
    "in prose": (f"go to https://a.test/login with Zk3vQ9tLmX2b and {GITHUB}", "Zk3vQ9tLmX2b and "),
    "in a query": (f"https://user:{_PASSWORD}@host/x?sig={KEY}", KEY),
    "a short one in a query": (f"https://user:{_PASSWORD}@host/x?sig=Zk3vQ9tLmX2b", "Zk3vQ9tLmX2b"),
    "escaped": ("postgres://u:p%40ss%2Fw0rd-Zk3vQ9@db/x", "p@ss/w0rd-Zk3vQ9"),
    "an address's password": (json.dumps({"database_url": f"pg://u:{_PASSWORD}@db/x"}), _PASSWORD),
    "a number": (json.dumps({"token": GITHUB, "pin": 8172635445362718}), "8172635445362718"),
    "a name": (json.dumps({GITHUB: {"scope": "x"}, "token": _PASSWORD}), KEY),
    "of equal names": (f'{{"token":"{KEY}","token":"{_PASSWORD}"}}', KEY),
    "inside a document": (json.dumps({"t": _PASSWORD, "f": json.dumps({"x_key": KEY})}), KEY),
    "in a list": (json.dumps([{"token": KEY}]), KEY),
    "pass": (json.dumps({"token": GITHUB, "pass": _PASSWORD}), _PASSWORD),
    "equal settings": (f"Key={KEY};Key={_PASSWORD};", KEY),
    "a short user's password": ("svc:Zk3vQ9tLmX2b", "Zk3vQ9tLmX2b"),
    "of two URLs": (f"pg://u:{_PASSWORD}@h/x pg://w:second-Qk39xv@h/y", "second-Qk39xv"),
    "a password with a colon": ("deploy-robot@a.test:Zk3v:Q9tLmX2b", "Zk3v:Q9tLmX2b"),
}


@pytest.mark.parametrize("held", HELD)
def test_what_is_not_surely_public_of_a_held_text_is_secret(held: str, make: Make) -> None:
    value, secret = HELD[held]
    assert leaks(make({"S": value.encode()}), f"found: {secret} end".encode())


WORDS = {
    "deploy:production": "we go to production today",
    "admin:changeme1": "the password is changeme1",
    "ci@example.test:development": "NODE_ENV=development",
    "postgres:postgres123": "user postgres123",
    "registry.example.test:5000/token-abc": "see 5000/token-abc",
    "postgres://u:development@db/x": "NODE_ENV=development",
    "see postgres://u:changeme1@db/x for it": "changeme1",
}


@pytest.mark.parametrize("value", WORDS)
def test_a_word_that_is_a_password_blocks_nothing_but_its_login(value: str, make: Make) -> None:
    scanner = make({"S": value.encode()})
    assert not leaks(scanner, WORDS[value].encode())
    assert leaks(scanner, f"x {value} y".encode())


@pytest.mark.parametrize("login", ["svc:K8a1XgGR", "postgres://u:K8a1XgGR@db/x"])
def test_a_short_password_that_is_no_word_is_secret_alone(login: str, make: Make) -> None:
    scanner = make({"S": login.encode()})
    assert leaks(scanner, b"now K8a1XgGR then")
    assert leaks(scanner, " ".join(login).encode())


@pytest.mark.parametrize("prefix", ["sk-", "hf_", "Zz9-", "tok.", "svc:"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_behind_a_doubtful_beginning_is_found_alone(
    form: str, prefix: str, make: Make, rng: random.Random
) -> None:
    secret = alnum(rng, 16)
    scanner = make({"S": (prefix + secret).encode()})
    assert leaks(scanner, b"k: " + FORMS[form](secret.encode()) + b"\n")


def _jwt(role: str, rng: random.Random) -> str:
    claims = {"iss": "vendor", "ref": "abcdefghijklmnopqrst", "role": role, "iat": 1700000000}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return b".".join(texts).decode() + "." + alnum(rng, 43)


def test_what_everybody_may_know_of_a_held_value_blocks_nothing(
    make: Make, rng: random.Random
) -> None:
    token = _jwt("service", rng)
    account = {
        "type": "service_account",
        "project_id": "my-company-production-1",
        "client_email": "robot@my-company-production-1.iam.test",
        "private_key": github(rng),
    }
    held = {
        token: [_jwt("anon", rng), token.rpartition(".")[0]],
        f"deploy-robot@example.test:{alnum(rng, 12)}": ["mail deploy-robot@example.test please"],
        f"deploy-robot@example.test:{alnum(rng, 12)};<": ["mail deploy-robot@example.test please"],
        f"postgres://orders_service:{_PASSWORD}@orders-db.internal.test:5432/orders_production": [
            "orders-db.internal.test:5432 is down", "orders_service", "orders_production",
        ],
        f"https://oauth2:{GITHUB}@git.test/mycompany/backend-service.git": [
            "https://git.test/mycompany/backend-service.git"
        ],
        json.dumps(account): [account["project_id"], account["client_email"], "service_account"],
        f"LOG_LEVEL=information\nDB_HOST=orders-db.internal.test\nKEY={KEY}": [
            "LOG_LEVEL=information", "DB_HOST=orders-db.internal.test",
        ],
        f"[default]\naws_access_key_id = AKIA{'Q7ZR2KX9VBT4MPW8'}\naws_secret_access_key = {KEY}": [
            "aws_access_key_id", "aws_secret_access_key",
        ],
        f"apiVersion: v1\nusers:\n- name: admin\n  user:\n    token: {KEY}": ["apiVersion"],
    }  # fmt: skip
    for value, texts in held.items():
        scanner = make({"S": value.encode()})
        assert leaks(scanner, value.encode())
        for text in texts:
            assert not leaks(scanner, f"see {text} .".encode()), text


def test_a_text_that_looks_like_many_pairs_is_no_work() -> None:
    assert segments(b"a=" * 4_000 + b"\n x")
    assert segments(b"a=b;" * 2_000 + b"\n")
