"""Driving the real thing: ``bb`` as a subprocess, a real engine, a scripted internet.

The internet is a container on a sealed network whose public-looking addresses exist nowhere
else; the product reaches it through settings any user has (``egress_network``, ``egress_ca``).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.world.client import RemoteWorld

ROOT = Path(__file__).resolve().parent.parent.parent
HOSTS = (
    "api.anthropic.com",
    "api.openai.com",
    "chatgpt.com",
    "generativelanguage.googleapis.com",
    "api.example.org",
    "other.example.org",
    "platform.claude.com",
)
LABEL = "dev.botbottle.kind=test-world"
SEALED = ("--internal", "-o", "com.docker.network.bridge.inhibit_ipv4=true")
CLIENT = ROOT / "tests/world/bottle_client.cjs"

type Done = subprocess.CompletedProcess[str]


def docker(*args: str, stdin: str | None = None, check: bool = True) -> str:
    """The docker command line client on the engine of this environment."""
    done = subprocess.run(
        ["docker", *args], check=False, text=True, capture_output=True, input=stdin
    )
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(args[:3])}: {done.stderr.strip()}")
    return done.stdout.strip()


@dataclass
class Internet:
    """The far side: starts, steers and questions the scripted upstream."""

    name: str
    subnet: str
    folder: Path

    def start(self, image: str) -> None:
        docker("network", "create", "--label", LABEL, *SEALED, "--subnet", self.subnet, self.name)
        self.serve(image, self.name, *HOSTS)

    def serve(self, image: str, network: str, *hosts: str, options: tuple[str, ...] = ()) -> None:
        """Answer in ``network``, under the names ``hosts``."""
        (self.folder / "ca").mkdir(parents=True, exist_ok=True)
        aliases = [arg for host in hosts for arg in ("--network-alias", host)]
        docker(
            "run", "-d", "--name", self.name, "--label", LABEL, "--network", network, *aliases,
            "--user", "0:0", "-v", f"{ROOT / 'tests'}:/world/tests:ro",
            "-v", f"{self.folder / 'ca'}:/ca", "-w", "/world", image,
            "python3", "-m", "tests.world", "serve", "--listen", "0.0.0.0", "--tls-port", "443",
            "--http-port", "80", "--control-port", "8080", "--control-socket", "/ca/control.sock",
            "--ca-dir", "/ca", "--max-seconds", "3600", *options,
        )  # fmt: skip
        eventually(self.answers, 20)

    @property
    def ca(self) -> Path:
        return self.folder / "ca/ca.pem"

    @property
    def far(self) -> RemoteWorld:
        """Over the socket in our folder: an ``exec`` would start an interpreter for each word."""
        return RemoteWorld(str(self.folder / "ca/control.sock"))

    def answers(self) -> bool:
        try:
            return self.ca.exists() and bool(self.far.call("GET", "/health"))
        except OSError:
            return False

    def requests(self, host: str = "") -> list[dict[str, Any]]:
        found = self.far.requests()
        return [r for r in found if not host or r["host"] == host]

    def reset(self) -> None:
        self.far.reset()

    def stop(self) -> None:
        docker("rm", "-f", self.name, check=False)
        docker("network", "rm", self.name, check=False)


@dataclass
class Live:
    """One bb home on the engine. Every output is searched for the real credentials."""

    work: Path
    internet: Internet
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {
            **os.environ,
            "ANTHROPIC_API_KEY": f"sk-real-{secrets.token_hex(16)}",
            "OPENAI_API_KEY": f"sk-real-{secrets.token_hex(16)}",
        }
        self.env.pop("CI", None)
        self.settings()

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def credentials(self) -> tuple[str, ...]:
        return tuple(v for v in self.env.values() if v.startswith("sk-real-"))

    # -- manifests ------------------------------------------------------------------------
    def settings(self, extra: str = "") -> None:
        self.write(
            "settings.yml",
            f"egress_network: {self.internet.name}\negress_ca: {self.internet.ca}\n{extra}",
        )

    def write(self, path: str, text: str) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def bottle(self, name: str = "base", template: str = "claude", extra: str = "") -> None:
        self.write(
            f"bottles/{name}.md",
            f"---\nagent_provider: {{template: {template}}}\nsupervise: false\n{extra}---\n",
        )

    def agent(self, name: str = "web", bottle: str = "base", extra: str = "") -> None:
        self.write(
            f"agents/{name}.md", f"---\nbottle: {bottle}\nstate: started\n{extra}---\n{name}\n"
        )

    # -- running --------------------------------------------------------------------------
    def argv(self, *args: str) -> list[str]:
        base = [sys.executable, "-m", "botbottle", "--home", str(self.home), "-C", str(self.work)]
        return [*base, *args]

    def bb(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> Done:
        done = subprocess.run(
            self.argv(*args), check=False, text=True, capture_output=True, cwd=ROOT,
            env={**self.env, **(env or {})}, timeout=180,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert not any(c in output for c in self.credentials), f"bb {args[0]} printed a credential"
        if code is not None:
            assert done.returncode == code, f"bb {' '.join(args)}: {done.returncode}\n{output}"
        return done

    def apply(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> Done:
        return self.bb(
            "apply", "--yes", "--allow", "widen,budget,destroy", *args, code=code, env=env
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*args), env=self.env, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    # -- looking --------------------------------------------------------------------------
    @property
    def home_id(self) -> str:
        from botbottle.model.paths import HomePaths

        return HomePaths(str(self.home)).home_id

    def containers(self, bottle: str = "", kind: str = "") -> list[str]:
        filters = ["--filter", f"label=dev.botbottle.home={self.home_id}"]
        for key, value in (("bottle", bottle), ("kind", kind)):
            if value:
                filters += ["--filter", f"label=dev.botbottle.{key}={value}"]
        return docker("ps", "-aq", "--no-trunc", *filters).split()

    def container(self, bottle: str = "web", kind: str = "agent") -> str:
        found = self.containers(bottle, kind)
        assert len(found) == 1, f"{kind} of {bottle}: {found}"
        return found[0]

    def inspect(self, bottle: str = "web", kind: str = "agent") -> dict[str, Any]:
        return json.loads(docker("inspect", self.container(bottle, kind)))[0]

    def snapshot(self) -> dict[str, str]:
        """Container id → when it started."""
        return {
            c: docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", c)
            for c in self.containers()
        }

    def json(self, *args: str) -> Any:
        return json.loads(self.bb(*args, "--json").stdout)

    # -- acting as the agent --------------------------------------------------------------
    def client(self, kind: str, *args: str, bottle: str = "web") -> list[dict[str, Any]]:
        text = docker(
            "exec", "-i", self.container(bottle), "node", "-", kind, *args,
            stdin=CLIENT.read_text(), check=False,
        )  # fmt: skip
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def start_client(self, kind: str, *args: str, bottle: str = "web") -> subprocess.Popen[str]:
        """The client in the background; its standard output holds the JSON lines."""
        argv = ["docker", "exec", "-i", self.container(bottle), "node", "-", kind, *args]
        run = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert run.stdin
        run.stdin.write(CLIENT.read_text())
        run.stdin.close()
        run.stdin = None
        return run

    def inspect_image(self, recipe: str) -> str:
        from botbottle.images import image_tag

        return image_tag(recipe)

    def shell(self, script: str, bottle: str = "web") -> Done:
        return subprocess.run(
            ["docker", "exec", "-i", self.container(bottle), "sh", "-c", script],
            check=False, text=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def cleanup(self) -> None:
        mine = ("--filter", f"label=dev.botbottle.home={self.home_id}", "-q")
        remove = {"container": ("rm", "-f", "-v"), "network": ("rm",), "volume": ("rm",)}
        for kind, verb in remove.items():
            every = ("-a",) if kind == "container" else ()
            if found := docker(kind, "ls", *every, *mine).split():
                docker(kind, *verb, *found, check=False)


def eventually(check: Any, seconds: float = 10.0) -> Any:
    """Wait for a true answer; the last answer comes back. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: last answer {found!r}"
        time.sleep(0.05)


def leaves(value: Any) -> list[str]:
    """All texts in JSON data."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in leaves(item)]
    return [text for item in value for text in leaves(item)] if isinstance(value, list) else []
