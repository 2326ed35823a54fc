"""Every rule finds what its pattern describes, in a log line, in JSON and in JSON inside JSON."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, Verdict
from botbottle.dlp.engines.linear import program
from botbottle.dlp.entropy import shannon
from botbottle.dlp.placeholders import is_placeholder
from botbottle.dlp.rules import Context, Rule, catalogue
from botbottle.dlp.ruleset import RuleSet
from tests.dlp.conftest import PATIENT, alnum
from tests.dlp.sampling import sample

RULES = catalogue()
TRIES, ROUNDS = 12, 20


def _segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jwt(rng: random.Random) -> str:
    return ".".join(
        (_segment('{"alg":"HS256","typ":"JWT"}'), _segment('{"sub":"1"}'), alnum(rng, 43))
    )


def _pem(rng: random.Random) -> str:
    body = "\n".join(alnum(rng, 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


def _pem_base64(rng: random.Random) -> str:
    return base64.b64encode(_pem(rng).encode()).decode()


def _b64(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(16)).decode()


def _manifest(first: str, second: str) -> str:
    return f"apiVersion: v1\n{first}metadata:\n  name: db\n{second}"


SPECIAL: dict[str, Callable[[random.Random], str]] = {
    "jwt": _jwt,
    "jwt.base64": lambda rng: base64.b64encode(_jwt(rng).encode()).decode(),
    "workato.token": lambda rng: "wrkaus-" + _jwt(rng),
    "key.pem": _pem,
    "key.pem-header": lambda rng: "-----BEGIN PRIVATE KEY-----\nto be filled in",
    "key.pem-base64": _pem_base64,
    "key.putty": lambda rng: (
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n" + alnum(rng, 48)
    ),
    "kubeconfig.key": lambda rng: "client-key-data: " + _pem_base64(rng),
    "http.basic": lambda rng: (
        "Basic " + base64.b64encode(f"bob7:{alnum(rng, 14)}".encode()).decode()
    ),
    "discord.token": lambda rng: (
        base64.b64encode(b"123456789012345678").decode() + f".GSwJyi.{alnum(rng, 38)}"
    ),
    "twitter.bearer": lambda rng: "A" * 22 + alnum(rng, 80),
    "aws.pair": lambda rng: f"AKIA{alnum(rng, 16).upper()}, {alnum(rng, 40)} ",
    "aws.secret-pair": lambda rng: f"- name: AWS_SECRET_ACCESS_KEY\n  value: {alnum(rng, 40)}\n",
    "azure.sas": lambda rng: f"?sv=2024-01-01&sig={alnum(rng, 44)}%3D",
    "curl.user": lambda rng: f"curl -u bob7:{alnum(rng, 12)} https://x.test/",
    "azure.devops-old": lambda rng: (
        f'token = "{"".join(rng.choices("abcdefghijklmnopqrstuvwxyz234567", k=52))}"'
    ),
    "key.jwk": lambda rng: json.dumps({"kty": "EC", "x": "abc", "d": alnum(rng, 43)}),
    "key.jwk-reversed": lambda rng: json.dumps({"d": alnum(rng, 43), "kty": "OKP"}),
    "curl.key-only": lambda rng: f"curl -u '{alnum(rng, 24)}:' https://x.test/",
    "curl.header": lambda rng: f"curl -H 'X-Auth-Token: {alnum(rng, 24)}' https://x.test/",
    "netrc": lambda rng: f"machine api.test\n  login bob\n  password {alnum(rng, 12)}",
    "kubernetes.secret": lambda rng: _manifest("kind: Secret\n", f"data:\n  pw: {_b64(rng)}\n"),
    "kubernetes.secret-reversed": lambda rng: _manifest(
        f"data:\n  pw: {_b64(rng)}\n", "kind: Secret\n"
    ),
    "generic.secret": lambda rng: f'app_secret: "{alnum(rng, 32)}"',
    "generic.flag": lambda rng: f"deploy --api-token {alnum(rng, 32)} now",
    "generic.password": lambda rng: f'password = "{alnum(rng, 12)}"',
    "generic.bare-password": lambda rng: f"spring.datasource.password={alnum(rng, 14)}",
    "generic.command-password": lambda rng: f"mysql -u bob -p{alnum(rng, 14)} db",
    "generic.declared": lambda rng: f'api_token: str = "{alnum(rng, 32)}"',
    "generic.choice": lambda rng: f'process.env.API_TOKEN || "{alnum(rng, 32)}"',
    "generic.pair": lambda rng: f'name: "API_TOKEN", value: "{alnum(rng, 32)}"',
    "generic.column": lambda rng: f"ENV API_TOKEN {alnum(rng, 32)}",
    "generic.colour": lambda rng: f"api_token\x1b[0m=\x1b[33m{alnum(rng, 32)}\x1b[0m",
    "generic.sentence": lambda rng: f"the api token is {alnum(rng, 32)}",
    "sql.identified": lambda rng: f"CREATE USER bob IDENTIFIED BY '{alnum(rng, 14)}'",
    "github.url-user": lambda rng: f"https://{rng.randbytes(20).hex()}@github.com/o/r.git",
    "gcp.client-pair": lambda rng: f"1234-ab.apps.googleusercontent.com, {alnum(rng, 24)}",
    "azure.storage-key": lambda rng: f"storage_key: {base64.b64encode(rng.randbytes(64)).decode()}",
    "vault.legacy": lambda rng: f"token s.{alnum(rng, 24)} expires",
    "id.bot": lambda rng: f'client_id: "{alnum(rng, 20)}"',
    "generic.cell": lambda rng: f"<td>api_key</td>\n<td><code>{alnum(rng, 24)}</code></td>",
    "kubernetes.bootstrap": lambda rng: (
        f"bootstrap-token: {alnum(rng, 5).lower()}7.{alnum(rng, 15).lower()}4"
    ),
    "ngrok.authtoken": lambda rng: f"authtoken: 2{alnum(rng, 26)}_{alnum(rng, 21)}",
    "openvpn.static-key": lambda rng: (
        "-----BEGIN OpenVPN Static key V1-----\n"
        + "\n".join(rng.randbytes(16).hex() for _ in range(16))
    ),
    "generic.element": lambda rng: f"<secret>{{AQAAABAAA {alnum(rng, 24)}}}</secret>",
    "generic.line-password": lambda rng: f"db:\n  password: {alnum(rng, 9)}aQ7\n",
    "http.authorization": lambda rng: f"Authorization: Bearer {alnum(rng, 32)}",
    "id.gcs-bucket": lambda rng: f"https://{alnum(rng, 12)}.storage.googleapis.com/",
    "id.azure-devops": lambda rng: f"https://dev.azure.com/{alnum(rng, 12)}",
    "id.saas-host": lambda rng: f"https://{alnum(rng, 12).lower()}.my.salesforce.com/",
    "npm.auth-line": lambda rng: f"//registry.test/:_authToken={alnum(rng, 36)}",
}


def _examples(rule: Rule | Context, rng: random.Random) -> list[str]:
    if rule.id in SPECIAL:
        return [SPECIAL[rule.id](rng) for _ in range(3)]
    if isinstance(rule, Context):
        word = rule.keywords[0].replace("[_-]?", "_").replace("[_.-]?", "_").replace("[_-]", "_")
        word = word.replace("\\.", ".")
        return [f'{word}_token = "{sample(rule.value, rng)}"' for _ in range(TRIES)]
    return [sample(rule.pattern, rng) for _ in range(TRIES)]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner({}, key=b"k", limits=PATIENT)


def _forms(text: str) -> list[bytes]:
    once = json.dumps({"content": f"log line\n{text}\nnext"})
    return [text.encode("latin-1"), once.encode(), json.dumps({"body": once}).encode()]


def _valid(rule: Rule | Context, text: str) -> bool:
    """The sample is a value of the format: its checksum, entropy and digits are right too."""
    pattern = rule.pattern if isinstance(rule, Rule) else rule.pattern()
    match = program(pattern).search(text.encode("latin-1"))
    secret = match.group(match.re.groups) if match else b""
    if not secret or b"\\" in secret or b'"' in secret[1:-1]:
        return False  # escaping would change the value itself, not only what is around it
    return (
        (rule.check is None or rule.check(secret))
        and shannon(secret) >= rule.entropy
        and not (getattr(rule, "placeholders", True) and is_placeholder(secret))
    )


def _draw(rule: Rule | Context) -> list[str]:
    """The first valid samples of a fixed sequence; formats with a rare checksum yield fewer."""
    rng = random.Random(rule.id)
    valid: list[str] = []
    for _ in range(ROUNDS):
        valid += [text for text in _examples(rule, rng) if _valid(rule, text)]
        if len(valid) >= TRIES:
            break
    return valid[:TRIES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_value_of_the_rule_s_shape_is_found_however_it_is_quoted(
    rule: Rule | Context, scanner: Scanner
) -> None:
    examples = _draw(rule)
    assert examples
    missed = [form for text in examples for form in _forms(text) if not scanner.scan(form)]
    assert not missed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_where_its_format_is_documented(rule: Rule | Context) -> None:
    assert len(rule.source) >= 12
    pattern = rule.pattern if isinstance(rule, Rule) else rule.pattern()
    assert program(pattern).groups <= 1


@pytest.mark.parametrize(
    "rule", [r for r in RULES if isinstance(r, Rule) and r.literals], ids=lambda rule: rule.id
)
def test_every_match_contains_one_of_the_rule_s_literals(rule: Rule) -> None:
    rng = random.Random(rule.id)
    for text in _examples(rule, rng)[:10]:
        assert any(literal in text.lower() for literal in rule.literals), text


def test_rule_ids_are_unique_and_cover_the_named_families() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    families = {rule_id.split(".")[0] for rule_id in ids}
    wanted = """github gitlab bitbucket aws gcp azure anthropic openai google huggingface mistral
    groq replicate slack discord telegram twilio sendgrid mailgun stripe square shopify npm pypi
    rubygems crates docker digitalocean heroku fly cloudflare vercel netlify linear notion
    atlassian sentry datadog newrelic grafana pagerduty vault doppler onepassword key jwt url netrc
    kubeconfig generic"""
    assert set(wanted.split()) <= families


def test_a_shorter_value_is_no_token(scanner: Scanner, rng: random.Random) -> None:
    for token in ("ghp" + "_" + alnum(rng, 30), "glpat" + "-" + alnum(rng, 12), "AKIA" + "B7" * 5):
        found = scanner.scan(f'value = "{token}"'.encode())
        assert not [f for f in found if f.verdict is Verdict.TOKEN], token


def test_contexts_with_one_value_shape_share_one_expression() -> None:
    contexts = [rule for rule in RULES if isinstance(rule, Context)]
    assert len(RuleSet(contexts).expressions) < len(contexts)


def test_the_digest_changes_with_the_rules() -> None:
    assert RuleSet(RULES).digest == RuleSet(RULES).digest
    others = [rule for rule in RULES if rule.id != "github.token"]
    assert RuleSet(RULES).digest != RuleSet(others).digest
