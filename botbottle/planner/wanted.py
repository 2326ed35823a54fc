"""From an effective bottle to the resources that should exist for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, Settings
from botbottle.model.paths import BottlePaths, account
from botbottle.model.resources import (
    Attachment,
    ContainerSpec,
    Limits,
    Mount,
    NetworkSpec,
    VolumeSpec,
)
from botbottle.model.route import Route
from botbottle.model.sidecar_config import Hold, SidecarConfig
from botbottle.planner.enforce import Standing
from botbottle.planner.facts import Facts
from botbottle.planner.names import Names, address, ledger_name, names, outer_name, outer_subnet
from botbottle.planner.resume import MARK
from botbottle.providers import AGENT_HOME, TRUST_DIR, WORKSPACE, agent_env, provider
from botbottle.providers.base import Credential, Provider

SIDECAR_RECIPE = "sidecar"
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
AGENT_USER = "1000:1000"
NO_PING = (("net.ipv4.ping_group_range", "1 0"),)
SEALED = (("com.docker.network.bridge.inhibit_ipv4", "true"),)
NO_NEIGHBOURS = (("com.docker.network.bridge.enable_icc", "false"),)


@dataclass(frozen=True, slots=True)
class Wanted:
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


def chosen(spec: BottleSpec) -> tuple[Provider, Credential, str]:
    """Provider, way to log in, and the name of the host variable that holds the credential."""
    program = provider(spec.template)
    credential = program.credential(spec.auth_token, dict(spec.provider_settings))
    return program, credential, spec.auth_token or credential.variable


def routes(spec: BottleSpec) -> tuple[Route, ...]:
    """Provider routes first: they win for their host."""
    program, credential, secret = chosen(spec)
    own = credential.routes(secret, program.budget)
    hosts = {r.host for r in own}
    return (*own, *(r for r in spec.routes if r.host not in hosts))


def providers_of(spec: BottleSpec) -> tuple[str, ...]:
    """Budget keys a bottle can spend, sorted."""
    return tuple(sorted({r.provider for r in routes(spec) if r.provider}))


def sidecar_config(spec: BottleSpec, settings: Settings, state: Standing, ca: str) -> SidecarConfig:
    """The sidecar's configuration; while held, no route and therefore no credential."""
    _, credential, secret = chosen(spec)
    return SidecarConfig(
        bottle=account(spec.project, spec.name),
        routes=routes(spec) if state.free else (),
        hold=Hold(state.policy, state.reason, state.message),
        metered=tuple((host, key) for key, hosts in settings.provider_hosts for host in hosts),
        placeholders=credential.placeholders(secret),
        log=spec.egress_log,
        learning=spec.learning,
        preflight=spec.preflight,
        upstream_ca=ca,
        supervise=spec.supervise,
    )


def wanted(
    spec: BottleSpec,
    settings: Settings,
    state: Standing,
    subnet: str,
    facts: Facts,
    snapshot: str = "",
) -> Wanted:
    """Everything one bottle needs, given its subnet and standing. ``snapshot``: the image that
    a resumed agent is made from; its workspace is its own and is not copied anew."""
    program, _, _ = chosen(spec)
    called = names(facts.paths.home_id, spec.project, spec.name)
    paths = facts.paths.bottle(spec.project, spec.name)
    config = sidecar_config(spec, settings, state, facts.upstream_ca)
    needed = config.secret_names
    texts, trees = files(spec, program, facts)
    return Wanted(
        spec=spec,
        account=account(spec.project, spec.name),
        names=called,
        standing=state,
        mode=mode_of(spec, state),
        network=network_spec(spec, called, subnet),
        egress=egress_spec(spec, settings, called, paths, subnet, facts),
        agent=agent_spec(spec, called, paths, subnet, facts, (texts, trees), snapshot),
        volumes=(VolumeSpec(called.home, spec.name), VolumeSpec(called.workspace, spec.name)),
        config=config,
        secrets=tuple((n, facts.secrets[n]) for n in needed if n in facts.secrets),
        missing=tuple(n for n in needed if n not in facts.secrets),
        texts=texts,
        trees=tuple(t for t in trees if t[1] != WORKSPACE) if snapshot else trees,
        env=tuple((n, dict(facts.env.get(spec.name, ())).get(n, "")) for n in env_names(spec)),
        paths=paths,
        recipes=tuple((r, facts.images[r]) for r in (SIDECAR_RECIPE, image_recipe(spec))),
    )


def mode_of(spec: BottleSpec, state: Standing) -> Literal["running", "stopped", "absent"]:
    """What declared state and standing together ask for."""
    if spec.state == "absent" or state.policy == "kill":
        return "absent"
    return "running" if spec.state == "started" and state.policy != "freeze" else "stopped"


def image_recipe(spec: BottleSpec) -> str:
    """Name of the agent's image recipe: the template's, or the bottle's own Dockerfile."""
    if spec.dockerfile:
        return f"dockerfile:{spec.dockerfile}"
    return f"agent-{provider(spec.template).image}"


def network_spec(spec: BottleSpec, called: Names, subnet: str) -> NetworkSpec:
    return NetworkSpec(called.network, "internal", spec.name, True, subnet, SEALED)


def outer_spec(settings: Settings, facts: Facts) -> NetworkSpec:
    """The home's own outer network; sidecars on it cannot talk to each other."""
    home = facts.paths.home_id
    return NetworkSpec(
        outer_name(home), "outer", "", False, outer_subnet(settings.address_pool), NO_NEIGHBOURS
    )


def egress_spec(
    spec: BottleSpec,
    settings: Settings,
    called: Names,
    paths: BottlePaths,
    subnet: str,
    facts: Facts,
) -> ContainerSpec:
    """The egress sidecar: the only container of a bottle with a foot outside."""
    outer = settings.egress_network or outer_name(facts.paths.home_id)
    inner = address(subnet, "egress")
    return ContainerSpec(
        name=called.egress,
        kind="egress",
        bottle=spec.name,
        image=facts.images[SIDECAR_RECIPE],
        # Listening on the inner address alone: nothing outside can use the sidecar as a proxy.
        command=(
            "python3", "-m", "botbottle.sidecar.egress",
            "--listen", inner, "--dns-answer", inner, "--name", spec.name,
        ),
        mounts=(
            Mount("bind", "/run/bb/ledger", paths.socket_dir, read_only=True),
            Mount("bind", "/run/bb/control", paths.control),
            Mount("bind", "/run/bb/ca", paths.ca),
            Mount("bind", "/run/bb/public", paths.public),
            Mount("tmpfs", "/tmp", options="size=64m,mode=1777"),  # noqa: S108 - a mount target
        ),
        user=facts.sidecar_user,
        hostname="egress",
        networks=(
            Attachment(outer),
            Attachment(called.network, inner, ("egress",)),
        ),
        sysctls=(
            ("net.ipv4.ip_forward", "0"),
            ("net.ipv4.ip_unprivileged_port_start", "0"),
            *NO_PING,
        ),
        limits=Limits(memory=512 * 1024**2, pids=128, restart="unless-stopped"),
    )  # fmt: skip


def agent_spec(
    spec: BottleSpec,
    called: Names,
    paths: BottlePaths,
    subnet: str,
    facts: Facts,
    copied: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]],
    snapshot: str = "",
) -> ContainerSpec:
    """The agent: one internal network, no capability, no credential."""
    program, credential, _ = chosen(spec)
    literal = {e.name: e.value for e in spec.env if e.kind == "literal"}
    fixed = dict(agent_env(program, credential, "egress", ("egress", "supervise", "git-gate")))
    marks = {"BB_BOTTLE": spec.name, "BB_FILES": canonical.digest(copied)}
    image = facts.images[image_recipe(spec)]
    if snapshot:
        marks[MARK] = image
    if asked := env_names(spec):
        marks["BB_ENV"] = " ".join(asked)  # names only: a new value replaces no container
    return ContainerSpec(
        name=called.agent,
        kind="agent",
        bottle=spec.name,
        image=snapshot or image,
        command=command(spec, program, credential),
        env=tuple(sorted({**fixed, **literal, **_git_env(spec), **marks}.items())),
        mounts=(
            Mount("bind", TRUST_DIR, paths.public, read_only=True),
            Mount("bind", SYSTEM_BUNDLE, f"{paths.public}/bundle.pem", read_only=True),
            Mount("volume", AGENT_HOME, called.home),
            Mount("volume", WORKSPACE, called.workspace),
            Mount("tmpfs", "/tmp", options="size=1g,mode=1777"),  # noqa: S108 - a mount target
            Mount("tmpfs", "/run/bb", options="size=1m,mode=0700,uid=1000,gid=1000"),
        ),
        user=AGENT_USER,
        workdir=WORKSPACE,
        hostname=spec.name,
        networks=(Attachment(called.network, address(subnet, "agent"), ("agent",)),),
        dns=(address(subnet, "egress"),),
        sysctls=NO_PING,
        runtime=facts.runtime,
        limits=Limits(
            memory=spec.resources.memory,
            nano_cpus=round(spec.resources.cpus * 1e9),
            pids=spec.resources.pids,
        ),
    )


def command(spec: BottleSpec, program: Provider, credential: Credential) -> tuple[str, ...]:
    """What the agent container runs: it idles (``bb attach`` starts the program) or works."""
    if spec.run == "interactive":
        return ("bb-idle",)
    settings = dict(spec.provider_settings)
    return ("bb-run", *program.argv("headless", credential, settings, spec.task))


def env_names(spec: BottleSpec) -> tuple[str, ...]:
    """Variables whose values are asked for or copied: delivered in memory, sorted."""
    return tuple(sorted(e.name for e in spec.env if e.kind != "literal"))


def _git_env(spec: BottleSpec) -> dict[str, str]:
    """Git identity as variables: works in every repository, cannot be undone by a clone."""
    user, env = spec.git_user, {}
    for role in ("AUTHOR", "COMMITTER"):
        if user.name:
            env[f"GIT_{role}_NAME"] = user.name
        if user.email:
            env[f"GIT_{role}_EMAIL"] = user.email
    return env


def files(
    spec: BottleSpec, program: Provider, facts: Facts
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(texts, trees) copied into the agent: program settings, prompt, skills, workspace."""
    _, credential, _ = chosen(spec)
    texts = [(f"{AGENT_HOME}/{f.path}", f.content) for f in (*program.files, *credential.files)]
    if spec.prompt:
        texts.append((f"{AGENT_HOME}/{program.prompt_path}", spec.prompt))
    trees = [
        (f"{facts.skills_dir}/{name}", f"{AGENT_HOME}/{program.skills_dir}/{name}")
        for name in spec.skills
    ]
    if spec.workspace:
        trees.append((spec.workspace, WORKSPACE))
    return tuple(sorted(texts)), tuple(sorted(trees))


def ledger_spec(facts: Facts) -> ContainerSpec:
    """The home's ledger service: no network, the database and the sockets, nothing else."""
    return ContainerSpec(
        name=ledger_name(facts.paths.home_id),
        kind="ledger",
        bottle="",
        image=facts.images[SIDECAR_RECIPE],
        command=(
            "python3", "-m", "botbottle.sidecar.ledger",
            "--db", "/var/lib/bb/bot-bottle.db", "--sockets", "/run/bb/ledger",
        ),
        mounts=(
            Mount("bind", "/var/lib/bb", facts.paths.ledger_dir),
            Mount("bind", "/run/bb/ledger", facts.paths.socket_root),
            Mount("tmpfs", "/tmp", options="size=64m,mode=1777"),  # noqa: S108 - a mount target
        ),
        user=facts.sidecar_user,
        hostname="ledger",
        sysctls=(),
        limits=Limits(memory=256 * 1024**2, pids=64, restart="unless-stopped"),
    )  # fmt: skip
