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

import demo_ledger  # noqa: E402 - after the path that it is found on

from tests.support.live import Internet, docker  # noqa: E402

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
WORLD_SUBNET = "11.213.7.0/24"  # public-looking; exists only inside the sealed network
AGENTS = {"demo-claude": ("claude", "cutoff"), "demo-codex": ("codex", "kill")}


class DemoFailed(Exception):
    """A step did not do what it must; the text says which and what was seen."""


@dataclass
class Demo:
    """State of one run; ``report`` collects what the last page says."""

    work: Path
    internet: Internet | None  # scripted; None: the real providers
    env: dict[str, str]
    report: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.work / "home"

    def argv(self, *args: str) -> list[str]:
        base = [sys.executable, "-m", "botbottle", "--home", str(self.home), "-C", str(self.work)]
        return [*base, *args]

    def bb(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.argv(*args), check=False, env=self.env, text=True, capture_output=True, cwd=ROOT
        )
        for secret in self.secrets:
            if secret in done.stdout + done.stderr:
                raise DemoFailed(f"bb {args[0]} printed a credential")
        if check and done.returncode != 0:
            raise DemoFailed(
                f"bb {' '.join(args)} exited {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    # -- steps ----------------------------------------------------------------------------
    def prepare(self) -> None:
        from botbottle.engine.docker import connect
        from botbottle.images import ensure, image_tag

        engine = connect(self.env)
        for name in ("sidecar", "agent-claude", "agent-codex"):
            started = time.monotonic()
            ensure(engine, name, lambda line: say(f"  {line}"))
            say(f"  image {name}: {time.monotonic() - started:.1f} s")
        shutil.copytree(ROOT / "examples/.bot-bottle", self.home)
        if self.internet is not None:
            self.internet.start(image_tag("sidecar"))
            with (self.home / "settings.yml").open("a") as settings:
                settings.write(
                    f"egress_network: {self.internet.name}\negress_ca: {self.internet.ca}\n"
                )

    def apply(self) -> None:
        self.bb("validate")
        shown = self.bb("plan")
        print(shown.stdout)
        started = time.monotonic()
        self.bb("apply", "--yes", "--allow", "widen")
        self.report.append(f"created 2 bottles in {time.monotonic() - started:.1f} s")
        for name in AGENTS:
            held = docker("inspect", self.container(name))
            if any(secret in held for secret in self.secrets):
                raise DemoFailed(f"the agent container of {name} holds a real credential")

    def container(self, bottle: str, kind: str = "agent") -> str:
        wanted = {"bottle": bottle, "kind": kind, "home": self.home_id}
        filters = [
            x for k, v in wanted.items() for x in ("--filter", f"label=dev.botbottle.{k}={v}")
        ]
        return (docker("ps", "-aq", *filters).split() or [""])[0]

    @property
    def home_id(self) -> str:
        from botbottle.model.paths import HomePaths

        return HomePaths(str(self.home)).home_id

    def spend(self, bottle: str) -> list[dict[str, Any]]:
        """Requests from inside the bottle until one is refused or cut."""
        kind, _ = AGENTS[bottle]
        client = (ROOT / "tests/world/bottle_client.cjs").read_text()
        script = json.dumps({"output": 900})
        running = self.container(bottle)
        if not running:
            return []
        text = docker(
            "exec", "-i", running, "node", "-", kind,
            "--count", "60", "--until-refused", *(("--script", script) if self.internet else ()),
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
        crossed = demo_ledger.crossing(demo_ledger.exchanges(self.home), bottle)
        took = self.wait_for(bottle, policy) - crossed
        spent = self.usage().get((bottle, provider), 0)
        how = f"request {len(answers)} refused with {answers[-1]['status']}; " if refused else ""
        self.report.append(
            f"{bottle}: {len(served)} answers, {spent:,} tokens of a budget of 20,000; {how}"
            f"{policy} carried out {took:.2f} s after the crossing"
        )

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
        if self.internet is None:
            return
        sent = [r for q in self.internet.requests() for r in q["responses"]]
        truth = {r["id"]: r["usage"] for r in sent}
        rows = demo_ledger.exchanges(self.home)
        if wrong := demo_ledger.differences(rows, truth, len(AGENTS)):
            raise DemoFailed(wrong[0])
        cut = len(demo_ledger.cut(rows))
        self.report.append(
            f"ledger = upstream, token for token, for {len(truth) - cut} whole answers; "
            f"{cut} cut in mid-stream at the crossing and estimated"
        )

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
        if self.internet:
            self.internet.stop()
        left = self.listing()
        if any(left.values()):
            raise DemoFailed(f"destroy left {left}")
        self.report.append("destroy: no container, network or volume left")

    def listing(self) -> dict[str, set[str]]:
        """What this demo made; others may use the same engine meanwhile."""
        found: dict[str, set[str]] = {"containers": set(), "networks": set(), "volumes": set()}
        for mine in (
            ("--filter", f"label=dev.botbottle.home={self.home_id}"),
            ("--filter", "name=bb-demo-world"),
        ):
            found["containers"] |= set(docker("ps", "-aq", *mine).split())
            found["networks"] |= set(docker("network", "ls", "-q", *mine).split())
            found["volumes"] |= set(docker("volume", "ls", "-q", *mine).split())
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
        watch = subprocess.Popen(demo.argv("watch"), env=demo.env, cwd=ROOT, stderr=log, stdout=log)
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
        if demo.internet:
            demo.internet.stop()


def main() -> int:
    real = all(os.environ.get(k) for k in KEYS)
    env = dict(os.environ)
    made = [] if real else [f"sk-demo-{secrets.token_hex(16)}" for _ in KEYS]
    env.update(zip(KEYS, made, strict=False))
    work = Path(tempfile.mkdtemp(prefix="bb-demo-"))
    internet = None if real else Internet("bb-demo-world", WORLD_SUBNET, work)
    demo = Demo(work, internet, env, secrets=[env[k] for k in KEYS])
    say(
        "botbottle demo, on "
        + ("the real providers" if real else "a scripted upstream (no API keys set)")
    )
    try:
        run(demo)
    except (DemoFailed, AssertionError) as failure:
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
