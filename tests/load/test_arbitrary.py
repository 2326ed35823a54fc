"""Arbitrary manifests: never a crash, always positioned findings, and schema and loader agree."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbottle.load import load
from botbottle.load.render import text
from botbottle.model.manifest_route import ROUTE_SCHEMA
from botbottle.model.reading import RouteError
from botbottle.model.route_reading import from_manifest
from tests.load.homes import BASE

KEYS = [
    "extends",
    "env",
    "agent_provider",
    "git-gate",
    "egress",
    "supervise",
    "budget",
    "shutdown",
    "resources",
    "routes",
    "host",
    "port",
    "auth",
    "scheme",
    "token_ref",
    "matches",
    "paths",
    "methods",
    "user",
    "repos",
    "url",
    "host_key",
    "key",
    "template",
    "log",
    "claude",
    "bottle",
    "state",
    "run",
    "task",
    "replicas",
    "count",
    "providers",
    "hosts",
    "runtime",
    "ssh",
    "path_allowlist",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.sampled_from(["base", "web", "5M", "?", "${X}", "claude", "a.example", "Bearer", "/v1"])
    | st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)
FILES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
TARGETS = st.sampled_from(["bottles/web.md", "agents/web.md", "settings.yml"])


def check(target: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("bottles", "agents"):
            (home / name).mkdir()
        (home / "bottles/base.md").write_text(f"---\n{BASE}\n---\n")
        (home / target).write_bytes(content)
        loaded = load(home)
        for d in loaded.diagnostics:
            assert d.code.startswith("BB2")
            assert d.message
            if d.severity == "error" and d.origin.file == target:
                assert d.origin.line >= 1, d
                assert d.origin.column >= 1, d
        assert (loaded.declared is None) == bool(loaded.errors)
        text(loaded.diagnostics).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TARGETS, FILES)
def test_any_keys_and_values(target: str, data: object) -> None:
    body = json.dumps(data)
    check(target, f"---\n{body}\n---\n".encode() if target.endswith(".md") else body.encode())


@settings(max_examples=150, deadline=None)
@given(TARGETS, st.binary(max_size=80))
def test_any_bytes(target: str, raw: bytes) -> None:
    check(target, raw)
    check(target, b"---\n" + raw + b"\n---\n")


ROUTES = st.fixed_dictionaries(
    {"host": st.sampled_from(["a.example", "*.a.example", "A B", "https://x", "x"])},
    optional={
        "port": st.sampled_from([443, 0, 70000, "443", True]),
        "auth": st.sampled_from(
            [{"scheme": "Bearer", "token_ref": "T"}, {"scheme": "Bearer"}, {"scheme": "x"}, 3]
        ),
        "matches": st.sampled_from(
            [[], [{"methods": ["GET"]}], [{"method": ["GET"]}], [{"paths": [{"value": "/v1"}]}], 1]
        ),
        "git": st.sampled_from([{"fetch": True}, {"push": True}, {"fetch": 1}]),
        "dlp": st.sampled_from(
            [
                {"outbound_on_match": "block"},
                {"outbound_on_match": "x"},
                {"outbound_detectors": ["x"]},
            ]
        ),
        "allow_private": st.sampled_from([True, "yes"]),
        "other": st.just(1),
    },
)


@settings(max_examples=300, deadline=None)
@given(ROUTES)
def test_the_schema_of_a_route_and_its_parser_agree(raw: dict[str, object]) -> None:
    try:
        from_manifest(raw)
    except RouteError:
        accepted = False
    else:
        accepted = True
    valid = jsonschema.Draft202012Validator(ROUTE_SCHEMA).is_valid(raw)
    assert valid == accepted
