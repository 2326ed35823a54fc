"""The route that a request uses."""

from __future__ import annotations

from botbottle.model.route import Route
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.match import Query


def route_of(query: Query, active: Active) -> Route | None:
    """The route that a request uses; while a bottle learns there always is one."""
    found = active.index.find(query)
    if found is None and active.config.learning:
        return Route(host=query.host, port=query.port)
    return found
