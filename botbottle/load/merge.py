"""How policies combine: one pure rule for ``extends``, an agent's ordered bottles and
``--bottle``.

A policy is a set of *leaves* (key path → value), an ordered set of routes and a set of
*resets*. ``a ⊕ b`` ("b over a") keeps every leaf of ``a`` that ``b`` neither sets nor resets,
sets every leaf of ``b``, and appends the routes of ``b`` that ``a`` has not got from the very
same place. This is associative and idempotent and has the empty policy as identity:

* ``env.X``, ``git-gate.user.name``, ``git-gate.repos.R.url``, ``resources.cpus`` … are leaves,
  so "per key" and "per field" need no further rule;
* ``repos: {}`` is the reset of ``git-gate.repos``: it clears whatever lies below it in the
  fold, wherever it stands in the chain;
* naming ``agent_provider.template`` resets the other provider fields: a credential chosen for
  one provider is never inherited by another;
* a route that reaches a policy twice over a diamond is the same place, hence one route.

Budgets are not leaves: each bottle file keeps its own as a pool (see ``scopes``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from botbottle.model.diagnostic import Origin
from botbottle.model.route import Route


class Leaf(Struct, frozen=True):
    """A value, where it was written, and the leaves it overrode, nearest first."""

    value: Any
    origin: Origin
    below: tuple[Leaf, ...] = ()

    @property
    def history(self) -> tuple[Leaf, ...]:
        """This leaf, then everything it overrode; every place once.

        Leaves form a graph with sharing (diamonds), so each is visited once.
        """
        found: dict[Origin, Leaf] = {}
        seen: set[int] = set()
        stack = [self]
        while stack:
            leaf = stack.pop()
            if id(leaf) not in seen:
                seen.add(id(leaf))
                found.setdefault(leaf.origin, leaf)
                stack.extend(reversed(leaf.below))
        return tuple(found.values())

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The winner's place first, then the places it overrode."""
        return tuple(leaf.origin for leaf in self.history)


class RouteLeaf(Struct, frozen=True):
    """A route, its place (its identity) and its number in that file."""

    route: Route
    origin: Origin
    index: int = 0

    @property
    def place(self) -> tuple[str, str, int]:
        """What makes two routes the same declaration."""
        return self.origin.layer, self.origin.file, self.index


class Policy(Struct, frozen=True):
    """A partial or effective policy; immutable by convention (never change ``leaves``)."""

    leaves: Mapping[str, Leaf] = field(default_factory=dict)
    routes: tuple[RouteLeaf, ...] = ()
    resets: frozenset[str] = frozenset()

    def value(self, path: str, default: Any = None) -> Any:
        """The value of a leaf."""
        leaf = self.leaves.get(path)
        return default if leaf is None else leaf.value

    def under(self, prefix: str) -> dict[str, Leaf]:
        """Leaves below ``prefix``, by the rest of their path."""
        start = prefix + "."
        return {p[len(start) :]: leaf for p, leaf in self.leaves.items() if p.startswith(start)}


def fold(policies: Iterable[Policy]) -> Policy:
    """``p1 ⊕ p2 ⊕ …`` in one pass, linear in the number of leaves and routes."""
    leaves: dict[str, Leaf] = {}
    routes: dict[tuple[str, str, int], RouteLeaf] = {}
    resets: set[str] = set()
    for policy in policies:
        for prefix in policy.resets:
            _drop(leaves, prefix)
        resets |= policy.resets
        for path, leaf in policy.leaves.items():
            below = leaves.get(path)
            leaves[path] = leaf if below is None else _over(leaf, below)
        for route in policy.routes:
            routes.setdefault(route.place, route)
    return Policy(leaves, tuple(routes.values()), frozenset(resets))


def merge(parent: Policy, child: Policy) -> Policy:
    """``parent ⊕ child``."""
    return fold((parent, child))


def _drop(leaves: dict[str, Leaf], prefix: str) -> None:
    start = prefix + "."
    # Whoever resets the provider names a template, so that leaf keeps its history.
    for path in [p for p in leaves if p.startswith(start) and p != "agent_provider.template"]:
        del leaves[path]


def _over(leaf: Leaf, below: Leaf) -> Leaf:
    """``leaf`` with ``below`` at the end of what it overrode."""
    if leaf is below:
        return leaf
    return Leaf(leaf.value, leaf.origin, (*leaf.below, below))
