"""What stands where an agent's credentials would be, sent to where the sidecar replaces nothing."""

from __future__ import annotations

from typing import Any

import pytest

from botbottle.model.route import Auth
from botbottle.providers.claude import API_KEY_PLACEHOLDER
from tests.sidecar_egress.raw_client import exchange, get, reached
from tests.sidecar_egress.rig import EXAMPLE, Rig, until


def _told(rig: Rig) -> list[dict[str, Any]]:
    return [line for line in list(rig.sidecar.lines) if line["event"] == "placeholder"]


def _post(body: str) -> bytes:
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "request_",
    [
        get(f"/x?key={API_KEY_PLACEHOLDER}"),
        get(extra=f"X-Note: {API_KEY_PLACEHOLDER}\r\n"),
        _post(f'{{"key": "{API_KEY_PLACEHOLDER}"}}'),
    ],
    ids=["url", "header", "body"],
)
def test_a_placeholder_that_goes_elsewhere_is_reported(rig: Rig, request_: bytes) -> None:
    rig.configure(rig.route(EXAMPLE), placeholders=((API_KEY_PLACEHOLDER, "AK"),))
    before = len(_told(rig))
    exchange(rig, request_)
    until(lambda: len(_told(rig)) > before, "the report")
    (line,) = _told(rig)[before:]
    assert (line["rule"], line["name"], line["host"]) == ("placeholder", "AK", EXAMPLE)


def test_a_placeholder_in_the_place_of_the_credential_is_replaced_and_not_reported(
    rig: Rig,
) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("header", "AK", "x-api-key")),
        secrets={"AK": "sk-real-anthropic-0001"},
        placeholders=((API_KEY_PLACEHOLDER, "AK"),),
    )
    before = len(_told(rig))
    exchange(rig, get(extra=f"X-Api-Key: {API_KEY_PLACEHOLDER}\r\n"))
    exchange(rig, get(f"/x?key={API_KEY_PLACEHOLDER}"))
    until(lambda: len(_told(rig)) > before, "the report of the second")
    assert len(_told(rig)) == before + 1
    assert reached(rig)[0]["auth"] == {"x-api-key": "sk-real-anthropic-0001"}
