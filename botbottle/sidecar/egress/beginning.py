"""A response of which nothing passes, not even its head, before its body was seen to begin well.

What is to be decoded may be no such thing. Once the head has left, nothing but the end of the
connection could say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mitmproxy import flow as mflow
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import _events as hevents
from mitmproxy.proxy.layers.http import _hooks as hooks

from botbottle.meter.decode import Undecodable
from botbottle.sidecar.egress.answering import Answering, Commands
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.inbound import InjectionFound

UNREAD = Denial("upstream-protocol", "the response cannot be decoded, so nobody could look into it")
ORDERS = Denial("injection", "the response was refused")


SHORT = 256 * 1024  # bytes that are held back, of a body that is short


class Unsure:
    """A body that is decoded as it passes; called as what mitmproxy calls a stream. ``short``: its
    head said that it is, so that it waits for its end."""

    def __init__(self, decoded: Callable[[bytes], list[bytes]], *, short: bool = False) -> None:
        self._decoded, self._short = decoded, short
        self._held: list[bytes] = []
        self._left = False

    def begins(self, chunk: bytes) -> bool:
        """Whether what came out so far may leave. Raises what its decoder raises. Once it may, it
        is to be called with the same chunk, which gives that."""
        self._held += self._decoded(chunk)
        size = sum(map(len, self._held))
        return not chunk or size > (SHORT if self._short else 0)

    def __call__(self, chunk: bytes) -> list[bytes]:
        held, self._held = self._held, []
        left, self._left = self._left, True
        return self._decoded(chunk) if left else held


def _unreadable(_chunk: bytes) -> list[bytes]:
    raise Undecodable


UNREADABLE = Unsure(_unreadable)  # in an encoding that nobody knows


class Beginning(Answering):
    """A stream whose response may be looked at before its head leaves."""

    @property
    def unanswered(self) -> bool:
        """As for all; a response that is held back is no answer yet."""
        held = (self.state_consume_response_body, self.state_first_of_response_body)
        alive = self.client_state != self.state_errored
        return super().unanswered or (alive and self.server_state in held)

    def start_response_stream(self) -> Commands:
        """As the original, or wait for the beginning of the body."""
        if isinstance(self._body, Unsure):
            self.server_state = self.state_first_of_response_body
            return
        yield from super().start_response_stream()

    def state_first_of_response_body(self, event: events.Event) -> Commands:
        """Nothing has left yet: what cannot be decoded is answered instead."""
        if isinstance(event, hevents.ResponseTrailers):
            yield from super().state_stream_response_body(event)
            return
        if self.is_nothing(event):
            return
        chunk = event.data if isinstance(event, hevents.ResponseData) else b""
        try:
            begins = cast(Unsure, self._body).begins(chunk)
        except InjectionFound:
            yield from self._instead_of_what_came(ORDERS)
            return
        except Exception:  # noqa: BLE001 - fail closed: what was not decoded does not pass
            yield from self._instead_of_what_came(UNREAD)
            return
        if begins:
            yield from super().start_response_stream()
            yield from self.state_stream_response_body(event)

    def _instead_of_what_came(self, denial: Denial) -> Commands:
        self.flow.error = mflow.Error(denial.reason)
        yield hooks.HttpErrorHook(self.flow)
        yield from self.instead(self.refusals.refused(self.flow, denial))

    @property
    def _body(self) -> object:
        response = self.flow.response
        return response.stream if response is not None else None
