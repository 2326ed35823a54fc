"""Bottles whose folder or home was moved: they are named, and ``--project`` reaches them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from botbottle import places
from botbottle.cli import enforce
from botbottle.cli.run import Run
from botbottle.ledger import open_ledger
from botbottle.load.layers import layers
from botbottle.model import labels
from botbottle.model.bottle import Project
from botbottle.model.paths import HomePaths
from tests.cli.applied import Bench
from tests.support.stub_engine import stub_engine

RUNS: list[tuple[str, str, tuple[str, ...], list[str]]] = []


def note_run(run: Run, *_: object, **__: object) -> int:
    names = sorted(b.name for b in run.declared.bottles)
    RUNS.append((run.verb, run.declared.project.id, run.only, names))
    return 0


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bottle ``web`` was applied, has a container, and its folder was renamed then."""
    RUNS.clear()
    monkeypatch.setattr(enforce, "cut", lambda *_: None)
    monkeypatch.setattr(enforce, "carry_out", note_run)
    monkeypatch.setattr(Run, "go", note_run)
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        paths, project = HomePaths(str(made.home)), of(made)
        Path(paths.lock(project.id)).parent.mkdir(parents=True)
        Path(paths.lock(project.id)).touch()
        places.note(paths, project)
        engine.answers["/containers/json"] = [container(paths, project.id)]
        made.project.rename(tmp_path / "renamed")
        made.project = tmp_path / "renamed"
        yield made


def of(bench: Bench) -> Project:
    return layers(bench.home, bench.project).project_id


def container(paths: HomePaths, project: str) -> dict[str, object]:
    marks = {labels.HOME: paths.home_id, labels.PROJECT: project, labels.BOTTLE: "web"}
    return {
        "Id": "c" * 64, "Names": ["/bb-web-00000000-agent"], "Image": "i", "ImageID": "sha256:i",
        "State": "exited", "Labels": {**marks, labels.KIND: "agent"}, "Mounts": [],
        "NetworkSettings": {"Networks": {}},
    }  # fmt: skip


def lost_id(bench: Bench) -> str:
    (project,) = places.lost(HomePaths(str(bench.home)))
    return project


def test_plan_and_status_name_what_was_left_behind(bench: Bench) -> None:
    project = lost_id(bench)
    notices = [n for n in bench.plan()["notices"] if n["code"] == "BB331"]
    assert len(notices) == 1 and f"bb destroy --project {project}" in notices[0]["message"]
    code, out, err = bench.bb("status", "--json")
    left = {"project": project, "folder": str(bench.project.with_name("repo")),
            "bottles": ["web"], "running": []}  # fmt: skip
    assert code == 0 and json.loads(out)["lost"] == [left] and project in err


@pytest.mark.parametrize("verb", ["cutoff", "freeze", "kill"])
@pytest.mark.parametrize("words", [("web",), ("--all",)])
def test_an_order_reaches_it_by_its_id_as_it_was_applied(
    bench: Bench, verb: str, words: tuple[str, ...]
) -> None:
    project = lost_id(bench)
    code, _, err = bench.bb(verb, *words, "--project", project)
    assert code == 0, err
    assert [(verb, project, ("web",), ["web"])] == RUNS
    db = HomePaths(str(bench.home)).ledger_db
    with closing(open_ledger(db, read_only=True)) as ledger:
        assert set(ledger.view(1.0).holds) == {f"{project}/web"}


def test_without_it_an_order_means_the_folder_that_it_is_given_in(bench: Bench) -> None:
    code, _, _ = bench.bb("kill", "web")
    assert code == 0 and RUNS[0][1] == of(bench).id != lost_id(bench)


def test_destroy_and_status_reach_it_too(bench: Bench) -> None:
    project = lost_id(bench)
    assert bench.bb("destroy", "--yes", "--project", project)[0] == 0
    assert [("destroy", project, (), [])] == RUNS
    document = json.loads(bench.bb("status", "--json", "--project", project)[1])
    assert document["project"] == project
    assert [(b["name"], b["declared"]) for b in document["bottles"]] == [("web", "no")]


def test_the_project_of_this_folder_is_itself_by_its_id_too(bench: Bench) -> None:
    here = of(bench).id
    Path(HomePaths(str(bench.home)).lock(here)).touch()
    document = json.loads(bench.bb("status", "--json", "--project", here)[1])
    assert [(b["name"], b["declared"]) for b in document["bottles"]] == [("web", "started")]


@pytest.mark.parametrize("name", ["repo-00000000", "../run", "repo", ""])
def test_a_project_that_never_was_is_a_usage_error(bench: Bench, name: str) -> None:
    code, _, err = bench.bb("destroy", "--yes", "--project", name or "-")
    assert code == 64 and "there is no project" in err and RUNS == []


def test_a_moved_home_whose_containers_are_there_refuses_before_it_does_anything(
    bench: Bench,
) -> None:
    bench.home.rename(moved := bench.home.with_name("moved"))
    old, bench.home = bench.home, moved
    code, _, err = bench.bb("plan")
    assert code == 7 and "BB7024" in err and f"bb --home {old} status" in err
    old.symlink_to(moved)  # the way out that is named
    bench.home = old
    assert bench.bb("plan")[0] == 0


def test_one_that_left_nothing_on_the_engine_goes_on(bench: Bench) -> None:
    bench.engine.answers["/containers/json"] = []
    bench.home.rename(moved := bench.home.with_name("moved"))
    bench.home = moved
    assert bench.bb("plan")[0] == 0
