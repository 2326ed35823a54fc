"""Binds mitmproxy's hooks to the sidecar: which layer comes next, TLS, and the four moments of a
request. Hooks that return None are done; a coroutine is awaited before the layers go on."""

# ruff: noqa: ARG001 - all hooks have one signature
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from mitmproxy.http import HTTPFlow, Request
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers import modes, tls, websocket
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http import _hooks as http

from botbottle.sidecar.egress.calls import Waiting
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.driver import Driver
from botbottle.sidecar.egress.layers import Http
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.passing import JudgeHook
from botbottle.sidecar.egress.pipeline import Pipeline
from botbottle.sidecar.egress.target import canonical_host
from botbottle.sidecar.egress.tls import AgentSide, WorldSide

HTTPS = 443


class Desk(Protocol):
    """What the hooks need of the sidecar."""

    agent_side: AgentSide
    log: Log
    pipeline: Pipeline

    @property
    def world_side(self) -> WorldSide:
        """TLS towards the world. Raises LookupError before the first configuration."""

    def judge_connect(self, host: str, port: int, hosts: Iterable[str] = ()) -> Denial | None:
        """Whether CONNECT may open a tunnel. ``hosts``: what its Host headers name."""

    def deny(self, flow: HTTPFlow, driver: Driver, denial: Denial) -> None:
        """Refuse a CONNECT."""


def weight(request: Request) -> int:
    """Steps that judging a head is worth: what is in it is taken apart again and again."""
    return (len(request.data.path) >> 8) + (len(request.headers.fields) >> 3)


def client_data(nxt: layer.NextLayer) -> bytes:
    """What the client sent so far to a layer that is not chosen yet."""
    mine = nxt.context.client
    return b"".join(
        e.data for e in nxt.events if isinstance(e, DataReceived) and e.connection is mine
    )


def next_layer(desk: Desk, driver: Driver, hook: layer.NextLayerHook) -> Waiting:
    """Choose the protocol: TLS where a record starts, otherwise HTTP; never raw bytes."""
    nxt = hook.data
    context = nxt.context
    if not context.layers:
        nxt.layer = modes.HttpProxy(context)  # the root: passes everything to the next one
        return None
    data = client_data(nxt)
    inside_tls = any(isinstance(each, tls.ClientTLSLayer) for each in context.layers)
    may_be_tls = driver.listener == "tls" or driver.tunnel is not None
    if may_be_tls and not inside_tls:
        if len(data) < 3:
            return None  # too early to tell
        if starts_like_tls_record(data):
            if not driver.shakes_hands(len(data)):
                return None
            context.server.tls = True
            nxt.layer = tls.ClientTLSLayer(context)
            return None
    if driver.listener == "tls" and not inside_tls:
        driver.abort()
        return None
    known = driver.tunnel is not None or driver.listener == "tls"
    http_layer = Http(context, HTTPMode.transparent if known else HTTPMode.regular, driver.ask)
    nxt.layer = http_layer
    driver.outer = driver.outer or http_layer
    driver.pressure.http = http_layer
    return None


def client_hello(desk: Desk, driver: Driver, hook: tls.TlsClienthelloHook) -> Waiting:
    """A program that connected by name: the name is in the SNI, or the connection ends."""
    context = hook.data.context
    if driver.listener == "tls":
        host = canonical_host(context.client.sni or "")
        if isinstance(host, Denial):
            desk.log.write("block", "denied", code=host.code, reason="TLS without a valid SNI")
            driver.abort()
            return None
        context.server.address = (host, HTTPS)
    return None


def tls_agent(desk: Desk, driver: Driver, hook: tls.TlsStartClientHook) -> Waiting:
    """Present a certificate for the name the program asked for."""
    context = hook.data.context
    address = context.server.address
    named = canonical_host(context.client.sni or (address[0] if address else ""))
    if not isinstance(named, Denial):
        hook.data.ssl_conn = desk.agent_side.connection(named)
    return None


def tls_world(desk: Desk, driver: Driver, hook: tls.TlsStartServerHook) -> Waiting:
    """Verify the upstream for the name of the route, offer what the agent offered."""
    server, client = hook.data.conn, hook.data.context.client
    address = getattr(server, "address", None)
    if address is None:
        return None
    offers = [p for p in (b"h2", b"http/1.1") if p in client.alpn_offers]
    server.alpn_offers = tuple(offers)
    server.sni = address[0]
    hook.data.ssl_conn = desk.world_side.connection(address[0], offers)
    return None


def connect(desk: Desk, driver: Driver, hook: http.HttpConnectHook) -> Waiting:
    """CONNECT opens a tunnel only to a port that some route uses; what is inside is judged there,
    where a refusal can be read by the program that caused it."""
    flow = hook.flow
    if driver.listener != "proxy" or driver.tunnel is not None:
        denial: Denial | None = Denial("proxy-form", "CONNECT is for the proxy port", close=True)
    else:
        asked = flow.request
        denial = desk.judge_connect(asked.host, asked.port, asked.headers.get_all("host"))
    if denial is not None:
        desk.deny(flow, driver, denial)
        return None
    driver.tunnel = (flow.request.host, flow.request.port)
    return None


def request_headers(desk: Desk, driver: Driver, hook: http.HttpRequestHeadersHook) -> Waiting:
    driver.turns.spend(weight(hook.flow.request))
    return desk.pipeline.head(hook.flow, driver)


def request(desk: Desk, driver: Driver, hook: http.HttpRequestHook) -> Waiting:
    return desk.pipeline.body(hook.flow)


def judge(desk: Desk, driver: Driver, hook: JudgeHook) -> Waiting:
    return hook.passing.judge()


def response_headers(desk: Desk, driver: Driver, hook: http.HttpResponseHeadersHook) -> Waiting:
    desk.pipeline.answers.head(hook.flow)
    return None


def response(desk: Desk, driver: Driver, hook: http.HttpResponseHook) -> Waiting:
    return desk.pipeline.answers.finished(hook.flow)


def error(desk: Desk, driver: Driver, hook: http.HttpErrorHook) -> Waiting:
    desk.pipeline.ending.failed(hook.flow)
    return None


def websocket_message(desk: Desk, driver: Driver, hook: websocket.WebsocketMessageHook) -> Waiting:
    return desk.pipeline.sockets.message(hook.flow)


def websocket_end(desk: Desk, driver: Driver, hook: websocket.WebsocketEndHook) -> Waiting:
    desk.pipeline.ending.failed(hook.flow)
    return None


HOOKS: dict[type[StartHook], Callable[[Desk, Driver, Any], Waiting]] = {
    layer.NextLayerHook: next_layer,
    tls.TlsClienthelloHook: client_hello,
    tls.TlsStartClientHook: tls_agent,
    tls.TlsStartServerHook: tls_world,
    http.HttpConnectHook: connect,
    http.HttpRequestHeadersHook: request_headers,
    http.HttpRequestHook: request,
    JudgeHook: judge,
    http.HttpResponseHeadersHook: response_headers,
    http.HttpResponseHook: response,
    http.HttpErrorHook: error,
    websocket.WebsocketMessageHook: websocket_message,
    websocket.WebsocketEndHook: websocket_end,
}
