"""An agent over its bottles: the effective ``BottleSpec`` of every running instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botbottle.load import findings
from botbottle.load.extends import Resolver
from botbottle.load.merge import Leaf, Policy, fold
from botbottle.load.origins import Origins
from botbottle.load.parse import Agent
from botbottle.load.policy import git_user
from botbottle.load.scopes import all_scopes, ancestry, widened
from botbottle.model.bottle import (
    BottleSpec,
    EnvVar,
    GitRepo,
    GitUser,
    Limit,
    Resources,
    Settings,
    WantedState,
)
from botbottle.model.diagnostic import Diagnostic, Severity
from botbottle.model.manifest_agent import AgentFile
from botbottle.providers import PROVIDERS, UnknownSetting

SETTINGS = "agent_provider.settings"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line adds: ``bottles`` replaces the agents' own (``--bottle``),
    ``budgets`` is the most specific scope (``--budget``). Both hold for ``agents`` (empty:
    all)."""

    agents: tuple[str, ...] = ()
    bottles: tuple[str, ...] = ()
    budgets: tuple[Limit, ...] = ()

    def touch(self, agent: str) -> bool:
        """Whether the overrides hold for this agent."""
        return not self.agents or agent in self.agents


@dataclass(frozen=True, slots=True)
class Effective:
    """An agent's merged policy, before it is spelled out as a BottleSpec."""

    agent: Agent
    keys: AgentFile
    own: tuple[str, ...]
    policy: Policy


def effective(
    agent: Agent, resolver: Resolver, overrides: Overrides
) -> tuple[Effective | None, list[Diagnostic]]:
    """Fold the agent's bottles and its own overlay."""
    own = (
        overrides.bottles
        if overrides.bottles and overrides.touch(agent.entry.name)
        else agent.bottles
    )
    found = _missing_bottles(agent, own, resolver)
    policies = [resolver.policy(name) for name in own]
    good = [p for p in policies if p is not None]
    if found or agent.keys is None or len(good) < len(policies):
        return None, found
    found = widened(agent, own, resolver)
    policy = fold([*good, _overlay(agent, agent.keys)])
    return Effective(agent, agent.keys, tuple(dict.fromkeys(own)), policy), [
        *found,
        *_incomplete(agent, policy),
        *_settings(policy),
    ]


def _missing_bottles(agent: Agent, own: Sequence[str], resolver: Resolver) -> list[Diagnostic]:
    entries = resolver.library.bottle_folder.entries
    return [
        findings.at(
            agent.source,
            agent.tree,
            _bottle_path(agent, name),
            "BB2210",
            f"there is no bottle {name!r} at home",
            findings.did_you_mean(name, entries),
        )
        for name in own
        if name not in entries
    ]


def _bottle_path(agent: Agent, name: str) -> tuple[str | int, ...]:
    raw = agent.tree.data.get("bottle")
    listed = isinstance(raw, list) and name in raw
    return ("bottle", raw.index(name)) if listed else ("bottle",)


def _overlay(agent: Agent, keys: AgentFile) -> Policy:
    user = keys.git_gate.user if keys.git_gate else None
    return Policy(
        {
            ".".join(map(str, path)): Leaf(value, agent.origin(*path))
            for path, value in git_user(user)
        }
    )


def _incomplete(agent: Agent, policy: Policy) -> list[Diagnostic]:
    """Remotes that lack a required field after the merge."""
    found = []
    for name, fields in repos(policy).items():
        missing = [f for f in ("url", "host_key", "key") if f not in fields]
        if missing:
            origin = next(iter(fields.values())).origin
            found.append(
                Diagnostic(
                    Severity.ERROR,
                    "BB2105",
                    f"git-gate.repos.{name} lacks {', '.join(missing)}",
                    origin,
                    hint=f"agent {agent.entry.name} uses it; a remote needs url, host_key and key",
                )
            )
    return found


def _settings(policy: Policy) -> list[Diagnostic]:
    """Provider settings that the effective template does not know (plugins check their own)."""
    provider = PROVIDERS.get(policy.value("agent_provider.template", "claude"))
    given = {name: leaf.value for name, leaf in policy.under(SETTINGS).items()}
    found = []
    while provider and given:
        try:
            provider.argv("interactive", provider.credential("", given), given)
            break
        except UnknownSetting as error:
            origin = policy.leaves[f"{SETTINGS}.{error.key}"].origin
            hint = f"known: {', '.join(error.known)}"
            found.append(Diagnostic(Severity.ERROR, "BB2132", str(error), origin, hint=hint))
            del given[error.key]
    return found


def repos(policy: Policy) -> Mapping[str, dict[str, Leaf]]:
    """Leaves of each remote, by the remote's name (names may contain dots, fields do not)."""
    found: dict[str, dict[str, Leaf]] = {}
    for path, leaf in policy.under("git-gate.repos").items():
        name, _, last = path.rpartition(".")
        found.setdefault(name, {})[last] = leaf
    return found


def instances(item: Effective) -> tuple[str, ...]:
    """``web``, ``web-2``, ``web-3``: the first keeps its name when the number changes."""
    count = item.keys.replicas or 1
    name = item.agent.entry.name
    return (name, *(f"{name}-{n}" for n in range(2, count + 1)))


def specs(
    item: Effective, resolver: Resolver, settings: Settings, overrides: Overrides
) -> tuple[BottleSpec, ...]:
    """The instances of one agent."""
    return tuple(spec(item, name, resolver, settings, overrides) for name in instances(item))


def spec(
    item: Effective, name: str, resolver: Resolver, settings: Settings, overrides: Overrides
) -> BottleSpec:
    """One instance, spelled out."""
    agent, policy, keys = item.agent, item.policy, item.keys
    launch = overrides.budgets if overrides.touch(agent.entry.name) else ()
    value = policy.value
    provider = policy.under("agent_provider")
    return BottleSpec(
        name=name,
        agent=agent.entry.name,
        project=resolver.library.layers.project_id.id,
        layer=agent.entry.layer,
        ancestry=ancestry(item.own, resolver),
        template=value("agent_provider.template", "claude"),
        dockerfile=value("agent_provider.dockerfile", ""),
        auth_token=value("agent_provider.auth_token", ""),
        forward_host_credentials=value("agent_provider.forward_host_credentials", False),
        provider_settings=tuple(
            sorted(
                (p.removeprefix("settings."), leaf.value)
                for p, leaf in provider.items()
                if p.startswith("settings.")
            )
        ),
        env=_env(policy),
        routes=tuple(r.route for r in policy.routes),
        egress_log=value("egress.log", 1),
        learning=value("egress.learning", False),
        supervise=value("supervise", True),
        scopes=all_scopes(agent, name, item.own, resolver, launch),
        shutdown=value("shutdown", settings.shutdown),
        resume_auto=value("resume", "manual") == "auto",
        resources=_resources(policy),
        git_user=GitUser(value("git-gate.user.name", ""), value("git-gate.user.email", "")),
        git_repos=_git_repos(policy),
        state=_state(item),
        run=keys.run or "interactive",
        task=keys.task or "",
        workspace=keys.workspace or "",
        skills=tuple(dict.fromkeys(keys.skills or ())),
        prompt=agent.source.body,
        preflight=value("preflight", settings.preflight),
        all_scopes=agent.entry.layer == "project" and bool(agent.budget),
        origins=Origins(item, resolver),
    )


def _state(item: Effective) -> WantedState:
    return item.keys.state or ("started" if item.agent.entry.layer == "project" else "stopped")


def _env(policy: Policy) -> tuple[EnvVar, ...]:
    return tuple(leaf.value for _, leaf in sorted(policy.under("env").items()))


def _resources(policy: Policy) -> Resources:
    return Resources(**{name: leaf.value for name, leaf in policy.under("resources").items()})


def _git_repos(policy: Policy) -> tuple[GitRepo, ...]:
    found = []
    for name, fields in sorted(repos(policy).items()):
        if {"url", "host_key", "key"} <= fields.keys():
            provider, path, token, api = fields["key"].value
            found.append(
                GitRepo(
                    name, fields["url"].value, fields["host_key"].value, provider, path, token, api
                )
            )
    return tuple(found)
