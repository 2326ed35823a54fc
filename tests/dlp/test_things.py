"""Identifiers, names in manifests and hashes stop nothing; keys of the same shape do."""

from __future__ import annotations

import json

import pytest

from botbottle.dlp import Redacted, Scanner, Verdict, redact
from tests.dlp.conftest import PATIENT

SCANNER = Scanner({}, key=b"k", limits=PATIENT)
URL, JSON = "https://api.test/v1/messages", "application/json"
UUID = "45a86b35-eca6-4055-9b34-ca69845da146"
VALUE = "aHVudGVyMjIhZ2gx"  # Base64 of a password

THINGS = (
    "torch/_C.pyi,sha256=r8_A4Qx7Lw2Vn9Zt3Bk6Hs1Yd5Rf8Gm0Jc4Pq2WvXeT,12",
    "torch/_D.pyi,sha256=hf_A4Qx7Lw2Vn9Zt3Bk6Hs1Yd5Rf8Gm0Jc4Pq2WvXeT,12",
    f'"credId": "{UUID}"',
    f"resource secret: {{ secret-name: db, id: {UUID} }}",
    f"at=info host=a.herokuapp.com request_id={UUID} fwd=x",
    f"HEROKU_OAUTH_ID={UUID}",
    f"Snyk org id: {UUID}",
    f'"tenantId": "{UUID}"',
    f"AZURE_TENANT_ID:    {UUID}",
    f'"scaleway_instance_image_id": "{UUID}"',
    f"scaleway organization_id={UUID}",
    f"ansible-vault view x | to_uuid == '{UUID}'",
    "AC0123456789abcdef0123456789abcde1",
    'password: "$6$rounds=656000$TT4O7jz2M57npccl$33LF6FcUMSW11qrESXL1HX0BS.bsiT6aenFLLiVpsQh"',
    "Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l",
    'name="authenticity_token" value="5kNlFNTYVszpuCu2MAUpRarKheQr8fLgH3kXsGbilUi7u4GvwOhujku_3MN"',
    "kind: Gateway\nmetadata:\n  name: prodgateway1\nspec:\n  tls:\n    certificateRefs:\n"
    "    - kind: Secret\n      name: x\n",
    "kind: Secret\nmetadata:\n  name: prodgateway1\nstatus: {}\n",
    "spec:\n  target:\n    kind: Secret\n  data:\n  - secretKey: x\n    remoteRef:\n"
    "      key: backend2prod\n",
    "kind: Secret\ndata:\n  x: YQ==\n---\nkind: Pod\nmetadata:\n  name: backend2prod\n",
    '{"kind":"Secret","data":{},"metadata":{"name":"backend2prod"}}',
    f'"snyk_org": "{UUID}"',
    f"snyk:\n  project:\n    {UUID}",
    "spec:\n  data:\n  - remoteRef:\n      key: backend2prod\n  target:\n    kind: Secret\n",
)
KEYS = (
    f"HEROKU_API_KEY={UUID}",
    f"snyk token: {UUID}",
    f"scaleway_secret_key = {UUID}",
    f"vault secret_id: {UUID}",
    f"vault write auth/approle/login role_id=app secret_id={UUID}",
    f"token: r8_{VALUE[:10]}a1B2c3D4e5F6g7H8i9J0k1L2m3N",
    f"kind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  password: {VALUE}\n",
    f'{{"data":{{"key":"{VALUE}"}},"kind":"Secret","metadata":{{"name":"x"}}}}',
    f"data:\n  password: {VALUE}\nkind: Secret\n",
    # Argo CD's own: kubectl sorts the keys, and one of them has a name that metadata have, too.
    f"kind: Secret\ndata:\n  name: bXlyZXBv\n  password: {VALUE}\n  url: aHR0cHM6Ly9n\n",
    f"  data:\n    name: bXlyZXBv\n    password: {VALUE}\n  kind: Secret\n  metadata:\n",
    f'{{"kind":"Secret","data":{{"name":"bXlyZXBv","password":"{VALUE}"}}}}',
    json.dumps({"kind": "Secret", "data": {"name": "bXlyZXBv", "password": VALUE}}, indent=2),
    "datadog key of project: 0f2c8d1b7a6e4c539d8e7f6a5b4c3d2e",
    f"snyk auth for our team: {UUID}",
    "DD_API_KEY_TEAM=0f2c8d1b7a6e4c539d8e7f6a5b4c3d2e",
    f"heroku_token_project: {UUID}",
    "sntryi_" + "0123456789abcdef" * 4,
    "sntrya_" + "0123456789abcdef" * 4,
    "lin_wh_a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0",
    "ek_68af296e8e408191a1120ab6383263c2",
    "SK0123456789abcdef0123456789abcde1",
)


def acted(text: str) -> list[str]:
    return [f.rule for f in SCANNER.scan(text.encode()) if f.verdict is not Verdict.WARN]


@pytest.mark.parametrize("text", THINGS)
def test_what_is_no_secret_stops_nothing(text: str) -> None:
    assert acted(text) == []
    assert acted(json.dumps({"content": text})) == []


@pytest.mark.parametrize("text", KEYS)
def test_a_key_beside_it_does(text: str) -> None:
    for form in (text, json.dumps({"content": text})):
        assert acted(form)


ENTRIES = {"admin": VALUE, "password": "VHIwdWI0ZG9yJjN4eXpRUQ==", "tls.key": "aHR0cHM6Ly9n"}
SECRET = {"apiVersion": "v1", "kind": "Secret", "data": ENTRIES, "type": "Opaque"}
YAML = "".join(f"  {key}: {value}\n" for key, value in ENTRIES.items())
MANIFESTS = (
    f"kind: Secret\nmetadata:\n  name: db\ndata:\n{YAML}type: Opaque\n",
    f"apiVersion: v1\ndata:\n{YAML}kind: Secret\ntype: Opaque\n",
    json.dumps(SECRET),
    json.dumps(SECRET, separators=(",", ":")),
    json.dumps(SECRET, indent=2),
)


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("quoted", [0, 1])
def test_all_values_of_a_secret_are_cut_together(manifest: str, quoted: int) -> None:
    """One by one each cut would leave the next, and the message would be refused."""
    text = json.dumps(manifest) if quoted else manifest
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    sent = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(sent, Redacted)
    left = json.loads(sent.body)["messages"][0]["content"]
    left = json.loads(left) if quoted else left
    assert not any(value in left for value in ENTRIES.values())
    assert "Opaque" in left, "what is behind the data stays"
    if manifest.startswith("{"):
        assert json.loads(left)["kind"] == "Secret"
