"""One scripted internet a session, one fresh home a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import Internet, Live


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.fspath):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def images() -> str:
    """Build what is missing; the sidecar's tag comes back."""
    from botbottle.engine.docker import connect
    from botbottle.images import ensure, image_tag

    engine = connect()
    for name in ("sidecar", "agent-claude", "agent-codex"):
        ensure(engine, name)
    engine.close()
    return image_tag("sidecar")


@pytest.fixture(scope="session")
def internet(images: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    number = os.getpid() % 200
    made = Internet(
        f"bb-test-world-{os.getpid()}", f"11.214.{number}.0/24", tmp_path_factory.mktemp("world")
    )
    made.start(images)
    yield made
    made.stop()


@pytest.fixture
def live(internet: Internet, tmp_path: Path) -> Iterator[Live]:
    internet.reset()
    made = Live(tmp_path, internet)
    made.bottle()
    made.agent()
    yield made
    made.cleanup()


@pytest.fixture
def running(live: Live) -> Live:
    live.apply()
    return live
