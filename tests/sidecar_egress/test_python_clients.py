"""The Python HTTP libraries with exactly the environment that bb gives an agent, nothing else.

The agent image has no Python, so they run here against a sidecar process on loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from botbottle.providers import agent_env, provider
from tests.sidecar_egress.rig import EXAMPLE, Rig

SCRIPTS = {
    "requests": "import requests; r = requests.get(url, timeout=15); s, b = r.status_code, r.text",
    "httpx": "import httpx; r = httpx.get(url, timeout=15); s, b = r.status_code, r.text",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get(url) as r:
            return r.status, await r.text()
s, b = asyncio.run(main())""",
    "urllib": """
import urllib.error, urllib.request
try: r = urllib.request.urlopen(url, timeout=15)
except urllib.error.HTTPError as error: r = error
s, b = r.status, r.read().decode()""",
}


def environment(rig: Rig) -> dict[str, str]:
    """What an agent gets, with this sidecar's port and files in place of the bottle's."""
    chosen = provider("claude")
    pairs = agent_env(chosen, chosen.credential("", {}), "127.0.0.1")
    port, public = rig.sidecar.ports["proxy"], str(rig.sidecar.ca.parent)
    moved = {k: v.replace("/etc/botbottle", public).replace("9099", str(port)) for k, v in pairs}
    return {**moved, "PATH": os.environ["PATH"], "HOME": public}


def get(rig: Rig, library: str, url: str, **env: str) -> subprocess.CompletedProcess[str]:
    script = f"import json, sys\nurl = sys.argv[1]\n{SCRIPTS[library]}\nprint(json.dumps([s, b]))"
    return subprocess.run(
        [sys.executable, "-c", script, url], env={**environment(rig), **env}, check=False,
        capture_output=True, text=True, timeout=60, cwd=Path(sys.executable).parent,
    )  # fmt: skip


def answer(done: subprocess.CompletedProcess[str]) -> tuple[int, Any]:
    assert done.returncode == 0, done.stderr[-1500:]
    status, body = json.loads(done.stdout)
    return status, json.loads(body)


@pytest.mark.parametrize("library", SCRIPTS)
def test_works_on_an_allowed_host_and_reads_the_denial_elsewhere(rig: Rig, library: str) -> None:
    status, _ = answer(get(rig, library, rig.url(EXAMPLE, "/echo")))
    assert status == 200
    assert [r["host"].partition(":")[0] for r in rig.world.requests()] == [EXAMPLE]
    status, denial = answer(get(rig, library, rig.url("denied.example.com", "/echo")))
    assert (status, denial["code"]) == (403, "no-route")
    assert len(rig.world.requests()) == 1


@pytest.mark.parametrize("library", SCRIPTS)
def test_trusts_the_bottle_only_through_its_environment(rig: Rig, library: str) -> None:
    """Without the variables the same request fails: it is they that make it work."""
    empty = {"SSL_CERT_FILE": "/dev/null", "REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}
    done = get(rig, library, rig.url(EXAMPLE, "/echo"), **empty)
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr or "SSL" in done.stderr
    assert rig.world.requests() == []
