"""What is kept of manifests: the same as read anew, for exactly the same inputs, or nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.load import inputs as inputs_module
from botbottle.load import kept as kept_module
from botbottle.load import load
from botbottle.load.inputs import Inputs, inputs
from botbottle.load.kept import MAX_FILES, Kept, find, keep
from botbottle.load.loader import Loaded
from botbottle.ui.plan_json import dumps
from tests.load.homes import BASE, codes, write
from tests.support.worlds import World

NOW = 2_000_000_000.0  # later than any code of today's was changed
IMAGES = {"sidecar": "botbottle/sidecar:0123"}
ROUTE = "egress: {routes: [{host: api.example.com, matches: [{paths: [{value: /v1}]}]}]}"
APPROVED = (
    "egress: {routes: [{host: api.example.com, dlp: {allow: "
    "[{fingerprint: 0a1b2c3d4e5f6071, reason: a fixture, until: 2033-06-01}]}}]}"
)
ENDS = datetime(2033, 6, 2, tzinfo=UTC).timestamp()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was applied once."""
    made = write(
        tmp_path / "home", {"bottles/base": f"{BASE}\n{ROUTE}", "agents/web": "bottle: base"}
    )
    (made / "run").mkdir(mode=0o700)
    return made


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def seen(home: Path, cwd: Path) -> Inputs:
    found = inputs(home, cwd)
    assert found is not None
    return found


def kept_now(home: Path, cwd: Path, now: float = NOW) -> Loaded:
    """Load and keep; the file is there unless the caller expects otherwise."""
    before = seen(home, cwd)
    loaded = load(home, cwd)
    keep(before, loaded, IMAGES, now)
    return loaded


def found(home: Path, cwd: Path, now: float = NOW) -> Kept | None:
    return find(seen(home, cwd), now)


def file_of(home: Path) -> Path:
    (made,) = (home / "run/manifests").iterdir()
    return made


def assert_same(kept: Kept | None, loaded: Loaded) -> None:
    """The same value, its provenance and its findings, and so the same plan."""
    assert kept is not None and loaded.declared is not None
    assert kept.declared == loaded.declared and kept.diagnostics == loaded.diagnostics
    for mine, theirs in zip(kept.declared.bottles, loaded.declared.bottles, strict=True):
        assert dict(mine.origins) == dict(theirs.origins)
    assert kept.declared.settings.origins == loaded.declared.settings.origins
    assert kept.images == IMAGES
    world = World()
    assert dumps(world.plan(kept.declared)) == dumps(world.plan(loaded.declared))


NAMES = st.sampled_from(["base", "dev", "x1"])
PARTS = st.lists(
    st.sampled_from(
        [
            ROUTE, APPROVED, "supervise: false", "env: {A: b, B: '?why', C: '${HOST}', D: 'ä\"'}",
            "budget: {claude: 5M, codex: 200k/day}", "shutdown: freeze", "resume: auto",
            "resources: {memory: 4g, cpus: 1.5, pids: 99}", "preflight: exact",
            "git-gate: {user: {name: A, email: a@example.com}}",
            "egress: {log: 2, learning: true, routes: [{host: '*.example.org', port: 8443}]}",
        ]
    ),
    unique_by=lambda part: part.partition(":")[0],
    max_size=6,
)  # fmt: skip
AGENTS = st.sampled_from(
    ["", "replicas: 3", "state: absent", "run: headless\ntask: do it", "budget: {claude: 1M/hour}"]
)
SETTINGS = st.sampled_from(
    ["", "shutdown: kill\nmax_changes: 3\n", "budget: {claude: 9M/month}\nfreezes: {keep: 2}\n"]
)


@st.composite
def homes(draw: Any) -> dict[str, str]:
    files, before = {}, ""
    for name in draw(st.lists(NAMES, unique=True, min_size=1)):
        extends = f"extends: {before}\n" if before and draw(st.booleans()) else ""
        files[f"bottles/{name}"] = "\n".join([extends + BASE, *draw(PARTS)])
        before = name
    for number in range(draw(st.integers(1, 3))):
        body = draw(st.sampled_from(["", "\n===\nwork\n", "\n===\n\u00e9\u200b\n"]))
        files[f"agents/a{number}"] = f"bottle: {before}\n{draw(AGENTS)}{body}"
    if text := draw(SETTINGS):
        files["settings.yml"] = text
    return files


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


def appended(name: str, text: str = "\n") -> Callable[[Path, Path], None]:
    def edit(home: Path, cwd: Path) -> None:
        path = home / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    return edit


EDITS: dict[str, Callable[[Path, Path], object]] = {
    "a prompt with a character that nobody sees": appended("agents/web.md", "more\u200b\n"),
    "a byte of the front": lambda home, _: (home / "bottles/base.md").write_text(
        (home / "bottles/base.md").read_text().replace("/v1", "/v2")
    ),
    "a new agent": lambda home, _: write(home, {"agents/new": "bottle: base"}),
    "a new bottle": lambda home, _: write(home, {"bottles/new": BASE}),
    "a removed agent": lambda home, _: (home / "agents/web.md").unlink(),
    "a renamed agent": lambda home, _: (home / "agents/web.md").rename(home / "agents/w.md"),
    "settings": appended("settings.yml", "shutdown: kill\n"),
    "settings that are not read": appended("settings.yaml"),
    "a broken link for settings": lambda home, _: (home / "settings.yml").symlink_to("nowhere"),
    "a misnamed file": appended("agents/Web.MD"),
    "a plugin": lambda home, _: (home / "contrib/new").mkdir(parents=True),
    "a stale file": lambda _, cwd: (cwd / "bot-bottle.json").write_text("{}"),
    "a project": lambda _, cwd: write(cwd / ".bot-bottle", {"agents/p": "bottle: base"}),
    "an agent that cannot be read": lambda home, _: (home / "agents/x.md").symlink_to("nowhere"),
    "a pipe in an agent's place": lambda home, _: os.mkfifo(home / "agents/pipe.md"),
    "a huge agent": lambda home, _: (home / "agents/big.md").write_bytes(b"x" * 2_000_000),
}


@pytest.mark.parametrize("edit", sorted(EDITS))
def test_any_edit_is_seen(edit: str, home: Path, cwd: Path) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    EDITS[edit](home, cwd)
    after = inputs(home, cwd)
    assert after is None or find(after, NOW) is None


PROJECT_EDITS: dict[str, Callable[[Path], object]] = {
    "content": lambda p: write(p, {"agents/web": "bottle: base\nbudget: {claude: 2k}"}),
    "settings": lambda p: (p / "settings.yml").write_text(""),
    "a bottle": lambda p: write(p, {"bottles/x": BASE}),
    "a misnamed file": lambda p: (p / "agents/B.md").write_text(""),
    "its removal": lambda p: p.rename(p.with_name("gone")),
}


@pytest.mark.parametrize("edit", sorted(PROJECT_EDITS))
def test_any_edit_of_a_project_is_seen(edit: str, home: Path, cwd: Path) -> None:
    folder = write(cwd / ".bot-bottle", {"agents/web": "bottle: base\nbudget: {claude: 1k}"})
    kept_now(home, cwd)
    assert found(home, cwd)
    PROJECT_EDITS[edit](folder)
    assert found(home, cwd) is None


def test_going_back_to_what_was_kept_finds_it_again(home: Path, cwd: Path) -> None:
    loaded = kept_now(home, cwd)
    text = (home / "agents/web.md").read_bytes()
    (home / "agents/web.md").write_bytes(text.replace(b"base", b"base\nstate: absent"))
    assert found(home, cwd) is None
    (home / "agents/web.md").write_bytes(text)
    assert_same(found(home, cwd), loaded)


BODIES = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "---",
        "\n---\nstate: absent\n---\n",
        "\r\n\r---\r",
        "two\n\n\nlines\n",
        "\ufeff",
        "seen\u200b",
    ]
)


@given(files=homes(), bodies=st.lists(BODIES, min_size=3, max_size=3))
@settings(max_examples=80, deadline=None)
def test_another_prompt_is_the_prompt_of_today_and_all_else_is_as_it_would_be_read(
    files: dict[str, str], bodies: list[str]
) -> None:
    with TemporaryDirectory() as folder:
        home = write(Path(folder, "home"), files)
        (home / "run").mkdir()
        kept_now(home, Path(folder))
        for path, body in zip(sorted((home / "agents").iterdir()), bodies, strict=False):
            front = path.read_text().split("\n---\n")[0]
            path.write_bytes(f"{front}\n---\n{body}".encode())
        loaded, kept = load(home, Path(folder)), found(home, Path(folder))
        if kept is None:  # the loader has something to say about a character
            assert "\u200b" in "".join([*bodies, *files.values()]) or unseen(bodies)
        else:
            assert_same(kept, loaded)


def unseen(bodies: list[str]) -> bool:
    return any("BB2018" in codes(load_of(body).diagnostics) for body in bodies)


def load_of(body: str) -> Loaded:
    with TemporaryDirectory() as folder:
        home = write(Path(folder), {"bottles/base": BASE})
        (home / "agents").mkdir()
        (home / "agents/a.md").write_bytes(f"---\nbottle: base\n---\n{body}".encode())
        return load(home, Path(folder))


def test_what_stands_below_a_bottles_keys_is_nothing(home: Path, cwd: Path) -> None:
    loaded = kept_now(home, cwd)
    appended("bottles/base.md", "why this bottle is so\n")(home, cwd)
    assert_same(found(home, cwd), loaded)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("botbottle.load.inputs.__version__", "99"),
        ("botbottle.load.kept.FORMAT", 99),
        ("botbottle.load.inputs.code_identity", lambda: ("other code", 0.0)),
        ("os.getuid", lambda: 4242),
        ("sys.version", "3.99"),
    ],
)
def test_another_program_or_user_finds_nothing(
    name: str, value: Any, home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    monkeypatch.setattr(name, value)
    assert found(home, cwd) is None


def test_code_that_changes_is_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    file = tmp_path / "model/x.py"
    file.write_text("a = 1\n")
    monkeypatch.setattr(inputs_module, "PACKAGE", tmp_path)
    before, changed = inputs_module.code_identity()
    assert changed == pytest.approx(file.stat().st_ctime_ns / 1e9)
    was = file.stat()
    file.write_text("a = 2\n")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))  # who hides it cannot hide the change
    assert inputs_module.code_identity()[0] != before
    (tmp_path / "__pycache__").mkdir()
    again = inputs_module.code_identity()
    (tmp_path / "__pycache__/x.pyc").write_text("byte code is made of the rest")
    assert inputs_module.code_identity() == again


def test_code_behind_a_link_counts_and_a_link_that_leads_back_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path, cwd: Path
) -> None:
    package, other = tmp_path / "package", tmp_path / "other"
    package.mkdir()
    other.mkdir()
    (other / "x.py").write_text("a = 1\n")
    (package / "model").symlink_to(other)
    monkeypatch.setattr(inputs_module, "PACKAGE", package)
    before, _ = inputs_module.code_identity()
    (other / "x.py").write_text("a = 12\n")
    assert inputs_module.code_identity()[0] != before
    assert inputs(home, cwd) is not None
    (other / "again").symlink_to(package)
    assert inputs(home, cwd) is None


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


def test_the_file_is_the_owners_alone(home: Path, cwd: Path) -> None:
    old = os.umask(0)
    try:
        kept_now(home, cwd)
    finally:
        os.umask(old)
    assert file_of(home).stat().st_mode & 0o777 == 0o600
    assert (home / "run/manifests").stat().st_mode & 0o777 == 0o700


def touched(change: Callable[[Path], object]) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda path, _: (change(path), None)[1]


def linked(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


UNFIT: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "readable by others": touched(lambda p: p.chmod(0o604)),
    "writable by the group": touched(lambda p: p.chmod(0o620)),
    "a symbolic link": touched(linked),
    "a second name": touched(lambda p: p.with_name("other").hardlink_to(p)),
    "a pipe": touched(piped),
    "a directory": touched(lambda p: (p.unlink(), p.mkdir())),
    "empty": touched(lambda p: os.truncate(p, 0)),
    "cut short": touched(lambda p: os.truncate(p, p.stat().st_size - 1)),
    "too large": lambda _, patch: patch.setattr(kept_module, "MAX_BYTES", 10),
    "somebody else's": lambda _, patch: patch.setattr(os, "geteuid", lambda: 4242),
}


@pytest.mark.parametrize("how", sorted(UNFIT))
def test_a_file_that_is_not_fit_is_as_good_as_none(
    how: str, home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_now(home, cwd)
    assert found(home, cwd)
    UNFIT[how](file_of(home), monkeypatch)
    assert found(home, cwd) is None


def test_no_damage_goes_unseen(home: Path, cwd: Path) -> None:
    kept_now(home, cwd)
    path = file_of(home)
    good = path.read_bytes()
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1
        path.write_bytes(bad)
        assert found(home, cwd) is None, place
    path.write_bytes(good)
    assert found(home, cwd)


def test_what_is_no_bottle_is_none_even_with_the_right_checksum(home: Path, cwd: Path) -> None:
    before = seen(home, cwd)
    kept_now(home, cwd)
    body = json.dumps({"declared": {"project": 3}}).encode()
    file_of(home).write_bytes(kept_module._head(before, body) + b"\n" + body)
    assert found(home, cwd) is None


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


def test_nothing_is_made_in_a_home_that_was_never_applied(home: Path, cwd: Path) -> None:
    (home / "run").rmdir()
    kept_now(home, cwd)
    assert not (home / "run").exists() and found(home, cwd) is None


def test_a_home_that_cannot_be_written_keeps_nothing_and_says_nothing(
    home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", refused)
        kept_now(home, cwd)
    assert not (home / "run/manifests").exists()
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", refused)
        kept_now(home, cwd)
    assert list((home / "run/manifests").iterdir()) == []


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


def test_the_oldest_projects_are_forgotten(home: Path, tmp_path: Path) -> None:
    for number in range(MAX_FILES + 3):
        place = tmp_path / f"p{number}"
        write(place / ".bot-bottle", {"agents/web": "bottle: base"})
        kept_now(home, place)
        file = max((home / "run/manifests").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        os.utime(file, ns=(number, number))
    assert len(list((home / "run/manifests").iterdir())) == MAX_FILES
    assert found(home, tmp_path / "p0") is None and found(home, tmp_path / f"p{MAX_FILES}")


def test_who_reads_while_others_write_gets_all_or_nothing(home: Path, cwd: Path) -> None:
    before, loaded = seen(home, cwd), kept_now(home, cwd)
    writers = [
        threading.Thread(target=lambda: [keep(before, loaded, IMAGES, NOW) for _ in range(20)])
        for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert find(before, NOW) is not None
    assert [p.name for p in (home / "run/manifests").iterdir()] == ["home.json"]


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
