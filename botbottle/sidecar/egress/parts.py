"""Parts of a response (RFC 9110, 14): not asked for where a credential goes along.

An upstream that repeats the credential would give an agent one half of it in each of two parts, or
byte for byte, and nobody could overwrite what is in none of them. A request without ``Range`` gets
the whole, as one does from a server that knows no parts. A key of ``sigv4`` does not travel, only
what was signed with it: there parts are asked for as the agent says. A PUT asks for none: with it
``x-ms-range`` says where to write (Azure Storage, Put Page).
"""

from __future__ import annotations

from collections.abc import Collection

from botbottle.model.route import Auth
from botbottle.sidecar.egress.stripping import Fields, plain

# ``request-range`` and ``x-ms-range`` mean the same to old servers and to Azure's storage.
_NAMES = frozenset({b"range", b"if-range", b"request-range", b"x-ms-range"})
OFFER = "accept-ranges"  # header of a response


def withheld(credential: Auth | None, methods: Collection[str] = ()) -> bool:
    """Whether requests with this credential ask for the whole. ``methods``: all that the request
    may be taken for."""
    return credential is not None and credential.scheme != "sigv4" and set(methods) != {"PUT"}


def whole(headers: Fields) -> Fields:
    """Without what asks for a part."""
    return tuple(field for field in headers if plain(field[0]) not in _NAMES)
