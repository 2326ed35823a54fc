"""Layers, laziness, shadowing, and everything that needs more than one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from botbottle.load import Overrides, find_project, load, load_one, names
from botbottle.load.loader import Loaded
from botbottle.load.render import text
from botbottle.model.bottle import Limit
from tests.load.homes import BASE, codes, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write(
        tmp_path / "home",
        {"bottles/base": BASE, "agents/lib": "bottle: base", "agents/web": "bottle: base"},
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "proj/.bot-bottle", {"agents/web": "bottle: base\n===\nfrom the project"})
    return tmp_path / "proj"


def names_of(loaded: Loaded) -> list[str]:
    assert loaded.declared is not None, codes(loaded.diagnostics)
    return [b.name for b in loaded.declared.bottles]


def test_the_projects_agent_wins_a_name_collision_with_a_warning(home: Path, project: Path) -> None:
    loaded = load(home, project)
    assert loaded.declared is not None
    web = next(b for b in loaded.declared.bottles if b.name == "web")
    assert (web.layer, web.prompt, web.state) == ("project", "from the project", "started")
    (warning,) = loaded.diagnostics
    assert warning.code == "BB2304"
    assert str(warning.related[0][0]) == "home:agents/web.md:0"


def test_home_agents_are_a_library(home: Path, project: Path) -> None:
    loaded = load(home, project)
    assert loaded.declared is not None
    assert {b.name: b.state for b in loaded.declared.bottles} == {
        "lib": "stopped",
        "web": "started",
    }


def test_the_project_is_found_from_below_and_gives_resources_its_id(
    home: Path, project: Path
) -> None:
    deep = project / "src/pkg"
    deep.mkdir(parents=True)
    loaded = load(home, deep)
    assert loaded.declared is not None
    assert loaded.declared.project.root == str(project)
    assert loaded.declared.project.id.startswith("proj-")
    assert {b.project for b in loaded.declared.bottles} == {loaded.declared.project.id}


def test_home_is_never_a_project(tmp_path: Path) -> None:
    home = write(tmp_path / ".bot-bottle", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (tmp_path / "work").mkdir()
    assert find_project(tmp_path / "work", home) is None
    loaded = load(home, tmp_path / "work")
    assert names_of(loaded) == ["web"]
    assert loaded.declared is not None
    assert loaded.declared.project.id == "home"


def test_home_reached_through_a_link_is_still_home(tmp_path: Path) -> None:
    home = write(tmp_path / "real", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.bot-bottle").symlink_to(home)
    assert load(home, tmp_path / "w").layers.project is None


def test_a_bottle_file_in_a_project_is_ignored_with_a_warning(home: Path, project: Path) -> None:
    write(project / ".bot-bottle", {"bottles/base": "env: {EVIL: '1'}", "bottles/more": "x: ["})
    loaded = load(home, project)
    found = [d for d in loaded.diagnostics if d.code == "BB2302"]
    assert [d.origin.file for d in found] == ["bottles/base.md", "bottles/more.md"]
    assert str(home / "bottles") in found[0].hint
    assert loaded.declared is not None
    assert all(b.env == () for b in loaded.declared.bottles)


def test_a_strangers_project_is_refused_whoever_asks(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / ".bot-bottle"
    owner = folder.stat().st_uid
    if owner == 0:  # root's folders are trusted, so give it to somebody
        owner = 4242
        os.chown(folder, owner, -1)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert codes(load(home, project).errors) == ["BB2301"]
    assert load_one("web", home, project).declared is None
    monkeypatch.setattr(os, "getuid", lambda: owner)
    assert load_one("web", home, project).declared is not None


def test_settings_in_a_project_are_an_error(home: Path, project: Path) -> None:
    (project / ".bot-bottle/settings.yml").write_text("budget: {claude: 1000G}\n")
    loaded = load(home, project)
    assert codes(loaded.errors) == ["BB2303"]
    assert loaded.declared is None


def test_settings_under_another_name_are_not_silently_ignored(home: Path) -> None:
    (home / "settings.yaml").write_text("budget: {claude: 1M}\n")
    (error,) = load(home).errors
    assert (error.code, error.origin.file) == ("BB2310", "settings.yaml")
    (home / "settings.yaml").rename(home / "settings.yml")
    assert load(home).errors == ()


def test_a_stale_json_without_a_folder_is_an_error_with_the_way_out(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "old/sub").mkdir(parents=True)
    (tmp_path / "old/bot-bottle.json").write_text("{}")
    (error,) = load(home, tmp_path / "old/sub").errors
    assert error.code == "BB2305"
    assert "bb init" in error.hint
    (tmp_path / "old/.bot-bottle/agents").mkdir(parents=True)
    assert load(home, tmp_path / "old/sub").errors == ()


@pytest.mark.parametrize(
    "name", ["Web.md", "1web.md", "we b.md", "wéb.md", "web.yml", "a" * 60 + ".md", "-x.md"]
)
def test_files_that_cannot_be_names_are_skipped_with_a_warning(home: Path, name: str) -> None:
    (home / "agents" / name).write_text("not even front matter")
    loaded = load(home)
    assert codes(loaded.diagnostics) == ["BB2005"]
    assert names_of(loaded) == ["lib", "web"]


def test_a_file_name_that_is_not_utf_8_can_still_be_printed(home: Path) -> None:
    path = os.fsencode(home / "agents") + b"/w\xffb.md"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    (warning,) = load(home).diagnostics
    assert warning.origin.file == "agents/w\\udcffb.md"
    text([warning]).encode()


def test_other_files_and_hidden_files_are_nobodys_business(home: Path) -> None:
    for name in (".web.md.swp", ".draft.md", "README", "notes.txt"):
        (home / "agents" / name).write_text("?")
    assert load(home).diagnostics == ()


def test_one_agent_is_read_without_the_others(home: Path) -> None:
    write(home, {"agents/broken": "bottle: [", "bottles/broken": "nope: 1"})
    assert load(home).declared is None
    assert names_of(load_one("web", home)) == ["web"]
    assert load_one("web", home).diagnostics == ()
    assert load_one("broken", home).declared is None


def test_one_agent_is_read_with_its_chain_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from botbottle.load import parse

    write(home, {"bottles/top": "extends: base", "agents/web": "bottle: top"})
    read: list[str] = []
    original = parse.read_text

    def spy(path: Path) -> str:
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(parse, "read_text", spy)
    load_one("web", home)
    assert read == ["web.md", "top.md", "base.md"]


def test_an_unknown_agent_gives_no_bottle(home: Path) -> None:
    assert names_of(load_one("nobody", home)) == []


def test_replicas_keep_the_first_name_and_number_the_rest(home: Path) -> None:
    write(home, {"agents/web": "bottle: base\nreplicas: 3"})
    assert names_of(load(home)) == ["lib", "web", "web-2", "web-3"]
    loaded = load_one("web-2", home)
    assert "web-2" in names_of(loaded)
    specs = {b.name: b for b in loaded.declared.bottles} if loaded.declared else {}
    assert specs["web-2"].agent == "web"
    assert [s.key for s in specs["web-2"].scopes] == [s.key for s in specs["web"].scopes]


def test_a_replica_may_not_have_another_agents_name(home: Path) -> None:
    write(home, {"agents/web": "bottle: base\nreplicas: 2", "agents/web-2": "bottle: base"})
    (error,) = load(home).errors
    assert error.code == "BB2307"
    assert error.related[0][0].file == "agents/web-2.md"


def test_names_come_from_file_names_alone(home: Path, project: Path) -> None:
    write(project / ".bot-bottle", {"agents/broken": "bottle: ["})
    assert names(home, project) == ("broken", "lib", "web")
    assert names(home, None, "bottles") == ("base",)
    assert names(home / "nowhere", None) == ()


def test_an_unused_bottle_is_a_warning_at_home_and_not_in_a_project(
    home: Path, project: Path
) -> None:
    write(home, {"bottles/spare": BASE, "bottles/parent": BASE})
    write(home, {"bottles/base": "extends: parent"})
    assert [(d.code, d.origin.file) for d in load(home).diagnostics] == [
        ("BB2306", "bottles/spare.md")
    ]
    assert codes(load(home, project).diagnostics) == ["BB2304"]


def test_overrides_replace_bottles_and_add_the_most_specific_budget(home: Path) -> None:
    write(home, {"bottles/strict": f"{BASE}\nshutdown: kill"})
    overrides = Overrides(("web",), ("strict", "base"), (Limit("claude", 1000),))
    loaded = load(home, overrides=overrides)
    assert loaded.declared is not None
    specs = {b.name: b for b in loaded.declared.bottles}
    assert specs["web"].shutdown == "kill"
    assert specs["web"].scopes[0].key == "launch:home/web"
    assert specs["lib"].ancestry == ("base",)
    assert specs["lib"].scopes[0].kind == "agent"


def test_an_unknown_bottle_on_the_command_line_is_an_error(home: Path) -> None:
    loaded = load_one("web", home, overrides=Overrides(bottles=("nope",)))
    assert codes(loaded.errors) == ["BB2210"]


def test_settings_become_the_defaults_of_bottles(home: Path) -> None:
    (home / "settings.yml").write_text(
        "shutdown: freeze\npreflight: exact\nbudget: {claude: 9M}\ncount: {cache_read: false}\n"
        "providers: {local: {hosts: [llm.example]}}\nledger: postgresql://db.example/bb\n"
    )
    write(home, {"bottles/base": f"{BASE}\nbudget: {{local: 1M}}", "agents/web": "bottle: own"})
    write(home, {"bottles/own": "shutdown: kill"})
    loaded = load(home)
    assert loaded.declared is not None
    specs = {b.name: b for b in loaded.declared.bottles}
    assert (specs["lib"].shutdown, specs["web"].shutdown) == ("freeze", "kill")
    assert specs["lib"].preflight == "exact"
    settings = loaded.declared.settings
    assert settings.provider_hosts == (("local", ("llm.example",)),)
    assert settings.count_cache_read is False
    assert settings.ledger == "postgresql://db.example/bb"
    assert str(settings.origins["count.cache_read"][0]) == "settings:settings.yml:4"


def test_plugins_bring_a_template_and_a_budget_key(home: Path) -> None:
    write(home, {"bottles/base": "agent_provider: {template: mine}\nbudget: {mine: 1M}"})
    assert codes(load(home).errors) == ["BB2131", "BB2110"]
    (home / "contrib/mine").mkdir(parents=True)
    assert load(home).errors == ()


def test_unknown_provider_settings_are_refused_where_they_are_written(home: Path) -> None:
    write(home, {"bottles/base": f"{BASE}\n", "bottles/top": "extends: base"})
    write(home, {"bottles/base": "agent_provider: {template: claude, settings: {sped: fast}}"})
    (error,) = {d.origin: d for d in load(home).errors}.values()
    assert (error.code, error.origin.file, error.origin.line) == ("BB2132", "bottles/base.md", 2)


def test_the_same_files_give_the_same_report(home: Path, project: Path) -> None:
    write(home, {"agents/x": "bottle: nope\nstate: 3", "bottles/y": "a: 1\nb: 2"})
    assert load(home, project).diagnostics == load(home, project).diagnostics
    assert list(load(home).diagnostics) == sorted(
        load(home).diagnostics, key=lambda d: (d.origin.file, d.origin.line, d.origin.column)
    )


def test_a_home_that_does_not_exist_is_empty_and_said_to_be_missing(tmp_path: Path) -> None:
    loaded = load(tmp_path / "none", tmp_path)
    assert codes(loaded.diagnostics) == ["BB2004"] and loaded.errors == ()
    assert names_of(loaded) == []


def test_links_in_a_circle_are_one_error_and_the_rest_is_read(home: Path) -> None:
    (home / "agents/loop.md").symlink_to(home / "agents/loop.md")
    loaded = load(home)
    assert [(d.code, d.origin.file) for d in loaded.errors] == [("BB2001", "agents/loop.md")]


def test_a_file_name_cannot_steer_the_terminal(home: Path) -> None:
    (home / "agents" / "w\x1b]0;x\x07\u202e.md").write_text("")
    (warning,) = load(home).diagnostics
    assert warning.origin.file == "agents/w\\u001b]0;x\\u0007\\u202e.md"


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\x7f", "\x9b"])
def test_a_control_character_is_found_where_it_is_and_not_repeated(home: Path, hidden: str) -> None:
    agent = home / "agents/web.md"
    lines = agent.read_text().splitlines()
    lines.insert(1, f'description: "a{hidden}b"')
    agent.write_text("\n".join(lines))
    (fault,) = load(home).errors
    assert (fault.code, fault.origin.line, fault.origin.column) == ("BB2011", 2, 16)
    shown = text([fault])
    assert hidden not in shown and 'description: "a\ufffdb"' in shown
    assert shown.splitlines()[2].index("^") == shown.splitlines()[1].index("\ufffd")


def test_too_many_keys_say_what_to_do(home: Path) -> None:
    routes = "".join(f"    - host: h{n}.example.org\n" for n in range(10_000))
    (home / "bottles/big.md").write_text(f"---\negress:\n  routes:\n{routes}---\n")
    (fault,) = load(home).errors
    assert fault.code == "BB2002" and "extend" in fault.hint


def test_a_wrong_expression_is_told_once_and_by_us_alone(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    match = '{paths: [{type: regex, value: "(("}]}'
    (home / "bottles/x.md").write_text(
        f"---\negress: {{routes: [{{host: a.example, matches: [{match}]}}]}}\n---\n"
    )
    assert codes(load(home).errors) == ["BB2120"]
    assert capfd.readouterr().err == ""


def test_a_folder_that_cannot_be_read_is_named_and_nothing_is_said_of_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write(tmp_path, {"bottles/base": BASE, "agents/web": "bottle: base"})
    listed = os.scandir

    def refusing(path: Path) -> Any:
        if str(path).endswith("agents"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may read any
    (found,) = load(home).diagnostics
    assert (found.code, found.origin.layer, found.origin.file) == ("BB2001", "home", "agents")
    assert found.message == "the folder cannot be read: permission denied"
