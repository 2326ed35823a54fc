"""``bb routes list | suggest NAME``: the active reach; denials as a patch for an operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from msgspec import convert

from botbottle.cli.documents.records import Reach, SuggestedRoute, Suggestions
from botbottle.cli.options import Argument, Group, Invocation
from botbottle.cli.shared import Json
from botbottle.ui.denied import HTTPS, port
from botbottle.ui.visible import visible

Name = Annotated[str, Argument(help="The bottle.")]

type Place = tuple[str, int]  # host and port
type Wanted = dict[Place, dict[str, set[str]]]  # path prefix → methods

LOCAL = ("internal", "lan", "local", "localdomain", "localhost")
_PLAIN = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROPOSABLE = ("no-route", "no-match", "git-fetch")


def suggest(ctx: Invocation, name: Name, json_: Json = False) -> int:
    """Turn what was refused into routes you may add. Nothing is changed."""
    context = ctx.obj
    from botbottle.cli.instance import find, sidecar_of

    instance = find(context, name)
    with sidecar_of(instance) as sidecar:
        wanted, left = proposable(group_denials(sidecar.denials(500)))
    if left:
        names = visible(", ".join(left))
        context.err.write(f"bb routes: not suggested, as no route should name it: {names}\n")
    if json_:
        found = [convert(route(p, wanted[p]), SuggestedRoute) for p in sorted(wanted)]
        context.document(Suggestions(bottle=name, routes=tuple(found)))
        return 0
    if not wanted:
        context.err.write(f"bb routes: {name} was refused nothing that a route could allow\n")
        return 0
    target = instance.spec.ancestry[0] if instance.spec.ancestry else "NAME"
    context.out.write(patch(wanted))
    context.err.write(
        f"review, add to bottles/{target}.md, look at bb plan: each route widens reach\n"
    )
    return 0


def list_(ctx: Invocation, name: Name, json_: Json = False) -> int:
    """The reach that is active now, as the sidecar reports it."""
    context = ctx.obj
    from botbottle.cli.instance import find, sidecar_of
    from botbottle.planner.reach import atoms

    with sidecar_of(find(context, name)) as sidecar:
        found = sorted(atoms(sidecar.status().config))
    if json_:
        context.document(Reach(bottle=name, reach=tuple(found)))
    else:
        context.out.writelines(f"{visible(a)}\n" for a in found)
    return 0


routes = Group(suggest, list_, help="Routes of a bottle.")


def group_denials(denials: Iterable[Mapping[str, Any]]) -> Wanted:
    """Host and port → path prefix → methods, from denials that a route could allow."""
    out: Wanted = {}
    for denial in denials:
        host = str(denial.get("host", ""))
        if denial.get("code") not in PROPOSABLE or not host:
            continue
        prefix = "/" + str(denial.get("path", "/")).lstrip("/").split("/", 1)[0]
        method = str(denial.get("method", "GET")) or "GET"
        out.setdefault((host, port(denial)), {}).setdefault(prefix, set()).add(method)
    return out


def proposable(wanted: Wanted) -> tuple[Wanted, list[str]]:
    """What manifests can say, and the hosts that are left out: those that no manifest takes,
    addresses and names of the own network. Agents pick what is refused: a metadata service is no
    host to add because somebody pasted a suggestion."""
    left = {p for p in wanted if _local(p[0]) or not _parses(p, wanted[p])}
    kept = {place: prefixes for place, prefixes in wanted.items() if place not in left}
    return kept, sorted({host for host, _ in left})


def _local(host: str) -> bool:
    """Whether the host is an address, or a name that means something only where it is asked."""
    import ipaddress

    labels = host.lower().rstrip(".").split(".")
    if len(labels) == 1 or labels[-1] in LOCAL or labels[-2:] == ["home", "arpa"]:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _parses(place: Place, prefixes: Mapping[str, set[str]]) -> bool:
    from botbottle.model.reading import RouteError
    from botbottle.model.route_reading import from_manifest

    try:
        from_manifest(route(place, prefixes))
    except RouteError:
        return False
    return all(p.isprintable() for p in prefixes)


def route(place: Place, prefixes: Mapping[str, set[str]]) -> dict[str, Any]:
    """A narrow route as a manifest has it: observed path beginnings and methods only."""
    host, number = place
    matches = [
        {"paths": [{"type": _kind(prefix), "value": prefix}], "methods": sorted(methods)}
        for prefix, methods in sorted(prefixes.items())
    ]
    other = {} if number == HTTPS else {"port": number}
    return {"host": host, **other, "matches": matches}


def _kind(prefix: str) -> str:
    """The prefix ``/`` would be the whole host, for one request of its first page."""
    return "exact" if prefix == "/" else "prefix"


def patch(wanted: Wanted) -> str:
    """The ``egress.routes`` lines, narrow: observed path beginnings and methods only."""
    lines = ["egress:", "  routes:"]
    for place in sorted(wanted):
        host, number = place
        plain = host[0].isalpha() and host.replace(".", "").replace("-", "").isalnum()
        lines.append(f"    - host: {host if plain else _quoted(host)}")
        lines += [f"      port: {number}"] if number != HTTPS else []
        lines.append("      matches:")
        for prefix, methods in sorted(wanted[place].items()):
            asked = ", ".join(m if m in _PLAIN else _quoted(m) for m in sorted(methods))
            lines.append(f"        - paths: [{{type: {_kind(prefix)}, value: {_quoted(prefix)}}}]")
            lines.append(f"          methods: [{asked}]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text that stays one: NO and NULL are methods that a server may have."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
