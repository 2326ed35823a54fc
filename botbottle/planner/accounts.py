"""The account of a login, which some programs must know. Pure.

It is no secret and stands in a file of the agent and in a variable of its container. While the
login itself cannot be read (its owner logged out, bb runs elsewhere), the account that the running
agent was made with stays: nobody replaces an agent because a login is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from botbottle.model.bottle import BottleSpec
from botbottle.model.resources import ObservedContainer
from botbottle.planner.facts import Facts
from botbottle.planner.resume import stored_env
from botbottle.planner.wanted import chosen

ACCOUNT = "BB_ACCOUNT"  # variable of the agent


def account_of(spec: BottleSpec, agents: Sequence[ObservedContainer], facts: Facts) -> str:
    """The account of a bottle's login; '' where its program needs none. ``agents`` are the
    bottle's own agent containers."""
    _, credential, secret = chosen(spec)
    if not credential.of_account:
        return ""
    known = facts.accounts.get(secret, "")
    return known or next((a for c in agents if (a := stored_env(c.labels).get(ACCOUNT, ""))), "")
