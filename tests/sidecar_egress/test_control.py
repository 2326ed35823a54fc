"""What the control socket answers to anything that is said to it."""

from __future__ import annotations

import json

import pytest

from botbottle.model.reading import RouteError
from tests.sidecar_egress.raw_client import say
from tests.sidecar_egress.rig import Rig


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"op":"nothing"}',
        b'{"op":["status"]}',
        b"[" * 100_000,
    ],
)
def test_nonsense_on_the_control_socket_is_answered(rig: Rig, line: bytes) -> None:
    assert say(rig, line)["ok"] is False


def test_an_error_never_quotes_a_secret(rig: Rig) -> None:
    reply = say(
        rig,
        {
            "op": "configure",
            "config": {"format": 1, "bottle": {"x": "sk-quoted"}, "log": "sk-quoted"},
            "secrets": {"A": ["sk-quoted"]},
            "hmac_key": "00",
        },
    )
    assert reply["ok"] is False
    assert "sk-quoted" not in json.dumps(reply)
    assert "sk-quoted" not in json.dumps(rig.sidecar.lines)


class TestVault:
    def test_values_are_kept_in_memory_only(self, own: Rig) -> None:
        with own.sidecar.control() as control:
            control.vault_put({"A": "asked-value", "B": "2"})
            assert control.vault_get() == {"A": "asked-value", "B": "2"}
            assert control.vault_get(["B", "C"]) == {"B": "2"}
            assert "asked-value" not in json.dumps(control.details())
        own.sidecar.restart()
        assert own.sidecar.control().vault_get() == {}


def test_route_errors_name_the_key(rig: Rig) -> None:
    wire = {**rig.config().to_wire(), "routes": [{"host": "a.com", "port": "x"}]}
    reply = say(rig, {"op": "configure", "config": wire, "secrets": {}, "hmac_key": "00"})
    assert "port" in reply["error"]
    assert RouteError("port", "x").path == "port"
