"""The side paths of a ChatGPT login that Codex needs before it takes a turn."""

from __future__ import annotations

from tests.world.wire import Call, Reply, json_reply

ACCOUNT = "acc-botbottle-world"


def accounts_check(call: Call) -> Reply:
    """``GET /backend-api/wham/accounts/check``: without it every turn dies in routing discovery."""
    account = {
        "id": call.request.header("chatgpt-account-id") or ACCOUNT,
        "workspace_backend_origin": "https://chatgpt.com",
        "account_routing_override": "NO_CONSTRAINT",
    }
    return json_reply({"accounts": [account]})


def models(call: Call) -> Reply:
    """``GET /backend-api/codex/models``: none, the client has its own list."""
    return json_reply({"models": []})
