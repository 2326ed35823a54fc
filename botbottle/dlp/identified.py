"""Names of things that are no secrets: what stands under ``request_id`` or ``tenantId``.

Vendors write identifiers and keys in one shape, and only the name of the field tells them apart.
"""

from __future__ import annotations

import re

_BETWEEN = rb"(?:[\s\"'\x60\\=:>,(\[{|]|\\[nrt])*$"
_THINGS = (
    rb"id|uuid|guid|org|organi[sz]ation|project|tenant|image|zone|region|team|group|workspace"
    rb"|request|account|subscription"
)
_THING = re.compile(
    rb"(?:(?:^|[^A-Za-z])(?i:%b)|[a-z](?:Id|ID|Uuid|UUID|Guid)|(?i:tenant|project|request|org)id)"
    rb"%b" % (_THINGS, _BETWEEN)
)
_CREDENTIALS = re.compile(rb"(?i:secret|key|token|session|access)[_\-. ]?id" + _BETWEEN)


def identifies(lead: bytes) -> bool:
    """Whether the name in front of a value is that of a thing and not of a credential."""
    return _THING.search(lead) is not None and _CREDENTIALS.search(lead) is None
