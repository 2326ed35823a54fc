"""A project whose folder was renamed: its bottle is named and can be stopped and removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import Internet, Live


@pytest.fixture
def live(internet: Internet, tmp_path: Path) -> Iterator[Live]:
    internet.reset()
    made = Live(tmp_path, internet)
    yield made
    made.cleanup()


def test_what_a_renamed_project_left_behind_is_told_stopped_and_removed(
    live: Live, tmp_path: Path
) -> None:
    live.bottle()
    repo, renamed = tmp_path / "repo", tmp_path / "renamed"
    (repo / ".bot-bottle/agents").mkdir(parents=True)
    (repo / ".bot-bottle/agents/web.md").write_text("---\nbottle: base\n---\nwork\n")
    live.bb("-C", str(repo), "apply", "--yes", "--allow", "widen")
    assert live.inspect()["State"]["Running"]
    repo.rename(renamed)
    (left,) = live.json("-C", str(renamed), "status")["lost"]
    assert (left["folder"], left["running"]) == (str(repo), ["web"])
    project = left["project"]
    assert f"bb destroy --project {project}" in live.bb("-C", str(renamed), "plan").stdout
    live.bb("freeze", "web", "--project", project)
    assert not live.inspect()["State"]["Running"]
    live.bb("destroy", "--yes", "--project", project)
    assert live.containers("web") == []
    assert live.json("-C", str(renamed), "status")["lost"] == []
