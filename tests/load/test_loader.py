"""What is read, in which order, and everything that needs more than one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import Overrides, load, load_one
from botbottle.load.render import text
from botbottle.model.bottle import Limit
from tests.load.homes import BASE, codes, names_of, two_agents, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return two_agents(tmp_path / "home")


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

    def spy(path: Path, *, of_project: bool = False) -> str:
        read.append(path.name)
        return original(path, of_project=of_project)

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
    assert (loaded.errors[0].origin.layer, loaded.errors[0].origin.file) == ("flag", "--bottle")
    twice = load(home, overrides=Overrides(bottles=("nope", "base")))
    assert codes(twice.errors) == ["BB2210"], "once, however many agents it is for"


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
