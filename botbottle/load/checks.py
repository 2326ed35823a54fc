"""Findings that need more than one file: misplaced, shadowed, unused, unreachable, clashing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from botbottle.load.compose import instances
from botbottle.load.effective import Effective
from botbottle.load.extends import Resolver
from botbottle.load.layers import SETTINGS, STALE, Folder, Kind, scan
from botbottle.load.library import Library
from botbottle.load.merge import RouteLeaf
from botbottle.load.workspaces import workspace_checks
from botbottle.model.diagnostic import Diagnostic, Layer, Origin, Severity
from botbottle.model.route import MOST_RULES, HeaderMatch, Match, PathMatch, Route, rules


def folder_checks(library: Library) -> list[Diagnostic]:
    """What the folders themselves show."""
    return [
        *_unfit(library.bottle_folder, "bottles", "home"),
        *_unfit(library.home_agents, "agents", "home"),
        *_unfit(library.project_agents, "agents", "project"),
        *_misplaced(library),
        *_other_settings(library),
        *_shadowed(library),
        *_stale(library),
    ]


def cross_checks(
    library: Library, resolver: Resolver, items: Sequence[Effective]
) -> list[Diagnostic]:
    """What the files say together."""
    found = [*_unused(library, resolver, items), *_instance_clash(library, items)]
    found += workspace_checks(library.layers, items)
    now = time.time()
    for item in items:
        found += _route_checks(item.policy.routes)
        found += expired(item.policy.routes, now)
        found += too_many(item.policy.routes)
    return found


def _warning(
    code: str,
    message: str,
    origin: Origin,
    hint: str = "",
    related: tuple[tuple[Origin, str], ...] = (),
) -> Diagnostic:
    return Diagnostic(Severity.WARNING, code, message, origin, "", hint, related)


def _unfit(folder: Folder, kind: Kind, layer: Layer) -> Iterable[Diagnostic]:
    for file in folder.misnamed:
        yield _warning(
            "BB2005",
            "the file is skipped: its name is not a manifest name",
            Origin(file, 0, 0, layer),
            "NAME.md with lower-case letters, digits and dashes, a letter first, at most 48",
        )
    if folder.unreadable:
        yield Diagnostic(
            Severity.ERROR,
            "BB2001",
            f"the folder cannot be read: {folder.unreadable}",
            Origin(kind, 0, 0, layer),
            hint="check its permissions",
        )


def _misplaced(library: Library) -> Iterable[Diagnostic]:
    root, home = library.layers.project, library.layers.home
    if root is None:
        return
    for entry in scan(root, "bottles", "project").entries.values():
        yield _warning(
            "BB2302",
            f"the bottle file {entry.name!r} is ignored: bottles live at home",
            Origin(entry.file, 0, 0, "project"),
            f"move it to {home / 'bottles'}",
        )
    for name in (SETTINGS, "settings.yaml"):
        if (root / name).exists():
            yield Diagnostic(
                Severity.ERROR,
                "BB2303",
                "settings in a project are refused: budgets do not come from a repository",
                Origin(name, 0, 0, "project"),
                hint=f"move them to {home / SETTINGS}",
            )


def _other_settings(library: Library) -> Iterable[Diagnostic]:
    """A settings file that would silently not count: its budgets would hold nothing back."""
    for name in ("settings.yaml", "settings.json", "settings.md"):
        if (library.layers.home / name).exists():
            yield Diagnostic(
                Severity.ERROR,
                "BB2310",
                f"{name} is not read",
                Origin(name, 0, 0, "home"),
                hint=f"move its keys to {SETTINGS}",
            )


def _shadowed(library: Library) -> Iterable[Diagnostic]:
    for name, entry in library.project_agents.entries.items():
        if hidden := library.home_agents.entries.get(name):
            origin = Origin(entry.file, 0, 0, "project")
            yield _warning(
                "BB2304",
                f"the project's agent {name!r} hides the one at home",
                origin,
                "rename one of them if both are wanted",
                ((Origin(hidden.file, 0, 0, "home"), "hidden"),),
            )


def _stale(library: Library) -> Iterable[Diagnostic]:
    layers = library.layers
    if layers.project is not None:
        return
    for directory in (layers.cwd, *layers.cwd.parents):
        if (directory / STALE).is_file():
            yield Diagnostic(
                Severity.ERROR,
                "BB2305",
                f"{STALE} is stale and there is no .bot-bottle folder",
                Origin(str(directory / STALE), 0, 0, "project"),
                hint="bb init writes a starter; move each entry into bottles/NAME.md at home and "
                "agents/NAME.md in the project, then delete the file",
            )
            return


def _unused(
    library: Library, resolver: Resolver, items: Sequence[Effective]
) -> Iterable[Diagnostic]:
    if library.layers.project is not None:
        return  # home's bottles serve other projects too
    if library.home_agents.unreadable:
        return  # whoever uses them cannot be seen
    used = {name for item in items for name in item.own}
    for entry in library.agent_entries.values():
        agent = library.agent(entry.name)
        if agent is None or not set(agent.bottles) <= library.bottle_folder.entries.keys():
            return  # a broken agent may mean any of them
        used.update(agent.bottles)
    for name in tuple(used):
        used.update(resolver.ancestors(name))
    for name, entry in library.bottle_folder.entries.items():
        if name not in used:
            yield _warning(
                "BB2306", f"no agent uses the bottle {name!r}", Origin(entry.file, 0, 0, "home")
            )


def _instance_clash(library: Library, items: Sequence[Effective]) -> Iterable[Diagnostic]:
    for item in items:
        for name in instances(item)[1:]:
            if other := library.agent_entries.get(name):
                yield Diagnostic(
                    Severity.ERROR,
                    "BB2307",
                    f"replica {name!r} has the name of another agent",
                    item.agent.origin("replicas"),
                    hint="rename that agent",
                    related=((Origin(other.file, 0, 0, other.layer), "the other agent"),),
                )


def _route_checks(routes: Sequence[RouteLeaf]) -> Iterable[Diagnostic]:
    """Pairs of routes for one host: unreachable ones, and ones that log in differently."""
    by_host: dict[tuple[str, int], list[RouteLeaf]] = {}
    for leaf in routes:
        key = (leaf.route.host, leaf.route.port)
        for earlier in by_host.get(key, ()):
            if finding := _pair(earlier, leaf):
                yield finding
                break
        by_host.setdefault(key, []).append(leaf)


def expired(routes: Sequence[RouteLeaf], now: float) -> Iterable[Diagnostic]:
    """Approvals that hold no more at ``now`` (seconds since the epoch)."""
    for leaf in routes:
        for approval in leaf.route.dlp.allow:
            if approval.ends <= now:
                yield _warning(
                    "BB2311",
                    f"the approval of {approval.fingerprint} for {leaf.route.host} ended with "
                    f"{approval.until}: the value is acted on again",
                    leaf.origin,
                    "remove it, or give it a later day",
                )


def too_many(routes: Sequence[RouteLeaf]) -> Iterable[Diagnostic]:
    """Routes of one bottle that spell more rules than a sidecar may report; the largest is told."""
    count = sum(rules(leaf.route) for leaf in routes)
    if count <= MOST_RULES:
        return
    largest = max(routes, key=lambda leaf: rules(leaf.route))
    yield Diagnostic(
        Severity.ERROR,
        "BB2313",
        f"the routes spell {count:,} rules (methods x paths x headers); at most {MOST_RULES:,}",
        largest.origin,
        "",
        f"a prefix or a regular expression stands for many paths of {largest.route.host}",
        (),
    )


def _pair(earlier: RouteLeaf, later: RouteLeaf) -> Diagnostic | None:
    host = later.route.host
    related = ((earlier.origin, "the earlier route"),)
    if covers(earlier.route, later.route):
        return _warning(
            "BB2308",
            f"this route to {host} is never used: an earlier one covers it",
            later.origin,
            "remove it, or change one of the two",
            related,
        )
    if earlier.route.auth != later.route.auth:
        return _warning(
            "BB2309",
            f"two routes to {host} use different credentials",
            later.origin,
            "fine if it is meant: the more specific match decides",
            related,
        )
    return None


type _Entry = tuple[PathMatch | None, frozenset[str], frozenset[HeaderMatch]]


def covers(earlier: Route, later: Route) -> bool:
    """Whether every request that ``later`` allows is certainly taken by ``earlier``.

    The more specific match wins whatever the order (Gateway API precedence, see
    ``sidecar.egress.match``), so only an entry of the same rank can be hidden.
    """
    taken = _entries(earlier)
    return all(any(_hides(e, entry) for e in taken) for entry in _entries(later))


def _entries(route: Route) -> list[_Entry]:
    return [
        (path, frozenset(match.methods), frozenset(match.headers))
        for match in route.matches or (Match(),)
        for path in match.paths or (None,)
    ]


def _hides(earlier: _Entry, later: _Entry) -> bool:
    same = earlier[0] == later[0] and earlier[2] == later[2]
    if not earlier[1] or not later[1]:
        return same and earlier[1] == later[1]
    return same and earlier[1] >= later[1]
