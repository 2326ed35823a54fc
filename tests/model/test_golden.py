"""Digests that saved plans, labels and ledgers hold, frozen: another text would replace every
container, void every approval that was given and break every audit chain."""

from __future__ import annotations

from botbottle.model import canonical, plan
from botbottle.model.bottle import BottleSpec, EnvVar, Limit, Scope, Settings
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import registration_digest
from botbottle.model.resources import Attachment, ContainerSpec, Limits, Mount, NetworkSpec
from botbottle.model.route import Auth, Dlp, Match, PathMatch, Route
from botbottle.model.sidecar_config import Hold, SidecarConfig

SCOPES = (Scope("agent", "agent:p/wéb", (Limit("claude", 5, "day"),)), Scope("global", "global"))
ROUTE = Route(
    "*.example.com",
    8443,
    Auth("header", "TOKEN", "x-key"),
    (Match((PathMatch("regex", "/ä.*"),), ("GET",)),),
    dlp=Dlp(("entropy",), None, "block"),
)
SPEC = ContainerSpec(
    name="bb-web",
    kind="agent",
    bottle="web",
    image="i:1",
    env=(("A", 'ü "\\\n\t\x01\x7f\u2028 😀'),),
    mounts=(Mount("bind", "/x", "/y", read_only=True),),
    networks=(Attachment("n", "10.0.0.2", ("agent",)),),
    limits=Limits(memory=2**40, nano_cpus=1_500_000_000),
)
NETWORK = NetworkSpec("n", "internal", "web", True, "10.0.0.0/28", (("a", "true"),))
CONFIG = SidecarConfig("web", (ROUTE,), Hold("cutoff", "operator", "wait"), (("h", "claude"),))
COMMON = {"resource": "web/agent", "bottle": "web", "reason": "missing"}
OPS = (
    plan.CreateNetwork(id="a", spec=NETWORK, labels=(("k", "v"),), **COMMON),
    plan.CreateContainer(id="b", spec=SPEC, name="bb-web", labels=(), after=("a",), **COMMON),
    plan.AwaitReady(id="c", ref=plan.Ref("bb-web"), control="/c", seconds=2.5, **COMMON),
    plan.PushConfig(id="d", control="/c", config=CONFIG, secrets=(("TOKEN", "aa"),), **COMMON),
    plan.DeliverEnv(id="e", ref=plan.Ref("bb-web", "1"), names=(("N", "bb"),), **COMMON),
    plan.RegisterAccount(
        id="f", account="p/web", scopes=SCOPES, mode="nearest", count=("output",), **COMMON
    ),
)
CHANGE = plan.Change("web", "web", plan.Action.CREATE, "missing", (plan.FieldChange("a", "", "b"),))


def test_what_labels_hold() -> None:
    assert SPEC.spec_hash == "200d3bd19ed6ec9d"
    assert NETWORK.spec_hash == "537f19f4f9c575be"


def test_what_a_sidecar_reports_and_a_ledger_registers() -> None:
    assert CONFIG.config_hash == "7196cc3624a2680a"
    assert (
        registration_digest(SCOPES, "nearest", ("output",), "web", ("base",)) == "dc0c15578acc37ac"
    )


def test_what_an_approval_names() -> None:
    made = plan.Plan("p", (CHANGE,), OPS, budgets=(plan.BudgetRow("s", "c", "", 1, 2, (), 1.25),))
    assert made.digest == "e9be55b31654da89"
    assert canonical.digest(made, 32) == "d88e6186fe49ad41421ff59603f8a982", (
        "as a recording of the watch stores it"
    )


def test_what_a_generation_of_the_history_holds() -> None:
    spec = BottleSpec(
        name="web", agent="web", project="p", layer="home", ancestry=("base",),
        env=(EnvVar("A", "ask", "?"),), routes=(ROUTE,), scopes=SCOPES,
        origins={"egress": (Origin("web.md", 3, 1, "home"),)},
    )  # fmt: skip
    assert (
        canonical.digest({"bottles": (spec,), "settings": Settings(max_changes=3)})
        == "ba6a8935b5db6e19"
    )
