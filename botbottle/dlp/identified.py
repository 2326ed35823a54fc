"""Names of things that are no secrets: what stands under ``request_id`` or ``tenantId``.

Vendors write identifiers and keys in one shape, and only the name of the field tells them apart.
"""

from __future__ import annotations

import re

# An operator with blanks and quotes; a line break only behind a colon.
_BETWEEN = rb"(?:[ \t\"'\x60\\=:>(\[{|]|\\[rt])*(?::(?:\s|\\[nrt])*)?[\"'\\]*$"
# These tell by themselves only as a whole key or its last part: prose says "key of our team: ...".
_NOUNS = (
    rb"org|organi[sz]ation|project|tenant|image|zone|region|team|group|workspace|request|account"
    rb"|subscription"
)
_THING = re.compile(
    rb"(?:(?:^|[^A-Za-z])(?i:id|uuid|guid)|(?:^|[_\-.\"'{,\n]|\\n)[ \t]*(?i:%b)"
    rb"|[a-z](?:Id|ID|Uuid|UUID|Guid)|(?i:tenant|project|request|org)id)%b" % (_NOUNS, _BETWEEN)
)
# A name that has one of these in it is not only a thing's: ``secret_id``, ``API_KEY_TEAM``.
_CREDENTIALS = re.compile(
    rb"(?i:(?:secret|key|token|passw|session|access)(?:[\w\-]{0,40}|[. ]id))" + _BETWEEN
)


def identifies(lead: bytes) -> bool:
    """Whether the name in front of a value is that of a thing and not of a credential."""
    return _THING.search(lead) is not None and _CREDENTIALS.search(lead) is None
