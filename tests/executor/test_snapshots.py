"""A snapshot: an image of the file system, one of the volumes without any credential, a row."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.engine.fake import FakeEngine
from botbottle.errors import Conflict
from botbottle.model import plan
from botbottle.model.plan import Ref
from botbottle.model.resources import Mount
from botbottle.ui.events import Note
from botbottle.vault import MemoryVault
from tests.executor.freezing import (
    PATHS,
    SECRET,
    TAG,
    about,
    agent,
    freeze,
    images,
    marks,
    put,
    restore,
    volumes,
)
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench


def test_a_snapshot_is_two_images_and_one_row(lab: Lab, keyed: Bench) -> None:
    ref = agent(lab)
    assert keyed.run(*freeze(lab, ref)).ok
    assert lab.engine.image_id(TAG) and lab.engine.image_id(f"{TAG}-volumes")
    ((kind, (account, image, digest)),) = keyed.ledger.calls
    assert (kind, account, image) == ("freeze", "test/web", TAG) and len(digest) == 16
    assert isinstance(lab.engine, FakeEngine)
    assert [c.method for c in lab.engine.calls][-3:] == ["kill", "commit", "import_stream"]


def test_what_changes_in_a_volume_later_does_not_change_the_snapshot(
    lab: Lab, keyed: Bench
) -> None:
    ref = agent(lab)
    keyed.run(*freeze(lab, ref))
    put(lab, ref, "/workspace/notes", b"something else")
    fresh = volumes(lab, "fresh")
    assert keyed.run(restore(lab, fresh)).ok
    copy = lab.run(lab.spec("copy", mounts=fresh))
    tar = b"".join(lab.engine.archive(copy, "/workspace"))
    assert b"thought" in tar and b"something else" not in tar
    assert lab.engine.container(Ref(lab.name("restore"))) is None


def test_volumes_that_hold_something_are_not_written_over(lab: Lab, keyed: Bench) -> None:
    ref = agent(lab)
    keyed.run(*freeze(lab, ref))
    put(lab, ref, "/workspace/notes", b"something else")
    again = tuple(Mount("volume", p, lab.name(f"v{i}")) for i, p in enumerate(PATHS))
    assert keyed.run(restore(lab, again)).ok
    assert b"something else" in b"".join(lab.engine.archive(ref, "/workspace"))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/workspace/.env", f"KEY={SECRET}".encode()),
        ("/home/agent/cache.gz", gzip.compress(SECRET.encode(), mtime=0)),
        ("/home/agent/b64", base64.b64encode(b"pad " + SECRET.encode())),
        (f"/workspace/{SECRET}", b""),
    ],
)
def test_volumes_with_a_credential_are_not_copied_and_the_bottle_is_stopped_all_the_same(
    lab: Lab, keyed: Bench, path: str, content: bytes
) -> None:
    ref = agent(lab)
    put(lab, ref, path, content)
    assert keyed.run(*freeze(lab, ref)).ok
    found = lab.engine.container(ref)
    assert found and found.state == "exited"
    assert lab.engine.image_id(TAG) and lab.engine.image_id(f"{TAG}-volumes") is None
    (refused, row) = keyed.ledger.calls
    assert refused[0] == "snapshot-refused" and row[0] == "freeze"
    (note,) = keyed.of(Note)
    assert "BB7307" in note.message and "API_KEY" in note.message
    if SECRET not in path:
        assert path.rpartition("/")[2] in note.message


def test_the_credential_itself_is_not_in_the_warning(lab: Lab, keyed: Bench) -> None:
    ref = agent(lab)
    put(lab, ref, f"/workspace/{SECRET}", SECRET.encode())
    keyed.run(*freeze(lab, ref))
    assert SECRET not in repr(keyed.ledger.calls) + repr(keyed.events)


def test_a_restore_that_died_leaves_nothing_that_stops_the_next(lab: Lab, keyed: Bench) -> None:
    keyed.run(*freeze(lab, agent(lab)))
    op = restore(lab, volumes(lab, "fresh"))
    lab.engine.create_container(op.spec, op.spec.name, op.labels)
    assert keyed.run(op).ok and lab.engine.container(Ref(op.spec.name)) is None


def test_a_stranger_with_the_name_is_left_alone(lab: Lab, keyed: Bench) -> None:
    keyed.run(*freeze(lab, agent(lab)))
    op = restore(lab, volumes(lab, "fresh"))
    lab.engine.create_container(lab.spec("restore"), op.spec.name, ())
    (failure,) = keyed.run(op).failed
    assert isinstance(failure.error, Conflict) and lab.engine.container(Ref(op.spec.name))


def test_without_a_credential_at_hand_nothing_is_searched_for(lab: Lab, bench: Bench) -> None:
    bench.vault = MemoryVault(KEY)
    assert bench.run(*freeze(lab, agent(lab))).ok and lab.engine.image_id(f"{TAG}-volumes")


def retention(after: tuple[str, ...] = ()) -> tuple[plan.Op, ...]:
    """As the planner plans it: the image, its volumes, then the row."""
    common: dict[str, Any] = {
        "resource": "web/snapshot", "bottle": plan.kept_of("web"), "reason": "retention-count",
    }  # fmt: skip
    return (
        plan.RemoveImage(id="image", tag=TAG, after=after, **common),
        plan.RemoveImage(id="volumes", tag=f"{TAG}-volumes", after=("image",), **common),
        plan.ForgetSnapshot(
            id="row", account="test/web", image=TAG, after=("volumes",), **common
        ),
    )  # fmt: skip


def test_a_superfluous_snapshot_goes_with_its_volumes_and_its_row(lab: Lab, keyed: Bench) -> None:
    keyed.run(*freeze(lab, agent(lab)))
    assert keyed.run(*retention()).ok
    assert images(lab) == [False, False]
    assert keyed.ledger.calls[-1] == ("forget", ("test/web", TAG))


@pytest.mark.parametrize(("used", "left"), [("", [True, True]), ("-volumes", [False, True])])
def test_one_that_somebody_started_meanwhile_is_kept_with_its_row_and_nothing_fails(
    lab: Lab, keyed: Bench, used: str, left: list[bool]
) -> None:
    keyed.run(*freeze(lab, agent(lab)))
    lab.run(replace(lab.spec("mine"), image=TAG + used))
    assert keyed.run(*retention()).ok
    assert images(lab) == left
    assert not [call for call in keyed.ledger.calls if call[0] == "forget"]
    assert [n.message for n in keyed.of(Note)] == [
        f"kept {TAG}{used}: a container was made from it"
    ]


def test_an_image_that_is_no_snapshot_and_in_use_is_still_a_conflict(
    lab: Lab, keyed: Bench
) -> None:
    keyed.run(*freeze(lab, agent(lab)))
    lab.run(replace(lab.spec("mine"), image=TAG))
    result = keyed.run(plan.RemoveImage(**about("drop"), tag=TAG))  # type: ignore[arg-type]
    assert isinstance(result.failed[0].error, Conflict)


def test_a_snapshot_stays_when_the_one_that_was_to_replace_it_could_not_be_taken(
    lab: Lab, keyed: Bench
) -> None:
    ref = agent(lab)
    keyed.run(*freeze(lab, ref))
    keyed.ledger.calls.clear()
    bad = plan.SaveVolumes(
        **about("save"),  # type: ignore[arg-type]
        ref=Ref("nobody"), tag="snap:2-volumes", snapshot="snap:2", paths=PATHS,
        labels=marks(lab, "snapshot-volumes"),
    )  # fmt: skip
    result = keyed.run(bad, *retention(after=("save",)))
    assert [f.op.id for f in result.failed] == ["save"] and not result.done
    assert [n.why for n in result.not_started] == ["blocked"] * 3
    assert images(lab) == [True, True] and keyed.ledger.calls == []
