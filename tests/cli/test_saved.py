"""Plans in files: private, whole or not at all, and readable for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.app import main
from botbottle.cli.saved import Picked, picked, read, read_to_apply, save
from botbottle.errors import BBError, UsageError
from botbottle.model.ledger_view import FreezeRecord
from botbottle.model.plan import Plan
from botbottle.ui.plan_json import dumps
from botbottle.ui.plan_text import render
from tests.cli.homes import home
from tests.support.worlds import World, declared
from tests.ui.plans import eventful


def a_plan() -> Plan:
    return World().plan(declared())


def test_a_saved_plan_is_private_and_carries_its_digest(tmp_path: Path) -> None:
    made, path = a_plan(), tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o644)
    save(made, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path)["digest"] == made.digest and list(tmp_path.iterdir()) == [path]


def test_a_plan_that_cannot_be_saved_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BBError) as caught:
        save(a_plan(), tmp_path / "missing/plan.json")
    assert caught.value.where == str(tmp_path / "missing/plan.json")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", json.dumps({"format_version": "2.0", "digest": "x"}), "\0"]
)
def test_what_is_no_plan_of_this_format_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "p").write_text(text)
    with pytest.raises(BBError) as caught:
        read(tmp_path / "p")
    assert caught.value.where == str(tmp_path / "p") and "bb plan --out" in caught.value.hint


class TestShow:
    def test_it_prints_changes_reach_and_notices_without_an_engine(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
        made, path = a_plan(), tmp_path / "p"
        save(made, path)
        assert main(["show", str(path)]) == 0
        seen = capsys.readouterr()
        assert "+ create agent" in seen.out
        assert "web  + api.anthropic.com" in seen.out and "(needs --allow widen)" in seen.out
        assert made.digest in seen.err and f"bb apply {path}" in seen.err

    def test_it_shows_what_plan_showed_in_a_world_where_everything_happens(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        made = eventful()
        save(made, tmp_path / "p")
        assert main(["show", str(tmp_path / "p")]) == 0
        head, _, shown = capsys.readouterr().out.partition("\n")
        assert shown == render(made) and made.project in head
        assert {c.action for c in made.changes} and made.held and made.budgets

    def test_snapshots_that_go_are_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        want = declared(freezes_remove="auto", freezes_max_days=1)
        world = World()
        world.converge(want)
        listed = tuple(FreezeRecord("proj-1/web", f"snap:{n}", "d", float(n)) for n in (2, 1))
        world.view = replace(world.view, now=1e6, freezes={"proj-1/web": listed})
        save(world.plan(want), tmp_path / "p")
        assert main(["show", str(tmp_path / "p")]) == 0
        out = capsys.readouterr().out
        assert "remove snapshot  (older than freezes.max_days)  snap:1" in out and "snap:2" in out

    def test_a_plan_from_elsewhere_cannot_steer_the_terminal(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save(a_plan(), tmp_path / "p")
        document = json.loads((tmp_path / "p").read_text())
        del document["checksum"]
        document["project"] = document["notices"][0]["message"] = "\x1b]0;x\x07\u202e"
        (tmp_path / "p").write_text(json.dumps(document))
        assert main(["show", str(tmp_path / "p")]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out and "\u202e" not in out and out.count("\\u001b") == 2

    @pytest.mark.parametrize("rows", [5, [5], [{"action": "explode"}], [{"action": "create"}]])
    def test_a_plan_with_other_contents_is_no_plan(
        self, rows: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        document = {"format_version": "1.0", "digest": "d" * 16, "project": "p", "changes": rows}
        (tmp_path / "p").write_text(json.dumps(document))
        assert main(["show", str(tmp_path / "p")]) == 1
        assert "not a plan of bb" in capsys.readouterr().err

    def test_json_is_the_document_as_it_was_saved(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save(a_plan(), tmp_path / "p")
        assert main(["show", "--json", str(tmp_path / "p")]) == 0
        assert capsys.readouterr().out == (tmp_path / "p").read_text()

    def test_a_newer_minor_format_with_unknown_keys_is_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        document = {"format_version": "1.9", "digest": "d" * 16, "project": "p", "more": [1]}
        (tmp_path / "p").write_text(json.dumps(document))
        assert main(["show", str(tmp_path / "p")]) == 0
        assert "Nothing to do" in capsys.readouterr().out

    def test_what_is_no_plan_is_1_and_says_how_to_make_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["show", str(tmp_path / "absent")]) == 1
        (tmp_path / "p").write_text("{}")
        assert main(["show", str(tmp_path / "p")]) == 1
        assert "bb plan --out" in capsys.readouterr().err


HEAD = {"format_version": "1.0", "digest": "d" * 16, "project": "p"}
NESTED = json.dumps(HEAD)[:-1] + ', "changes": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize("words", [("show",), ("show", "--json"), ("apply", "--yes")])
def test_a_document_nested_too_deep_is_no_plan(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p").write_text(NESTED)
    assert "not a plan of bb" in failed(words, tmp_path, capsys)


@pytest.mark.parametrize(
    "odd",
    [{}, {"ops": 5}, {"ops": None}, {"ops": [{"a": 1}, 5]}, {"ops": [{"id": 5}]}, {"ops": ["id"]},
     {"ops": [], "changes": [5]}, {"ops": [], "reach": 5}, {"ops": [], "notices": [{}]},
     {"ops": [{"id": "n", "op": "CreateNetwork", "spec": 5}]},
     {"ops": [{"id": "n", "op": "CreateNetwork", "spec": {"kind": "internal", "subnet": "x"}}]}],
)  # fmt: skip
def test_a_file_with_other_contents_is_not_applied(
    odd: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p").write_text(json.dumps({**HEAD, **odd}))
    assert "not a plan of bb" in failed(("apply",), tmp_path, capsys)


def test_what_was_saved_can_be_applied(tmp_path: Path) -> None:
    for made in (a_plan(), eventful()):
        save(made, tmp_path / "p")
        assert read_to_apply(tmp_path / "p") == read(tmp_path / "p")


def failed(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said by a verb that ends with 1."""
    made = home(tmp_path)
    assert main(["--home", str(made), "-C", str(made), *words, str(tmp_path / "p")]) == 1
    return capsys.readouterr().err


def edit_reach(document: Any) -> None:
    document["reach"] = []


def edit_needs(document: Any) -> None:
    document["notices"][0]["needs"] = ""


def edit_change(document: Any) -> None:
    document["changes"][0]["action"] = "update"


@pytest.mark.parametrize("words", [("show",), ("show", "--json"), ("apply", "--yes")])
@pytest.mark.parametrize("edit", [edit_reach, edit_needs, edit_change])
def test_a_plan_that_was_edited_is_neither_shown_nor_applied(
    words: tuple[str, ...], edit: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(a_plan(), tmp_path / "p")
    document = json.loads((tmp_path / "p").read_text())
    (tmp_path / "p").write_text(json.dumps(document))  # laid out otherwise: no edit
    assert read(tmp_path / "p") == document
    edit(document)
    (tmp_path / "p").write_text(json.dumps(document))
    assert "edited after it was saved" in failed(words, tmp_path, capsys)


def test_a_plan_without_a_checksum_is_shown_as_one_that_may_have_been_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(a_plan(), tmp_path / "p")
    assert main(["show", str(tmp_path / "p")]) == 0
    assert "no checksum" not in capsys.readouterr().err
    (tmp_path / "p").write_text(dumps(a_plan()))
    assert main(["show", str(tmp_path / "p")]) == 0
    assert "no checksum" in capsys.readouterr().err


class TestTheOptionsItWasMadeWith:
    def test_they_are_kept_and_used(self, tmp_path: Path) -> None:
        own = Picked(only=("web",), budget=("claude=900k",))
        save(a_plan(), tmp_path / "p", own)
        data = read_to_apply(tmp_path / "p")
        assert picked(data, Picked()) == own and picked(data, own) == own

    @pytest.mark.parametrize("own", [Picked(), Picked(only=("web",))])
    def test_others_beside_it_are_a_usage_error(self, tmp_path: Path, own: Picked) -> None:
        save(a_plan(), tmp_path / "p", own)
        with pytest.raises(UsageError, match="--only api"):
            picked(read(tmp_path / "p"), Picked(only=("api",)))

    def test_a_plan_of_an_older_bb_takes_those_that_are_given(self, tmp_path: Path) -> None:
        (tmp_path / "p").write_text(dumps(a_plan()))
        given = Picked(only=("web",))
        assert picked(read(tmp_path / "p"), given) == given == picked(None, given)

    @pytest.mark.parametrize("junk", [7, {"only": "web"}, {"only": [7]}, {"budget": {"a": 1}}])
    def test_what_is_none_is_told(self, junk: Any) -> None:
        with pytest.raises(BBError, match="not a plan"):
            picked({"options": junk}, Picked())

    def test_they_are_shown(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        save(a_plan(), tmp_path / "p", Picked(only=("web",)))
        assert main(["show", str(tmp_path / "p")]) == 0
        assert "it was made with --only web\n" in capsys.readouterr().err
