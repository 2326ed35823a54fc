"""Who else could write what decides reach and credentials.

Whoever can write a bottle, an agent of home or the settings decides where a credential goes, and
whoever can write the ledger or the sockets decides what is counted. As ssh does with its keys, a
home that everybody can write to, or that belongs to somebody else, is refused. Members of a shared
group were let in by somebody: that is a warning, as is a project's folder, whose agents are asked
about (BB304), and a folder above the home that belongs to a third user, as the host's root is one
inside a user namespace. A group that is the owner's own (umask 002) or root's is nobody else.
Access lists (ACLs) are not looked at.

On a file system without rights of its own (Windows drives in WSL) everybody can write to everything
and nothing can be done about it. Who is alone on such a machine says so in the environment, with
the home's path: what the home itself said would be said by whoever can write it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from botbottle.load.layers import SETTINGS, Layers
from botbottle.model.diagnostic import Diagnostic, Origin, Severity

type Why = Literal["everybody", "group", "owner"]

_FOLDERS = ("", "bottles", "agents", "contrib", "run", "ledger")
SHARED = "BB_SHARED_HOME"  # variable with the path of a home that others may write
_SERVICES = ("ledger",)  # belongs to the user that the ledger service runs as
_TEXT: dict[Why, str] = {
    "everybody": "everybody can write to {path}",
    "group": "the group {group} can write to {path}",
    "owner": "{path} belongs to another user",
}


class Exposed(Struct, frozen=True, kw_only=True):
    """A path that others can write. ``group``: the number of the group that can."""

    path: str
    why: Why
    home: bool
    group: int = 0
    above: bool = False
    shared: bool = False  # the environment says so

    @property
    def refused(self) -> bool:
        if self.shared and self.why == "everybody":
            return False
        return self.home and self.why != "group" and not (self.above and self.why == "owner")


def exposed(found: Layers, files: Iterable[tuple[str, str]] = ()) -> tuple[Exposed, ...]:
    """Everything of home and project that others can write; ``files``: layer and path below it of
    each manifest."""
    home = str(found.home)
    looked = [*_above(found.home), *(_look(f"{home}/{n}".rstrip("/"), n) for n in _FOLDERS)]
    looked.append(_look(f"{home}/{SETTINGS}"))
    if found.project is not None:
        looked += [_look(f"{found.project}{n}", home=False) for n in ("", "/agents")]
    for layer, file in files:
        inner = layer != "project"
        looked.append(_look(f"{found.root(layer)}/{file}", home=inner))
    shared = os.environ.get(SHARED, "") == home
    return tuple(dict.fromkeys(replace(one, shared=shared) for one in looked if one is not None))


def _above(home: Path) -> Iterator[Exposed | None]:
    """The folders that the home lies in: who can write one can put another home in its place, but
    for a folder such as /tmp, where only its owner can move it."""
    for folder in home.parents:
        found = _look(str(folder))
        if found is not None and not (found.why != "owner" and _sticky(folder)):
            yield replace(found, above=True)


def _sticky(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_ISVTX)


def _look(path: str, name: str = "", *, home: bool = True) -> Exposed | None:
    try:
        found = os.stat(path)  # noqa: PTH116 # a plain call for each manifest
    except OSError:
        return None  # not there; unreadable is told elsewhere
    me = os.getuid()
    if found.st_mode & stat.S_IWOTH:
        return Exposed(path=path, why="everybody", home=home)
    if me != 0 and found.st_uid not in (0, me) and name not in _SERVICES:
        shared = found.st_mode & stat.S_IWGRP and found.st_gid in (os.getgid(), *os.getgroups())
        why: Why = "group" if shared else "owner"  # somebody made it for this group to work in
        return Exposed(path=path, why=why, home=home, group=found.st_gid)
    if found.st_mode & stat.S_IWGRP and not _own(found.st_uid, found.st_gid):
        return Exposed(path=path, why="group", home=home, group=found.st_gid)
    return None


def _own(user: int, group: int) -> bool:
    """Whether nobody but root and the owner is in this group, as far as this machine says."""
    if group == 0:
        return True
    import grp
    import pwd

    try:
        owner, found = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:  # a container without names: the user's own number is its own group
        return group in (user, os.getgid())
    alone = set(found.gr_mem) <= {owner.pw_name}
    return alone and owner.pw_gid == group and found.gr_name == owner.pw_name


def findings(found: Iterable[Exposed]) -> Iterator[Diagnostic]:
    """BB2314 for what is refused, BB2315 for the rest; each names every path once."""
    each = tuple(found)
    for refused, code in ((True, "BB2314"), (False, "BB2315")):
        some = [e for e in each if e.refused == refused]
        if some:
            yield _finding(some, code, Severity.ERROR if refused else Severity.WARNING)


def _finding(some: list[Exposed], code: str, severity: Severity) -> Diagnostic:
    first = some[0]
    more = f" (and to {len(some) - 1} more places)" if len(some) > 1 else ""
    text = _TEXT[first.why].format(path=first.path, group=_group(first.group))
    what = "reach and credentials" if first.home else "what agents are told"
    rights = "chown" if first.why == "owner" else "chmod go-w"
    hint = f"{rights} {' '.join(e.path for e in some[:8])}"
    if code == "BB2314" and first.why == "everybody":
        hint += f"; where rights cannot be changed and nobody else is: {SHARED}=HOME"
    where = Origin("", 0, 0, "home" if first.home else "project")
    return Diagnostic(severity, code, f"{text}{more}: it decides {what}", where, hint=hint)


def _group(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
