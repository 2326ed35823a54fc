"""Owned logins (the scheme login): renewed in time, known to the scanners, never shown."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import fingerprint
from botbottle.providers import login
from botbottle.sidecar.egress import logins as logins_module
from botbottle.sidecar.egress import refresh
from botbottle.sidecar.egress import sidecar as sidecar_module
from botbottle.sidecar.egress.asking import Answer, NoAnswer
from botbottle.sidecar.egress.refresh import ENDPOINTS, NotRenewed
from botbottle.sidecar.egress.sealed import Sealed
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.renewing import REFRESH, Provider, claude, granted, ready, token
from tests.sidecar_egress.rig import EXAMPLE
from tests.world import World
from tests.world.dialects.oauth import access_after, refresh_after


def test_a_login_near_its_end_is_renewed_once_for_all_who_wait(tmp_path: Path) -> None:
    provider = Provider(granted())
    logins = provider.logins(tmp_path, claude(60))

    async def work() -> list[str]:
        said = await asyncio.gather(*(logins.ready("L") for _ in range(20)))
        await logins.settled(10)
        return said

    assert asyncio.run(work()) == [""] * 20
    assert token(logins) == "new-access-1"
    assert [a["refresh_token"] for a in provider.asked] == [REFRESH]
    assert provider.asked[0]["host"] == "platform.claude.com"
    assert provider.renewed == 1
    assert json.loads(logins.text("L"))["claudeAiOauth"]["scopes"] == ["kept"]


def test_who_comes_while_it_is_renewed_waits_for_the_outcome(tmp_path: Path) -> None:
    provider = Provider(granted())
    logins = provider.logins(tmp_path, claude(-1))

    async def work() -> tuple[str, str]:
        first = asyncio.create_task(logins.ready("L"))
        while not provider.asked:
            await asyncio.sleep(0)
        return await logins.ready("L"), await first

    assert asyncio.run(work()) == ("", "")
    assert len(provider.asked) == 1


def test_a_login_with_time_left_is_left_alone(tmp_path: Path) -> None:
    provider = Provider()
    logins = provider.logins(tmp_path, claude(3600))
    assert ready(logins) == ""
    assert provider.asked == []


def test_a_401_makes_the_next_request_renew_but_not_every_one(tmp_path: Path) -> None:
    provider = Provider(granted(1), granted(2))
    logins = provider.logins(tmp_path, claude(3600))
    for _ in range(5):
        logins.doubt("L")
        assert ready(logins) == ""
    assert token(logins) == "new-access-1"
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "failure",
    [
        Answer(400, "", b'{"error": "invalid_grant"}'),
        Answer(200, "", b"<html>"),
        Answer(200, "", b"{}"),
        Answer(200, "", b"[" * 9999),
        NoAnswer("OSError"),
        OSError("dns: no such host"),
        TimeoutError(),
    ],
)
def test_a_renewal_that_fails_is_no_harm_until_the_login_ends(
    tmp_path: Path, failure: Answer | Exception
) -> None:
    logins = Provider(failure).logins(tmp_path, claude(120))
    assert ready(logins) == "", "it is still of use"
    assert token(logins) == "sk-ant-oat01-real-access"
    logins = Provider(failure).logins(tmp_path, claude(-1))
    said = ready(logins)
    assert "could not be renewed" in said
    assert "real" not in said


def test_without_a_refresh_token_it_just_ends(tmp_path: Path) -> None:
    provider = Provider()
    assert ready(provider.logins(tmp_path, claude(-1, ""))) == "it has expired"
    assert provider.asked == []


def test_a_restarted_sidecar_goes_on_where_it_was_and_the_disk_tells_nothing(
    tmp_path: Path,
) -> None:
    delivered = claude(60)
    logins = Provider(granted()).logins(tmp_path, delivered)
    ready(logins)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"access" not in data and b"Oauth" not in data and REFRESH.encode() not in data
    again = Provider().logins(tmp_path, delivered)
    assert again.text("L") == logins.text("L")
    other = Provider().logins(tmp_path, claude(60, "another"))  # a login that was made anew
    assert token(other) == "sk-ant-oat01-real-access"
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert token(Provider().logins(tmp_path, delivered)) == "sk-ant-oat01-real-access"


def test_a_second_delivery_of_the_same_text_keeps_what_was_renewed(tmp_path: Path) -> None:
    delivered = claude(60)
    logins = Provider(granted()).logins(tmp_path, delivered)
    ready(logins)
    assert token(logins.following({"L": delivered})) == "new-access-1"
    assert token(logins.following({"L": claude(60, "another")})) == "sk-ant-oat01-real-access"
    assert logins.following({}).text("L") == ""


def test_codex_is_asked_at_its_own_endpoint_and_keeps_its_account() -> None:
    tokens = {"access_token": "old", "refresh_token": "once", "account_id": "acct", "id_token": "i"}
    where, question = refresh.question(json.dumps({"tokens": tokens, "auth_mode": "chatgpt"}))
    assert where == ENDPOINTS["codex"]
    assert json.loads(question.body)["refresh_token"] == "once"
    assert "once" not in repr(question)
    answer = b'{"access_token": "new", "refresh_token": "next", "id_token": "j"}'
    login_text = json.dumps({"tokens": tokens, "auth_mode": "chatgpt"})
    text, problem = refresh.renewed(login_text, Answer(200, "", answer), 0)
    assert problem == ""
    made = {"access_token": "new", "refresh_token": "next", "account_id": "acct", "id_token": "j"}
    assert json.loads(text) == {"tokens": made, "auth_mode": "chatgpt"}


def test_an_error_never_quotes_what_the_endpoint_sent() -> None:
    for body in (b'{"error": "sk-secret 1"}', b'{"error": ["x"]}', b'"sk-secret"'):
        with pytest.raises(NotRenewed) as caught:
            refresh.renewed(claude(1), Answer(400, "", body), 0)
        assert "secret" not in str(caught.value)


class Through(Inside):
    """A sidecar whose token endpoints are the scripted upstream's."""

    hosts = f"{EXAMPLE} platform.claude.com auth.openai.com"
    trusted = ("127.0.0.0/8",)

    def __init__(self, folder: Path, world: World) -> None:
        self.token = f"sk-ant-ort01-{secrets.token_hex(16)}"  # the upstream takes each once
        self.text = claude(-1, self.token)
        super().__init__(folder, world)

    def configure(self) -> None:
        route = Route(EXAMPLE, self.world.tls_port, Auth("login", "L"))
        self.deliver(route, secrets={"L": self.text})

    def answer(self, path: str = "/x", **more: Any) -> httpx.Response:
        with self.client() as http:
            return http.get(f"https://{EXAMPLE}:{self.world.tls_port}{path}", **more)


@pytest.fixture
def through(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Through]:
    world.reset()
    monkeypatch.setattr(sidecar_module, "HTTPS", world.tls_port)
    monkeypatch.setattr(logins_module, "RETRY", 0.0)
    made = Through(tmp_path, world)
    yield made
    made.close()


def bearer(world: World) -> list[str]:
    found = world.requests(0, host=EXAMPLE) or world.requests(0)
    return [r["auth"]["authorization"] for r in found if "authorization" in r["auth"]]


def test_an_expired_login_is_renewed_and_used_and_the_agent_sees_neither(through: Through) -> None:
    fresh, following = access_after(through.token), refresh_after(through.token)
    through.world.script(path="/x", status=200, body={"echo": [fresh, following, through.token]})
    reply = through.answer(headers={"accept-encoding": "identity"})
    assert reply.status_code == 200
    for value in (fresh, following, through.token):
        assert value not in reply.text
    assert bearer(through.world) == [f"Bearer {fresh}"]
    reported = dict(through.sidecar.pulse()["secrets"])
    assert reported == {"L": fingerprint(b"k", through.text)}, "bb sees no drift in it"
    assert fresh not in through.output.getvalue() and following not in through.output.getvalue()


def test_the_new_tokens_cannot_be_sent_anywhere(through: Through) -> None:
    assert through.answer().status_code == 404
    for value in (access_after(through.token), refresh_after(through.token), through.token):
        assert through.answer("/x", headers={"x-leak": value}).json()["code"] == "dlp"


def test_a_401_leads_to_a_renewal_for_the_next_request(through: Through) -> None:
    assert through.answer().status_code == 404
    through.world.script(path="/x", times=1, status=401, body={})
    assert through.answer().status_code == 401
    assert through.answer().status_code == 404
    first, second = access_after(through.token), access_after(refresh_after(through.token))
    assert bearer(through.world) == [f"Bearer {first}", f"Bearer {first}", f"Bearer {second}"]


def test_a_login_that_was_used_up_elsewhere_is_refused_and_nothing_is_sent(
    through: Through,
) -> None:
    through.world.script(path="/v1/oauth/token", status=400, body={"error": "invalid_grant"})
    denied = through.answer()
    assert denied.status_code == 503
    assert denied.json()["code"] == "missing-secret"
    assert "invalid_grant" in denied.json()["reason"]
    assert bearer(through.world) == []


def test_the_end_of_the_process_waits_for_a_renewal(
    through: Through, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar_module, "_LAST", 30.0)
    through.world.script(path="/v1/oauth/token", first_delay=0.3)
    through.text = claude(60, through.token)
    through.configure()
    assert through.answer().status_code == 404, "nobody waits for it"
    through.call(through.app.stop())
    kept = login.read(Sealed(through.folder / "ca").kept(through.token))
    assert kept is not None and kept.refresh == refresh_after(through.token)
