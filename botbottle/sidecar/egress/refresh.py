"""What a token endpoint is asked, and what its answer makes of a login. Pure.

RFC 6749, section 6. Endpoints and client names are those of the programs themselves (Claude
Code 2.1, Codex 0.169): both are public clients, so there is no client secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botbottle.providers.login import CLAUDE, read
from botbottle.sidecar.egress.asking import Question

_FIELDS = ((b"content-type", b"application/json"), (b"accept", b"application/json"))


class NotRenewed(Exception):
    """The endpoint gave no new login; the text says why and names no value."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the logins of a program are renewed."""

    host: str
    path: str
    client: str
    extra: Mapping[str, str] = field(default_factory=dict)


ENDPOINTS: Mapping[str, Endpoint] = {
    "claude": Endpoint(
        "platform.claude.com", "/v1/oauth/token", "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
    ),
    "codex": Endpoint(
        "auth.openai.com",
        "/oauth/token",
        "app_EMoamEEZ73f0CkXaXp7hrann",
        {"scope": "openid profile email"},
    ),
}


def question(text: str) -> tuple[Endpoint, Question]:
    """Where to ask for a fresh login, and what. Raises NotRenewed when it has no refresh token."""
    found = read(text)
    if found is None or not found.refresh:
        raise NotRenewed("it has no refresh token")
    where = ENDPOINTS[found.program]
    document = {
        "grant_type": "refresh_token",
        "refresh_token": found.refresh,
        "client_id": where.client,
        **where.extra,
    }
    return where, Question(where.host, where.path, _FIELDS, json.dumps(document).encode())


def renewed(text: str, status: int, body: bytes, now: float) -> str:
    """The login's text with the tokens of the endpoint's answer; all else stays as it was.

    ``now`` is in seconds since the epoch. Raises NotRenewed.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise NotRenewed(f"status {status} without JSON") from None
    if status != 200 or not isinstance(answer, dict) or not _token(answer, "access_token"):
        raise NotRenewed(f"status {status}{_error(answer)}")
    document = json.loads(text)
    found = read(text)
    if found is not None and found.program == CLAUDE:
        _into_claude(document["claudeAiOauth"], answer, now)
    else:
        _into_codex(document["tokens"], answer)
    return json.dumps(document)


def _into_claude(kept: dict[str, Any], answer: Mapping[str, Any], now: float) -> None:
    kept["accessToken"] = answer["access_token"]
    kept["refreshToken"] = _token(answer, "refresh_token") or kept["refreshToken"]
    seconds = answer.get("expires_in")
    kept["expiresAt"] = int((now + seconds) * 1000) if isinstance(seconds, int | float) else 0


def _into_codex(kept: dict[str, Any], answer: Mapping[str, Any]) -> None:
    for name in ("access_token", "refresh_token", "id_token"):
        if value := _token(answer, name):
            kept[name] = value


def _token(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def _error(answer: object) -> str:
    """The error's own word (RFC 6749, 5.2), when it is one of a few letters."""
    word = answer.get("error") if isinstance(answer, dict) else None
    plain = isinstance(word, str) and len(word) < 40 and word.replace("_", "").isalpha()
    return f", {word}" if plain else ""
