"""An agent over its bottles: the merged policy, and what only shows once it is merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from botbottle.load import findings
from botbottle.load.extends import Resolver
from botbottle.load.forwarding import login_checks
from botbottle.load.merge import Leaf, Policy, fold
from botbottle.load.parse import Agent
from botbottle.load.policy import git_user
from botbottle.load.scopes import widened
from botbottle.model.bottle import (
    Limit,
)
from botbottle.model.diagnostic import Diagnostic, Severity
from botbottle.model.manifest_agent import AgentFile
from botbottle.providers import PROVIDERS, UnknownSetting

SETTINGS = "agent_provider.settings"


class Overrides(Struct, frozen=True):
    """What the command line adds: ``bottles`` replaces the agents' own (``--bottle``),
    ``budgets`` is the most specific scope (``--budget``). Both hold for ``agents`` (empty:
    all)."""

    agents: tuple[str, ...] = ()
    bottles: tuple[str, ...] = ()
    budgets: tuple[Limit, ...] = ()

    def touch(self, agent: str) -> bool:
        """Whether the overrides hold for this agent."""
        return not self.agents or agent in self.agents


class Effective(Struct, frozen=True):
    """An agent's merged policy, before it is spelled out as a BottleSpec."""

    agent: Agent
    keys: AgentFile
    own: tuple[str, ...]
    policy: Policy


def effective(
    agent: Agent, resolver: Resolver, overrides: Overrides
) -> tuple[Effective | None, list[Diagnostic]]:
    """Fold the agent's bottles and its own overlay."""
    flagged = overrides.bottles and overrides.touch(agent.entry.name)
    own = overrides.bottles if flagged else agent.bottles
    found = [] if flagged else _missing_bottles(agent, own, resolver)
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
        *login_checks(policy),
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
