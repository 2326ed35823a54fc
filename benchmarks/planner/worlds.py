"""Many bottles, and the world in which a plan for them has been carried out."""

from __future__ import annotations

from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared, Limit, Project, Scope, Settings
from botbottle.model.ledger_view import LedgerView, Pool, Registered, registration_digest
from botbottle.model.paths import HomePaths
from botbottle.model.plan import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    EnsureImage,
    Plan,
    PushConfig,
    RegisterAccount,
)
from botbottle.model.resources import (
    Attachment,
    Endpoint,
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    SidecarStatus,
)
from botbottle.model.route import Route
from botbottle.planner.facts import Facts

HOME = "/home/user/.bot-bottle"
FACTS = Facts(
    paths=HomePaths(HOME),
    sidecar_user="1000:1000",
    images={"sidecar": "botbottle/sidecar:1", "agent-claude": "botbottle/claude:1"},
    bb_version="0",
    secrets={"ANTHROPIC_API_KEY": "aaaaaaaa"},
)


def declared(size: int) -> Declared:
    """``size`` bottles with two routes of their own and a budget each."""
    made = tuple(_bottle(f"b{number:05}") for number in range(size))
    return Declared(Project("proj", "/src/proj", HOME), made, Settings(address_pool="10.0.0.0/8"))


def _bottle(name: str) -> BottleSpec:
    agent = Scope("agent", f"agent:proj/{name}", (Limit("claude", 1_000_000),))
    return BottleSpec(
        name=name,
        agent=name,
        project="proj",
        layer="home",
        ancestry=("base",),
        routes=(Route("api.github.com"), Route("packages.example.org")),
        scopes=(agent, Scope("global", "global")),
    )


def finished(made: Plan) -> tuple[Observed, LedgerView]:
    """Engine and ledger after every op of a plan that starts from nothing."""
    networks = {
        op.spec.name: ObservedNetwork(
            f"n-{op.id}", op.spec.name, dict(op.labels), op.spec.internal, (op.spec.subnet,)
        )
        for op in made.ops
        if isinstance(op, CreateNetwork)
    }
    containers = [_live(op, networks) for op in made.ops if isinstance(op, CreateContainer)]
    pushed = {op.bottle: op for op in made.ops if isinstance(op, PushConfig)}
    images = [op for op in made.ops if isinstance(op, EnsureImage)]
    observed = Observed(
        containers=tuple(containers),
        networks=tuple(networks.values()),
        images=tuple(ObservedImage(o.tag, (o.tag,)) for o in images),
        volumes=tuple(
            ObservedVolume(o.spec.name, dict(o.labels))
            for o in made.ops
            if isinstance(o, CreateVolume)
        ),
        sidecars={
            c.id: _status(pushed[c.labels[labels.BOTTLE]])
            for c in containers
            if c.labels[labels.KIND] == "egress"
        },
    )
    return observed, _ledger(made)


def _live(op: CreateContainer, networks: dict[str, ObservedNetwork]) -> ObservedContainer:
    ends = tuple(_end(a, networks[a.network]) for a in op.spec.networks)
    return ObservedContainer(
        f"c-{op.id}", op.spec.name, "running", "img", dict(op.labels), ends, op.spec.limits
    )


def _end(wanted: Attachment, network: ObservedNetwork) -> Endpoint:
    return Endpoint(network.id, network.name, wanted.address, wanted.aliases)


def _status(op: PushConfig) -> SidecarStatus:
    return SidecarStatus(
        op.config.config_hash, op.config, op.secrets, version="0", ready=True, ledger=True
    )


def _ledger(made: Plan) -> LedgerView:
    accounts = [op for op in made.ops if isinstance(op, RegisterAccount)]
    return LedgerView(
        registered={o.account: _registered(o) for o in accounts},
        pools=tuple(
            Pool(scope.key, limit.provider, limit.window, limit.tokens, 1000)
            for o in accounts
            for scope in o.scopes
            for limit in scope.limits
        ),
    )


def _registered(op: RegisterAccount) -> Registered:
    digest = registration_digest(op.scopes, op.mode, op.count, op.agent, op.ancestry)
    return Registered(digest, op.scopes, op.mode, op.count)
