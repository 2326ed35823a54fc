"""Containers of ours under each other's names, on a real engine."""

from __future__ import annotations

from tests.support.live import Live, docker


def name_of(container: str) -> str:
    return docker("inspect", "-f", "{{.Name}}", container).removeprefix("/")


def test_swapped_names_are_swapped_back_and_nothing_restarts(live: Live) -> None:
    live.agent("api")
    live.apply()
    web, api, side = live.container("web"), live.container("api"), live.container("api", "egress")
    right = {c: name_of(c) for c in (web, api, side)}
    before = live.snapshot()
    docker("rename", web, "away")
    docker("rename", api, right[web])
    docker("rename", side, right[api])
    docker("rename", web, right[side])
    live.bb("apply", "--yes")
    assert {c: name_of(c) for c in (web, api, side)} == right
    assert live.snapshot() == before
    assert "Nothing to do" in live.bb("apply", "--yes").stdout
