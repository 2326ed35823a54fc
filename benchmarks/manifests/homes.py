"""Homes to measure: realistic ones of any size, long chains and wide fan-ins."""

from __future__ import annotations

from pathlib import Path

_BOTTLE = """---
{extends}env:
  MODE: dev
  TZ: ${{TZ}}
  TOKEN_{n}: "?Token"
agent_provider:
  template: claude
  auth_token: ANTHROPIC_API_KEY
git-gate:
  user: {{name: Agent {n}, email: a{n}@example.com}}
egress:
  log: 1
  routes:
    - host: api{n}.example.com
      auth: {{scheme: Bearer, token_ref: TOKEN_{n}}}
      matches:
        - paths: [{{type: prefix, value: /v1}}]
          methods: [GET, POST]
    - host: files{n}.example.com
      matches: [{{methods: [GET]}}]
supervise: true
budget:
  claude: 5M/day
shutdown: cutoff
resources: {{memory: 2g, cpus: 2, pids: 512}}
---
Policy {n}.
"""
_AGENT = """---
bottle: b{bottle}
state: started
budget:
  claude: 1M/day
---
You are agent {n}. You write tests before you write code, and you say what you do.
"""


def realistic(root: Path, files: int) -> Path:
    """Half bottles (every third extends another), half agents."""
    bottles = _folders(root, files // 2)
    for n in range(bottles):
        extends = f"extends: b{n // 2}\n" if n and n % 3 == 0 else ""
        (root / f"bottles/b{n}.md").write_text(_BOTTLE.format(n=n, extends=extends))
    for n in range(files - bottles):
        (root / f"agents/a{n}.md").write_text(_AGENT.format(n=n, bottle=n % bottles))
    return root


def chain(root: Path, length: int) -> Path:
    """Every bottle extends the one before; one agent takes the last."""
    _folders(root, length)
    for n in range(length):
        extends = f"extends: b{n - 1}\n" if n else ""
        (root / f"bottles/b{n}.md").write_text(_BOTTLE.format(n=n, extends=extends))
    (root / "agents/a.md").write_text(_AGENT.format(n=0, bottle=length - 1))
    return root


def fan_in(root: Path, width: int) -> Path:
    """One bottle extends all the others."""
    _folders(root, width)
    for n in range(width):
        (root / f"bottles/b{n}.md").write_text(_BOTTLE.format(n=n, extends=""))
    parents = ", ".join(f"b{n}" for n in range(width))
    (root / f"bottles/b{width}.md").write_text(f"---\nextends: [{parents}]\n---\n")
    (root / "agents/a.md").write_text(_AGENT.format(n=0, bottle=width))
    return root


def _folders(root: Path, bottles: int) -> int:
    for name in ("bottles", "agents"):
        (root / name).mkdir(parents=True)
    return bottles
