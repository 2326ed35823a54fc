"""Containers and networks of a bottle and of the home, in the engine's own terms."""

from __future__ import annotations

import json
from functools import lru_cache

from botbottle.model import canonical
from botbottle.model.bottle import BottleSpec, Settings
from botbottle.model.paths import BottlePaths
from botbottle.model.resources import Attachment, ContainerSpec, Limits, Mount, NetworkSpec
from botbottle.planner.accounts import ACCOUNT
from botbottle.planner.facts import Facts
from botbottle.planner.names import Names, address, ledger_name, outer_name
from botbottle.planner.resume import MARK
from botbottle.planner.wanted import SIDECAR_RECIPE, chosen, env_names, image_recipe, login
from botbottle.providers import ACCOUNT_PLACEHOLDER, AGENT_HOME, TRUST_DIR, WORKSPACE, agent_env
from botbottle.providers.base import Credential, Provider

FOLDER = "BB_WORKSPACE"  # variable of an agent: the folder of the project that was copied
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
AGENT_USER = "1000:1000"
NO_PING = (("net.ipv4.ping_group_range", "1 0"),)
SEALED = (("com.docker.network.bridge.inhibit_ipv4", "true"),)
NO_NEIGHBOURS = (("com.docker.network.bridge.enable_icc", "false"),)
SIDECARS = ("egress", "supervise", "git-gate")


def network_spec(spec: BottleSpec, called: Names, subnet: str) -> NetworkSpec:
    return NetworkSpec(called.network, "internal", spec.name, True, subnet, SEALED)


def outer_spec(subnet: str, facts: Facts) -> NetworkSpec:
    """The home's own outer network; sidecars on it cannot talk to each other."""
    name = outer_name(facts.paths.home_id)
    return NetworkSpec(name, "outer", "", False, subnet, NO_NEIGHBOURS)


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
            "--peers", subnet, "--system", "/run/bb/system.pem",
        ),
        mounts=(
            Mount("bind", "/run/bb/ledger", paths.socket_dir, read_only=True),
            Mount("bind", "/run/bb/control", paths.control),
            Mount("bind", "/run/bb/ca", paths.ca),
            Mount("bind", "/run/bb/public", paths.public),
            Mount("bind", "/run/bb/system.pem", paths.system_bundle),
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
    account: str = "",
) -> ContainerSpec:
    """The agent: one internal network, no capability, no credential."""
    program, credential, _ = chosen(spec)
    forward = spec.forward_host_credentials
    fixed = _fixed_env(spec.template, spec.auth_token, spec.provider_settings, forward)
    literal = {e.name: e.value for e in spec.env if e.kind == "literal"}
    skills = tuple(facts.skills.get(name, "") for name in spec.skills)
    marks = {"BB_BOTTLE": spec.name, "BB_FILES": _print_of(copied, skills)}
    if spec.workspace:
        marks[FOLDER] = spec.workspace
    image = facts.images[image_recipe(spec)]
    if snapshot:
        marks[MARK] = image
    if account:
        marks[ACCOUNT] = account
    if asked := env_names(spec):
        marks["BB_ENV"] = " ".join(asked)  # names only: a new value replaces no container
    return ContainerSpec(
        name=called.agent,
        kind="agent",
        bottle=spec.name,
        image=snapshot or image,
        command=command(spec, program, credential),
        env=tuple(sorted({**dict(fixed), **literal, **_git_env(spec), **marks}.items())),
        mounts=(
            Mount("bind", TRUST_DIR, paths.public, read_only=True),
            Mount("bind", SYSTEM_BUNDLE, paths.system_bundle, read_only=True),
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
        limits=Limits(
            memory=spec.resources.memory,
            nano_cpus=round(spec.resources.cpus * 1e9),
            pids=spec.resources.pids,
        ),
    )


@lru_cache(maxsize=256)  # what bottles without a prompt copy is the same for all
def _print_of(
    copied: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]],
    skills: tuple[str, ...],
) -> str:
    """``skills``: what is in them. Of a workspace it is the folder alone: the copy is the agent's
    to work on, so what becomes of the original is no edit of the bottle."""
    return canonical.digest((*copied, skills) if skills else copied)


@lru_cache(maxsize=256)
def _fixed_env(
    template: str, token: str, settings: tuple[tuple[str, str], ...], forward: bool
) -> tuple[tuple[str, str], ...]:
    """Variables that are the same for every bottle that logs in to one program in one way."""
    program, credential, _ = login(template, token, settings, forward)
    return agent_env(program, credential, "egress", SIDECARS)


def command(spec: BottleSpec, program: Provider, credential: Credential) -> tuple[str, ...]:
    """What the agent container runs: it idles (``bb attach`` starts the program) or works."""
    if spec.run == "interactive":
        return ("bb-idle",)
    settings = dict(spec.provider_settings)
    return ("bb-run", *program.argv("headless", credential, settings, spec.task))


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
    spec: BottleSpec, program: Provider, facts: Facts, account: str = ""
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(texts, trees) copied into the agent: program settings, prompt, skills, workspace.
    ``account``: of its login."""
    _, credential, _ = chosen(spec)
    own = (*program.files, *credential.files)
    belongs = json.dumps(account)[1:-1]  # it stands inside a JSON text
    texts = [
        (f"{AGENT_HOME}/{f.path}", f.content.replace(ACCOUNT_PLACEHOLDER, belongs)) for f in own
    ]
    if spec.prompt:
        texts.append((f"{AGENT_HOME}/{program.prompt_path}", spec.prompt))
    trees = [
        (f"{facts.skills_dir}/{name}", f"{AGENT_HOME}/{program.skills_dir}/{name}")
        for name in spec.skills
    ]
    if spec.workspace:
        trees.append((f"{facts.project_root}/{spec.workspace}", WORKSPACE))
    return tuple(sorted(texts)), tuple(sorted(trees))


def ledger_spec(settings: Settings, facts: Facts) -> ContainerSpec:
    """The home's ledger service. With the file: no network, the database and the sockets, nothing
    else. With a server: what it takes to reach that, and no password."""
    database, place, outside = _database(settings, facts)
    return ContainerSpec(
        name=ledger_name(facts.paths.home_id),
        kind="ledger",
        bottle="",
        image=facts.images[SIDECAR_RECIPE],
        command=(
            "python3", "-m", "botbottle.sidecar.ledger",
            "--db", database, "--sockets", "/run/bb/ledger",
        ),
        mounts=(
            *place,
            Mount("bind", "/run/bb/ledger", facts.paths.socket_root),
            Mount("tmpfs", "/tmp", options="size=64m,mode=1777"),  # noqa: S108 - a mount target
        ),
        user=facts.sidecar_user,
        hostname="ledger",
        networks=outside,
        sysctls=(),
        limits=Limits(memory=256 * 1024**2, pids=64, restart="unless-stopped"),
    )  # fmt: skip


def _database(
    settings: Settings, facts: Facts
) -> tuple[str, tuple[Mount, ...], tuple[Attachment, ...]]:
    """(address, mounts, networks): a file, a server's socket directory, or one by name."""
    url = settings.ledger
    if not url.startswith(("postgresql://", "postgres://")):
        return (
            "/var/lib/bb/bot-bottle.db",
            (Mount("bind", "/var/lib/bb", facts.paths.ledger_dir),),
            (),
        )
    from urllib.parse import parse_qsl, unquote, urlsplit  # only a ledger on a server has a URL

    asked = dict(parse_qsl(urlsplit(url).query)).get("host", "")
    host = asked or unquote(urlsplit(url).hostname or "")
    if host.startswith("/"):
        return url, (Mount("bind", host, host, read_only=True),), ()
    outer = settings.egress_network or outer_name(facts.paths.home_id)
    return url, (), (Attachment(outer),)
