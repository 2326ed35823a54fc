"""Places in which a request asks to be taken for another one: another method, path or host.

Frameworks and servers behind proxies read them: ``X-HTTP-Method-Override``, ``_method`` of Rack and
Laravel in a query (or a form, see ``forms``), ``X-Original-URL`` of IIS and Symfony,
``X-Forwarded-Host``. What they name must be allowed as well, or is refused: rules would judge one
request, the server serve another. Gateways to scripts read ``_`` in a header's name as ``-`` (RFC
3875, 4.1.18), so these names are refused with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_plus

from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.target import canonical_host, decoded, refuse, split_authority

_METHODS = ("x-http-method-override", "x-http-method", "x-method-override")
_PATHS = frozenset({"x-original-url", "x-rewrite-url", "x-original-uri", "x-rewrite-uri"})
_HOSTS = frozenset({"x-forwarded-host", "x-original-host", "x-host", "x-http-host-override"})
_FORWARDED = re.compile(r'(?i)host\s*=\s*"?([^";,\s]+)')  # RFC 7239, 5.3
_ALL = frozenset(_METHODS) | _PATHS | _HOSTS | {"forwarded"}
_ONE_SPELLING = _ALL | {"content-length", "transfer-encoding"}
_PARAMETERS = frozenset({"_method", "x_http_method_override"})
UNKNOWN = "?"  # a method that no rule allows


def methods(headers: Mapping[str, str], query: str) -> tuple[str, ...]:
    """The methods that a head asks to be taken for. ``headers``: with names of lower case."""
    asked = tuple(headers[n].strip().upper() for n in _METHODS if n in headers)
    return (*asked, *named(query)) if "ethod" in decoded(query) else asked


def named(pairs: str) -> Iterator[str]:
    """The methods among the pairs of a query or a form."""
    for pair in re.split("[&;]", pairs):
        name, _, value = pair.partition("=")
        if asks(unquote_plus(name)):
            yield unquote_plus(value).strip().upper()


def asks(name: str) -> bool:
    """Whether a parameter of this name is for another method."""
    return name.strip().lower().replace("-", "_").partition("[")[0] in _PARAMETERS


def other_target(headers: Mapping[str, str], host: str) -> Denial | None:
    """Why a request to ``host`` names another path or host in its other headers, if it does."""
    if "_" in "".join(headers):
        for name in headers:
            if "_" in name and name.replace("_", "-") in _ONE_SPELLING:
                return refuse("bad-request", f"the header {name[:64]} has an ambiguous name")
    for name in headers.keys() & _ALL:
        if name in _PATHS:
            return refuse("ambiguous-path", f"{name} names another path")
        hosts = headers[name].split(",") if name in _HOSTS else ()
        for text in _FORWARDED.findall(headers[name]) if name == "forwarded" else hosts:
            if canonical_host(split_authority(text.strip())[0]) != host:
                return refuse("host-mismatch", f"{name} names another host than {host}")
    return None
