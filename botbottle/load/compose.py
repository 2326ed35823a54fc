"""The effective ``BottleSpec`` of every running instance of an agent."""

from __future__ import annotations

from botbottle.load.effective import Effective, Overrides, repos
from botbottle.load.extends import Resolver
from botbottle.load.merge import Policy
from botbottle.load.origins import Origins
from botbottle.load.scopes import all_scopes, ancestry
from botbottle.model.bottle import (
    BottleSpec,
    EnvVar,
    GitRepo,
    GitUser,
    Resources,
    Settings,
    WantedState,
)


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
        own=item.own,
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
