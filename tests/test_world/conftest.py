"""One world for all tests of a run, forgotten between tests."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.world import World
from tests.world.service import Options


@pytest.fixture(scope="session")
def _world() -> Iterator[World]:
    with World(
        Options(seed=7, dns_port=0, dns_answer="10.9.8.7", tcp_sinks=(0,), udp_sinks=(0,))
    ) as world:
        yield world


@pytest.fixture
def world(_world: World) -> World:
    """A world without rules and records."""
    _world.reset()
    return _world


@pytest.fixture(scope="session")
def trust(_world: World) -> ssl.SSLContext:
    """A context that trusts this world's authority and nobody else's."""
    return ssl.create_default_context(cafile=str(_world.ca_file))


@pytest.fixture(params=["http/1.1", "h2"])
def client(
    request: pytest.FixtureRequest, world: World, trust: ssl.SSLContext
) -> Iterator[httpx.Client]:
    """A TLS client, once with HTTP/1.1 and once with HTTP/2."""
    h2 = request.param == "h2"
    with httpx.Client(base_url=world.tls_url, verify=trust, http2=h2, timeout=20) as made:
        yield made


@pytest.fixture
def plain(world: World) -> Iterator[httpx.Client]:
    """A client of the plain port."""
    with httpx.Client(base_url=world.http_url, timeout=20) as made:
        yield made
