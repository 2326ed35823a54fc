"""``bb destroy --images``: what bb has built goes, unless something is made of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.cli.context import Context
from botbottle.cli.destroy import list_images, made_by_us, remove_images
from botbottle.engine.fake import FakeEngine
from botbottle.errors import EngineUnreachable
from botbottle.images.build import image_labels
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec
from tests.cli.fakes import context

OLD, NEW = "botbottle/sidecar:aaa", "botbottle/sidecar:bbb"


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    for number, tag in enumerate((OLD, NEW)):
        made.build(bytes([number]), tag=tag, labels=image_labels("sidecar"))
    return made


def tags(engine: FakeEngine) -> list[str]:
    return sorted(tag for image in engine.world.images.values() for tag in image.tags)


def text(made: Context) -> str:
    return made.err.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_what_nothing_uses_is_removed_and_told(engine: FakeEngine) -> None:
    made = context()
    remove_images(made, engine)
    assert tags(engine) == []
    assert text(made) == f"removed the image {OLD}\nremoved the image {NEW}\n"


def test_what_a_stopped_container_of_anybody_is_made_of_stays(engine: FakeEngine) -> None:
    spec = ContainerSpec("theirs", "agent", "", OLD)
    identity = engine.create_container(spec, "theirs", ())
    remove_images(context(), engine)
    assert tags(engine) == [OLD]
    engine.remove_container(Ref("theirs", identity))
    remove_images(context(), engine)
    assert tags(engine) == [], "the control: the container kept it"


@pytest.mark.parametrize(
    ("tag", "marks"),
    [
        ("mine:1", image_labels("sidecar")),
        ("botbottle/mine:1", image_labels("sidecar")),
        ("botbottle/sidecar-of-mine:1", image_labels("sidecar")),
        ("botbottle/sidecar:1", ()),
        ("botbottle/freeze:1", ((labels.KIND, "snapshot"), (labels.PREFIX + "image", "freeze"))),
    ],
    ids=["built on ours", "named like ours", "nearly ours", "without a label", "a snapshot"],
)
def test_what_is_not_of_our_recipes_is_neither_removed_nor_listed(
    engine: FakeEngine, tag: str, marks: tuple[tuple[str, str], ...]
) -> None:
    engine.build(b"mine", tag=tag, labels=marks)
    made = context()
    list_images(made, engine)
    assert OLD in text(made) and tag not in text(made)
    remove_images(made, engine)
    assert tags(engine) == [tag]


def test_an_image_that_somebody_gave_another_name_is_theirs_too(engine: FakeEngine) -> None:
    image = engine.world.image(OLD)
    assert image is not None
    engine.world.images[image.id] = replace(image, tags=(OLD, "keep/this:1"))
    remove_images(context(), engine)
    assert tags(engine) == [OLD, "keep/this:1"]
    assert made_by_us(engine) == ()


def test_an_engine_that_fails_is_told(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_tag: str) -> None:
        raise EngineUnreachable("no Docker Engine answers")

    monkeypatch.setattr(engine, "remove_image", gone)
    with pytest.raises(EngineUnreachable):
        remove_images(context(), engine)
