"""Key = value: the shapes of many languages are found, names and documents are not."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, Verdict, strongest
from botbottle.dlp.confirm import literal
from botbottle.dlp.rules import Context, catalogue
from botbottle.dlp.wordlike import wordlike
from tests.dlp.conftest import PATIENT, alnum
from tests.dlp.sampling import sample

Make = Callable[..., Scanner]
SHAPES = (
    'api_key = "{}"',
    "API_KEY={}",
    "apiKey: '{}'",
    '{{"apiSecret": "{}"}}',
    "<apiKey>{}</apiKey>",
    '<add key="ApiKey" value="{}"/>',
    "deploy --api-key {}",
    "deploy --token={}",
    "X-Api-Key: {}",
    "https://h.test/x?access_token={}&y=1",
    '#define API_KEY "{}"',
    "define('AUTH_KEY', '{}');",
    'client.setSecret("{}")',
    ":secret_key_base => '{}'",
    "token := `{}`",
    "export MY_SECRET={}",
    'variable "db_password" {{\n  default = "{}"\n}}',
    "app.jwt.secret={}",
    "-Dservice.api.key={}",
)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_assignment_of_a_random_value_is_supervised_in_every_wrapping(
    shape: str, make: Make, rng: random.Random
) -> None:
    text = shape.format(alnum(rng, 32))
    once = json.dumps({"content": text})
    for form in (text, once, json.dumps({"body": once})):
        assert strongest(make().scan(form.encode())) is Verdict.SUPERVISE, form


@pytest.mark.parametrize(
    "text",
    [
        "next_page_token: {}",
        "public_key = '{}'",
        "oauth_signature='{}'",
        "csrf_token={}",
        '"integrity": "sha512-{}"',
        "key: {}",
    ],
)
def test_values_that_are_no_secrets_by_their_name_are_at_most_a_warning(
    text: str, make: Make, rng: random.Random
) -> None:
    value = rng.randbytes(16).hex()
    assert strongest(make().scan(text.format(value).encode())) in (None, Verdict.WARN)


@pytest.mark.parametrize(
    "value",
    [
        "Base64Sha256FromBase64EncryptionKey",
        "google_auth_p12_service_account.Credentials",
        "PBEWithHmacSHA512AndAES_256",
        "src_encryption_sha256_value2",
        "organization-secret-manager-2-v1",
        "gss_krb5_rfc1964_keydata",
    ],
)
def test_identifiers_are_no_values(value: str, make: Make) -> None:
    assert strongest(make().scan(f'secret_key = "{value}"'.encode())) in (None, Verdict.WARN)


def test_words_are_told_from_random_letters(rng: random.Random) -> None:
    assert wordlike(b"deserialise_configuration2")
    assert wordlike(b"getServletContextAttribute")
    assert not wordlike(b"1234")
    random_values = [alnum(rng, 32).encode() for _ in range(300)]
    assert sum(map(wordlike, random_values)) <= 9


def test_base64_of_readable_text_only_warns(make: Make) -> None:
    value = base64.b64encode(b"not my real password, 7 words").decode()
    assert strongest(make().scan(f"auth_token: {value}".encode())) is Verdict.WARN


def test_a_password_with_three_kinds_of_characters_is_supervised(make: Make) -> None:
    scanner = make()
    assert strongest(scanner.scan(b'password = "xK9#q2Lm7!"')) is Verdict.SUPERVISE
    assert strongest(scanner.scan(b"DB_PASSWORD=xK9#q2Lm7!")) is Verdict.SUPERVISE
    assert strongest(scanner.scan(b'password = "correct horse"')) in (None, Verdict.WARN)
    assert strongest(scanner.scan(b"password=getpass.getpass(prompt)")) in (None, Verdict.WARN)
    assert strongest(scanner.scan(b'password = "${DB_PASSWORD}"')) in (None, Verdict.WARN)


@pytest.mark.parametrize(
    "line",
    [
        "  password: {}\n", "DB_PASSWORD = {}\r\n", "POSTGRES_PASSWORD: {} # of the test\n",
        "SECRET_KEY={}\n", "<password>{}</password>", "ansible_password: {}",
    ],
)  # fmt: skip
def test_the_rest_of_a_line_is_a_password(line: str, make: Make, rng: random.Random) -> None:
    for value in ("xK9#q2Lm7!vB", "8^t_Qz%4-wR+x1", f"{alnum(rng, 11)}q7Z"):
        for text in (line.format(value), json.dumps(line.format(value))):
            assert strongest(make().scan(text.encode())) is Verdict.SUPERVISE, text


@pytest.mark.parametrize(
    "line",
    [
        "  password: String1\n", "password: str = None,\n", "pwd = os.getenv2\n",
        "password = settings.DATABASE2_PASSWORD\n", "SECRET_KEY={env2}\n",
        "passwords: Dict2, other\n", "<password>changeme2</password>",
    ],
)  # fmt: skip
def test_code_behind_the_name_of_a_password_is_none(line: str, make: Make) -> None:
    assert strongest(make().scan(line.encode())) in (None, Verdict.WARN)


@pytest.mark.parametrize("first", ["%5E", "$", "*", "[", "|"])
def test_a_password_of_a_url_may_begin_with_any_sign(first: str, make: Make) -> None:
    text = f"postgres://app:{first}uNs2H6E3Pntx@db.internal/main"
    assert strongest(make().scan(text.encode())) is Verdict.TOKEN


@pytest.mark.parametrize(
    "value",
    [
        "%s%s", "%PASS%", "%(password)s", "$PASSWORD", "$pass", "${DB_PASSWORD}", "$(cat pw)",
        "********", "**hidden**", "[password]", "{{ password }}", "<password>", "%[1]s",
    ],
)  # fmt: skip
def test_a_template_in_a_url_is_no_password(value: str, make: Make) -> None:
    text = f"postgres://app:{value}@db.internal/main"
    assert strongest(make().scan(text.encode())) in (None, Verdict.WARN)


@pytest.mark.parametrize("name", ["clientRequestToken", "ChangeToken", "LifecycleActionToken"])
def test_names_of_requests_are_no_secrets(name: str, make: Make) -> None:
    text = f'"{name}": "bcd2f1b8-9a78-44d3-8a7a-4dd07d7cf635"'
    assert strongest(make().scan(text.encode())) in (None, Verdict.WARN)


@pytest.mark.parametrize("shape", ['["{}", "{}"]', "{}=\n{}", '{}==", "{}', "{}=\\r\\n{}"])
def test_a_name_inside_a_random_word_is_no_name(make: Make, shape: str) -> None:
    """Lists of Base64: the padding looks like an operator, letters like a key's name."""
    rng = random.Random(8)
    value = base64.b64encode(rng.randbytes(36)).decode()
    scan = make({})
    noise = f"{alnum(rng, 17)}7qKey"
    assert strongest(scan.scan(shape.format(noise, value).encode())) in (None, Verdict.WARN)
    assert strongest(scan.scan(f'"stripeSecretKey": "{value}"'.encode())) is Verdict.SUPERVISE


def test_lists_of_random_words_are_no_false_alarm(make: Make) -> None:
    rng = random.Random(9)
    words = [base64.b64encode(rng.randbytes(rng.randrange(12, 70))).decode() for _ in range(4000)]
    for body in (json.dumps(words), "\r\n".join(words), " ".join(words)):
        found = make({}, limits=PATIENT).scan(body.encode())
        assert strongest(found) in (None, Verdict.WARN), found


@pytest.mark.parametrize("colour", ["\x1b[32m", "\x1b[38;5;208m", "\\u001b[1;31m", "\x1b[m\x1b[K"])
def test_a_name_behind_a_colour_is_a_name(make: Make, rng: random.Random, colour: str) -> None:
    text = f"{colour}QXZK_API_KEY={alnum(rng, 32)}"
    found = make().scan(text.encode())
    assert [f.verdict for f in found if f.rule == "generic.secret"] == [Verdict.SUPERVISE]


def test_a_keyword_s_literal_is_in_every_text_that_it_matches() -> None:
    for rule in catalogue():
        for word in rule.keywords if isinstance(rule, Context) else ():
            text = sample(word, random.Random(word)).lower().encode()
            assert literal(word) in text, word
