"""Real agent binaries from npm, installed once into the checkout's cache, run with a clean home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.once import alone

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "npm-agents"
CLAUDE_PACKAGE = "@anthropic-ai/claude-code-linux-x64@2.1.330"
CODEX_PACKAGE = "@openai/codex@0.169.0"
GEMINI_PACKAGE = "@google/gemini-cli@0.61.0"
OPENCODE_PACKAGE = "opencode-ai@1.18.33"
# Whatever is not on loopback goes to a proxy that nothing serves: no packet leaves the machine.
SEALED = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
NPM_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--force")
SECONDS = 120


def _install(package: str) -> Path:
    """The package's folder; installed with npm (no scripts) when it is not there yet."""
    name = package.rpartition("@")[0]
    folder = CACHE / "node_modules" / name
    with alone(CACHE):
        if not folder.exists():
            _fetch(package)
    return folder


def _fetch(package: str) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the real agents come from it")
    # --force: the platform packages declare a newer Node than their binaries need.
    subprocess.run(
        ["npm", "i", "--prefix", ".", *NPM_FLAGS, package],
        cwd=CACHE,
        check=True,
        capture_output=True,
        timeout=600,
    )


def claude_binary() -> Path:
    """Claude Code's native binary."""
    return _install(CLAUDE_PACKAGE) / "claude"


def codex_binary() -> Path:
    """Codex's native binary; its helpers lie beside it."""
    _install(CODEX_PACKAGE)
    vendor = CACHE / "node_modules" / "@openai" / "codex-linux-x64" / "vendor"
    return next(vendor.glob("*/bin/codex"))


@dataclass(frozen=True)
class Turn:
    """What an agent printed."""

    code: int
    out: str
    err: str

    def result(self) -> dict[str, Any]:
        """Claude Code's one JSON document."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def events(self) -> list[dict[str, Any]]:
        """Codex's JSON lines."""
        return [json.loads(line) for line in self.out.split("\n") if line.startswith("{")]


def run(command: list[str], home: Path, env: dict[str, str]) -> Turn:
    """Run with nothing of this machine's environment but PATH."""
    done = subprocess.run(
        command,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **SEALED, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Turn(done.returncode, done.stdout, done.stderr)


def claude(home: Path, env: dict[str, str], *arguments: str) -> Turn:
    """One headless turn of Claude Code."""
    command = [str(claude_binary()), "-p", "hello", "--output-format", "json", *arguments]
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    return run(command, home, quiet | env)


def gemini(home: Path, base_url: str) -> Turn:
    """One headless turn of Gemini CLI."""
    script = _install(GEMINI_PACKAGE) / "bundle" / "gemini.js"
    chosen = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(chosen))
    flags = ["-m", "gemini-2.5-flash", "-p", "hello", "--skip-trust", "--output-format", "json"]
    env = {"GEMINI_API_KEY": "placeholder", "GOOGLE_GEMINI_BASE_URL": base_url}
    return run(["node", str(script), *flags], home, env)


def opencode(home: Path, base_url: str) -> Turn:
    """One headless turn of opencode against an OpenAI-compatible provider."""
    _install(OPENCODE_PACKAGE)
    binary = CACHE / "node_modules" / "opencode-linux-x64" / "bin" / "opencode"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "fake",
        "options": {"baseURL": f"{base_url}/v1", "apiKey": "placeholder"},
        "models": {"m": {"name": "m"}},
    }
    config = home / ".config" / "opencode" / "opencode.json"
    config.parent.mkdir(parents=True)
    chosen = {"provider": {"fake": provider}, "model": "fake/m", "small_model": "fake/m"}
    config.write_text(json.dumps(chosen | {"autoupdate": False, "share": "disabled"}))
    return run([str(binary), "run", "hello", "--format", "json"], home, {})


def codex(home: Path, base_url: str, *, websocket: bool) -> Turn:
    """One headless turn of Codex against a provider of our own."""
    provider = (
        f'{{name="bb",base_url="{base_url}/v1",env_key="FAKE_KEY",wire_api="responses",'
        f"supports_websockets={str(websocket).lower()}}}"
    )
    settings = {
        "model_provider": '"bb"',
        "model_providers.bb": provider,
        "analytics.enabled": "false",
        "check_for_update_on_startup": "false",
        "features.plugins": "false",
        "features.apps": "false",
    }
    flags = [flag for pair in settings.items() for flag in ("-c", "=".join(pair))]
    command = [str(codex_binary()), "exec", "--skip-git-repo-check", *flags]
    return run(
        [*command, "--sandbox", "danger-full-access", "--json", "hello"],
        home,
        {"FAKE_KEY": "sk-placeholder"},
    )
