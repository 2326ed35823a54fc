"""What is kept of manifests: the same as read anew, for exactly the same inputs, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from botbottle.load import load
from botbottle.load.kept import Kept, find, keep
from tests.load.homes import BASE, codes, write
from tests.load.keeping import (
    APPROVED,
    ENDS,
    IMAGES,
    NOW,
    assert_same,
    file_of,
    found,
    homes,
    kept_now,
    seen,
)


@given(files=homes())
@settings(max_examples=60, deadline=None)
def test_what_is_kept_is_what_would_be_read(files: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        home = write(Path(folder, "home"), files)
        (home / "run").mkdir()
        loaded = kept_now(home, Path(folder))
        assert loaded.declared is not None, loaded.diagnostics
        assert_same(found(home, Path(folder)), loaded)


def test_a_project_is_kept_beside_home_and_from_any_place_in_it(home: Path, cwd: Path) -> None:
    write(cwd / ".bot-bottle", {"agents/web": "bottle: base\nbudget: {claude: 1k}"})
    (cwd / "deep").mkdir()
    assert_same(find(seen(home, cwd), NOW) or find_after(home, cwd), load(home, cwd))
    assert_same(found(home, cwd / "deep"), load(home, cwd / "deep"))
    alone = kept_now(home, home.parent)
    assert alone.declared is not None and alone.declared.project.id == "home"
    assert len(list((home / "run/manifests").iterdir())) == 2


def find_after(home: Path, cwd: Path) -> Kept | None:
    kept_now(home, cwd)
    return found(home, cwd)


def test_what_json_cannot_hold_is_not_kept(home: Path, cwd: Path) -> None:
    before, loaded = seen(home, cwd), load(home, cwd)
    assert loaded.declared is not None
    strange = replace(loaded.declared.project, root="/\udcff")
    loaded = replace(loaded, declared=replace(loaded.declared, project=strange))
    keep(before, loaded, IMAGES, NOW)
    assert not (home / "run/manifests").exists()


def test_nothing_is_kept_of_code_that_has_just_changed(home: Path, cwd: Path) -> None:
    before = seen(home, cwd)
    keep(before, load(home, cwd), IMAGES, before.changed + 1)
    assert not (home / "run/manifests").exists()
    keep(before, load(home, cwd), IMAGES, before.changed + 3)
    assert find(before, before.changed + 3)


def test_errors_are_told_each_time_and_never_kept(home: Path, cwd: Path) -> None:
    write(home, {"agents/broken": "bottle: nope"})
    assert kept_now(home, cwd).declared is None
    assert not (home / "run/manifests").exists()


def test_warnings_are_the_same_on_a_hit(home: Path, cwd: Path) -> None:
    write(home, {"bottles/idle": BASE, "bottles/base": f"{BASE}\nenv: {{A: sk-ant-xyz}}"})
    loaded = kept_now(home, cwd)
    assert codes(loaded.diagnostics) == ["BB2130", "BB2306"]
    assert_same(found(home, cwd), loaded)


def test_it_holds_until_an_approval_ends_and_not_before_it_was_made(home: Path, cwd: Path) -> None:
    write(home, {"bottles/base": f"{BASE}\n{APPROVED}"})
    kept_now(home, cwd)
    assert found(home, cwd, NOW) and found(home, cwd, ENDS - 1)
    assert found(home, cwd, ENDS) is None and found(home, cwd, NOW - 1) is None
    kept_now(home, cwd, ENDS)  # the finding of that time is the loader's; it ends no more
    assert found(home, cwd, ENDS + 10**9)


def test_what_was_changed_and_changed_back_meanwhile_is_not_kept(home: Path, cwd: Path) -> None:
    agent = home / "agents/web.md"
    text, before = agent.read_text(), seen(home, cwd)
    agent.write_text(text + "other words\n")
    loaded = load(home, cwd)
    agent.write_text(text)
    keep(before, loaded, IMAGES, NOW)
    assert found(home, cwd) is None
    agent.rename(home / "agents/away")
    loaded = load(home, cwd)
    (home / "agents/away").rename(agent)
    keep(before, loaded, IMAGES, NOW)
    assert found(home, cwd) is None
    keep(before, load(home, cwd), IMAGES, NOW)
    assert found(home, cwd)


def test_what_the_loader_refuses_is_never_kept_whatever_it_saw(home: Path, cwd: Path) -> None:
    (home / "settings.yaml").write_text("")
    before = seen(home, cwd)
    (home / "settings.yaml").unlink()
    keep(before, load(home, cwd), IMAGES, NOW)
    (home / "settings.yaml").write_text("")
    assert found(home, cwd) is None


def test_no_value_of_a_secret_is_kept(
    home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-7f3a"
    for name in ("ANTHROPIC_API_KEY", "HOST", "BB_ENV_B", "MY_TOKEN"):
        monkeypatch.setenv(name, canary)
    login = cwd / ".claude/.credentials.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"claudeAiOauth": {"accessToken": canary}}))
    monkeypatch.setenv("HOME", str(cwd))
    write(
        home,
        {
            "bottles/base": f"{BASE}\nenv: {{B: '?why', C: '${{HOST}}'}}\negress: {{routes: "
            "[{host: a.example, auth: {scheme: Bearer, token_ref: MY_TOKEN}}]}",
            "bottles/own": "agent_provider: {template: claude, forward_host_credentials: true}",
            "agents/own": "bottle: own",
        },
    )
    kept_now(home, cwd)
    text = file_of(home).read_text()
    assert "MY_TOKEN" in text and "HOST" in text and canary not in text
