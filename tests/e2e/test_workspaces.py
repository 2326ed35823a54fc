"""A folder of the project is copied into a real bottle once, wherever bb is called, and no link of
a repository leads to the host's files."""

from __future__ import annotations

import pytest

from tests.support.live import Done, Live


class Checkout:
    """A project whose agent has a workspace. bb is called from elsewhere."""

    def __init__(self, live: Live) -> None:
        self.live, self.path = live, live.work / "project"
        (self.path / "src").mkdir(parents=True)
        (self.path / "src/a").write_text("from the project")
        (live.work / "secret/dir").mkdir(parents=True)
        (live.work / "secret/dir/key").write_text("HOSTSECRET")
        live.bottle()

    def agent(self, workspace: str, prompt: str = "") -> None:
        path = self.path / ".bot-bottle/agents/web.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\nbottle: base\nworkspace: {workspace}\n---\n{prompt}\n")

    def apply(self, *args: str, code: int = 0) -> Done:
        return self.live.bb("-C", str(self.path), "apply", "--yes", *args, code=code)


@pytest.fixture
def checkout(live: Live) -> Checkout:
    return Checkout(live)


def test_it_is_copied_once_and_a_replaced_agent_keeps_its_work(checkout: Checkout) -> None:
    live = checkout.live
    checkout.agent("src")
    checkout.apply("--allow", "widen")
    assert live.shell("cat /workspace/a").stdout == "from the project"
    live.shell("echo work > /workspace/a")
    first = live.container()
    checkout.agent("src", "another prompt")
    checkout.apply()
    assert live.container() != first
    assert live.shell("cat /workspace/a").stdout == "work\n"
    (checkout.path / "lib").mkdir()
    (checkout.path / "lib/a").write_text("of another folder")
    checkout.agent("lib")
    assert "BB322" in checkout.apply(code=7).stdout
    assert live.shell("cat /workspace/a").stdout == "work\n"
    checkout.apply("--allow", "destroy")
    assert live.shell("cat /workspace/a").stdout == "of another folder"


def test_a_link_on_the_way_leads_nowhere(checkout: Checkout) -> None:
    live = checkout.live
    (checkout.path / "link").symlink_to(live.work / "secret")
    assert (checkout.path / "link/dir/key").read_text() == "HOSTSECRET", "positive control"
    checkout.agent("link/dir")
    done = checkout.apply("--allow", "widen", code=3)
    assert "symbolic link" in done.stderr and live.containers() == []
