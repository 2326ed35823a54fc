"""Token endpoints, for a sidecar that refreshes a forwarded login by itself.

``POST …/oauth/token`` (Claude: console.anthropic.com and platform.claude.com, Codex:
auth.openai.com), body as JSON or as a form. Refresh tokens rotate and work once, as the vendors'
do; the answer is deterministic in what was sent, so a test can say which token must follow.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs

from tests.world.wire import Call, Reply, compact, json_reply, remember

LIFETIME = 3600  # seconds


def token(call: Call) -> Reply:
    """Exchange a refresh token; a second use of it is ``invalid_grant``."""
    given = _given(call)
    old = str(given.get("refresh_token", ""))
    if given.get("grant_type") != "refresh_token" or not old:
        return _refused("unsupported_grant_type")
    if call.memory.tokens.get(old):
        return _refused("invalid_grant")
    remember(call.memory.tokens, old, 1)
    answer: dict[str, Any] = {
        "token_type": "Bearer",
        "access_token": access_after(old),
        "refresh_token": refresh_after(old),
        "expires_in": LIFETIME,
        "scope": str(given.get("scope", "user:inference")),
    }
    if "openai" in call.request.host:
        answer["id_token"] = id_token(old)
    return json_reply(answer)


def access_after(refresh: str) -> str:
    """The access token that a refresh token is exchanged for."""
    return f"world-access-{_digest(refresh)}"


def refresh_after(refresh: str) -> str:
    """The refresh token that replaces a used one."""
    return f"world-refresh-{_digest('next' + refresh)}"


def id_token(refresh: str) -> str:
    """An unsigned JWT with the claims that Codex reads."""
    claims = {
        "email": "world@example.com",
        "https://api.openai.com/auth": {"chatgpt_account_id": "acc-botbottle-world"},
        "sub": _digest(refresh),
        "exp": 4_000_000_000,
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    raw = [base64.urlsafe_b64encode(compact(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*raw, b"c2ln"]).decode()


def _given(call: Call) -> dict[str, Any]:
    if call.data:
        return dict(call.data)
    form = parse_qs(call.request.body.decode("utf-8", "replace"))
    return {name: values[0] for name, values in form.items()}


def _refused(word: str) -> Reply:
    return json_reply({"error": word}, status=400)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
