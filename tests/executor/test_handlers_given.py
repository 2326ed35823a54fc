"""What sidecars and the ledger are given is what was planned, and no secret shows anywhere."""

from __future__ import annotations

from botbottle.model import plan
from botbottle.model.bottle import Scope
from botbottle.model.resources import (
    SidecarStatus,
)
from botbottle.model.sidecar_config import SidecarConfig, fingerprint
from botbottle.vault import MemoryVault
from tests.executor.ops import about, failure, fake
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench


def push(secrets: tuple[tuple[str, str], ...]) -> plan.PushConfig:
    config = SidecarConfig(bottle="test/web")
    return plan.PushConfig(**about("push"), control="/c", config=config, secrets=secrets)  # type: ignore[arg-type]


def test_a_sidecar_gets_exactly_the_planned_secrets(lab: Lab, bench: Bench) -> None:
    vault = MemoryVault(KEY, {"KEY_A": "sekret-a", "KEY_B": "sekret-b"})
    mark = fingerprint(KEY, "sekret-a")
    assert bench.run(push((("KEY_A", mark),)), vault=vault).ok
    assert bench.control.secrets["/c"] == {"KEY_A": "sekret-a"}
    assert bench.control.statuses["/c"].secrets == (("KEY_A", mark),)


def test_a_secret_that_changed_since_the_plan_is_not_delivered(lab: Lab, bench: Bench) -> None:
    vault = MemoryVault(KEY, {"KEY_A": "sekret-new"})
    result = bench.run(push((("KEY_A", fingerprint(KEY, "sekret-old")),)), vault=vault)
    assert failure(result).startswith("BB5000")
    assert bench.control.secrets == {}


def test_a_missing_secret_is_named_and_nothing_is_delivered(lab: Lab, bench: Bench) -> None:
    assert "KEY_A" in failure(bench.run(push((("KEY_A", ""),))))
    assert bench.control.secrets == {}


def test_a_sidecar_that_runs_another_configuration_than_it_got_is_a_failure(
    lab: Lab, bench: Bench
) -> None:
    bench.control.configure = lambda *_a: SidecarStatus(config_hash="other")  # type: ignore[method-assign]
    assert "another configuration" in failure(bench.run(push(())))


def test_no_secret_appears_in_events_journal_or_results(lab: Lab, bench: Bench) -> None:
    vault = MemoryVault(KEY, {"KEY_A": "sekret-a"}, {"web": {"ASKED": "sekret-b"}})
    ref = lab.run(lab.spec())
    result = bench.run(
        push((("KEY_A", fingerprint(KEY, "sekret-a")),)),
        plan.DeliverEnv(**about("env"), ref=ref, names=(("ASKED", ""), ("LOST", ""))),  # type: ignore[arg-type]
        push((("KEY_A", "00000000"),)).__class__(
            **about("again"),  # type: ignore[arg-type]
            control="/c",
            config=SidecarConfig(bottle="b"),
            secrets=(("KEY_A", "00000000"),),
        ),
        vault=vault,
    )
    assert len(result.failed) == 2
    everything = repr((result, bench.events, bench.ledger.entries, vault, fake(lab).calls))
    everything += "".join(str(f.error) for f in result.failed)
    assert "sekret" not in everything


def test_ledger_ops_reach_the_ledger(lab: Lab, bench: Bench) -> None:
    scope = Scope("bottle", "bottle:web")
    common = {"account": "test/web", "policy": "kill", "trigger": "t1"}
    assert bench.run(
        plan.RegisterAccount(
            **about("register"),  # type: ignore[arg-type]
            account="test/web",
            scopes=(scope,),
            mode="nearest",
            count=(),
        ),
        plan.RecordEnforcement(
            **about("record"),  # type: ignore[arg-type]
            **common,  # type: ignore[arg-type]
            lift=True,
            before="running",
            after_state="absent",
        ),
        plan.ChangePolicy(
            **about("policy"),  # type: ignore[arg-type]
            account="test/web",
            before="cutoff",
            policy="kill",
        ),
        plan.RetireAccount(**about("retire"), account="test/web"),  # type: ignore[arg-type]
    ).ok
    assert bench.ledger.calls == [
        ("register", "test/web"),
        ("enforce", ("test/web", "kill", "t1", True, 1000.0)),
        ("policy", ("test/web", "shutdown cutoff -> kill")),
        ("retire", "test/web"),
    ]
