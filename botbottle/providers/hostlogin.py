"""The operator's own login of an agent program: where it lies, and what of it may leave. Pure.

With ``forward_host_credentials`` a bottle uses the login that this machine's user works with. Only
its access token (and the account, which is no secret) is ever taken from the file. The refresh
token stays where it is: it works once, and using it anywhere else would end the user's own login.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from botbottle.providers import login
from botbottle.providers.base import Credential

PREFIX = "BB_HOST_"  # of names that stand for a host login, and for no host variable


class HostLogin(Struct, frozen=True):
    """One login of one program. ``secret`` is the name that routes and plans call it by.

    It lies in ``folder`` below the user's home, unless the variable ``folder_variable`` names
    another folder, in ``file``; a token in the host's ``variable`` goes before the file, as it
    does for the program itself. ``credential`` is what the bottle logs in with.
    """

    program: str
    secret: str
    credential: Credential
    folder: str
    folder_variable: str
    file: str
    variable: str = ""

    @property
    def renewal(self) -> str:
        """What renews it: the program does, whenever its user works with it."""
        return f"run `{self.program}` once on this machine"


class NoLogin(ValueError):
    """A text without the wanted login; says what is there instead, and never quotes it."""


def forwarded(own: HostLogin, text: str) -> str:
    """What the sidecar gets of the file ``text``: an access token with its end and account, or an
    API key. Raises NoLogin."""
    if own.credential.scheme != "oauth":
        return _key(text)
    found = login.read(text)
    if found is None or found.program != own.program or not plain(found.token):
        raise NoLogin(_instead(text))
    if found.program == login.CLAUDE:
        return claude(found.token, int(found.expires * 1000))
    tokens = {"access_token": found.token}
    if plain(belongs := login.account(text)):
        tokens["account_id"] = belongs
    return json.dumps({"tokens": tokens})


def claude(token: str, ends: int = 0) -> str:
    """A Claude login of an access token alone. ``ends``: milliseconds since the epoch, 0: not
    known."""
    kept: dict[str, Any] = {"accessToken": token}
    if ends:
        kept["expiresAt"] = ends
    return json.dumps({"claudeAiOauth": kept})


def _key(text: str) -> str:
    key = _document(text).get("OPENAI_API_KEY")
    if not isinstance(key, str) or not plain(key):
        raise NoLogin("it holds no API key")
    return key


def plain(token: str) -> bool:
    """Whether a token can stand in a header."""
    return bool(token) and token.isascii() and token.isprintable()


def _instead(text: str) -> str:
    if isinstance(_document(text).get("OPENAI_API_KEY"), str):
        return "it holds an API key (forward that with settings: {credential: api-key})"
    return "it holds no login"


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise NoLogin("it is not JSON") from None
    return found if isinstance(found, dict) else {}
