"""Reading the operator's own login: from the right place, only when it is safe, told plainly."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.load import hostlogin
from botbottle.load.hostlogin import Found, HostLogins
from botbottle.providers import HostLogin
from botbottle.providers.hostlogin import forwarded

NAME, CODEX = "BB_HOST_CLAUDE_LOGIN", "BB_HOST_CODEX_LOGIN"
ACCESS, REFRESH = "sk-ant-oat01-access", "sk-ant-ort01-refresh"
NOW = 1_800_000_000.0


def text(access: str = ACCESS, ends: float = NOW + 3600) -> str:
    kept = {"accessToken": access, "refreshToken": REFRESH, "expiresAt": int(ends * 1000)}
    return json.dumps({"claudeAiOauth": kept})


def write(path: Path, content: str, mode: int = 0o600) -> Path:
    """As the programs write it: a new file in the place of the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(content)
    new.chmod(mode)
    new.replace(path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / ".claude/.credentials.json", text())


def logins(home: Path, **environ: str) -> HostLogins:
    return HostLogins({"HOME": str(home), **environ}, lambda: NOW)


def access(found: Found) -> str:
    assert found.why == ""
    token = json.loads(found.text)["claudeAiOauth"]["accessToken"]
    assert isinstance(token, str)
    return token


def test_it_lies_in_the_users_home(tmp_path: Path, file: Path) -> None:
    assert access(logins(tmp_path).find(NAME)) == ACCESS


def test_the_programs_own_variable_names_another_folder(tmp_path: Path, file: Path) -> None:
    write(tmp_path / "else/.credentials.json", text("other-token"))
    found = logins(tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "else")).find(NAME)
    assert access(found) == "other-token"
    body = json.dumps({"tokens": {"access_token": "a", "refresh_token": "r"}})
    write(tmp_path / "codex/auth.json", body)
    found = logins(tmp_path, CODEX_HOME=str(tmp_path / "codex")).find(CODEX)
    assert json.loads(found.text) == {"tokens": {"access_token": "a"}}


def test_a_token_in_the_environment_goes_first_and_no_file_is_read(
    tmp_path: Path, file: Path
) -> None:
    file.chmod(0o644)
    found = logins(tmp_path, CLAUDE_CODE_OAUTH_TOKEN="given").find(NAME)
    assert json.loads(found.text) == {"claudeAiOauth": {"accessToken": "given"}}


def test_the_refresh_token_is_nowhere_after_reading(tmp_path: Path, file: Path) -> None:
    read = logins(tmp_path)
    found = read.find(NAME)
    everything = pickle.dumps((found.text, found.why, read._read, read._environ)).decode("latin-1")
    assert ACCESS in everything and REFRESH not in everything
    assert ACCESS not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o777])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, file: Path, mode: int) -> None:
    file.chmod(mode)
    found = logins(tmp_path).find(NAME)
    assert found.text == "" and f"chmod 600 {file}" in found.why


def test_a_file_that_became_open_is_refused_though_it_was_read_before(
    tmp_path: Path, file: Path
) -> None:
    read = logins(tmp_path)
    assert read.find(NAME).text
    file.chmod(0o644)
    assert read.find(NAME).text == ""


def test_a_file_of_another_user_is_refused(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert "another user" in logins(tmp_path).find(NAME).why


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / ".claude/.credentials.json"
    path.mkdir(parents=True)
    assert "not a regular file" in logins(tmp_path).find(NAME).why
    path.rmdir()
    os.mkfifo(path, 0o600)  # nobody writes to it: opening it must not wait
    assert "not a regular file" in logins(tmp_path).find(NAME).why


def test_a_missing_login_names_the_file_and_the_next_step(tmp_path: Path) -> None:
    why = logins(tmp_path).find(NAME).why
    assert str(tmp_path / ".claude/.credentials.json") in why
    assert "run `claude` once on this machine, then bb apply" in why
    assert "CLAUDE_CODE_OAUTH_TOKEN" in why
    assert "run `codex` once" in logins(tmp_path).find(CODEX).why


@pytest.mark.parametrize(
    "content", ["", "SECRET", "{}", '{"claudeAiOauth": "SECRET"}', "SECRET" * 60_000]
)
def test_a_malformed_file_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / ".claude/.credentials.json", content)
    found = logins(tmp_path).find(NAME)
    assert found.text == "" and str(path) in found.why
    assert "SECRET" not in found.why


def test_bytes_that_are_no_text_are_no_login(tmp_path: Path, file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    assert "not text" in logins(tmp_path).find(NAME).why


def test_an_expired_login_is_not_delivered_and_says_how_to_renew_it(
    tmp_path: Path, file: Path
) -> None:
    read = logins(tmp_path)
    for ends in (NOW - 1, NOW + 5):
        write(file, text(ends=ends))
        found = read.find(NAME)
        assert found.text == "" and "has expired: run `claude` once" in found.why
        assert str(file) in found.why
    write(file, text("renewed-token"))
    assert access(read.find(NAME)) == "renewed-token"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    seen: list[str] = []

    def counting(own: HostLogin, given: str) -> str:
        seen.append(given)
        return forwarded(own, given)

    monkeypatch.setattr(hostlogin, "forwarded", counting)
    yield seen


def test_an_unchanged_file_is_read_once(tmp_path: Path, file: Path, parsed: list[str]) -> None:
    read = logins(tmp_path)
    assert {read.find(NAME).text for _ in range(5)} == {read.find(NAME).text}
    assert len(parsed) == 1


def test_a_renewed_file_of_the_same_size_and_time_is_read_again(
    tmp_path: Path, file: Path, parsed: list[str]
) -> None:
    read = logins(tmp_path)
    before = file.stat()
    assert access(read.find(NAME)) == ACCESS
    write(file, text(ACCESS[::-1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert access(read.find(NAME)) == ACCESS[::-1]
    assert len(parsed) == 2


def test_a_login_that_went_away_is_not_remembered(tmp_path: Path, file: Path) -> None:
    read = logins(tmp_path)
    assert read.find(NAME).text
    file.unlink()
    assert read.find(NAME).text == ""


def test_a_folder_of_a_user_who_does_not_exist_is_told_and_no_bug(tmp_path: Path) -> None:
    found = logins(tmp_path, CLAUDE_CONFIG_DIR="~nosuchuser/x").find(NAME)
    assert found.text == "" and "CLAUDE_CONFIG_DIR" in found.why


@pytest.mark.parametrize("token", ["sk-ant\r\nX-Other: 1", "sk-\u00e4nt", "sk-\x00ant"])
def test_a_token_that_cannot_stand_in_a_header_is_refused_from_the_variable_too(
    tmp_path: Path, token: str
) -> None:
    found = logins(tmp_path, CLAUDE_CODE_OAUTH_TOKEN=token).find(NAME)
    assert found.text == "" and "CLAUDE_CODE_OAUTH_TOKEN" in found.why
    assert token not in found.why and "sk-" not in found.why
    assert access(logins(tmp_path, CLAUDE_CODE_OAUTH_TOKEN=f" {ACCESS}\n").find(NAME)) == ACCESS
