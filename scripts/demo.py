"""The main job on real parts: plan, apply, spend, cross the budget, be cut off, change nothing.

Run by ``make demo``. With ANTHROPIC_API_KEY and OPENAI_API_KEY in the environment the bottles
talk to the real providers. Without, the names resolve, on the egress side only, to a scripted
upstream in a container of its own: a sealed network whose stand-in addresses exist nowhere else.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
WORLD = "bb-demo-world"
CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")
WORLD_SUBNET = "11.213.7.0/24"  # public-looking; exists only inside the sealed network
HOSTS = ("api.anthropic.com", "api.openai.com")
LABEL = "dev.botbottle.kind=demo"
AGENTS = {"demo-claude": ("claude", "cutoff"), "demo-codex": ("codex", "kill")}


class DemoFailed(Exception):
    """A step did not do what it must; the text says which and what was seen."""


@dataclass
class Demo:
    """State of one run; ``report`` collects what the last page says."""

    work: Path
    real: bool
    env: dict[str, str]
    report: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    # -- running things -------------------------------------------------------------------
    def bb(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [
            sys.executable,
            "-m",
            "botbottle",
            "--home",
            str(self.work / "home"),
            "-C",
            str(self.work),
        ]
        done = subprocess.run(
            [*argv, *args], check=False, env=self.env, text=True, capture_output=True, cwd=ROOT
        )
        for secret in self.secrets:
            if secret in done.stdout + done.stderr:
                raise DemoFailed(f"bb {args[0]} printed a credential")
        if check and done.returncode != 0:
            raise DemoFailed(
                f"bb {' '.join(args)} exited {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def docker(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", *args],
            check=False,
            env=self.env,
            text=True,
            capture_output=True,
            input=stdin,
        )
        if check and done.returncode != 0:
            raise DemoFailed(f"docker {args[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    # -- the far side of the internet -----------------------------------------------------
    def start_world(self) -> None:
        from botbottle.images import image_tag

        sealed = ("--internal", "-o", "com.docker.network.bridge.inhibit_ipv4=true")
        self.docker("network", "create", "--label", LABEL, *sealed, "--subnet", WORLD_SUBNET, WORLD)
        aliases = [arg for host in HOSTS for arg in ("--network-alias", host)]
        self.docker(
            "run", "-d", "--name", WORLD, "--label", LABEL, "--network", WORLD, *aliases,
            "--user", "0:0", "-v", f"{ROOT / 'tests'}:/world/tests:ro",
            "-v", f"{self.work / 'ca'}:/ca", "-w", "/world", image_tag("sidecar"),
            "python3", "-m", "tests.world", "serve", "--listen", "0.0.0.0", "--tls-port", "443",
            "--http-port", "80", "--control-port", "8080", "--ca-dir", "/ca",
            "--max-seconds", "900",
        )  # fmt: skip
        for _ in range(150):
            if (self.work / "ca/ca.pem").exists() and self.world("health", check=False):
                return
            time.sleep(0.1)
        raise DemoFailed("the scripted upstream did not start: " + self.docker("logs", WORLD))

    def world(self, verb: str, check: bool = True) -> Any:
        text = self.docker("exec", WORLD, "python3", "-m", "tests.world", "ctl", verb, check=check)
        return json.loads(text) if text.startswith(("{", "[")) else text

    # -- steps ----------------------------------------------------------------------------
    def prepare(self) -> None:
        from botbottle.engine.docker import connect
        from botbottle.images import ensure

        engine = connect(self.env)
        for name in ("sidecar", "agent-claude", "agent-codex"):
            started = time.monotonic()
            ensure(engine, name, lambda line: say(f"  {line}"))
            say(f"  image {name}: {time.monotonic() - started:.1f} s")
        shutil.copytree(ROOT / "examples/.bot-bottle", self.work / "home")
        (self.work / "ca").mkdir()
        if not self.real:
            self.start_world()
            with (self.work / "home/settings.yml").open("a") as settings:
                settings.write(f"egress_network: {WORLD}\negress_ca: {self.work / 'ca/ca.pem'}\n")

    def apply(self) -> None:
        self.bb("validate")
        shown = self.bb("plan")
        print(shown.stdout)
        started = time.monotonic()
        self.bb("apply", "--yes", "--allow", "widen")
        self.report.append(f"created 2 bottles in {time.monotonic() - started:.1f} s")
        for name in AGENTS:
            held = self.docker("inspect", self.container(name))
            if any(secret in held for secret in self.secrets):
                raise DemoFailed(f"the agent container of {name} holds a real credential")

    def container(self, bottle: str, kind: str = "agent") -> str:
        filters = [
            "--filter",
            f"label=dev.botbottle.bottle={bottle}",
            "--filter",
            f"label=dev.botbottle.kind={kind}",
        ]
        found = self.docker(
            "ps", "-aq", *filters, "--filter", f"label=dev.botbottle.home={self.home_id}"
        )
        return found.split()[0] if found else ""

    @property
    def home_id(self) -> str:
        from botbottle.model.paths import HomePaths

        return HomePaths(str(self.work / "home")).home_id

    def spend(self, bottle: str) -> list[dict[str, Any]]:
        """Requests from inside the bottle until one is refused or cut."""
        kind, _ = AGENTS[bottle]
        client = (ROOT / "tests/world/bottle_client.cjs").read_text()
        script = json.dumps({"output": 900})
        running = self.container(bottle)
        if not running:
            return []
        text = self.docker(
            "exec", "-i", running, "node", "-", kind,
            "--count", "60", "--until-refused", *(() if self.real else ("--script", script)),
            stdin=client, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def enforce(self, bottle: str) -> None:
        """Spend to the crossing, then wait for the watch to carry the policy out."""
        provider, policy = AGENTS[bottle]
        answers: list[dict[str, Any]] = []
        refused = gone = False
        for _ in range(50):  # a stream that is cut at the crossing ends a round without a refusal
            gone = policy == "kill" and not self.container(bottle)
            if gone or refused:
                break
            answers += self.spend(bottle)  # nothing, while the container is being removed
            refused = answers[-1].get("status") in (402, 429)
        served = [a for a in answers if a.get("status") == 200]
        if not served or not (refused or gone):
            raise DemoFailed(f"{bottle}: expected answers, then a refusal; got {answers[-3:]}")
        took = self.wait_for(bottle, policy) - self.crossing(bottle)
        spent = self.usage().get((bottle, provider), 0)
        how = f"request {len(answers)} refused with {answers[-1]['status']}; " if refused else ""
        self.report.append(
            f"{bottle}: {len(served)} answers, {spent:,} tokens of a budget of 20,000; {how}"
            f"{policy} carried out {took:.2f} s after the crossing"
        )

    def crossing(self, bottle: str) -> float:
        """When the exchange that crossed the budget was recorded."""
        rows = [r for r in self.exchanges().values() if r.account.endswith(f"/{bottle}")]
        return max(r.recorded_at for r in rows)

    def wait_for_watch(self) -> None:
        for _ in range(300):
            if "pass" in (self.work / "watch.log").read_text():
                return
            time.sleep(0.1)
        raise DemoFailed("bb watch did not start: " + (self.work / "watch.log").read_text())

    def wait_for(self, bottle: str, policy: str) -> float:
        """Time of the audit row of ``policy``."""
        for _ in range(100):
            rows = json.loads(self.bb("audit", "--json", check=False).stdout or '{"rows": []}')[
                "rows"
            ]
            mine = [
                r for r in rows if r["account"].endswith(f"/{bottle}") and r["policy"] == policy
            ]
            if mine and mine[0]["action"] == "enforce":
                return float(mine[0]["at"])
            time.sleep(0.1)
        raise DemoFailed(f"{bottle}: no audit row of {policy} within 10 s")

    def usage(self) -> dict[tuple[str, str], int]:
        rows = json.loads(self.bb("usage", "--json").stdout)["rows"]
        return {(r["account"].split("/")[-1], r["provider"]): r["total"] for r in rows}

    def compare(self) -> None:
        """The ledger against what the upstream says it sent, response by response."""
        if self.real:
            return
        truth = {
            r["id"]: r["usage"]
            for record in self.world("truth")["requests"]
            for r in record["responses"]
        }
        rows = self.exchanges()
        if rows.keys() != truth.keys():
            raise DemoFailed(f"ledger and upstream differ in {sorted(rows.keys() ^ truth.keys())}")
        cut = [r for r in rows.values() if r.completeness != "final"]
        if len(cut) > len(AGENTS):
            raise DemoFailed("more streams were cut than budgets crossed")
        for response, usage in truth.items():
            row = rows[response]
            classes = CLASSES
            if row in cut:  # Messages tell the exact input first; Responses tell it last
                classes = CLASSES[:4] if row.provider == "claude" else ()
            wrong = [c for c in classes if getattr(row.tokens, c) != usage.get(c, 0)]
            if wrong:
                raise DemoFailed(f"{response}: {wrong[0]} differs from what the upstream sent")
        self.report.append(
            f"ledger = upstream, token for token, for {len(truth) - len(cut)} whole answers; "
            f"{len(cut)} cut in mid-stream at the crossing and estimated"
        )

    def exchanges(self) -> dict[str, Any]:
        from botbottle.ledger import open_ledger

        ledger = open_ledger(
            str(self.work / "home/ledger/bot-bottle.db"), create=False, read_only=True
        )
        try:
            return {row.response_id: row for row in ledger.exchanges(limit=10_000)}
        finally:
            ledger.close()

    def held(self) -> None:
        """The second apply writes nothing, resurrects nothing and says how to go on."""
        again = self.bb("apply", "--yes")
        print(again.stdout)
        if "way out" not in again.stdout:
            raise DemoFailed("the second apply does not show the held bottles")
        if self.container("demo-codex"):
            raise DemoFailed("the killed bottle came back")
        self.report.append("second plan: empty; both bottles shown as held, with the way out")

    def destroy(self) -> None:
        self.bb("destroy", "--yes")
        self.stop_world()
        left = self.listing()
        if any(left.values()):
            raise DemoFailed(f"destroy left {left}")
        self.report.append("destroy: no container, network or volume left")

    def stop_world(self) -> None:
        self.docker("rm", "-f", WORLD, check=False)
        self.docker("network", "rm", WORLD, check=False)

    def listing(self) -> dict[str, set[str]]:
        """What this demo made; others may use the same engine meanwhile."""
        found: dict[str, set[str]] = {"containers": set(), "networks": set(), "volumes": set()}
        for label in (f"dev.botbottle.home={self.home_id}", LABEL):
            mine = ("--filter", f"label={label}")
            found["containers"] |= set(self.docker("ps", "-aq", *mine).split())
            found["networks"] |= set(self.docker("network", "ls", "-q", *mine).split())
            found["volumes"] |= set(self.docker("volume", "ls", "-q", *mine).split())
        return found


def say(text: str) -> None:
    print(text, flush=True)


def step(text: str) -> None:
    say(f"\n== {text}")


def run(demo: Demo) -> None:
    watch: subprocess.Popen[bytes] | None = None
    try:
        step("images")
        demo.prepare()
        step("validate, plan, apply")
        demo.apply()
        step("watch, spend, cross the budget")
        log = (demo.work / "watch.log").open("wb")
        argv = [
            sys.executable,
            "-m",
            "botbottle",
            "--home",
            str(demo.work / "home"),
            "-C",
            str(demo.work),
            "watch",
        ]
        watch = subprocess.Popen(argv, env=demo.env, cwd=ROOT, stderr=log, stdout=log)
        demo.wait_for_watch()
        for bottle in AGENTS:
            demo.enforce(bottle)
            say(f"  {demo.report[-1]}")
        demo.compare()
        step("apply again: nothing to do")
        watch.terminate()
        watch.wait(20)
        demo.held()
        step("destroy")
        demo.destroy()
    finally:
        if watch and watch.poll() is None:
            watch.kill()
        demo.bb("destroy", "--yes", check=False)
        demo.stop_world()


def main() -> int:
    real = all(os.environ.get(k) for k in KEYS)
    env = dict(os.environ)
    made = [] if real else [f"sk-demo-{secrets.token_hex(16)}" for _ in KEYS]
    env.update(zip(KEYS, made, strict=False))
    work = Path(tempfile.mkdtemp(prefix="bb-demo-"))
    demo = Demo(work, real, env, secrets=[env[k] for k in KEYS])
    say(
        "botbottle demo, on "
        + ("the real providers" if real else "a scripted upstream (no API keys set)")
    )
    try:
        run(demo)
    except DemoFailed as failure:
        print(f"\ndemo FAILED: {failure}\nfiles kept in {work}", file=sys.stderr)
        return 1
    step("report")
    for line in demo.report:
        say(f"  {line}")
    say("\nNext: read README.md, then bb init; bb plan; bb apply. Files of this run are removed.")
    shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
