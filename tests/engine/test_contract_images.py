"""What every engine promises about images and tags, in memory and on the real one."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from botbottle.engine.errors import NotFound
from botbottle.errors import BBError, Conflict, EngineError
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Mount
from tests.engine.contract import _is_tar, files, only, put, with_volumes
from tests.support.engines import Lab


def test_a_created_container_shows_owner_image_and_state_but_no_limits(lab: Lab) -> None:
    spec = lab.spec()
    identity = lab.engine.create_container(spec, spec.name, lab.labels(spec_hash="cafe"))
    found = only(lab)
    assert (found.id, found.name, found.state) == (identity, spec.name, "created")
    assert found.image_id == lab.engine.image_id(lab.image)
    assert found.labels[labels.HOME] == lab.home
    assert found.spec_hash == "cafe"
    assert (found.limits, found.endpoints, found.started_at) == (None, (), "")


def test_a_container_of_an_unknown_image_is_not_created(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.engine.create_container(
            lab.spec(image="bbt-no-such:1"), lab.name("agent"), lab.labels()
        )
    assert lab.engine.observe(lab.home).containers == ()


def test_tags_are_resolved_with_and_without_a_container_that_uses_them(lab: Lab) -> None:
    image = lab.engine.image_id(lab.image)
    asked = {"tags": [lab.image, "bbt-no-such:1"]}
    (before,) = lab.engine.observe(lab.home, **asked).images
    lab.run(lab.spec())
    (after,) = lab.engine.observe(lab.home, **asked).images
    assert before.id == after.id == image
    assert lab.image in before.tags
    assert lab.image in after.tags
    assert lab.engine.image_id("bbt-no-such:1") is None


def test_a_tag_that_moved_on_stands_for_its_new_image(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    tag = f"bbt-{lab.home}/moved:1"
    first = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    lab.run(lab.spec("second", image=tag))
    second = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    assert first != second
    seen = {i.id for i in lab.engine.observe(lab.home, tags=[tag]).images}
    assert second in seen
    tags = {t: i.id for i in lab.engine.observe(lab.home, tags=[tag]).images for t in i.tags}
    assert tags[tag] == second
    if lab.real:
        lab.clean()
        lab.engine.remove_image(first)


def test_a_snapshot_carries_its_labels_and_can_be_found_and_removed(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    lab.engine.pause(ref)
    tag = f"bbt-{lab.home}/snapshot:1"
    identity = lab.engine.commit(ref, tag, lab.labels("snapshot"))
    (found,) = lab.engine.images(f"{labels.HOME}={lab.home}")
    assert (found.id, found.tags) == (identity, (tag,))
    assert found.labels[labels.KIND] == "snapshot"
    lab.engine.remove_image(tag)
    assert lab.engine.images(f"{labels.HOME}={lab.home}") == ()


def test_an_image_that_a_container_uses_stays(lab: Lab) -> None:
    ref = lab.run(lab.spec())
    tag = f"bbt-{lab.home}/used:1"
    lab.engine.commit(ref, tag, lab.labels("snapshot"))
    user = lab.run(lab.spec("user", image=tag))
    with pytest.raises(Conflict):
        lab.engine.remove_image(tag)
    lab.engine.remove_container(user, kill=True)
    lab.engine.remove_image(tag)


def test_an_image_made_of_pieces_fills_volumes_that_are_empty_and_no_others(lab: Lab) -> None:
    old = with_volumes(lab, "old")
    put(lab, old, "/data/home", "own", b"mine")
    put(lab, old, "/data/work", "notes", b"thought")
    tag = f"bbt-{lab.home}:volumes"
    parts = [f"{where}/{n}" for where, n in (("home", "own"), ("work", "notes"))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in zip(parts, (b"mine", b"thought"), strict=True):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    data = buffer.getvalue()
    pieces = iter((data[:700], data[700:]))
    made = lab.engine.import_stream(pieces, tag=tag, labels=lab.labels("snapshot"))
    assert lab.engine.image_id(tag) == made
    put(lab, old, "/data/home", "own", b"changed since")

    new = with_volumes(lab, "new", tag, ("/home", "/work"))
    assert files(lab.engine.archive(new, "/home")) == {"home/own": b"mine"}
    assert files(lab.engine.archive(new, "/work")) == {"work/notes": b"thought"}
    put(lab, new, "/work", "notes", b"later")
    spec = lab.spec("third", mounts=(Mount("volume", "/work", lab.name("new-work")),), image=tag)
    third = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    assert files(lab.engine.archive(third, "/work")) == {"work/notes": b"later"}, "not refilled"
    saved = files(lab.engine.save(tag))
    layers = [c for n, c in saved.items() if n.endswith("layer.tar") or _is_tar(c)]
    assert any(b"thought" in layer for layer in layers)


@pytest.mark.parametrize(
    "text",
    [
        '{"task": "echo $HOME ${X:-y} ${"}',
        "a\\nb\\\\",
        "say \"hi\" 'there'",
        "schön ✓",
        "# $(id) `id`",
    ],
)
def test_a_label_of_an_image_made_of_pieces_is_kept_to_the_letter(lab: Lab, text: str) -> None:
    tag = f"bbt-{lab.home}:label"
    marks = (*lab.labels("snapshot"), (labels.SPEC, text))
    lab.engine.import_stream([bytes(512), bytes(512)], tag=tag, labels=marks)
    (image,) = lab.engine.images(f"{labels.HOME}={lab.home}")
    assert image.labels[labels.SPEC] == text


def test_an_image_whose_pieces_break_off_is_not_made(lab: Lab) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(512)
        raise EngineError("the source went away")

    with pytest.raises(BBError):
        lab.engine.import_stream(broken(), tag=f"bbt-{lab.home}:cut", labels=lab.labels())
    assert lab.engine.image_id(f"bbt-{lab.home}:cut") is None
