"""Helpers of the tests of what is kept of manifests: load, keep and find at a fixed time, and any
home (``homes``)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from botbottle.load import load
from botbottle.load.inputs import Inputs, inputs
from botbottle.load.kept import Kept, find, keep
from botbottle.load.loader import Loaded
from botbottle.ui.plan_json import dumps
from tests.load.homes import BASE
from tests.support.worlds import World

NOW = 2_000_000_000.0  # later than any code of today's was changed


IMAGES = {"sidecar": "botbottle/sidecar:0123"}


ROUTE = "egress: {routes: [{host: api.example.com, matches: [{paths: [{value: /v1}]}]}]}"


APPROVED = (
    "egress: {routes: [{host: api.example.com, dlp: {allow: "
    "[{fingerprint: 0a1b2c3d4e5f6071, reason: a fixture, until: 2033-06-01}]}}]}"
)


ENDS = datetime(2033, 6, 2, tzinfo=UTC).timestamp()


def seen(home: Path, cwd: Path) -> Inputs:
    found = inputs(home, cwd)
    assert found is not None
    return found


def kept_now(home: Path, cwd: Path, now: float = NOW) -> Loaded:
    """Load and keep; the file is there unless the caller expects otherwise."""
    before = seen(home, cwd)
    loaded = load(home, cwd)
    keep(before, loaded, IMAGES, now)
    return loaded


def found(home: Path, cwd: Path, now: float = NOW) -> Kept | None:
    return find(seen(home, cwd), now)


def file_of(home: Path) -> Path:
    (made,) = (home / "run/manifests").iterdir()
    return made


def assert_same(kept: Kept | None, loaded: Loaded) -> None:
    """The same value, its provenance and its findings, and so the same plan."""
    assert kept is not None and loaded.declared is not None
    assert kept.declared == loaded.declared and kept.diagnostics == loaded.diagnostics
    for mine, theirs in zip(kept.declared.bottles, loaded.declared.bottles, strict=True):
        assert dict(mine.origins) == dict(theirs.origins)
    assert kept.declared.settings.origins == loaded.declared.settings.origins
    assert kept.images == IMAGES
    world = World()
    assert dumps(world.plan(kept.declared)) == dumps(world.plan(loaded.declared))


NAMES = st.sampled_from(["base", "dev", "x1"])


PARTS = st.lists(
    st.sampled_from(
        [
            ROUTE, APPROVED, "supervise: false", "env: {A: b, B: '?why', C: '${HOST}', D: 'ä\"'}",
            "budget: {claude: 5M, codex: 200k/day}", "shutdown: freeze", "resume: auto",
            "resources: {memory: 4g, cpus: 1.5, pids: 99}", "preflight: exact",
            "git-gate: {user: {name: A, email: a@example.com}}",
            "egress: {log: 2, learning: true, routes: [{host: '*.example.org', port: 8443}]}",
        ]
    ),
    unique_by=lambda part: part.partition(":")[0],
    max_size=6,
)  # fmt: skip


AGENTS = st.sampled_from(
    ["", "replicas: 3", "state: absent", "run: headless\ntask: do it", "budget: {claude: 1M/hour}"]
)


SETTINGS = st.sampled_from(
    ["", "shutdown: kill\nmax_changes: 3\n", "budget: {claude: 9M/month}\nfreezes: {keep: 2}\n"]
)


@st.composite
def homes(draw: Any) -> dict[str, str]:
    files, before = {}, ""
    for name in draw(st.lists(NAMES, unique=True, min_size=1)):
        extends = f"extends: {before}\n" if before and draw(st.booleans()) else ""
        files[f"bottles/{name}"] = "\n".join([extends + BASE, *draw(PARTS)])
        before = name
    for number in range(draw(st.integers(1, 3))):
        body = draw(st.sampled_from(["", "\n===\nwork\n", "\n===\n\u00e9\u200b\n"]))
        files[f"agents/a{number}"] = f"bottle: {before}\n{draw(AGENTS)}{body}"
    if text := draw(SETTINGS):
        files["settings.yml"] = text
    return files
