"""Environment values reach the agent unchanged, and nobody else."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.engine.api import ExecResult
from botbottle.engine.fake import FakeEngine
from botbottle.errors import EngineError
from botbottle.executor.deliver import FILE, render
from botbottle.model.plan import DeliverEnv
from botbottle.model.sidecar_config import fingerprint
from botbottle.vault import MemoryVault
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_a_shell_reads_back_exactly_what_was_written(values: list[str]) -> None:
    wanted = {f"V{n}": v for n, v in enumerate(values)}
    script = render(wanted) + b"".join(b'printf "%%s\\0" "$%s";' % n.encode() for n in wanted)
    out = subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout
    assert out.split(b"\0")[:-1] == [v.encode() for v in values]


@pytest.mark.parametrize(
    "value", ["'; touch /tmp/x; '", "$(id)", "`id`", "a\nexport PATH=/x", "\\", "''", "é✓"]
)
def test_no_value_escapes_its_quotes(value: str) -> None:
    script = render({"V": value}) + b'printf "%s" "$V"'
    out = subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout
    assert out == value.encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [("A B", "x"), ("A;id", "x"), ("", "x"), ("1A", "x"), ("A\n", "x"), ("A", "\0")],
)
def test_what_no_shell_can_carry_is_refused_without_showing_the_value(
    name: str, value: str
) -> None:
    with pytest.raises(EngineError) as caught:
        render({name: value})
    assert value not in str(caught.value) or value == "x"


def op(lab: Lab, *names: tuple[str, str]) -> DeliverEnv:
    ref = lab.run(lab.spec())
    return DeliverEnv(
        id="env", resource="web/agent", bottle="web", reason="x", ref=ref, names=names
    )


def test_values_travel_on_stdin_only(lab: Lab, bench: Bench) -> None:
    seen: list[tuple[Sequence[str], bytes]] = []

    def on_exec(_container: object, argv: Sequence[str], stdin: bytes) -> ExecResult:
        seen.append((argv, stdin))
        return ExecResult(0, b"", b"")

    assert isinstance(lab.engine, FakeEngine)
    lab.engine.on_exec = on_exec
    vault = MemoryVault(KEY, env={"web": {"TOKEN": "sekret", "OTHER": "not asked for"}})
    assert bench.run(op(lab, ("TOKEN", fingerprint(KEY, "sekret"))), vault=vault).ok
    ((argv, stdin),) = seen
    assert stdin == b"export TOKEN='sekret'\n"
    assert FILE in " ".join(argv)
    assert "sekret" not in " ".join(argv)


def test_a_value_that_changed_since_the_plan_is_not_delivered(lab: Lab, bench: Bench) -> None:
    vault = MemoryVault(KEY, env={"web": {"TOKEN": "new"}})
    (failed,) = bench.run(op(lab, ("TOKEN", fingerprint(KEY, "old"))), vault=vault).failed
    assert failed.error.code == "BB5000"
    assert "exec" not in [c.method for c in lab.engine.calls]  # type: ignore[attr-defined]


def test_a_value_nobody_has_is_named(lab: Lab, bench: Bench) -> None:
    (failed,) = bench.run(op(lab, ("TOKEN", ""))).failed
    assert (failed.error.code, "TOKEN" in failed.error.message) == ("BB2900", True)


def test_a_container_that_cannot_keep_the_file_is_a_failure(lab: Lab, bench: Bench) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.on_exec = lambda *_a: ExecResult(2, b"secret looking output", b"")
    vault = MemoryVault(KEY, env={"web": {"TOKEN": "v"}})
    (failed,) = bench.run(op(lab, ("TOKEN", "")), vault=vault).failed
    assert "exit code 2" in failed.error.message
    assert "output" not in str(failed.error)
