"""Reads a request's head off mitmproxy's flow as the pure data that stages judge."""

from __future__ import annotations

from mitmproxy import http

from botbottle.sidecar.egress.carrier import Carrier
from botbottle.sidecar.egress.passage import Head
from botbottle.sidecar.egress.stream import AUTHORITY
from botbottle.sidecar.egress.target import Claim

_PORTS = {"tls": 443, "plain": 80}


def head_of(flow: http.HTTPFlow, driver: Carrier) -> Head:
    """The head as pure data. mitmproxy's own idea of host and port is not used: it is derived
    from what is checked here."""
    request = flow.request
    wire = str(vars(request).get(AUTHORITY, ""))
    hosts = tuple(request.headers.get_all("host"))
    if request.is_http2 and wire:
        hosts, wire = (wire, *hosts), ""
    sni = flow.client_conn.sni or ""
    tls = flow.client_conn.tls
    if driver.tunnel is not None:
        name, port = driver.tunnel
        authority, kind = f"{name}:{port}", "tunnel"
        hosts = _with(wire, hosts)
    elif driver.listener == "proxy":
        authority, kind, port = wire, "proxy", request.port
    else:
        authority, kind, port = "", "direct", _PORTS[driver.listener]
        hosts = _with(wire, hosts)
    method = request.data.method.decode("latin-1")  # as sent: the property would upper-case it
    claim = Claim(kind, tls, port, authority, sni, hosts, method, request.path)
    return Head(claim, joined(request.headers), request.headers.fields)


def _with(wire: str, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts that a request names, with that of an absolute form. That one does not leave, so
    it stands for no ``Host`` header."""
    return (wire, *hosts) if wire and any(hosts) else hosts


def joined(headers: http.Headers) -> dict[str, str]:
    """Lower-case name → value, repeated headers joined by ", "."""
    found: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in headers.fields:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key in found:
            repeated.setdefault(key, [found[key]]).append(text)
        else:
            found[key] = text
    for key, texts in repeated.items():  # once: a head may have one name a thousand times
        found[key] = ", ".join(texts)
    return found
