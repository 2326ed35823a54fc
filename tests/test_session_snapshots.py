"""Snapshots that somebody runs by hand: seen by the labels that a container has of its image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from botbottle.model import labels
from botbottle.model.ledger_view import FreezeRecord, LedgerView
from botbottle.model.resources import Observed, ObservedContainer
from botbottle.session import Session
from tests.support.worlds import FACTS, bottle, declared

WANT = declared(bottle())
IDS = {"snap:1": "i1", "snap:1-volumes": "v1", "snap:2": "i2", "other:1": "i3"}
VIEW = LedgerView(
    freezes={
        "proj-1/web": (
            FreezeRecord("proj-1/web", "snap:2", "d", 2.0),
            FreezeRecord("proj-1/web", "snap:1", "d", 1.0),
        ),
        "proj-2/web": (FreezeRecord("proj-2/web", "other:1", "d", 1.0),),
    }
)


class Images:
    """Knows images by tag; counts questions."""

    def __init__(self) -> None:
        self.asked = 0

    def image_id(self, tag: str) -> str | None:
        self.asked += 1
        return IDS.get(tag)


def container(image_id: str, kind: str) -> ObservedContainer:
    return ObservedContainer("c", "busy_name", "exited", image_id, {labels.KIND: kind})


def in_use(*containers: ObservedContainer) -> tuple[frozenset[str], int]:
    engine = Images()
    made = Session(Path("/h"), Path("/c"), {}, cast(Any, engine), cast(Any, None))
    facts = made.with_snapshots(WANT, FACTS, Observed(containers=containers), VIEW)
    return facts.snapshots_in_use, engine.asked


@pytest.mark.parametrize(("image", "kind"), [("i1", "snapshot"), ("v1", "snapshot-volumes")])
def test_a_snapshot_with_a_container_of_its_image_or_its_volumes_is_in_use(
    image: str, kind: str
) -> None:
    found, _ = in_use(container(image, kind), container("unknown", "snapshot"))
    assert found == {"snap:1"}


def test_another_projects_is_not_looked_for() -> None:
    assert in_use(container("i3", "snapshot"))[0] == frozenset()


def test_nothing_is_asked_while_nobody_runs_one() -> None:
    assert in_use(container("i1", "agent")) == (frozenset(), 0)
