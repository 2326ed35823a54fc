"""The commented starter that ``bb init`` writes: pure text from choices."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

# Template → host variable of its credential, and the budget that its tokens spend.
PROVIDERS = {"claude": "ANTHROPIC_API_KEY", "codex": "OPENAI_API_KEY", "pi": "ANTHROPIC_API_KEY"}
BUDGETS = {"claude": "claude", "codex": "codex", "pi": "claude"}


class Choices(Struct, frozen=True):
    """What a starter needs to know. ``budget`` is an amount such as ``5M/day``; ``allow`` are
    host names beyond the provider's own."""

    name: str = "dev"
    provider: str = "claude"
    budget: str = "5M/day"
    allow: Sequence[str] = ()

    @property
    def variable(self) -> str:
        """The host variable of the provider's credential."""
        return PROVIDERS[self.provider]

    @property
    def key(self) -> str:
        """The budget that the provider's tokens spend."""
        return BUDGETS[self.provider]


def files(choices: Choices) -> dict[str, str]:
    """Path below the bb home → text."""
    return {
        "settings.yml": _settings(choices),
        f"bottles/{choices.name}.md": _bottle(choices),
        f"agents/{choices.name}.md": _agent(choices),
    }


def _settings(choices: Choices) -> str:
    return f"""\
# Choices for this machine. Projects cannot have settings: budgets do not come from a repository.

# The pool above all bottles. The most specific budget governs; with budget_mode: all every
# scope must have room.
budget:
  {choices.key}: 20M/day
budget_mode: nearest

# What happens to a bottle whose budget is spent: cutoff (runs on, nothing leaves), freeze
# (snapshot, then stop) or kill (removed).
shutdown: cutoff
"""


def _bottle(choices: Choices) -> str:
    # Quoted: a plain *.example.com would be a YAML alias.
    routes = "".join(f'    - host: "{host}"\n' for host in choices.allow)
    egress = f"egress:\n  routes:\n{routes}" if routes else (
        "# Hosts beyond the provider's own. Everything else is refused.\n"
        "# egress:\n"
        "#   routes:\n"
        "#     - host: api.github.com\n"
        "#       auth: {scheme: Bearer, token_ref: GITHUB_TOKEN}\n"
        "#       matches: [{paths: [{type: prefix, value: /repos/acme}], methods: [GET]}]\n"
    )  # fmt: skip
    return f"""\
---
# Policy: what an agent in this bottle can reach and spend. The credential is named, not
# written: the value of {choices.variable} stays on this host, outside the bottle.
agent_provider:
  template: {choices.provider}
  auth_token: {choices.variable}
{_login(choices)}
# Tokens this bottle and all that extend it may spend together.
budget:
  {choices.key}: {choices.budget}

{egress}
# Variables for the agent: literal text, "?" to be asked at apply time, ${{NAME}} to copy one.
# env:
#   TZ: ${{TZ}}
---
What this bottle is for, in your own words.
"""


def _login(choices: Choices) -> str:
    """The other way to log in, for providers with a login of their own on this machine."""
    if choices.provider == "pi":
        return ""
    return f"  # forward_host_credentials: true   # instead: the login of {choices.provider} here\n"


def _agent(choices: Choices) -> str:
    return f"""\
---
# Who runs in the bottle. Agents at home are a library: state: started makes bb apply start it.
bottle: {choices.name}
state: started
---
You are a careful engineer. Say what you are about to do before you do it.
"""
