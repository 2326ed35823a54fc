"""Asked and copied variables reach the agent and nothing else."""

from __future__ import annotations

import json

from tests.support.live import Live, docker, leaves

SECRET = "sk-real-asked-value-0123456789abcdef"
ENV = "env: {ASKED: '?tell me', COPIED: '${HOST_ONE}', PLAIN: literal}\n"


def agent_sees(live: Live) -> str:
    return live.shell("bb-exec env").stdout


def test_values_are_delivered_in_memory_and_survive_a_restart(live: Live) -> None:
    live.bottle(extra=ENV)
    missing = live.apply(code=3)
    assert "ASKED" in missing.stderr and live.containers() == []
    values = {"BB_ENV_ASKED": SECRET, "HOST_ONE": SECRET[::-1]}
    live.apply(env=values)
    seen = agent_sees(live)
    assert (
        f"ASKED={SECRET}" in seen and f"COPIED={SECRET[::-1]}" in seen and "PLAIN=literal" in seen
    )
    for kind in ("agent", "egress"):
        assert not [
            t for t in leaves(live.inspect("web", kind)) if SECRET in t or SECRET[::-1] in t
        ]
    assert SECRET not in json.dumps(live.json("plan")) and live.bb("plan", "--detailed-exitcode")
    # Behind our back: the agent restarts and its memory is empty; the sidecar still knows.
    docker("restart", "-t", "1", live.container())
    assert SECRET not in agent_sees(live)
    live.bb("watch", "--once")
    assert f"ASKED={SECRET}" in agent_sees(live)
    assert live.bb("plan", "--detailed-exitcode").returncode == 0


def test_an_env_file_answers(live: Live) -> None:
    live.bottle(extra="env: {ASKED: '?'}\n")
    (live.work / "answers").write_text(f"ASKED={SECRET}\n")
    live.apply("--env-file", "answers")
    assert f"ASKED={SECRET}" in agent_sees(live)
