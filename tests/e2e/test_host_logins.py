"""The operator's own login in real bottles: the provider sees its access token, the agent sees
neither that nor anything else of it, and the refresh token stays in its file."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.test_real_agents import ledger, metered, sent
from tests.e2e.test_watch import Watched
from tests.sidecar_egress.test_real_clients import ACCOUNT, FAR, jwt
from tests.support.live import Live, docker

ON = "forward_host_credentials: true"


@dataclass
class Login:
    """A login file as its program writes it. Every token of it is to be searched for."""

    path: Path
    access: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)

    def claude(self, seconds: float = 3600) -> str:
        self.access.append(f"sk-ant-oat01-{secrets.token_hex(24)}")
        self.refresh.append(f"sk-ant-ort01-{secrets.token_hex(24)}")
        kept = {"accessToken": self.access[-1], "refreshToken": self.refresh[-1]}
        kept["expiresAt"] = int((time.time() + seconds) * 1000)  # type: ignore[assignment]
        return self._write({"claudeAiOauth": kept})

    def codex(self) -> str:
        self.access.append(jwt({"exp": FAR, "jti": secrets.token_hex(16)}))
        self.refresh.append(f"rt_{secrets.token_hex(24)}")
        identity = jwt({"exp": FAR, "email": "operator@example.org"})
        tokens = {"access_token": self.access[-1], "refresh_token": self.refresh[-1]}
        tokens |= {"id_token": identity, "account_id": ACCOUNT}
        self.refresh.append(identity)  # leaves as little as the refresh token does
        return self._write({"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens})

    def _write(self, document: object) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(document))
        new.replace(self.path)
        return self.access[-1]


@pytest.fixture
def claude(live: Live, tmp_path: Path) -> Login:
    live.env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "host-claude")
    live.env.pop("CLAUDE_CODE_OAUTH_TOKEN", None)
    live.bottle(template=f"claude, {ON}")
    return Login(tmp_path / "host-claude/.credentials.json")


@pytest.fixture
def codex(live: Live, tmp_path: Path) -> Login:
    live.env["CODEX_HOME"] = str(tmp_path / "host-codex")
    live.bottle(template=f"codex, {ON}")
    return Login(tmp_path / "host-codex/auth.json")


def traces(live: Live) -> Iterator[tuple[str, bytes]]:
    """Everything that bb leaves behind or shows, and everything an agent can read."""
    for container in live.containers():
        yield "inspect", docker("inspect", container).encode()
        yield "log", docker("logs", container, check=False).encode()
    for verb in (("plan", "--json"), ("history", "--json"), ("logs", "web"), ("info", "web")):
        done = live.bb(*verb, code=None)
        yield " ".join(verb), (done.stdout + done.stderr).encode()
    for path in live.home.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
    places = "/home/agent /workspace /run/bb /etc/botbottle /tmp"
    inside = ["docker", "exec", live.container(), "sh", "-c"]
    for what, script in (
        ("agent's files", f"tar -c {places} 2>/dev/null"),
        ("agent's variables", "cat /proc/[0-9]*/environ; env"),
    ):
        yield what, subprocess.run([*inside, script], check=False, capture_output=True).stdout


def assert_hidden(live: Live, login: Login) -> None:
    seen = 0
    for where, data in traces(live):
        seen += len(data)
        for token in (*login.access, *login.refresh):
            assert token.encode() not in data, f"a token is in {where}"
    assert seen > 10_000, "there was something to search"


def memory(pid: int) -> bytes:
    """All writable memory of a process of this machine."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            if rights.startswith("rw"):
                with suppress(OSError):  # it was given back meanwhile
                    mem.seek(start)
                    found.append(mem.read(end - start))
    return b"\0".join(found)


def test_a_turn_of_claude_pays_with_the_hosts_login_which_stays_hidden(
    live: Live, claude: Login
) -> None:
    token = claude.claude()
    before, data = claude.path.stat(), claude.path.read_bytes()
    plan = live.bb("plan").stdout
    assert "BB307" in plan and "with BB_HOST_CLAUDE_LOGIN (oauth)" in plan
    live.apply()
    done = live.bb("attach", "web", "--", "claude", "-p", "hello", "--output-format", "json")
    assert json.loads(done.stdout.splitlines()[-1])["is_error"] is False
    assert ledger(live) == sent(live) and ledger(live)["output"] > 0
    assert {r["auth"]["authorization"] for r in metered(live)} == {f"Bearer {token}"}
    assert_hidden(live, claude)
    assert live.bb("plan", "--detailed-exitcode").returncode == 0
    after = claude.path.stat()  # and the file was only read
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert claude.path.read_bytes() == data
    assert list(claude.path.parent.iterdir()) == [claude.path]


def test_a_turn_of_codex_pays_with_the_hosts_login_which_stays_hidden(
    live: Live, codex: Login
) -> None:
    token = codex.codex()
    live.apply()
    argv = ("codex", "exec", "--skip-git-repo-check", "--json", "hello")
    done = live.bb("attach", "web", "--", *argv)
    last = [json.loads(x) for x in done.stdout.split("\n") if x.startswith("{")][-1]
    assert last["type"] == "turn.completed", done.stdout
    assert ledger(live) == sent(live) and ledger(live)["output"] > 0
    asked = metered(live)
    assert {r["auth"]["authorization"] for r in asked} == {f"Bearer {token}"}
    assert_hidden(live, codex)
    kept = json.loads(live.shell("cat ~/.codex/auth.json").stdout)["tokens"]
    assert kept["account_id"] == ACCOUNT and "placeholder" in kept["access_token"]


def test_the_sidecars_memory_has_the_access_token_and_no_refresh_token(
    live: Live, claude: Login
) -> None:
    token = claude.claude()
    live.apply()
    pids = docker("top", live.container("web", "egress"), "-o", "pid").split()[1:]
    try:
        held = b"".join(memory(int(pid)) for pid in pids)
    except OSError:
        pytest.skip("the engine's processes are not this machine's")
    assert token.encode() in held, "the positive control"
    assert claude.refresh[0].encode() not in held


def test_a_watch_delivers_what_the_host_renewed(live: Live, claude: Login) -> None:
    first = claude.claude()
    live.apply()
    assert live.client("claude")[-1]["status"] == 200
    watch = Watched(live, live.start("watch"), live.home / "run/log/watch-home.jsonl")
    try:
        watch.saw("pass")
        second = claude.claude()
        watch.run.send_signal(signal.SIGHUP)  # look now, not at the next resync

        def renewed() -> bool:
            live.client("claude")
            last = metered(live)[-1]["auth"]["authorization"]
            assert last in (f"Bearer {first}", f"Bearer {second}")
            return bool(last == f"Bearer {second}")

        watch.until(renewed)
    finally:
        watch.end()
    assert_hidden(live, claude)


def test_a_login_that_cannot_be_used_stops_an_apply_before_its_first_write(
    live: Live, claude: Login
) -> None:
    def refused(*words: str) -> None:
        done = live.apply(code=3)
        output = done.stdout + done.stderr
        for word in ("BB290", str(claude.path), *words):
            assert word in output, output
        assert not any(t in output for t in (*claude.access, *claude.refresh))
        assert live.containers() == []

    refused("there is no login", "run `claude` once on this machine, then bb apply")
    claude.claude(seconds=-1)
    refused("has expired")
    claude.claude()
    claude.path.chmod(0o644)
    refused("chmod 600")
    claude.path.chmod(0o600)
    live.apply()


def test_a_login_that_ended_on_the_host_is_told_and_the_bottle_goes_on(
    live: Live, claude: Login
) -> None:
    token = claude.claude()
    live.apply()
    before = live.snapshot()
    claude.path.unlink()
    plan = live.bb("plan", "--detailed-exitcode").stdout
    assert "BB291" in plan and str(claude.path) in plan
    live.apply()
    assert live.snapshot() == before
    assert live.client("claude")[-1]["status"] == 200
    assert metered(live)[-1]["auth"]["authorization"] == f"Bearer {token}"
