"""A fleet of three bottles on a real engine, with strangers beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.reconciling import BOTTLES, Fleet, Sealed, Strangers, stranger_name


@pytest.fixture(scope="module")
def image() -> str:
    from botbottle.engine.docker import connect
    from botbottle.images import ensure, image_tag

    engine = connect()
    for name in ("sidecar", "agent-claude"):
        ensure(engine, name)
    engine.close()
    return image_tag("sidecar")


@pytest.fixture
def fleet(image: str, tmp_path: Path) -> Iterator[Fleet]:
    outer = Sealed(f"bb-chaos-outer-{tmp_path.name}", "11.215.7.0/24", tmp_path)
    outer.stop()
    outer.start(image)
    made = Fleet(tmp_path, outer)
    made.bottle()
    for name in BOTTLES:
        made.agent(name)
    others = Strangers(stranger_name(made))
    others.make(image)
    try:
        made.apply()
        yield made
    finally:
        made.cleanup()
        others.remove()
        outer.stop()
