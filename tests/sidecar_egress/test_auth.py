"""A route's credentials go where the scheme says and nowhere else."""

from __future__ import annotations

import base64

import pytest

from botbottle.model.route import Auth
from botbottle.sidecar.egress import auth
from botbottle.sidecar.egress.stripping import Signed, strip
from tests.sidecar_egress.test_stripping import AGENTS


@pytest.mark.parametrize("mine", ["key=mine", "k%65y=mine", "a=1;KEY=mine", "key[]=mine"])
def test_no_spelling_of_a_query_credential_stays_beside_the_real_one(mine: str) -> None:
    signed = auth.inject(Signed((), mine), Auth("query", "S", "key"), "real")
    assert "mine" not in signed.query and signed.query.endswith("key=real")


@pytest.mark.parametrize("name", ["_key", "auth[key]", "a.key", "KEY-1"])
def test_a_query_credential_of_any_name_replaces_the_agents_alone(name: str) -> None:
    sent = Signed((), f"{name}=mine&key=other&auth[x]=other")
    query = auth.inject(sent, Auth("query", "S", name), "real").query
    assert query.startswith("key=other&auth[x]=other&") and query.endswith("=real")


@pytest.mark.parametrize("mine", [b"x_custom_key", b"X-Custom_Key", b"X-CUSTOM-KEY"])
def test_no_spelling_of_a_header_stays_beside_the_real_one(mine: bytes) -> None:
    fields = ((mine, b"mine"), (b"x-custom-keys", b"other"))
    signed = auth.inject(Signed(fields, ""), Auth("header", "S", "x-custom-key"), "real")
    assert signed.headers == ((b"x-custom-keys", b"other"), (b"x-custom-key", b"real"))


@pytest.mark.parametrize(
    ("scheme", "name", "value", "header"),
    [
        ("Bearer", "", "real", (b"authorization", b"Bearer real")),
        ("token", "", "real", (b"authorization", b"token real")),
        ("basic", "", "u:p", (b"authorization", b"Basic " + base64.b64encode(b"u:p"))),
        ("basic", "", "t", (b"authorization", b"Basic " + base64.b64encode(b"x-access-token:t"))),
        ("header", "x-api-key", "real", (b"x-api-key", b"real")),
    ],
)
def test_schemes(scheme: str, name: str, value: str, header: tuple[bytes, bytes]) -> None:
    signed = auth.inject(strip(AGENTS, ""), Auth(scheme, "S", name), value)  # type: ignore[arg-type]
    assert signed.headers == ((b"Host", b"h"), (b"Accept", b"*/*"), header)
    assert b"mine" not in b"".join(v for _, v in signed.headers)


def test_a_query_credential_replaces_the_agents() -> None:
    signed = auth.inject(Signed((), "key=mine&a=1"), Auth("query", "S", "key"), "re al&")
    assert signed.query == "a=1&key=re%20al%26"


def test_a_custom_header_of_the_agent_is_replaced_not_doubled() -> None:
    signed = auth.inject(
        Signed(((b"X-Custom", b"mine"),), ""), Auth("header", "S", "x-custom"), "r"
    )
    assert signed.headers == ((b"x-custom", b"r"),)


def test_a_value_that_would_start_another_header_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="line break"):
        auth.inject(Signed((), ""), Auth("Bearer", "S"), "x\r\nevil: 1")


def test_material_covers_every_form_that_leaves() -> None:
    assert set(auth.material(Auth("basic", "S"), "u:password")) >= {"u:password", "password"}
    assert "pass:word" in auth.material(Auth("basic", "S"), "u:pass:word")
    assert set(auth.material(Auth("basic", "S"), "tok")) == {"tok", auth.basic("tok")}
    assert auth.material(Auth("Bearer", "S"), "tok") == ("tok",)
