"""Whether what is open under one configuration would be so under another, and its end where not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from mitmproxy import http

from botbottle.model.route import Route
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.ending import Ending
from botbottle.sidecar.egress.match import Query
from botbottle.sidecar.egress.passage import Head, Passage, passage_of
from botbottle.sidecar.egress.routing import route_of
from botbottle.sidecar.egress.scan import on_match


class Rescanning(Protocol):
    """What has a say in open streams."""

    ending: Ending

    def anew(self, flow: http.HTTPFlow, passage: Passage, head: Head, fresh: Active) -> None:
        """Judge a request that has not left by another configuration."""

    def rescan(self, flow: http.HTTPFlow, passage: Passage, fresh: Active) -> None:
        """Look for the secrets of now in what a stream still sends."""


def follow(live: Iterable[http.HTTPFlow], fresh: Active, pipeline: Rescanning) -> None:
    """What has not left is judged by the new configuration. Open streams that it would not admit
    end; in what the others still send the new secrets are looked for. First those that have not
    left yet: some wait for one of the others to end, and would take its place."""
    for flow in sorted(live, key=_has_left):
        passage = passage_of(flow)
        if passage is None:
            continue
        if passage.head is not None and not passage.sent and not passage.streamed:
            pipeline.anew(flow, passage, passage.head, fresh)
        elif still_allowed(passage, fresh):
            pipeline.rescan(flow, passage, fresh)
        else:
            pipeline.ending.cut(flow)


def _has_left(flow: http.HTTPFlow) -> bool:
    passage = passage_of(flow)
    return passage is not None and passage.sent


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
    return _settings(route) == _settings(now)


def _settings(route: Route) -> tuple[object, ...]:
    return route.dlp, on_match(route), route.provider, route.auth


def alike(one: Passage, other: Passage) -> bool:
    """Whether two judgements of one request's head have the same done with its body."""
    return one.call == other.call and _settings(one.way) == _settings(other.way)
