"""A sidecar that is taken over: what it puts in its own directories leads nobody anywhere else.

The sidecar's uid is the attacker here; each test shows first that the trick works for whoever
follows the link.
"""

from __future__ import annotations

from pathlib import Path

from tests.e2e.test_clients import curl
from tests.support.live import Live, docker

SECRET = "PRIVATE KEY OF THE OPERATOR"
ROUTES = "egress: {routes: [{host: api.example.org}]}\n"
MODEL = "api.anthropic.com"
ALLOWED = "https://api.example.org/echo"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def inside(live: Live, code: str, bottle: str = "web") -> None:
    """Run Python in the sidecar, as its own user."""
    docker("exec", live.container(bottle, "egress"), "python3", "-c", f"import os; {code}")


def mounted(live: Live, target: str, bottle: str = "web") -> Path:
    found = live.inspect(bottle, "egress")["Mounts"]
    return Path(next(m["Source"] for m in found if m["Destination"] == target))


def test_no_file_of_the_host_comes_into_the_agent(live: Live) -> None:
    live.bottle()
    live.apply()
    own = live.work / "operators-own"
    own.write_text(SECRET)
    own.chmod(0o644)
    for name in ("ca.pem", "bundle.pem", "bundle.p12"):
        inside(live, f"p = '/run/bb/public/{name}'; os.remove(p); os.symlink('{own}', p)")
    assert (mounted(live, "/run/bb/public") / "bundle.pem").read_text() == SECRET, "on the host"
    for trick in ("os.remove(p)", "os.symlink('x', p + '.new'); os.rename(p + '.new', p)"):
        done = docker(
            "exec", live.container("web", "egress"), "python3", "-c",
            f"import os; p = '/run/bb/system.pem'; {trick}", check=False,
        )  # fmt: skip
        assert done == "" and mounted(live, "/run/bb/system.pem").is_file()
    before = live.container("web")
    live.agent(extra="git-gate: {user: {name: N}}\n")
    live.apply()
    assert live.container("web") != before, "it was replaced"
    docker("restart", "-t", "1", live.container("web"))
    assert "BEGIN CERTIFICATE" in live.shell(f"head -c 40 {BUNDLE}").stdout
    assert SECRET not in live.shell("cat /etc/botbottle/* /etc/ssl/certs/ca-*").stdout


def test_no_other_bottles_sidecar_gets_its_cut(live: Live) -> None:
    """Routes and values go the same way, which takes an apply half a minute to give up."""
    live.bottle(extra=ROUTES)
    live.bottle("poor")
    live.agent("victim", bottle="poor")
    live.apply()
    other = mounted(live, "/run/bb/control", "victim") / "control.sock"
    inside(
        live,
        f"p = '/run/bb/control/control.sock'; os.rename(p, p + '.own'); os.symlink('{other}', p)",
    )
    assert (mounted(live, "/run/bb/control") / "control.sock").is_socket(), "for who follows it"
    live.bb("cutoff", "web", code=None)
    assert curl(live, ALLOWED)[0] != "200"
    assert curl(live, f"https://{MODEL}/v1/models", bottle="victim")[0] == "200", "goes on"
