"""Routes read from their two written forms, flat and manifest (see ``route``), by the same rules.

Raises RouteError with the key path of the first mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from botbottle.model.approval import Approval, read_approval
from botbottle.model.reading import RouteError, boolean, choice, listing, mapping, text
from botbottle.model.route import (
    AUTH_SCHEMES,
    HEADER_PATTERN,
    HEADER_TYPES,
    HOST_PATTERN,
    INBOUND_DETECTORS,
    METHOD_PATTERN,
    NAME_PATTERN,
    ON_MATCH,
    OUTBOUND_DETECTORS,
    PATH_TYPES,
    Auth,
    AuthScheme,
    Dlp,
    HeaderMatch,
    HeaderType,
    Match,
    OnMatch,
    PathMatch,
    PathType,
    Route,
)

_FLAT_KEYS = {
    "host", "port", "auth_scheme", "token_env", "auth_name", "matches", "git", "dlp",
    "provider", "allow_private", "stream_uploads",
}  # fmt: skip
_MANIFEST_KEYS = {
    "host",
    "port",
    "auth",
    "matches",
    "git",
    "dlp",
    "allow_private",
    "stream_uploads",
}


def from_flat(raw: object) -> Route:
    """Parse the flat form. Raises RouteError with the key path of the first mistake."""
    data = mapping(raw, "", _FLAT_KEYS)
    scheme, secret = data.get("auth_scheme"), data.get("token_env")
    if (scheme is None) != (secret is None):
        raise RouteError("auth_scheme", "auth_scheme and token_env belong together")
    auth = None
    if scheme is not None:
        auth = _auth({"scheme": scheme, "token_ref": secret, "name": data.get("auth_name", "")})
    return _route(data, auth, text(data.get("provider", ""), "provider"))


def from_manifest(raw: object) -> Route:
    """Parse the manifest form. Raises RouteError with the key path of the first mistake."""
    data = mapping(raw, "", _MANIFEST_KEYS)
    auth = _auth(data["auth"]) if data.get("auth") is not None else None
    return _route(data, auth, "")


def _route(data: Mapping[str, Any], auth: Auth | None, provider: str) -> Route:
    return Route(
        host=_host(data),
        port=_port(data.get("port", 443)),
        auth=auth,
        matches=tuple(
            _match(m, f"matches[{i}]")
            for i, m in enumerate(listing(data.get("matches"), "matches"))
        ),
        git_fetch=_git(data.get("git")),
        dlp=_dlp(data.get("dlp")),
        provider=provider,
        allow_private=boolean(data.get("allow_private", False), "allow_private"),
        stream_uploads=boolean(data.get("stream_uploads", False), "stream_uploads"),
    )


def _host(data: Mapping[str, Any]) -> str:
    if "host" not in data:
        raise RouteError("host", "a route needs a host", "host: api.example.com")
    host = text(data["host"], "host").lower()
    if not HOST_PATTERN.fullmatch(host) or len(host) > 253:
        raise RouteError(
            "host",
            f"{host!r} is not a host name",
            "write a bare name like api.example.com or *.example.com: no scheme, path or port",
        )
    if host.startswith("*.") and "." not in host[2:]:
        raise RouteError("host", f"{host!r} would allow a whole top-level domain")
    return host


def _port(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 < raw < 65536:
        raise RouteError("port", f"{raw!r} is not a port number")
    return raw


def _auth(raw: object) -> Auth:
    data = mapping(raw, "auth", {"scheme", "token_ref", "name"})
    for key in ("scheme", "token_ref"):
        if key not in data:
            raise RouteError(f"auth.{key}", f"auth needs {key}")
    scheme = choice(data["scheme"], "auth.scheme", AUTH_SCHEMES)
    secret = text(data["token_ref"], "auth.token_ref")
    if not NAME_PATTERN.fullmatch(secret):
        raise RouteError("auth.token_ref", f"{secret!r} is not the name of a variable")
    name = text(data.get("name", ""), "auth.name")
    if (scheme in ("header", "query")) != bool(name):
        raise RouteError("auth.name", "the schemes header and query, and only they, need a name")
    return Auth(cast(AuthScheme, scheme), secret, name.lower() if scheme == "header" else name)


def _match(raw: object, path: str) -> Match:
    data = mapping(raw, path, {"paths", "methods", "headers"})
    paths = tuple(
        _path(p, f"{path}.paths[{i}]")
        for i, p in enumerate(listing(data.get("paths"), f"{path}.paths"))
    )
    methods = tuple(
        _method(m, f"{path}.methods[{i}]")
        for i, m in enumerate(listing(data.get("methods"), f"{path}.methods"))
    )
    headers = tuple(
        _header(h, f"{path}.headers[{i}]")
        for i, h in enumerate(listing(data.get("headers"), f"{path}.headers"))
    )
    return Match(paths, methods, headers)


def _path(raw: object, path: str) -> PathMatch:
    data = mapping(raw, path, {"type", "value"})
    kind = choice(data.get("type", "prefix"), f"{path}.type", PATH_TYPES)
    value = text(data.get("value"), f"{path}.value")
    if kind == "regex":
        _regex(value, f"{path}.value")
    elif not value.startswith("/"):
        raise RouteError(f"{path}.value", f"{value!r} must start with /")
    return PathMatch(cast(PathType, kind), value)


def _method(raw: object, path: str) -> str:
    value = text(raw, path).upper()
    if not METHOD_PATTERN.fullmatch(value):
        raise RouteError(path, f"{value!r} is not an HTTP method")
    return value


def _header(raw: object, path: str) -> HeaderMatch:
    data = mapping(raw, path, {"name", "value", "type"})
    name = text(data.get("name"), f"{path}.name").lower()
    if not HEADER_PATTERN.fullmatch(name):
        raise RouteError(f"{path}.name", f"{name!r} is not a header name")
    kind = choice(data.get("type", "exact"), f"{path}.type", HEADER_TYPES)
    value = text(data.get("value"), f"{path}.value")
    if kind == "regex":
        _regex(value, f"{path}.value")
    return HeaderMatch(name, value, cast(HeaderType, kind))


def _regex(value: str, path: str) -> None:
    import re2

    options = re2.Options()
    options.log_errors = False  # on standard error, in words of its own
    try:
        re2.compile(value, options)
    except re2.error as error:
        raise RouteError(
            path,
            f"{value!r} is not a linear-time (RE2) regular expression",
            "no back-references or look-around",
        ) from error


def _git(raw: object) -> bool:
    if raw is None:
        return False
    return boolean(mapping(raw, "git", {"fetch"}).get("fetch", False), "git.fetch")


def _dlp(raw: object) -> Dlp:
    if raw is None:
        return Dlp()
    known = {"outbound_detectors", "inbound_detectors", "outbound_on_match", "allow"}
    data = mapping(raw, "dlp", known)
    on_match = data.get("outbound_on_match")
    return Dlp(
        outbound_detectors=_detectors(
            data.get("outbound_detectors"), "dlp.outbound_detectors", OUTBOUND_DETECTORS
        ),
        inbound_detectors=_detectors(
            data.get("inbound_detectors"), "dlp.inbound_detectors", INBOUND_DETECTORS
        ),
        outbound_on_match=None
        if on_match is None
        else cast(OnMatch, choice(on_match, "dlp.outbound_on_match", ON_MATCH)),
        allow=_allow(data.get("allow")),
    )


def _allow(raw: object) -> tuple[Approval, ...]:
    found: dict[str, Approval] = {}
    for number, item in enumerate(listing(raw, "dlp.allow")):
        path = f"dlp.allow[{number}]"
        approval = read_approval(item, path)
        if approval.fingerprint in found:
            raise RouteError(f"{path}.fingerprint", "is in the list twice")
        found[approval.fingerprint] = approval
    return tuple(sorted(found.values()))


def _detectors(raw: object, path: str, known: Sequence[str]) -> tuple[str, ...] | None:
    if raw is None:
        return None
    return tuple(choice(d, f"{path}[{i}]", known) for i, d in enumerate(listing(raw, path)))
