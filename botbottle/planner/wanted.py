"""What one bottle should be: its resources, and the small rules that several parts share."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from msgspec import Struct

from botbottle.model.bottle import BottleSpec, Settings
from botbottle.model.paths import BottlePaths
from botbottle.model.resources import ContainerSpec, NetworkSpec, VolumeSpec
from botbottle.model.route import Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.enforce import Standing
from botbottle.planner.names import Names
from botbottle.providers import provider
from botbottle.providers.base import Credential, Provider

SIDECAR_RECIPE = "sidecar"
WAITS = "waits"  # the reason of a change that is shown and not done

type Fixed = tuple[tuple[str, str], ...]


class Wanted(Struct, frozen=True):
    """One bottle's resources. ``mode``: ``running``; ``stopped`` (what exists is stopped,
    nothing is made: a library bottle exists only if it already does); or ``absent``."""

    spec: BottleSpec
    account: str
    names: Names
    standing: Standing
    mode: Literal["running", "stopped", "absent"]
    network: NetworkSpec
    egress: ContainerSpec
    agent: ContainerSpec
    volumes: tuple[VolumeSpec, ...]
    config: SidecarConfig
    secrets: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    trees: tuple[tuple[str, str], ...]
    env: tuple[tuple[str, str], ...]
    paths: BottlePaths
    recipes: tuple[tuple[str, str], ...]  # recipe → tag
    resumed: bool = False  # it is stopped because of a freeze that is being lifted
    registers: bool = True  # edited limits are given to the ledger
    raised: tuple[str, ...] = ()  # what they give more room than there was, in words


def chosen(spec: BottleSpec) -> tuple[Provider, Credential, str]:
    """Provider, way to log in, and the name of what holds the credential: a host variable, or
    the operator's own login."""
    forward = spec.forward_host_credentials
    return login(spec.template, spec.auth_token, spec.provider_settings, forward)


@lru_cache(maxsize=256)  # a fleet has few templates and many bottles
def login(
    template: str, token: str, settings: Fixed, forward: bool
) -> tuple[Provider, Credential, str]:
    """``chosen`` by the fields that decide it."""
    program = provider(template)
    if forward:
        own = program.host_login(dict(settings))
        return program, own.credential, own.secret
    credential = program.credential(token, dict(settings))
    return program, credential, token or credential.variable


@lru_cache(maxsize=256)
def _own_routes(
    template: str, token: str, settings: Fixed, forward: bool
) -> tuple[tuple[Route, ...], frozenset[str]]:
    """The routes that come with a program, and their hosts."""
    program, credential, secret = login(template, token, settings, forward)
    own = credential.routes(secret, credential.budget or program.budget)
    return own, frozenset(r.host for r in own)


def routes(spec: BottleSpec) -> tuple[Route, ...]:
    """Provider routes first: they win for their host."""
    forward = spec.forward_host_credentials
    own, hosts = _own_routes(spec.template, spec.auth_token, spec.provider_settings, forward)
    return (*own, *(r for r in spec.routes if r.host not in hosts))


def guard(spec: BottleSpec, settings: Settings) -> SidecarConfig:
    """What protects a bottle: its routes with their leak detection, supervision, and the hosts that
    are counted."""
    counted = metered(settings)
    return SidecarConfig(spec.name, routes(spec), metered=counted, supervise=spec.supervise)


def metered(settings: Settings) -> tuple[tuple[str, str], ...]:
    """(host, budget key) of the hosts that the settings name."""
    return tuple((host, key) for key, hosts in settings.provider_hosts for host in hosts)


def providers_of(spec: BottleSpec) -> tuple[str, ...]:
    """Budget keys a bottle can spend, sorted."""
    return tuple(sorted({r.provider for r in routes(spec) if r.provider}))


def mode_of(
    spec: BottleSpec, state: Standing, *, known: bool = True
) -> Literal["running", "stopped", "absent"]:
    """What declared state and standing together ask for. ``known``: the ledger has its account;
    one that nobody has applied yet is not made while something holds it."""
    if spec.state == "absent" or state.policy == "kill":
        return "absent"
    runs = state.free or (known and state.policy == "cutoff")
    return "running" if spec.state == "started" and runs else "stopped"


def image_recipe(spec: BottleSpec) -> str:
    """Name of the agent's image recipe: the template's, or the bottle's own Dockerfile."""
    if spec.dockerfile:
        return f"dockerfile:{spec.dockerfile}"
    return f"agent-{provider(spec.template).image}"


def env_names(spec: BottleSpec) -> tuple[str, ...]:
    """Variables whose values are asked for or copied: delivered in memory, sorted."""
    return tuple(sorted(e.name for e in spec.env if e.kind != "literal"))
