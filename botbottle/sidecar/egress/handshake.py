"""The two random texts of a WebSocket's opening (RFC 6455, 4.1 and 4.2.2), one for each side.

The agent's key stays here and the upstream gets one of the sidecar's own, so 16 bytes of the
agent's choice do not leave unread; scanners rightly take a random text for a secret. The answer
to each key is checked, or computed, here.
"""

from __future__ import annotations

import base64
import binascii
import os

from mitmproxy import http
from wsproto.utilities import generate_accept_token

KEY, ACCEPT = "sec-websocket-key", "sec-websocket-accept"
_SIZE = 16  # bytes


class BadAccept(Exception):
    """The upstream's answer is not one to the key it was sent."""


def is_key(text: str) -> bool:
    """Whether this is the base64 text of 16 bytes, and nothing more."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    return len(raw) == _SIZE and base64.b64encode(raw).decode() == text


def new_key() -> str:
    """A key for the upstream."""
    return base64.b64encode(os.urandom(_SIZE)).decode()


def exchange(response: http.Response, sent: str, agents: str) -> None:
    """Check the upstream's answer to the key ``sent`` and put in the one to the agent's key.

    Raises BadAccept.
    """
    if response.headers.get_all(ACCEPT) != [_accept(sent)]:
        raise BadAccept
    response.headers[ACCEPT] = _accept(agents)


def _accept(key: str) -> str:
    return generate_accept_token(key.encode()).decode()
