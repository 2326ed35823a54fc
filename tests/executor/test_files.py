"""Provider files arrive in the agent's volumes, owned by the agent, links never followed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from botbottle.engine.fake import FakeEngine
from botbottle.errors import BBError
from botbottle.executor.files import archive, root_of
from botbottle.model.plan import CopyFiles, Ref
from botbottle.model.resources import Mount
from tests.support.engines import Lab
from tests.support.executing import Bench

IDS = (1000, 1000)
MOUNTS = (Mount("volume", "/home/agent", "h"), Mount("volume", "/workspace", "w"))


def op(ref: Ref = Ref("x"), **what: tuple[tuple[str, str], ...]) -> CopyFiles:  # noqa: B008
    return CopyFiles(id="copy", resource="web/agent", bottle="web", reason="x", ref=ref, **what)


def members(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as found:
        return {m.name: m for m in found}


def tree(tmp_path: Path) -> Path:
    source = tmp_path / "skill"
    (source / "sub").mkdir(parents=True)
    (source / "SKILL.md").write_text("text")
    run = source / "sub" / "run.sh"
    run.write_text("#!/bin/sh")
    run.chmod(0o700)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    (source / "link").symlink_to(secret / "key")
    (source / "dirlink").symlink_to(secret)
    return source


def test_texts_and_trees_land_in_the_volumes_before_the_first_start(
    lab: Lab, bench: Bench, tmp_path: Path
) -> None:
    spec = lab.spec(mounts=MOUNTS)
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    copied = op(
        ref,
        texts=(("/home/agent/.claude/CLAUDE.md", "be good"),),
        files=(
            (str(tree(tmp_path)), "/home/agent/.claude/skills/skill"),
            (str(tree(tmp_path / "again")), "/workspace"),
        ),
    )
    assert bench.run(copied).ok
    assert isinstance(lab.engine, FakeEngine)
    assert lab.engine.world.container(ref).files == {
        "/home/agent/.claude/CLAUDE.md": b"be good",
        "/home/agent/.claude/skills/skill/SKILL.md": b"text",
        "/home/agent/.claude/skills/skill/sub/run.sh": b"#!/bin/sh",
        "/workspace/SKILL.md": b"text",
        "/workspace/sub/run.sh": b"#!/bin/sh",
    }


def test_everything_between_the_volume_and_a_file_belongs_to_the_agent(tmp_path: Path) -> None:
    copied = op(
        texts=(("/home/agent/a/b/c", "x"),), files=((str(tree(tmp_path)), "/home/agent/a/s"),)
    )
    found = members(archive(copied, "/home/agent", IDS))
    assert list(found) == ["a", "a/b", "a/b/c", "a/s", "a/s/SKILL.md", "a/s/dirlink", "a/s/link",
                           "a/s/sub", "a/s/sub/run.sh"]  # fmt: skip
    assert {(m.uid, m.gid) for m in found.values()} == {IDS}
    assert found["a/s/sub/run.sh"].mode == 0o755
    assert found["a/b/c"].mode == 0o644


def test_a_link_is_copied_as_a_link_so_no_host_file_leaks(tmp_path: Path) -> None:
    tar = archive(op(files=((str(tree(tmp_path)), "/workspace"),)), "/workspace", IDS)
    found = members(tar)
    assert found["link"].issym()
    assert found["dirlink"].issym()
    assert b"private" not in tar


@pytest.mark.parametrize("name", ["link", "dirlink"])
def test_a_workspace_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    source = tree(tmp_path) / name
    with pytest.raises(BBError, match="symbolic link"):
        archive(op(files=((str(source), "/workspace"),)), "/workspace", IDS)


def test_a_skill_may_be_a_link_and_is_copied_from_its_target(tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to(tree(tmp_path))
    copied = op(files=((str(link), "/home/agent/skills/s"),))
    found = members(archive(copied, "/home/agent", IDS))
    assert "skills/s/SKILL.md" in found
    assert found["skills/s/dirlink"].issym()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    copied = op(files=((str(tree(tmp_path)), "/workspace"),))
    assert archive(copied, "/workspace", IDS) == archive(copied, "/workspace", IDS)


def test_what_goes_elsewhere_is_not_in_this_archive() -> None:
    copied = op(texts=(("/home/agent/x", "1"), ("/workspace/x", "2"), ("/etc/x", "3")))
    assert [root_of(t) for t, _ in copied.texts] == ["/home/agent", "/workspace", "/"]
    assert root_of("/home/agentother/x") == "/"
    assert root_of("/workspace") == "/workspace"
    assert list(members(archive(copied, "/", IDS))) == ["etc", "etc/x"]
    assert archive(op(), "/home/agent", IDS) == b""


def test_a_source_that_is_gone_is_a_failure_with_its_path(lab: Lab, bench: Bench) -> None:
    spec = lab.spec(mounts=MOUNTS)
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    (failed,) = bench.run(op(ref, files=(("/no/such/tree", "/workspace"),))).failed
    assert "/no/such/tree" in failed.error.message


def test_a_running_container_gets_its_files_through_its_own_tar(lab: Lab, bench: Bench) -> None:
    seen: list[list[str]] = []
    assert isinstance(lab.engine, FakeEngine)
    from botbottle.engine.api import ExecResult

    lab.engine.on_exec = lambda _c, argv, _s: (seen.append(list(argv)), ExecResult(0, b"", b""))[1]
    assert bench.run(op(lab.run(lab.spec()), texts=(("/home/agent/x", "1"),))).ok
    assert seen == [["tar", "-x", "-C", "/home/agent"]]
