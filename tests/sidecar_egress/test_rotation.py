"""A refresh token works once: whatever happens while it is exchanged, its successor is not lost."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.providers import login
from botbottle.sidecar.egress import logins as logins_module
from botbottle.sidecar.egress import sealed as sealed_module
from botbottle.sidecar.egress.asking import Answer
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.refresh import NotRenewed, renewed
from botbottle.sidecar.egress.sealed import Sealed
from tests.sidecar_egress.renewing import REFRESH, Provider, claude, granted, ready, token

ACCESS = "sk-ant-oat01-real-access"
ROTATED = b'"access_token": "new-access-1", "refresh_token": "new-refresh-1"'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two attempts."""
    monkeypatch.setattr(logins_module, "RETRY", 0.0)


def refresh_of(logins: Logins) -> str:
    found = login.read(logins.text("L"))
    assert found is not None
    return found.refresh


def after_restart(folder: Path, delivered: str) -> Logins:
    return Provider().logins(folder, delivered)


@pytest.mark.parametrize(
    "lifetime",
    [
        "Infinity", "-Infinity", "NaN", "1e999", "1e300", "9" * 400, "9" * 5000,
        "-1", "-" + "9" * 5000,
        "0", "5", "true", "null", '"3600"', "[]", "3600", "3600.5",
    ],
)  # fmt: skip
def test_no_lifetime_loses_a_login(tmp_path: Path, lifetime: str) -> None:
    body = b'{%s, "expires_in": %s}' % (ROTATED, lifetime.encode())
    delivered = claude(-1)
    logins = Provider(Answer(200, "", body)).logins(tmp_path, delivered)
    assert ready(logins) == ""
    assert (token(logins), refresh_of(logins)) == ("new-access-1", "new-refresh-1")
    assert after_restart(tmp_path, delivered).text("L") == logins.text("L")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(201, "", b"{%s}" % ROTATED),
        Answer(200, "gzip", gzip.compress(b"{%s}" % ROTATED)),
        Answer(200, "", b"\xef\xbb\xbf \n{%s}" % ROTATED),
        Answer(200, "", b"{%s}\n<!-- 12 ms -->" % ROTATED),
        Answer(200, "", b'{"organization": "Caf\xe9", %s}' % ROTATED),
        Answer(200, "", b'{"id_token": 7, "scope": "\\ud800", %s}' % ROTATED),
    ],
    ids=["created", "gzip", "mark", "trailer", "latin-1", "others"],
)
def test_an_odd_answer_that_has_the_tokens_is_taken(tmp_path: Path, answer: Answer) -> None:
    logins = Provider(answer).logins(tmp_path, claude(-1))
    assert ready(logins) == ""
    assert (token(logins), refresh_of(logins)) == ("new-access-1", "new-refresh-1")


@pytest.mark.parametrize("access", ["", "7", "null", '"a\\nb"', '"\\ud800"', '"\\u0436"', '" a"'])
def test_a_refresh_token_is_kept_whatever_came_with_it(tmp_path: Path, access: str) -> None:
    sent = f'"access_token": {access}, ' if access else ""
    first = Answer(200, "", b'{%s "refresh_token": "rotated"}' % sent.encode())
    provider, delivered = Provider(first, granted(2)), claude(60)
    logins = provider.logins(tmp_path, delivered)
    assert ready(logins) == "", "the one before is of use still"
    assert (token(logins), refresh_of(logins)) == (ACCESS, "rotated")
    assert provider.failed == ["it could not be renewed (no access token came)"]
    assert refresh_of(after_restart(tmp_path, delivered)) == "rotated"
    assert ready(logins) == ""
    assert [a["refresh_token"] for a in provider.asked] == [REFRESH, "rotated"]
    assert token(logins) == "new-access-2"


@given(st.dictionaries(
    st.sampled_from(["access_token", "refresh_token", "id_token", "expires_in", "error"]),
    st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.lists(st.none(), max_size=2)),
), st.sampled_from([200, 200, 201, 400, 503]), st.booleans())  # fmt: skip
def test_no_answer_breaks_a_login(given_: dict[str, Any], status: int, codex: bool) -> None:
    tokens = {"access_token": "old", "refresh_token": "once"}
    before = json.dumps({"tokens": tokens}) if codex else claude(1)
    try:
        after, _ = renewed(before, Answer(status, "", json.dumps(given_).encode()), 1e9)
    except NotRenewed:
        return
    found = login.read(after)
    assert found is not None and found.token and found.refresh
    after.encode()
    assert all(text.isprintable() for text in (found.token, found.refresh))


def test_nobody_waits_for_a_renewal_who_can_use_the_login(tmp_path: Path) -> None:
    async def work() -> None:
        silence = asyncio.Event()
        logins = Provider(silence, granted()).logins(tmp_path, claude(60))
        assert await logins.ready("L") == ""
        assert token(logins) == ACCESS
        silence.set()
        await logins.settled(10)
        assert token(logins) == "new-access-1"

    asyncio.run(work())


@pytest.mark.parametrize("seconds, said", [(-1, "it is being renewed"), (3600, "")])
def test_an_answer_that_comes_after_all_have_left_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, said: str
) -> None:
    monkeypatch.setattr(logins_module, "PATIENCE", 0.0)
    delivered = claude(seconds)

    async def work() -> None:
        silence = asyncio.Event()
        provider = Provider(silence, granted())
        logins = provider.logins(tmp_path, delivered)
        logins.doubt("L")
        assert await logins.ready("L") == said
        assert await logins.ready("L") == said
        silence.set()
        await logins.settled(10)
        assert await logins.ready("L") == ""
        assert token(logins) == "new-access-1"
        assert len(provider.asked) == 1

    asyncio.run(work())
    assert token(after_restart(tmp_path, delivered)) == "new-access-1"


def test_a_request_that_is_cancelled_ends_no_renewal(tmp_path: Path) -> None:
    async def work() -> None:
        silence = asyncio.Event()
        provider = Provider(silence, granted())
        logins = provider.logins(tmp_path, claude(-1))
        first = asyncio.create_task(logins.ready("L"))
        while not provider.asked:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        silence.set()
        assert await logins.ready("L") == ""
        assert token(logins) == "new-access-1"

    asyncio.run(work())


def test_one_login_under_two_names_is_renewed_once(tmp_path: Path) -> None:
    provider, delivered = Provider(granted()), claude(-1)
    logins = provider.logins(tmp_path, delivered).following({"L": delivered, "M": delivered})

    async def work() -> list[str]:
        return await asyncio.gather(logins.ready("L"), logins.ready("M"))

    assert asyncio.run(work()) == ["", ""]
    assert logins.text("L") == logins.text("M")
    assert len(provider.asked) == 1


def test_a_login_that_comes_back_while_it_is_renewed_is_not_asked_for_twice(tmp_path: Path) -> None:
    delivered = claude(-1)

    async def work() -> None:
        silence = asyncio.Event()
        provider = Provider(silence, granted(), granted(2))
        logins = provider.logins(tmp_path, delivered)
        asking = asyncio.create_task(logins.ready("L"))
        while not provider.asked:
            await asyncio.sleep(0)
        logins = logins.following({}).following({"L": delivered})
        silence.set()
        assert await logins.ready("L") == await asking == ""
        assert token(logins) == "new-access-1"
        assert len(provider.asked) == 1

    asyncio.run(work())


def test_the_same_refresh_token_in_another_document_is_the_same_login(tmp_path: Path) -> None:
    logins = Provider(granted()).logins(tmp_path, claude(60))
    ready(logins)
    again = json.dumps(json.loads(claude(61)), indent=2)
    assert token(logins.following({"L": again})) == "new-access-1"
    assert token(after_restart(tmp_path, again)) == "new-access-1"


def test_a_login_that_was_kept_under_its_whole_text_is_found(tmp_path: Path) -> None:
    delivered = claude(60)
    Sealed(tmp_path).keep(delivered, claude(3600, "next"))
    assert refresh_of(after_restart(tmp_path, delivered)) == "next"


def test_nothing_is_renewed_that_could_not_be_kept(tmp_path: Path) -> None:
    place, provider = tmp_path / "full", Provider(granted())
    logins = provider.logins(place, claude(-1))
    assert "could not be kept" in ready(logins)
    assert (provider.asked, len(provider.failed)) == ([], 1)
    place.mkdir()
    assert ready(logins) == ""
    assert token(logins) == "new-access-1"


def test_what_could_not_be_kept_is_kept_as_soon_as_it_can_and_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, delivered = Provider(granted()), claude(-1)
    logins = provider.logins(tmp_path, delivered)
    with monkeypatch.context() as broken:
        broken.setattr(sealed_module.os, "fsync", _fails)
        assert ready(logins) == ""
        assert provider.failed == ["it was renewed and could not be kept (OSError)"]
    assert ready(logins) == ""
    assert token(after_restart(tmp_path, delivered)) == "new-access-1"
    assert len(provider.asked) == 1


def test_what_was_written_before_the_process_died_is_found_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = Sealed(tmp_path)
    sealed.keep("origin", "first")
    with monkeypatch.context() as killed:
        killed.setattr(sealed_module, "_put", _fails)
        with pytest.raises(OSError):
            sealed.keep("origin", "second")
    assert Sealed(tmp_path).kept("origin") == "second"
    Sealed(tmp_path).reserve("origin")
    assert Sealed(tmp_path).kept("origin") == "second"
    (half,) = tmp_path.glob("*.new")
    half.write_bytes(b"half of it")
    assert Sealed(tmp_path).kept("origin") == "second"


@pytest.mark.parametrize(
    ("number", "asked"), [(errno.ENOSPC, 0), (errno.EDQUOT, 0), (errno.EOPNOTSUPP, 1)]
)
def test_a_full_disk_is_met_before_the_token_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, asked: int
) -> None:
    """A file system that cannot reserve says nothing of its room."""

    def refuses(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(sealed_module.os, "posix_fallocate", refuses)
    provider = Provider(granted())
    ready(provider.logins(tmp_path, claude(-1)))
    assert len(provider.asked) == asked


def test_what_was_reserved_is_room_enough(tmp_path: Path) -> None:
    Sealed(tmp_path).reserve("origin")
    (room,) = tmp_path.iterdir()
    before = room.stat()
    Sealed(tmp_path).keep("origin", "text")
    (kept,) = tmp_path.iterdir()
    after = kept.stat()
    assert (before.st_ino, before.st_size, before.st_blocks) == (
        after.st_ino,
        after.st_size,
        after.st_blocks,
    )


def _fails(*_: object) -> None:
    raise OSError("no")
