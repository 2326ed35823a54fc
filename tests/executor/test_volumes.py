"""Reading an agent's volumes ends, and what an image cannot hold is left where it is."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from botbottle.errors import EngineError
from botbottle.executor import volumes as copies
from botbottle.executor.disk import NEEDED
from botbottle.ui.events import Note
from botbottle.vault import MemoryVault
from tests.executor.freezing import (
    SECRET,
    agent,
    freeze,
    images,
    put,
    restore,
    volumes,
)
from tests.support.engines import Lab
from tests.support.executing import KEY, Bench


def archives(*sizes: int) -> Iterator[Iterator[bytes]]:
    for size in sizes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo(f"f{size}")
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
        data = buffer.getvalue()  # padded to 10,240 bytes; Docker's own are not
        yield iter([data[i : i + 700] for i in range(0, len(data), 700)])


@pytest.mark.parametrize("sizes", [(0,), (5, 0, 511), (512, 513, 4096), (3000, 1)])
def test_tars_are_joined_to_one(sizes: tuple[int, ...]) -> None:
    whole = b"".join(copies.joined(archives(*sizes), 10**6))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        assert [(m.name, m.size) for m in tar] == [(f"f{s}", s) for s in sizes]


@pytest.mark.parametrize("cut", [100, 512, 700, 1536])
def test_a_tar_that_breaks_off_is_an_error(cut: int) -> None:
    (whole,) = archives(900)
    data = b"".join(whole)
    with pytest.raises(EngineError, match="cut off"):
        list(copies.joined([iter([data[:cut]])], 10**6))


def test_a_size_is_judged_before_the_content_is_asked_for() -> None:
    asked = []

    def endless() -> Iterator[bytes]:
        info = tarfile.TarInfo("big")
        info.size = 2**43
        yield info.tobuf(tarfile.GNU_FORMAT)
        for _ in range(10):
            asked.append(1)
            yield bytes(65536)

    with pytest.raises(copies.Unfit, match="larger than 1 MiB"):
        list(copies.joined([endless()], 2**20))
    assert asked == []


def test_volumes_too_large_to_be_kept_are_read_again(
    lab: Lab, keyed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "KEPT", 100)
    ref = agent(lab)
    assert keyed.run(*freeze(lab, ref)).ok
    fresh = volumes(lab, "fresh")
    assert keyed.run(restore(lab, fresh)).ok
    copy = lab.run(lab.spec("copy", mounts=fresh))
    assert b"thought" in b"".join(lab.engine.archive(copy, "/workspace"))
    assert b"mine" in b"".join(lab.engine.archive(copy, "/home/agent"))


WHITEOUTS = (".wh.notes", ".wh...", ".wh..wh..opq", "d/.wh.x/y")


@pytest.mark.parametrize("name", WHITEOUTS)
def test_a_name_that_an_image_would_take_for_a_removal_is_told_and_vetoes_nothing(
    lab: Lab, keyed: Bench, name: str
) -> None:
    ref = agent(lab)
    put(lab, ref, f"/workspace/{name}", b"of the agent")
    assert keyed.run(*freeze(lab, ref)).ok
    found = lab.engine.container(ref)
    assert found and found.state == "exited"
    assert images(lab) == [True, False], "no copy that would lack a file"
    (refused, row) = keyed.ledger.calls
    assert refused[0] == "snapshot-refused" and row[0] == "freeze"
    (note,) = keyed.of(Note)
    assert "BB7309" in note.message and ".wh." in note.message


def test_a_name_that_holds_a_credential_is_repeated_nowhere(lab: Lab, keyed: Bench) -> None:
    """Neither said nor written to the ledger, whatever else is wrong with it."""
    ref = agent(lab)
    put(lab, ref, f"/workspace/.wh.{SECRET}", b"")
    assert keyed.run(*freeze(lab, ref)).ok
    (note,) = keyed.of(Note)
    assert "BB7309" in note.message and "(a name with it)" in note.message
    assert SECRET not in repr(keyed.ledger.calls) + repr(keyed.events)


def test_a_name_with_the_mark_elsewhere_is_an_ordinary_one(lab: Lab, keyed: Bench) -> None:
    ref = agent(lab)
    put(lab, ref, "/workspace/a.wh.b", b"")
    assert keyed.run(*freeze(lab, ref)).ok and images(lab) == [True, True]


@pytest.mark.parametrize("known", [{"API_KEY": SECRET}, {}], ids=["searched", "not searched"])
def test_volumes_that_would_fill_the_disk_are_left_where_they_are(
    lab: Lab, bench: Bench, monkeypatch: pytest.MonkeyPatch, known: dict[str, str]
) -> None:
    """A sparse file costs an agent nothing and is whole in a copy."""
    bench.vault = MemoryVault(KEY, known)
    monkeypatch.setattr(copies, "KEPT", 100)
    monkeypatch.setattr(copies, "MOST", 100_000)
    ref = agent(lab)
    put(lab, ref, "/workspace/big", bytes(200_000))
    assert bench.run(*freeze(lab, ref)).ok
    assert images(lab) == [True, False]
    (note,) = bench.of(Note)
    assert "BB7309" in note.message and "larger than" in note.message


@pytest.mark.parametrize(
    ("free", "copied"),
    [(None, copies.MOST), (2**60, copies.MOST), (NEEDED + 5, 5), (NEEDED, 0), (NEEDED - 1, 0)],
)
def test_a_copy_takes_never_the_last_of_the_engines_disk(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, free: int | None, copied: int
) -> None:
    monkeypatch.setattr(copies, "free_bytes", lambda _: free)
    assert copies.most(lab.engine) == copied


def pax(*files: tuple[str, bytes]) -> bytes:
    """A tar as the engine's writer makes it of names that ustar has no room or letters for."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("tail", ["size=0", "size=1536", "path=ok"])
def test_a_line_break_in_a_name_is_no_record_of_its_own(tail: str) -> None:
    odd, length = f"work/\u00e9\n{len(tail) + 3} {tail}", 700
    data = pax((odd, b"x" * length), ("work/later", b"1"))
    whole = b"".join(copies.joined([[data]], 10**6))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        assert [(m.name, m.size) for m in tar] == [(odd, length), ("work/later", 1)]
    hidden = pax((f"work/.wh.\u00e9\n{len(tail) + 3} {tail}", b"x" * length))
    with pytest.raises(copies.Unfit, match="removal"):
        list(copies.joined([[hidden]], 10**6))


def test_what_is_no_tar_vetoes_no_freeze() -> None:
    with pytest.raises(copies.Unfit, match="cannot be judged"):
        list(copies.joined([[b"x" * 1024]], 10**6))
