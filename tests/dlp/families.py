"""Samples of every family of credentials that an agent's proxy must know, in its current formats.

They are made from what the vendors document (prefix, alphabet, length), so they hold the rules
against the formats and not against themselves. The same in every process.
"""

# ruff: noqa: E501  (a table: one format a line)
from __future__ import annotations

import base64
import json
import random
import string
import zlib

ALNUM = string.ascii_letters + string.digits
URL = ALNUM + "_-"
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
STANDARD = ALNUM + "+/"
RNG = random.Random(20)


def some(alphabet: str, size: int) -> str:
    return "".join(RNG.choices(alphabet, k=size))


def base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
    return digits.rjust(6, "0")


def checked(prefix: str, size: int) -> str:
    """A body and its CRC-32 in Base62."""
    body = some(ALNUM, size)
    return prefix + body + base62(zlib.crc32(body.encode()))


def url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt() -> str:
    return f"{url64('{"alg":"RS256","typ":"JWT"}')}.{url64('{"sub":"a"}')}.{some(URL, 86)}"


def uuid() -> str:
    return "-".join(some(HEX, n) for n in (8, 4, 4, 4, 12))


def data_center() -> str:
    """Twelve digits, a colon and 20 bytes in Base64."""
    number = some(string.digits, 12).encode()
    return base64.b64encode(number + b":" + RNG.randbytes(20)).decode().rstrip("=")


def pem(kind: str, lines: int = 5) -> str:
    body = "\n".join(some(STANDARD, 64) for _ in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


FAMILIES: dict[str, tuple[str, ...]] = {
    "github": (
        *(checked(f"gh{kind}_", 30) for kind in "pousr"),
        f"github_pat_{some(ALNUM, 22)}_{some(ALNUM, 59)}",
        f"ghs_{some(string.digits, 7)}_{jwt()}",
    ),
    "gitlab": (
        f"glpat-{some(URL, 20)}",
        f"glpat-{some(URL, 27)}.{some(HEX, 2)}.{some(LOWER, 7)}",
        f"gldt-{some(URL, 20)}",
        f"glrt-{some(URL, 20)}",
        f"glrt-t1_{some(URL, 27)}.{some(HEX, 2)}.{some(LOWER, 7)}",
        f"glcbt-64_{some(URL, 20)}",
        f"glptt-{some(HEX, 40)}",
        f"glft-{some(URL, 20)}",
        f"glsoat-{some(URL, 20)}",
        f"glimt-{some(URL, 25)}",
        f"glagent-{some(URL, 50)}",
        f"gloas-{some(HEX, 64)}",
        f"glffct-{some(URL, 20)}",
        f"GR1348941{some(URL, 20)}",
    ),
    "bitbucket": (
        f"ATBB{some(ALNUM, 24)}{some(HEX, 8).upper()}",
        f"ATCTT3xFfGN0{some(URL, 160)}={some(HEX, 8).upper()}",
        f"https://x-token-auth:{some(URL, 60)}@bitbucket.org/team/repo.git",
        f"BBDC-{data_center()}",
    ),
    "aws": (
        f"aws_access_key_id = AKIA{some('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}",
        f"ASIA{some('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}",
        f"AWS_SECRET_ACCESS_KEY={some(STANDARD, 40)}",
        f"aws_session_token = IQoJb3JpZ2luX2Vj{some(STANDARD, 320)}",
        f"ABSK{some(ALNUM, 128)}",
        f"bedrock-api-key-{base64.b64encode(some(ALNUM, 90).encode()).decode()}",
    ),
    "google": (
        f"AIza{some(URL, 35)}",
        f"ya29.{some(URL, 160)}",
        f"GOCSPX-{some(URL, 28)}",
        f"AQ.Ab8RN6{some(URL, 44)}",
        f"1//0{some(URL, 98)}",
        f"GOOG1E{some(UPPER, 55)} {some(STANDARD, 40)}",
        json.dumps({"type": "service_account", "private_key": pem("PRIVATE KEY", 26)}),
    ),
    "azure": (
        f"{some(ALNUM, 3)}8Q~{some(ALNUM + '_~.-', 34)}",
        f"AccountKey={some(STANDARD, 86)}==;EndpointSuffix=core.windows.net",
        f"{some(STANDARD, 76)}+ASt{some(ALNUM, 5)}w==",
        f"{some(STANDARD, 76)}ACDb{some(ALNUM, 5)}Q==",
        f"{some(STANDARD, 33)}+ASb{some(ALNUM[26:41], 1).upper()}{some(ALNUM, 5)}=",
        f"{some(STANDARD, 33)}AIoTA{some(ALNUM, 5)}=",
        f"{some(ALNUM, 42)}AzSeB{some(ALNUM, 5)}",
        f"{some(STANDARD, 42)}+ACRC{some(ALNUM, 5)}",
        f"{some(URL, 44)}AzFu{some(ALNUM, 5)}A==",
        f"{some(ALNUM, 52)}JQQJ99BCAAAAAAAAAAAAAAASAZDO{some(ALNUM, 4)}",
        f"{some(ALNUM, 52)}JQQJ99BDACYeBjFXJ3w3AAABACOG{some(ALNUM, 4)}",
        f"?sv=2024-11-04&ss=b&srt=sco&sp=rl&se=2027-01-01&sig={some(ALNUM, 43)}%3D",
        f"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKey={some(STANDARD, 43)}=",
        f"AZURE_OPENAI_API_KEY={some(HEX, 32)}",
        f"os.environ['AZURE_DEVOPS_PAT'] = '{some('abcdefghijklmnopqrstuvwxyz234567', 52)}'",
    ),
    "anthropic": (
        f"sk-ant-api03-{some(URL, 93)}AA",
        f"sk-ant-admin01-{some(URL, 93)}AA",
        f"sk-ant-oat01-{some(URL, 93)}AA",
        f"sk-ant-ort01-{some(URL, 93)}AA",
        f"sk-ant-sid01-{some(URL, 86)}-{some(URL, 6)}AA",
    ),
    "openai": (
        f"sk-{some(ALNUM, 20)}T3BlbkFJ{some(ALNUM, 20)}",
        f"sk-proj-{some(URL, 74)}T3BlbkFJ{some(URL, 74)}",
        f"sk-svcacct-{some(URL, 74)}T3BlbkFJ{some(URL, 74)}",
        f"sk-admin-{some(URL, 58)}T3BlbkFJ{some(URL, 58)}",
        f"sk-None-{some(ALNUM, 20)}T3BlbkFJ{some(ALNUM, 20)}",
    ),
    "hugging face": (f"hf_{some(string.ascii_letters, 34)}", f"api_org_{some(ALNUM, 34)}"),
    "mistral": (f"MISTRAL_API_KEY={some(ALNUM, 32)}",),
    "groq": (f"gsk_{some(ALNUM, 20)}WGdyb3FY{some(ALNUM, 24)}", f"gsk_{some(ALNUM, 52)}"),
    "replicate": (f"r8_{some(ALNUM, 37)}",),
    "slack": (
        f"https://hooks.slack.com/workflows/T{some(UPPER, 8)}/A{some(UPPER, 8)}/{some(string.digits, 18)}/{some(ALNUM, 16)}",
        f"xoxb-{some(string.digits, 12)}-{some(string.digits, 13)}-{some(ALNUM, 24)}",
        f"xoxp-{some(string.digits, 11)}-{some(string.digits, 12)}-{some(string.digits, 13)}-{some(HEX, 32)}",
        f"xoxa-2-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(HEX, 32)}",
        f"xoxe.xoxp-1-{some(ALNUM, 166)}",
        f"xoxe-1-{some(ALNUM, 146)}",
        f"xapp-1-A{some(UPPER, 10)}-{some(string.digits, 13)}-{some(HEX, 64)}",
        f"xoxc-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(string.digits, 13)}-{some(HEX, 64)}",
        f"xoxd-{some(ALNUM + '%', 150)}",
        f"xoxs-{some(string.digits, 10)}-{some(string.digits, 10)}-{some(string.digits, 10)}-{some(HEX, 10)}",
        f"https://hooks.slack.com/services/T{some(UPPER, 10)}/B{some(UPPER, 10)}/{some(ALNUM, 24)}",
        f"https://hooks.slack.com/triggers/T{some(UPPER, 10)}/{some(string.digits, 13)}/{some(HEX, 32)}",
        f"SLACK_SIGNING_SECRET={some(HEX, 32)}",
    ),
    "discord": (
        f"{url64(some('123456789', 18))}.G{some(ALNUM, 5)}.{some(URL, 38)}",
        f"https://discord.com/api/webhooks/{some('123456789', 19)}/{some(URL, 68)}",
        f"DISCORD_CLIENT_SECRET={some(URL, 32)}",
    ),
    "telegram": (f"{some('123456789', 10)}:AA{some(URL, 33)}",),
    "twilio": (f"SK{some(HEX, 32)}", f"SK{some(HEX, 32).upper()}", f"TWILIO_AUTH_TOKEN={some(HEX, 32)}"),
    "sendgrid": (f"SG.{some(URL, 22)}.{some(URL, 43)}",),
    "mailgun": (
        f"key-{some(HEX, 32)}",
        f"MAILGUN_API_KEY={some(HEX, 32)}-{some(HEX, 8)}-{some(HEX, 8)}",
    ),
    "stripe": (
        *(f"{kind}_{mode}_{some(ALNUM, 99)}" for kind in ("sk", "rk") for mode in ("live", "test")),
        f"sk_live_{some(ALNUM, 24)}",
        f"sk_org_live_{some(ALNUM, 99)}",
        f"whsec_{some(ALNUM, 32)}",
        f"whsec_{base64.b64encode(some(ALNUM, 32).encode()).decode()}",
    ),
    "square": (f"sq0atp-{some(URL, 22)}", f"sq0csp-{some(URL, 43)}", f"EAAA{some(URL, 60)}"),
    "shopify": tuple(f"{p}_{some(a, 32)}" for p in ("shpat", "shpca", "shppa", "shpss") for a in (HEX, ALNUM)),
    "npm": (
        checked("npm_", 30),
        f"//registry.npmjs.org/:_authToken={uuid()}",
        f"//registry.npmjs.org/:_password={base64.b64encode(some(ALNUM, 18).encode()).decode()}",
    ),
    "pypi": (f"pypi-AgEIcHlwaS5vcmc{some(URL, 150)}", f"pypi-AgENdGVzdC5weXBpLm9yZw{some(URL, 150)}"),
    "rubygems": (f"rubygems_{some(HEX, 48)}",),
    "crates": (f"cio{some(ALNUM, 32)}",),
    "docker hub": (
        f"dckr_pat_{some(URL, 27)}",
        f"dckr_oat_{some(URL, 32)}",
        json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": url64(f"bob:{some(URL, 24)}")}}}),
    ),
    "digitalocean": (
        *(f"{p}_v1_{some(HEX, 64)}" for p in ("dop", "doo", "dor")),
        f"DO00{some(UPPER, 16)} {some(STANDARD, 43)}",
    ),
    "heroku": (f"HRKU-AA{some(URL, 58)}", f"HEROKU_API_KEY={uuid()}"),
    "fly": (
        f"fo1_{some(URL, 43)}",
        f"FlyV1 fm2_{some(STANDARD, 200)}",
        f"fm1r_{some(STANDARD, 200)},fm1a_{some(STANDARD, 100)}",
    ),
    "cloudflare": (
        f"CLOUDFLARE_API_TOKEN={some(URL, 40)}",
        f"CF_API_KEY={some(HEX, 37)}",
        f"v1.0-{some(HEX, 24)}-{some(HEX, 146)}",
        f"v1.0-{some(HEX, 32)}-{some(HEX, 160)}",
        *(f"{p}_{some(ALNUM, 40)}{some(HEX, 8)}" for p in ("cfk", "cfut", "cfat")),
    ),
    "vercel": (
        *(f"{p}_{some(ALNUM, 56)}" for p in ("vcp", "vci", "vca", "vcr", "vck")),
        f"vercel_blob_rw_{some(ALNUM, 16)}_{some(ALNUM, 30)}",
        f"VERCEL_TOKEN={some(ALNUM, 24)}",
    ),
    "netlify": (f"nfp_{some(ALNUM, 40)}", f"NETLIFY_AUTH_TOKEN={some(URL, 43)}"),
    "linear": (f"lin_api_{some(ALNUM, 40)}", f"lin_oauth_{some(HEX, 64)}"),
    "notion": (f"ntn_{some(string.digits, 11)}{some(ALNUM, 35)}", f"secret_{some(ALNUM, 43)}"),
    "atlassian": (
        f"ATATT3xFfGF0{some(URL, 171)}={some(HEX, 8).upper()}",
        f"ATSTT3xFfGF0{some(URL, 171)}={some(HEX, 8).upper()}",
        f"JIRA_API_TOKEN={some(ALNUM, 24)}",
        f"JIRA_PAT={data_center()}",
    ),
    "sentry": (
        f"sntrys_{base64.b64encode(json.dumps({'iat': 1.5, 'url': 'https://sentry.io'}).encode()).decode()}_{some(STANDARD, 43)}",
        f"sntryu_{some(HEX, 64)}",
        f"SENTRY_AUTH_TOKEN={some(HEX, 64)}",
    ),
    "datadog": (f"DD_API_KEY={some(HEX, 32)}", f"DATADOG_APP_KEY={some(HEX, 40)}"),
    "new relic": (
        f"NRAK-{some(UPPER, 27)}",
        f"NRII-{some(URL, 31)}7",
        f"NRJS-{some(HEX, 19)}",
        f"NEW_RELIC_LICENSE_KEY={some(HEX, 36)}NRAL",
        f"{some(HEX, 32)}FFFFNRAL",
        f"eu01xx{some(HEX, 30)}NRAL",
        f"AA{some(HEX, 40)}-NRMA",
    ),
    "grafana": (
        f"glsa_{some(ALNUM, 32)}_{some(HEX, 8)}",
        f"glc_{base64.b64encode(json.dumps({'o': '12', 'n': 'stack-1', 'k': some(ALNUM, 24)}).encode()).decode()}",
        f"{base64.b64encode(json.dumps({'k': some(ALNUM, 32), 'n': 'ci', 'id': 1}, separators=(',', ':')).encode()).decode()}",
    ),
    "pagerduty": (f"PAGERDUTY_API_KEY=u+{some(URL, 18)}", f"PD_API_KEY=y7{some(URL, 18)}", f"PAGERDUTY_TOKEN={some(URL, 20)}"),
    "vault": (
        f"hvs.{some(URL, 95)}",
        f"hvb.{some(URL, 140)}",
        f"hvr.{some(URL, 95)}",
        f"VAULT_TOKEN=s.{some(ALNUM, 24)}",
        f"vault operator unseal {some(STANDARD, 44)}",
    ),
    "doppler": (
        f"dp.pt.{some(ALNUM, 43)}",
        f"dp.st.prd.{some(ALNUM, 43)}",
        f"dp.ct.{some(ALNUM, 43)}",
        f"dp.sa.{some(ALNUM, 43)}",
        f"dp.scim.{some(ALNUM, 43)}",
        f"dp.audit.{some(ALNUM, 43)}",
    ),
    "1password": (
        f"ops_{url64(json.dumps({'signInAddress': 'a.1password.com', 'muk': {'k': some(ALNUM, 200)}}))}",
        f"A3-{some(UPPER, 6)}-{some(UPPER, 6)}-{some(UPPER, 5)}-{some(UPPER, 5)}-{some(UPPER, 5)}-{some(UPPER, 5)}",
    ),
    "age": (f"AGE-SECRET-KEY-1{some('QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L', 58)}",),
    "keys": (
        *(
            pem(kind)
            for kind in (
                "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY",
                "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK",
            )
        ),
        base64.b64encode(pem("RSA PRIVATE KEY").encode()).decode(),
        "\n".join(f"2026-11-23 10:00:0{i} INFO {x}" for i, x in enumerate(pem("PRIVATE KEY").split("\n"))),
        "\n".join(f"> {x}" for x in pem("EC PRIVATE KEY").split("\n")),
    ),
    "jwt": (jwt(), f"Authorization: Bearer {jwt()}"),
    "database": tuple(
        f"{scheme}://app:{some(ALNUM, 16)}@db.internal:5432/main"
        for scheme in ("postgres", "postgresql+asyncpg", "mysql", "mongodb+srv", "redis", "amqp")
    ),
    "basic": (
        f"https://deploy:{some(ALNUM, 20)}@git.internal/repo.git",
        f"Authorization: Basic {base64.b64encode(f'bob:{some(ALNUM, 20)}'.encode()).decode()}",
    ),
    "netrc": (f"machine api.internal login bob password {some(ALNUM, 20)}",),
    "kubeconfig": (
        f"users:\n- name: a\n  user:\n    token: {jwt()}",
        f"    client-key-data: {base64.b64encode(pem('RSA PRIVATE KEY').encode()).decode()}",
    ),
    "generic": (f'api_key = "{some(ALNUM, 40)}"', f"client_secret: {some(ALNUM, 40)}"),
    "dropbox": (f"sl.u.AF{some(URL, 140)}",),
}  # fmt: skip
