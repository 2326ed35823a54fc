"""opencode and gemini-cli, which have no template, in real bottles: metered exactly, and stopped.

Their programs come from npm, at these versions, into a cache; where npm cannot fetch them the
tests are skipped. gemini-cli obeys a refusal; opencode obeys none and asks on, so that only
freezing or killing its bottle ends it: what must hold is that nothing more is sent.
"""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.test_real_agents import ledger, metered, sent
from tests.support.live import ROOT, Live, docker, eventually

CACHE = ROOT / ".cache" / "npm-other-agents"
PACKAGES = {"gemini": "@google/gemini-cli@0.61.0", "opencode": "opencode-linux-x64@1.18.33"}
PLACES = {
    "gemini": "node_modules/@google/gemini-cli",
    "opencode": "node_modules/opencode-linux-x64",
}
GEMINI = "generativelanguage.googleapis.com"
GEMINI_ROUTE = f"""egress:
  routes:
    - host: {GEMINI}
      auth: {{scheme: header, name: x-goog-api-key, token_ref: GEMINI_API_KEY}}
env: {{GEMINI_API_KEY: placeholder-in-the-bottle}}
"""
GEMINI_SETTINGS = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
OPENCODE_SETTINGS = {
    "provider": {
        "world": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "https://api.openai.com/v1", "apiKey": "placeholder"},
            "models": {"m1": {"name": "m1"}},
        }
    },
    "model": "world/m1",
    "autoupdate": False,
    "share": "disabled",
}


def program(name: str) -> Path:
    """The folder of a program, fetched once."""
    place = CACHE / name / PLACES[name]
    if name == "opencode" and platform.machine() != "x86_64":
        pytest.skip("this package of opencode is for x86_64")
    if place.exists():
        return place
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    new = CACHE / f"{name}.{secrets.token_hex(4)}"
    new.mkdir(parents=True)
    argv = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional",
            "--force", "--prefix", str(new), PACKAGES[name]]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        shutil.rmtree(new)
        pytest.skip(f"npm cannot fetch {PACKAGES[name]}")
    with suppress(OSError):  # somebody else was first
        new.rename(CACHE / name)
    return place


def give(live: Live, name: str, settings: str, document: object) -> None:
    """Put program and settings into the running bottle."""
    docker("cp", str(program(name)), f"{live.container()}:/workspace/{name}")
    text = json.dumps(document)
    folder = settings.rpartition("/")[0]
    done = live.shell(f"mkdir -p ~/{folder} && printf %s '{text}' > ~/{settings}")
    assert done.returncode == 0, done.stderr


def run(live: Live, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "exec", live.container(), "sh", "-c", f"cd /workspace && {command}"],
        check=False, text=True, capture_output=True, timeout=600,
    )  # fmt: skip


@pytest.fixture
def gemini(live: Live) -> Live:
    program("gemini")
    live.env["GEMINI_API_KEY"] = f"sk-real-{secrets.token_hex(16)}"
    live.bottle(extra=GEMINI_ROUTE)
    live.agent(extra="budget: {gemini: 900k}\n")
    live.apply()
    give(live, "gemini", ".gemini/settings.json", GEMINI_SETTINGS)
    # The world's own texts hold U+2028, at which the program's pattern for an event gives up.
    live.internet.far.script(host=GEMINI, text="Hello. How can I help?")
    return live


GEMINI_TURN = (
    "node gemini/bundle/gemini.js -m gemini-2.5-flash -p hello --skip-trust --output-format json"
)


def test_gemini_completes_a_turn_and_the_ledger_is_exact(gemini: Live) -> None:
    done = run(gemini, GEMINI_TURN)
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    assert answer["response"]
    assert ledger(gemini) == sent(gemini) and ledger(gemini)["output"] > 0
    own = next(iter(answer["stats"]["models"].values()))["tokens"]
    assert own["candidates"] + own.get("thoughts", 0) == ledger(gemini)["output"]
    (asked,) = metered(gemini)
    assert asked["auth"]["x-goog-api-key"] == gemini.env["GEMINI_API_KEY"]


def test_gemini_stops_at_the_first_refusal(gemini: Live) -> None:
    gemini.bb("budget", "set", "agent:home/web", "gemini", "1")
    done = run(gemini, GEMINI_TURN)
    assert done.returncode != 0
    assert metered(gemini) == [], "nothing was sent"
    refused = [d for d in gemini.json("denials", "web")["denials"] if d["code"] == "budget"]
    assert len(refused) == 1, "one request, as the matrix of refusals says"


@pytest.fixture
def opencode(live: Live) -> Live:
    program("opencode")
    live.bottle(template="codex")
    live.agent(extra="budget: {codex: 900k}\n")
    live.apply()
    give(live, "opencode", ".config/opencode/opencode.json", OPENCODE_SETTINGS)
    return live


def test_opencode_completes_a_turn_and_the_ledger_is_exact(opencode: Live) -> None:
    done = run(opencode, "opencode/bin/opencode run hello")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip()
    assert len(metered(opencode)) >= 1
    eventually(lambda: ledger(opencode) == sent(opencode) and ledger(opencode)["output"] > 0, 60)


def test_opencode_gets_nothing_out_after_the_budget_and_a_kill_ends_it(opencode: Live) -> None:
    opencode.bb("budget", "set", "agent:home/web", "codex", "1")
    docker("exec", "-d", opencode.container(), "sh", "-c",
           "cd /workspace && opencode/bin/opencode run hello")  # fmt: skip

    def refusals() -> int:
        found = opencode.json("denials", "web")["denials"]
        return sum(d["code"] == "budget" for d in found)

    eventually(lambda: refusals() >= 2, 300)  # it asks again
    assert metered(opencode) == [], "and nothing goes out"
    opencode.bb("kill", "web")
    opencode.apply()
    assert opencode.containers("web", "agent") == []
