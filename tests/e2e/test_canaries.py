"""Every kind of credential through a bottle's whole life; afterwards it is nowhere to be found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.canaries import (
    Search,
    canary,
    command_lines,
    disguises,
    engine_says,
    environments,
    layers_of,
)  # fmt: skip
from tests.support.live import ROOT, Live, docker, eventually
from tests.world.dialects.oauth import access_after, refresh_after

SCHEMES = ("Bearer", "token", "basic", "header", "query")
BOTTLE = """\
env: {ASKED: '?tell me', COPIED: '${HOST_ONE}'}
egress:
  log: 2
  routes:
"""


def route(host: str, scheme: str, variable: str) -> str:
    name = ", name: x-key" if scheme in ("header", "query") else ""
    return (
        f"    - {{host: {host}, auth: {{scheme: {scheme}, token_ref: {variable}{name}}},"
        f" matches: [{{paths: [{{type: prefix, value: /{scheme}}}]}}]}}\n"
    )


class Life:
    """One bottle with a canary in each place where a credential can be."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.values = {f"C_{s.upper()}": canary(s) for s in (*SCHEMES, "sigv4", "oauth", "login")}
        self.login = {k: canary(k) for k in ("access", "refresh", "forwarded")}
        answers = {"BB_ENV_ASKED": canary("asked"), "HOST_ONE": canary("copied")}
        given = dict(self.values)
        given["C_SIGV4"] = f"AKIDCANARY:{self.values['C_SIGV4']}"
        given["C_OAUTH"] = self.text(self.login["forwarded"], "", time.time() + 3600)
        given["C_LOGIN"] = self.text(self.login["access"], self.login["refresh"], time.time() - 60)
        live.env.update(given | answers)
        del self.values["C_OAUTH"], self.values["C_LOGIN"]
        self.renewed = (access_after(self.login["refresh"]), refresh_after(self.login["refresh"]))
        self.asked = tuple(answers.values())
        routes = [route("api.example.org", s, f"C_{s.upper()}") for s in SCHEMES]
        routes += [
            route("other.example.org", s, f"C_{s.upper()}") for s in ("sigv4", "oauth", "login")
        ]
        live.bottle(extra=BOTTLE + "".join(routes))
        live.agent(extra="budget: {claude: 1M}\n")

    @staticmethod
    def text(access: str, refresh: str, ends: float) -> str:
        found = {"accessToken": access, "refreshToken": refresh, "expiresAt": int(ends * 1000)}
        return json.dumps({"claudeAiOauth": found})

    @property
    def search(self) -> Search:
        """For everything that only bb and the sidecar may know."""
        key = self.live.env["ANTHROPIC_API_KEY"]
        return Search(
            [*self.values.values(), *self.login.values(), *self.renewed, *self.asked, key]
        )

    def watched(self, *args: str) -> None:
        """Run bb and look at all command lines of the machine while it runs."""
        log = self.live.work / f"{args[0]}.out"
        with log.open("wb") as out:
            run = subprocess.Popen(
                self.live.argv(*args), env=self.live.env, cwd=ROOT, stdout=out, stderr=out
            )
            found, search = set(), self.search
            while run.poll() is None:
                found |= search.within(command_lines())
                time.sleep(0.2)
        assert run.returncode == 0, log.read_text()
        assert not found

    def speak(self) -> None:
        """Each credential is used once: the far side must get it, else the search is idle."""
        live = self.live
        for scheme in SCHEMES:
            live.client("get", f"https://api.example.org/{scheme}/x")
        scope = "Credential=X/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        signed = f"Authorization: AWS4-HMAC-SHA256 {scope}"
        live.shell(f"curl -s -H '{signed}' https://other.example.org/sigv4/x")
        live.client("get", "https://other.example.org/oauth/x")
        live.client("get", "https://other.example.org/login/x")
        assert live.client("claude")[0]["status"] == 200
        live.client("get", "https://api.example.org/refused")
        arrived = json.dumps(live.internet.requests())
        sent = [self.values[f"C_{s.upper()}"] for s in SCHEMES if s != "basic"]
        for value in (*sent, self.login["forwarded"], self.login["refresh"], self.renewed[0]):
            assert value in arrived, f"{value[:16]} was not used"
        assert Search([self.values["C_BASIC"]]).within(arrived.encode())
        assert "AKIDCANARY" in arrived


@pytest.fixture
def life(live: Live) -> Iterator[Life]:
    made = Life(live)
    yield made
    for image in docker("images", "-q", "-f", "label=dev.botbottle.home=" + live.home_id).split():
        docker("rmi", "-f", image, check=False)


@pytest.mark.timeout(900)  # sixty commands, some of them of the engine's
def test_no_credential_is_left_anywhere(life: Life) -> None:
    live, work, control = life.live, life.live.work, canary("control")
    prepare(life)
    life.speak()
    live.shell(f"echo {control} > /workspace/control")
    look(life)
    told(life)
    crash(life)
    running = dict(engine_says(live.containers()))
    life.watched("freeze", "web")
    live.bb("freezes", "--scan")
    frozen = dict(engine_says(live.containers(kind="agent")))
    wanted = ("-f", f"label=dev.botbottle.home={live.home_id}")
    images = docker("images", "--format", "{{.Repository}}:{{.Tag}}", *wanted).split()
    copies = {f"layers of {i}": layers_of(i) for i in images if i.endswith("-volumes")}
    places = {**running, **frozen, **copies}
    found = {place for place, data in places.items() if Search([control]).within(data)}
    assert copies and set(copies) <= found and any(p.endswith(":/workspace") for p in found)
    search = life.search
    for place, data in places.items():
        assert not search.within(data), place
    assert not life.search.below(work)
    assert not life.search.within(environments())


def prepare(life: Life) -> None:
    """From nothing to a running bottle, by every form of a plan."""
    work = str(life.live.work)
    for args in (("--diff",), ("--format", "json"), ("--full",), ("--out", f"{work}/plan")):
        life.live.bb("plan", *args)
    allow = ("--yes", "--allow", "widen,budget,destroy")
    life.watched("--events", f"{work}/events", "apply", *allow)


def look(life: Life) -> None:
    """Every way to look at it and to take something out. ``Live.bb`` searches what is printed."""
    work = str(life.live.work)
    eventually(lambda: "/refused" in docker("logs", life.live.container(kind="egress")), 60)
    life.watched("watch", "--once", "--record", f"{work}/flight")
    for args in (
        ("plan", "--diff"), ("status", "--json"), ("info", "web"), ("history",), ("usage",),
        ("replay", f"{work}/flight"), ("top", "--once", "--json"), ("denials", "web"),
        ("findings", "web"), ("logs", "web"), ("routes", "list", "web"), ("audit",),
        ("report", "--out", f"{work}/report.html"), ("audit", "--export", f"{work}/audit"),
        ("ledger", "export", f"{work}/rows"), ("ledger", "backup", f"{work}/backup"),
    ):  # fmt: skip
        life.live.bb(*args)


def told(life: Life) -> None:
    """The agent itself may know what it was asked for and given, and nothing more."""
    seen = life.live.shell("bb-exec env").stdout
    assert all(value in seen for value in life.asked)
    others = Search([*life.values.values(), *life.login.values(), *life.renewed])
    assert not others.within(seen.encode())
    inside = life.live.shell("cat /proc/*/environ /proc/*/cmdline 2>/dev/null").stdout
    assert not others.within(inside.encode())


def crash(life: Life) -> None:
    """A bug in the middle leaves a log, without a value."""
    broken = (
        "import os, sys, botbottle.session as session\n"
        "def fall(*given, **named):\n"
        "    raise RuntimeError(f'{given} {named} {dict(os.environ)}')\n"
        "session.Session.plan = fall\n"
        "from botbottle.cli.app import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    folder = life.live.work / "crashed"
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", broken, *life.live.argv("plan")[3:]],
        env={**life.live.env, "TMPDIR": str(folder)}, cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 70 and list(folder.glob("bb-bug-*.log"))
    assert not life.search.within(ran.stdout + ran.stderr)


@pytest.mark.parametrize("number", range(len(list(disguises(b"x" * 40)))))
def test_the_search_finds_each_disguise(number: int) -> None:
    value = canary("control")
    form = list(disguises(value.encode()))[number][1]
    assert Search([value]).within(b"..." + form + b"...")
    assert not Search([canary("control")]).within(b"..." + form + b"...")
