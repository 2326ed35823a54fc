"""Whether what is open under one configuration would be so under another."""

from __future__ import annotations

from botbottle.model.route import Route
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.match import Query
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.scan import on_match
from botbottle.sidecar.egress.stages import route_of


def still_allowed(passage: Passage, fresh: Active) -> bool:
    """Whether a stream in flight would be admitted now, by host, method and path."""
    if passage.target is None or fresh.config.hold.policy:
        return False
    target, route = passage.target, passage.route
    if passage.open and route is not None:
        return _still_judged(passage, route, fresh)
    if route is not None and route in fresh.config.routes:
        return True
    if fresh.config.learning:
        return True
    query = Query(target.host, target.port, (target.method,), target.path, {})
    return fresh.index.find(query) is not None


def _still_judged(passage: Passage, route: Route, fresh: Active) -> bool:
    """Whether what the agent goes on to send would be judged, metered and signed as it is now: a
    request keeps the settings it came with, and outlives neither them nor a withdrawn approval."""
    now = route_of(passage.query, fresh) if passage.query else None
    if now is None or (passage.streamed and not now.stream_uploads):
        return False
    before = (route.dlp, on_match(route), route.provider, route.auth)
    return before == (now.dlp, on_match(now), now.provider, now.auth)
