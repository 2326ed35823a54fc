"""A home that others can write to is refused or told of; whoever nobody else is, is let alone."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from botbottle.load import exposed as module
from botbottle.load import load
from botbottle.load.exposed import exposed
from botbottle.load.inputs import inputs
from botbottle.load.layers import layers
from botbottle.model.diagnostic import Severity
from tests.load.homes import BASE, write

ME = SimpleNamespace(pw_name="ann", pw_gid=1234)
DEVS = SimpleNamespace(gr_name="devs", gr_mem=["ann", "bob"])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = write(tmp_path / "home", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (made / "settings.yml").write_text("shutdown: cutoff\n")
    for folder in ("run", "ledger"):
        (made / folder).mkdir()
    return made


def told(home: Path, cwd: Path | None = None) -> list[tuple[str, Severity]]:
    found = load(home, cwd or home).diagnostics
    return [(d.code, d.severity) for d in found if d.code in ("BB2314", "BB2315")]


def in_group(monkeypatch: pytest.MonkeyPatch, group: object, **user: object) -> None:
    """The group that everything here belongs to, and its owner, are these."""
    found = SimpleNamespace(**{**vars(ME), "pw_gid": GROUP, **user})
    monkeypatch.setattr(pwd, "getpwuid", lambda _: found)
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)


GROUP = 4242
PARTS = ["", "bottles", "agents", "run", "ledger", "settings.yml", "bottles/base.md",
         "agents/web.md"]  # fmt: skip


def opened(path: Path, mode: int) -> None:
    path.chmod(path.stat().st_mode | mode)


def test_a_home_of_its_owner_alone_is_nothing_to_talk_about(home: Path) -> None:
    assert told(home) == []


@pytest.mark.parametrize("part", PARTS)
def test_what_everybody_can_write_is_refused(home: Path, part: str) -> None:
    opened(home / part, 0o002)
    loaded = load(home, home)
    assert loaded.declared is None and told(home) == [("BB2314", Severity.ERROR)]
    (found,) = (d for d in loaded.errors if d.code == "BB2314")
    assert str(home / part).rstrip("/") in found.message and "chmod go-w" in found.hint


def test_so_is_one_in_a_folder_where_everybody_can_put_another_in_its_place(home: Path) -> None:
    opened(home.parent, 0o002)
    assert told(home) == [("BB2314", Severity.ERROR)]


def test_but_not_one_in_a_folder_like_tmp(home: Path) -> None:
    home.parent.chmod(0o1777)
    assert told(home) == []


def test_a_link_to_a_home_is_that_home(home: Path) -> None:
    (link := home.parent / "link").symlink_to(home)
    assert told(link) == []
    opened(home / "settings.yml", 0o002)
    assert told(link) == [("BB2314", Severity.ERROR)]


@pytest.mark.parametrize("part", ["bottles/base.md", "bottles"])
def test_a_link_to_a_manifest_is_judged_by_what_it_leads_to(home: Path, part: str) -> None:
    (home / part).rename(target := home.parent / "elsewhere")
    (home / part).symlink_to(target)
    assert told(home) == []
    opened(target, 0o002)
    assert told(home) == [("BB2314", Severity.ERROR)]


@pytest.mark.parametrize("part", PARTS[:6])
def test_what_belongs_to_somebody_else_is_refused(
    home: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs this: the home is theirs, one part of it is a stranger's."""
    real = os.stat
    stranger = str(home / part).rstrip("/")

    def stat(path: object, **options: object) -> object:
        found = real(path, **options)  # type: ignore[call-overload]
        owner = 1001 if str(path) == stranger else 0 if str(path) in ABOVE else 1000
        mode = found.st_mode
        return SimpleNamespace(st_mode=mode, st_uid=owner, st_gid=owner)

    ABOVE = {str(p) for p in home.parents}  # noqa: N806
    monkeypatch.setattr(module.os, "getuid", lambda: 1000)
    monkeypatch.setattr(module.os, "stat", stat)
    found = exposed(layers(home, None))
    assert [(e.path, e.why) for e in found] == ([] if part == "ledger" else [(stranger, "owner")])


def test_a_group_of_others_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(home / "bottles", -1, GROUP) if os.getuid() == 0 else None
    in_group(monkeypatch, DEVS)
    opened(home / "bottles", 0o020)
    if os.getuid() != 0:
        monkeypatch.setattr(module, "_own", lambda *_: False)
    assert told(home) == [("BB2315", Severity.WARNING)]
    assert load(home, home).declared is not None


OWNS: list[tuple[str, Callable[[int], object], dict[str, object], bool]] = [
    ("their own group, as umask 002 has it",
     lambda _: SimpleNamespace(gr_name="ann", gr_mem=[]), {}, True),
    ("the same with the owner listed",
     lambda _: SimpleNamespace(gr_name="ann", gr_mem=["ann"]), {}, True),
    ("their own group, that somebody was added to",
     lambda _: SimpleNamespace(gr_name="ann", gr_mem=["bob"]), {}, False),
    ("a group for everybody on the machine",
     lambda _: SimpleNamespace(gr_name="users", gr_mem=[]), {}, False),
    ("another group of the owner's", lambda _: DEVS, {"pw_gid": 77}, False),
]  # fmt: skip


@pytest.mark.parametrize(("group", "user", "own"), [o[1:] for o in OWNS], ids=[o[0] for o in OWNS])
def test_a_group_is_nobody_else_only_if_it_is_the_owners_own(
    group: Callable[[int], object],
    user: dict[str, object],
    own: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_group(monkeypatch, group(GROUP), **user)
    assert module._own(1000, GROUP) is own


def test_in_a_container_without_names_the_own_number_is_the_own_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(_: int) -> object:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert module._own(1000, 1000) and module._own(1000, os.getgid()) and module._own(1000, 0)
    assert not module._own(1000, os.getgid() + 7)


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Iterator[Path]:
    made = write(tmp_path / "repo/.bot-bottle", {"agents/api": "bottle: base"})
    yield made.parent


@pytest.mark.parametrize("part", ["", "agents", "agents/api.md"])
def test_a_project_that_others_write_is_told_of_and_works(
    home: Path, project: Path, part: str
) -> None:
    assert told(home, project) == []
    opened(project / ".bot-bottle" / part, 0o002)
    assert told(home, project) == [("BB2315", Severity.WARNING)]
    assert load(home, project).declared is not None


@pytest.mark.parametrize("part", PARTS)
def test_what_was_kept_before_does_not_hide_it(home: Path, part: str) -> None:
    before = inputs(home, home)
    opened(home / part, 0o002)
    after = inputs(home, home)
    assert before is not None and after is not None
    assert after.key != before.key and after.refused and not before.refused


def test_a_third_user_above_the_home_is_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside a user namespace, where the host's root is nobody."""
    real = os.stat

    def stat(path: object, **options: object) -> object:
        mode = real(path, **options).st_mode  # type: ignore[call-overload]
        owner = 65534 if str(path) == "/" else 1000
        return SimpleNamespace(st_mode=mode & ~0o022, st_uid=owner, st_gid=owner)

    monkeypatch.setattr(module.os, "getuid", lambda: 1000)
    monkeypatch.setattr(module.os, "stat", stat)
    (found,) = exposed(layers(home, None))
    assert (found.path, found.why, found.refused) == ("/", "owner", False)


@pytest.mark.parametrize(("group", "refused"), [(0, False), (4321, True)])
def test_a_home_that_was_made_for_a_group_to_work_in_is_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch, group: int, refused: bool
) -> None:
    """As images are made that run under any number: owner 1001, group 0, 0775."""

    def stat(path: object, **_: object) -> object:
        inside = str(path) == str(home)
        owner = 1001 if inside else 1000077
        mode = 0o40775 if inside else 0o40755
        return SimpleNamespace(st_mode=mode, st_uid=owner, st_gid=group if inside else owner)

    monkeypatch.setattr(module.os, "getuid", lambda: 1000077)
    monkeypatch.setattr(module.os, "getgid", lambda: 0)
    monkeypatch.setattr(module.os, "getgroups", lambda: [0])
    monkeypatch.setattr(module.os, "stat", stat)
    (found,) = (e for e in exposed(layers(home, None)) if e.path == str(home))
    assert found.refused is refused


@pytest.mark.parametrize("part", PARTS)
def test_who_says_in_the_environment_that_a_home_is_shared_is_warned(
    home: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Windows drive in WSL, where every file has 0777 and keeps it."""
    opened(home / part, 0o002)
    monkeypatch.setenv("BB_SHARED_HOME", str(home.parent))  # another one
    assert told(home) == [("BB2314", Severity.ERROR)]
    monkeypatch.setenv("BB_SHARED_HOME", str(home))
    assert told(home) == [("BB2315", Severity.WARNING)]
    assert load(home, home).declared is not None
    after = inputs(home, home)
    assert after is not None and not after.refused


@pytest.mark.parametrize(("why", "refused"), [("owner", True), ("everybody", False)])
def test_a_home_of_somebody_else_is_not_shared_by_saying_so(why: module.Why, refused: bool) -> None:
    assert module.Exposed(path="/h", why=why, home=True, shared=True).refused is refused
