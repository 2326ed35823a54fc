"""The ``extends`` graph: every chain resolved once, every broken hop told with its whole chain.

Depth-first with an explicit stack, so that a chain's length is bounded by files, not by Python.
"""

from __future__ import annotations

from itertools import pairwise

from botbottle.load import findings
from botbottle.load.library import Library
from botbottle.load.merge import Policy, fold
from botbottle.load.parse import Bottle
from botbottle.model.diagnostic import Diagnostic, Origin, Severity

type Hop = tuple[Origin, str]


class Resolver:
    """Effective policies of bottle files, memoised. ``diagnostics`` grows as it resolves."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.diagnostics: list[Diagnostic] = []
        self._done: dict[str, Policy | None] = {}
        self._seen: set[str] = set()

    def policy(self, name: str) -> Policy | None:
        """The effective policy of bottle ``name``; None if it or an ancestor is broken."""
        stack = [name]
        while stack:
            current = stack[-1]
            self._look(current, stack)
            waiting = [p for p in self._parents(current) if p not in self._done]
            if current in self._done or not waiting:
                stack.pop()
                self._settle(current)
            elif any(p in stack for p in waiting):
                self._cycle(stack, next(p for p in waiting if p in stack))
            else:
                stack.append(waiting[0])
        return self._done[name]

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Ancestors of a resolved bottle, depth-first, later parents first, each once."""
        found: dict[str, None] = {}
        stack = list(self._parents(name))
        while stack:
            parent = stack.pop()
            if parent not in found:
                found[parent] = None
                stack.extend(self._parents(parent))
        found.pop(name, None)
        return tuple(found)

    def _parents(self, name: str) -> tuple[str, ...]:
        bottle = self._bottle(name)
        return bottle.extends if bottle else ()

    def _bottle(self, name: str) -> Bottle | None:
        known = name in self.library.bottle_folder.entries
        return self.library.bottle(name) if known else None

    def _settle(self, name: str) -> None:
        if name in self._done:
            return
        bottle = self._bottle(name)
        parents = [self._done.get(p) for p in self._parents(name)]
        good = [p for p in parents if p is not None]
        if bottle is None or bottle.broken or len(good) < len(parents):
            self._done[name] = None
        else:
            self._done[name] = fold([*good, bottle.policy])

    def _look(self, name: str, path: list[str]) -> None:
        """Report parents that do not exist, once, with the hops that led to ``name``."""
        bottle = None if name in self._seen else self._bottle(name)
        self._seen.add(name)
        if bottle is None:
            return
        entries = self.library.bottle_folder.entries
        for index, parent in enumerate(bottle.extends):
            if parent not in entries:
                self.diagnostics.append(
                    _at(
                        bottle,
                        index,
                        "BB2203",
                        f"there is no bottle {parent!r} to extend",
                        findings.did_you_mean(parent, entries),
                        self._hops([*path, parent]),
                    )
                )

    def _cycle(self, stack: list[str], back: str) -> None:
        """Report the cycle once and mark its members as broken."""
        loop = stack[stack.index(back) :]
        hops = self._hops([*loop, back])
        bottle = self._bottle(loop[0])
        if bottle is None:  # only a bottle that was read has parents to go round
            return
        chain = " → ".join([*loop, back])
        code = "BB2202" if len(loop) == 1 else "BB2201"
        message = f"{back} extends itself" if len(loop) == 1 else f"extends in a circle: {chain}"
        index = bottle.extends.index(loop[1] if len(loop) > 1 else back)
        self.diagnostics.append(_at(bottle, index, code, message, "remove one of these hops", hops))
        for name in loop:
            self._done[name] = None

    def _hops(self, chain: list[str]) -> tuple[Hop, ...]:
        hops = []
        for here, parent in pairwise(chain):
            if bottle := self._bottle(here):
                hops.append((_place(bottle, parent), f"{here} extends {parent}"))
        return tuple(hops)


def _path(bottle: Bottle, index: int) -> tuple[str | int, ...]:
    raw = bottle.tree.data["extends"]
    if not isinstance(raw, list):
        return ("extends",)
    return ("extends", raw.index(bottle.extends[index]))


def _place(bottle: Bottle, parent: str) -> Origin:
    return bottle.origin(*_path(bottle, bottle.extends.index(parent)))


def _at(
    bottle: Bottle, index: int, code: str, message: str, hint: str, related: tuple[Hop, ...] = ()
) -> Diagnostic:
    return findings.at(
        bottle.source,
        bottle.tree,
        _path(bottle, index),
        code,
        message,
        hint,
        severity=Severity.ERROR,
        related=related,
    )
