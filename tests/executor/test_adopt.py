"""Taking over files on the engine in memory: what arrives, what stays, and every crash between."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.engine.fake import Crash, Faults
from botbottle.executor import Result, execute
from botbottle.model.plan import Plan, Ref
from botbottle.model.resources import ContainerSpec, Mount, ObservedContainer
from botbottle.planner.adopt import adopted_tag, adoption
from botbottle.vault import MemoryVault
from tests.executor.test_machine import Seeing
from tests.support.executing import KEY, VirtualClock
from tests.support.fleet import SECRETS, Builder
from tests.support.worlds import bottle, declared

WANT = declared(bottle("web"))
NAME = "bb-web-00000000-agent"
FILES = {"/home/agent/.notes": b"remember", "/workspace/main.py": b"print(1)"}


class Home(Seeing):
    """A fleet beside an old agent that nobody labelled."""

    __slots__ = ()

    def old(self) -> ObservedContainer:
        found = self.engine.container(Ref(NAME))
        assert found is not None
        return found

    def adoption(self) -> Plan:
        old = self.old()
        copied = self.engine.image_id(adopted_tag("web", old)) is not None
        view = self.books.world.view
        return adoption(WANT, self.observe(), view, self.facts, "web", old, under_way=copied)

    def adopt(self) -> Result:
        return execute(
            self.adoption(),
            self.engine,
            self.sidecars,
            self.books,
            MemoryVault(KEY, SECRETS),
            Builder(self.engine),
            parallel=1,
            clock=VirtualClock(),
        )

    def files_of_web(self) -> dict[str, bytes]:
        agent = next(c for c in self.engine.world.containers.values() if c.name == self.name)
        kept = self.engine.world.kept
        return {
            f"{m.target}/{path}": content
            for m in agent.spec.mounts
            if m.kind == "volume"
            for path, content in kept[m.source].items()
        }

    @property
    def name(self) -> str:
        from botbottle.planner.names import names

        return names(self.facts.paths.home_id, "proj-1", "web").agent


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return prepared(tmp_path)


def prepared(path: Path) -> Home:
    home = Home(str(path))
    engine = home.engine
    engine.build(b"x", tag="old:1", labels=())
    mounts = (Mount("volume", "/home/agent", "old-home"), Mount("volume", "/workspace", "old-work"))
    engine.create_container(ContainerSpec(NAME, "agent", "", "old:1", mounts=mounts), NAME, ())
    world = engine.world
    world.kept["old-home"] = {".notes": FILES["/home/agent/.notes"]}
    world.kept["old-work"] = {"main.py": FILES["/workspace/main.py"]}
    engine.restart()
    return home


def untouched(home: Home) -> None:
    world = home.engine.world
    assert home.old().state == "created"
    assert world.kept["old-home"] == {".notes": b"remember"}
    assert world.kept["old-work"] == {"main.py": b"print(1)"}


def test_the_next_apply_runs_a_new_agent_on_the_old_files(home: Home) -> None:
    assert home.adopt().ok
    untouched(home)
    assert home.adoption().empty, "a second adopt has nothing to do"
    assert not [t for i in home.engine.world.images.values() for t in i.tags if "adopted" in t]
    assert home.apply(WANT).ok
    assert FILES.items() <= home.files_of_web().items()
    assert home.plan(WANT).empty
    untouched(home)
    home.check_safe()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_write_is_finished_by_the_same_command(
    tmp_path: Path, after: bool
) -> None:
    for call in range(1, 40):
        home = prepared(tmp_path / str(call))
        home.engine.restart(Faults(crash_at=call, crash_after=after))
        try:
            home.adopt()
            assert call > 5, "the copy takes several writes"
            return
        except Crash:
            home.engine.restart()
        untouched(home)
        assert home.adopt().ok, call
        assert home.adoption().empty and home.apply(WANT).ok
        assert FILES.items() <= home.files_of_web().items(), call
    raise AssertionError("no crash point lies behind the last write")


def test_files_with_a_credential_are_not_taken_over(home: Home) -> None:
    secret = "sk-ant-" + "a1B2c3D4" * 8
    home.engine.world.kept["old-work"]["leak"] = secret.encode()
    vault = MemoryVault(KEY, {"ANTHROPIC_API_KEY": secret})
    result = execute(
        home.adoption(),
        home.engine,
        home.sidecars,
        home.books,
        vault,
        Builder(home.engine),
        parallel=1,
        clock=VirtualClock(),
    )
    (failure,) = result.failed
    assert failure.error.code == "BB7307" and secret not in str(failure.error)
    assert "/workspace/leak" in str(failure.error) or "workspace/leak" in str(failure.error)
    assert not home.engine.world.volumes.keys() - {"old-home", "old-work"}
    assert len(result.not_started) == 4
