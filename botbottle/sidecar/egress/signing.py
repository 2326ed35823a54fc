"""Put a route's credential into a request that is about to leave."""

from __future__ import annotations

from datetime import UTC, datetime

from botbottle.sidecar.egress import auth, parts, sigv4, uncoded
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.stripping import Signed
from botbottle.sidecar.egress.target import Target


def authority(where: Target) -> str:
    """The ``host`` header of a request to this target."""
    return where.host if where.port == 443 else f"{where.host}:{where.port}"


def signed(passage: Passage, request: sigv4.Unsigned) -> Signed:
    """Headers and query with the credential of the passage's route.

    ``request`` carries none of the agent's: they were stripped before the scan. Raises
    sigv4.CannotSign, ValueError and LookupError, none of which has the value in it.
    """
    rule = passage.way.auth
    bare = Signed(request.headers, request.query)
    if rule is None:
        return bare
    value = passage.policy.secret_of(passage.way)
    if not value:
        raise LookupError("a credential vanished between stages")
    if parts.withheld(rule, passage.query.methods if passage.query else ()):
        bare = Signed(parts.whole(bare.headers), request.query)
    if uncoded.travels(rule) and not passage.upgrade:
        bare = Signed(uncoded.asked(bare.headers), request.query)
    if rule.scheme != "sigv4":
        return auth.inject(bare, rule, value)
    scope = sigv4.scope_of(passage.agents, passage.where.host)
    fields = sigv4.sign(request, sigv4.parse_keys(value), scope, datetime.now(UTC))
    return Signed(fields, request.query)
