"""The real programs, with exactly the environment and arguments that bb gives them.

They need port 443 of a loopback address (root) and the programs that the agent images are built
from, so they run with the tests that need an engine.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.model.sidecar_config import SidecarConfig
from botbottle.providers import agent_env, provider
from botbottle.providers.base import ACCOUNT_PLACEHOLDER, Credential
from botbottle.providers.hostlogin import forwarded
from tests.sidecar_egress.rig import KEY, LedgerProcess, SidecarProcess, until
from tests.test_world.agents import claude_binary, codex_binary
from tests.world import World
from tests.world.dialects.oauth import access_after
from tests.world.service import Options

ADDRESS = "127.0.0.9"
PROGRAMS = {"claude": claude_binary, "codex": codex_binary}
HOSTS = "api.anthropic.com api.openai.com chatgpt.com platform.claude.com auth.openai.com"
ACCOUNT = "acc-botbottle-world"
CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="port 443 needs root"),
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[World]:
    with World(Options(listen=ADDRESS, tls_port=443)) as running:
        yield running


def run(
    name: str,
    folder: Path,
    upstream: World,
    *,
    websockets: bool = False,
    way: Credential | None = None,
    value: str = "sk-real-credential-000111222",
    refused: str = "",
) -> list[Any]:
    """One headless turn with a way to log in; returns the rows of the ledger, or, when it must
    end ``refused`` with this code, the sidecar's denials."""
    upstream.reset()
    ledger = LedgerProcess(folder)
    (folder / "hosts-file").write_text(f"{ADDRESS} {HOSTS}\n")
    extra = ("--hosts", str(folder / "hosts-file"), "--trusted-network", "127.0.0.0/8")
    sidecar = SidecarProcess(folder, ledger.directory, extra)
    try:
        chosen = provider(name)
        credential = way or chosen.credential("", {})
        routes = credential.routes("K", chosen.budget)
        config = SidecarConfig(
            "b",
            tuple(replace(r, allow_private=True) for r in routes),
            placeholders=credential.placeholders("K"),
            upstream_ca=upstream.authority.pem.decode(),
        )
        with sidecar.control() as control:
            control.configure(config, {"K": value}, KEY)
        home = folder / "home"
        for file in (*chosen.files, *credential.files):
            (home / file.path).parent.mkdir(parents=True, exist_ok=True)
            (home / file.path).write_text(file.content.replace(ACCOUNT_PLACEHOLDER, ACCOUNT))
        env = {
            key: value.replace("/etc/botbottle", str(folder / "public")).replace(
                ":9099", f":{sidecar.ports['proxy']}"
            )
            for key, value in agent_env(chosen, credential, "127.0.0.1")
        }
        env |= {"HOME": str(home), "PATH": f"{PROGRAMS[name]().parent}:{os.environ['PATH']}"}
        if websockets:  # the built-in provider, which tries a WebSocket first
            credential = replace(credential, argv=())
        argv = chosen.argv("headless", credential, {"output": "json"}, "say hello")
        done = subprocess.run(
            argv, env=env, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        if refused:
            assert done.returncode != 0 and refused.encode() in done.stdout + done.stderr
            with sidecar.control() as control:
                return list(control.denials(100))
        assert done.returncode == 0, done.stderr[-2000:]
        until(lambda: bool(ledger.rows()), "a row")
        sidecar.stop()
        return ledger.rows()
    finally:
        sidecar.stop()
        ledger.close()


@pytest.mark.parametrize(
    ("name", "websockets"), [("claude", False), ("codex", False), ("codex", True)]
)
def test_a_turn_completes_and_the_ledger_is_exact(
    upstream: World, tmp_path: Path, name: str, websockets: bool
) -> None:
    rows = run(name, tmp_path, upstream, websockets=websockets)
    records = upstream.requests(settle_seconds=2)
    for kind in CLASSES:
        assert sum(getattr(r.tokens, kind) for r in rows) == sum(r["billed"][kind] for r in records)
    assert {r.completeness for r in rows} == {"final"}
    if websockets:
        assert "ws" in {r["protocol"] for r in records}
    sent = {value for r in records for value in r["auth"].values()}
    assert all("sk-real-credential" in value for value in sent), "no placeholder ever arrives"


def claude_login(refresh: str, access: str = "sk-ant-oat01-ended", ends: int = 1000) -> str:
    """A login, by default one whose access token has ended."""
    found = {"accessToken": access, "refreshToken": refresh, "expiresAt": ends}
    return json.dumps({"claudeAiOauth": found})


def codex_tokens(access: str, refresh: str) -> str:
    """Codex compares its account with what the provider says; the account is no secret."""
    account = {"https://api.openai.com/auth": {"chatgpt_account_id": ACCOUNT}, "exp": 4102444800}
    tokens = {"access_token": access, "refresh_token": refresh, "id_token": jwt(account)}
    document = {"auth_mode": "chatgpt", "last_refresh": "2100-01-01T00:00:00Z"}
    return json.dumps({**document, "tokens": {**tokens, "account_id": ACCOUNT}})


def jwt(claims: dict[str, Any]) -> str:
    raw = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{raw}.bm9uZQ"


def claude_way() -> Credential:
    return provider("claude").credential("", {"credential": "login"})


def codex_way() -> Credential:
    return provider("codex").credential("", {"credential": "login"})


LOGINS: dict[str, tuple[Callable[[], Credential], Callable[[str], str]]] = {
    "claude": (claude_way, claude_login),
    "codex": (codex_way, lambda refresh: codex_tokens(jwt({"exp": 1000}), refresh)),
}


@pytest.mark.parametrize("name", LOGINS)
def test_a_turn_with_a_login_that_has_ended_is_renewed_on_the_way(
    upstream: World, tmp_path: Path, name: str
) -> None:
    way, text = LOGINS[name]
    refresh = f"world-refresh-{secrets.token_hex(16)}"
    rows = run(name, tmp_path, upstream, way=way(), value=text(refresh))
    assert rows and {r.completeness for r in rows} == {"final"}
    sent = [r["auth"].get("authorization") for r in upstream.requests(2) if r["metered"]]
    assert set(sent) == {f"Bearer {access_after(refresh)}"}
    home = "".join(p.read_text(errors="replace") for p in tmp_path.glob("home/**/*") if p.is_file())
    assert refresh not in home and access_after(refresh) not in home


FAR = 4102444800
# Requests until it gives up: Claude Code asks once for a model, Codex never comes to that.
MOST = {"claude": 8, "codex": 40}
HOSTS_OWN: dict[str, tuple[dict[str, str], Callable[[str], str], str]] = {
    "claude": ({}, lambda kept: claude_login(kept, "sk-ant-oat01-of-the-host", 1000 * FAR),
               "sk-ant-oat01-of-the-host"),
    "codex": ({}, lambda kept: codex_tokens(jwt({"exp": FAR}), kept), jwt({"exp": FAR})),
    "codex-key": ({"credential": "api-key"},
                  lambda kept: json.dumps({"OPENAI_API_KEY": "sk-of-the-host", "kept": kept}),
                  "sk-of-the-host"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTS_OWN)
def test_a_turn_with_the_hosts_own_login_takes_its_access_token_alone(
    upstream: World, tmp_path: Path, case: str
) -> None:
    settings, text, token = HOSTS_OWN[case]
    kept = f"world-refresh-{secrets.token_hex(16)}"
    name = case.partition("-")[0]
    own = provider(name).host_login(settings)
    value = forwarded(own, text(kept))
    assert kept not in value
    rows = run(name, tmp_path, upstream, way=own.credential, value=value)
    assert rows and {r.completeness for r in rows} == {"final"}
    records = upstream.requests(2)
    sent = [r["auth"].get("authorization") for r in records if r["metered"]]
    assert sent and set(sent) == {f"Bearer {token}"}
    assert "placeholder" not in str([r["auth"] for r in records])
    home = "".join(p.read_text(errors="replace") for p in tmp_path.glob("home/**/*") if p.is_file())
    assert token not in home and kept not in home


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_client_whose_login_has_ended_stops_soon_and_shows_why(
    upstream: World, tmp_path: Path, name: str
) -> None:
    own = provider(name).host_login({})
    text = {"claude": claude_login("r"), "codex": codex_tokens(jwt({"exp": 1000}), "r")}[name]
    words = f"the operator runs `{name}` once on the host, then bb apply"
    denials = run(
        name, tmp_path, upstream, way=own.credential, value=forwarded(own, text), refused=words
    )
    assert {d["code"] for d in denials} == {"login-expired"}
    assert len(denials) <= MOST[name], [d["path"] for d in denials]
    assert upstream.requests(0) == []
