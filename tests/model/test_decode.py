"""What canonical JSON writes, decode reads back."""

from __future__ import annotations

import json

import pytest

from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, EnvVar, GitRepo, Limit, Scope, Settings
from botbottle.model.decode import decode
from botbottle.model.route import Auth, Dlp, HeaderMatch, Match, PathMatch, Route

FULL = BottleSpec(
    name="web", agent="web", project="p", layer="home", ancestry=("base", "root"),
    env=(EnvVar("A", "ask", "tell me"),),
    routes=(
        Route("*.example.com", 8443, Auth("header", "TOKEN", "x-key"),
              (Match((PathMatch("regex", "/a.*"),), ("GET",), (HeaderMatch("x", "y", "regex"),)),),
              True, Dlp(("entropy",), None, "block"), "claude", True),
    ),
    scopes=(Scope("agent", "agent:p/web", (Limit("claude", 5, "day"),)), Scope("global", "global")),
    git_repos=(GitRepo("r", "ssh://x", "key"),),
    provider_settings=(("model", "x"),),
)  # fmt: skip


@pytest.mark.parametrize("value", [FULL, Settings(provider_hosts=(("p", ("a", "b")),))])
def test_the_round_trip_keeps_everything(value: BottleSpec | Settings) -> None:
    data = json.loads(canonical.canonical(value))
    assert decode(type(value), data) == value


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeError):
        decode(Settings, ["not", "a", "mapping"])
    with pytest.raises((TypeError, ValueError)):
        decode(EnvVar, {"name": "x"})
