"""Reach: what a bottle can reach and with which credential, and what a change does to it.

A reach is a set of atoms (host, port, method, path rule, header rules, credential, extras). A
change narrows when it only takes atoms away, widens when it adds any. Set comparison is exact
for equal rules and errs to *widens* when a rule is merely rewritten. No two rules have the same
atom: what could be read as something else is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from msgspec.structs import replace

from botbottle.model.plan import Reach, ReachChange
from botbottle.model.route import Dlp, Match, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.takeover import Entry, narrower, takeovers

type Atom = str

LEARNING: Atom = "learning: every host is observed, not refused"
_PLAIN = re.compile(r'[^\s"\x00-\x1f]*')


def atoms(config: SidecarConfig | None) -> frozenset[Atom]:
    """The reach of a configuration; nothing for None or a held bottle."""
    if config is None:
        return frozenset()
    found = {a for route in config.routes for a in route_atoms(route)}
    if config.learning and config.routes:
        found.add(LEARNING)
    return frozenset(found)


def route_atoms(route: Route) -> Iterable[Atom]:
    """One line per method and path rule of a route, and per value that leak detection lets pass."""
    where = f"{route.host}:{route.port}" if route.port != 443 else route.host
    tail = "".join(
        (
            f" with {route.auth.secret} ({route.auth.scheme})" if route.auth else "",
            " git fetch" if route.git_fetch else "",
            " at private addresses" if route.allow_private else "",
            " with uploads of any size" if route.stream_uploads else "",
        )
    )
    for match in route.matches or (Match(),):
        headers = "".join(
            f" if {h.name}{'~' if h.type == 'regex' else '='}{_quoted(h.value)}"
            for h in match.headers
        )
        for method in match.methods or ("any method",):
            for path in match.paths or (None,):
                rule = "/*" if path is None else _path(path.type, path.value)
                yield f"{where} {method} {rule}{headers}{tail}"
    for approval in route.dlp.allow:
        rule = f" as {approval.rule}" if approval.rule else ""
        yield f"{where} with the value {approval.fingerprint}{rule} ({approval.words})"


def _path(kind: str, value: str) -> str:
    """``/x`` is that path, ``/x/*`` it and all below, ``~`` a regex."""
    if kind == "prefix":
        return _quoted(value.rstrip("/")) + "/*"
    if kind == "regex":
        return f"~{_quoted(value)}"
    return json.dumps(value) if "*" in value else _quoted(value)


def _quoted(text: str) -> str:
    """A text that ends where it seems to: in quotes if it has a space, a quote or a sign of ours
    at its start."""
    plain = not text.startswith(("~", "=")) and _PLAIN.fullmatch(text)
    return text if plain else json.dumps(text)


def delta(
    bottle: str,
    old: SidecarConfig | None,
    new: SidecarConfig,
    approved: frozenset[Atom] = frozenset(),
    served: SidecarConfig | None = None,
) -> tuple[ReachChange, ...]:
    """What is lost and gained, losses first, each list sorted. Regaining what was ``approved``
    by an earlier apply (after a restart or a lifted hold) is no gain. ``served``: what requests
    were served by, where ``old`` does not tell."""
    if old and (old.routes, old.learning) == (new.routes, new.learning):
        return ()
    before, after = atoms(old), atoms(new) | inherited(served or old, new)
    lost = (ReachChange(bottle, Reach.NARROWS, a) for a in sorted(before - after))
    gained = (ReachChange(bottle, Reach.WIDENS, a) for a in sorted(after - before - approved))
    back = (ReachChange(bottle, Reach.NEUTRAL, a) for a in sorted((after & approved) - before))
    return (*lost, *back, *gained)


def inherited(old: SidecarConfig | None, new: SidecarConfig) -> frozenset[Atom]:
    """What requests gain that a route loses to another one that was behind it: its credential,
    and what else it lets them do. Of a new route that is its own reach."""
    if old is None or old.routes == new.routes:
        return frozenset()
    known = atoms(old)
    return frozenset(
        f"{atom}, which another route served"
        for gone, heir in takeovers(old.routes, new.routes)
        if _privileges(heir.route) - _privileges(gone.route)
        and known.issuperset(route_atoms(_as(heir, heir.route)))
        for atom in route_atoms(_as(gone, heir.route))
    )


def _privileges(route: Route) -> frozenset[object]:
    found = (route.auth, route.git_fetch and "git", route.stream_uploads and "uploads")
    return frozenset(p for p in found if p)


def _as(gone: Entry, heir: Route) -> Route:
    """The requests of a rule, served as another route does."""
    paths = (gone.path,) if gone.path else ()
    match = replace(gone.match, paths=paths)
    served = replace(heir, dlp=Dlp(), matches=(match,))
    return replace(served, host=gone.route.host, port=gone.route.port)


def common(old: SidecarConfig, new: SidecarConfig) -> tuple[Route, ...]:
    """The new routes that add nothing to the old reach: what may be active while an old copy
    of the agent still runs."""
    before = atoms(old)
    return tuple(r for r in new.routes if set(route_atoms(r)) <= before)


def weakened_dlp(old: SidecarConfig | None, new: SidecarConfig) -> tuple[str, ...]:
    """Hosts whose leak protection got weaker, sorted. A route is compared with the one that has
    its rules, one with new rules with every route of its host, and whatever takes over requests
    with what served them."""
    pairs = takeovers(old.routes, new.routes) if old else ()
    taken = {narrower(a, b) for a, b in pairs if weaker(a.route.dlp, b.route.dlp)}
    before: dict[tuple[str, int], list[Route]] = {}
    for route in old.routes if old else ():
        before.setdefault((route.host, route.port), []).append(route)
    return tuple(
        sorted(
            {
                route.host
                for route in new.routes
                for known in _compared(before.get((route.host, route.port), []), route)
                if weaker(known.dlp, route.dlp)
            }
            | taken
        )
    )


def _compared(known: list[Route], route: Route) -> list[Route]:
    return [r for r in known if r.matches == route.matches] or known


_STRENGTH = {"block": 3, "supervise": 2, None: 2, "redact": 1}
_DEFAULT = frozenset({"token_patterns", "known_secrets"})


def undetected(dlp: Dlp) -> tuple[str, ...]:
    """What a route's leak detection lacks of the detectors that a route has by itself, sorted."""
    found = dlp.outbound_detectors
    return () if found is None else tuple(sorted(_DEFAULT - set(found)))


def weaker(old: Dlp, new: Dlp) -> bool:
    """Whether a detector was dropped, a value let pass, or the answer to a match is milder."""
    had = _DEFAULT if old.outbound_detectors is None else set(old.outbound_detectors)
    has = _DEFAULT if new.outbound_detectors is None else set(new.outbound_detectors)
    inbound = set(old.inbound_detectors or ()) - set(new.inbound_detectors or ())
    milder = _STRENGTH[new.outbound_on_match] < _STRENGTH[old.outbound_on_match]
    more = set(new.allow) - set(old.allow)
    return bool(had - has) or bool(inbound) or milder or bool(more)
