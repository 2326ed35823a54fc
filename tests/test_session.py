"""What a session knows of a run's world: logins whose tokens stay in the vault, and the ledger."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle import places
from botbottle.applying import prepare_home, vault_of
from botbottle.errors import LedgerError, LedgerOutdated, exit_code_for
from botbottle.generations import generation
from botbottle.ledger import migrations, open_ledger
from botbottle.ledger.schema import STEPS
from botbottle.ledger.sqlite import SqliteDb
from botbottle.load.trees import contents, lacking
from botbottle.model import canonical
from botbottle.model.bottle import Declared, EnvVar, Project, Settings
from botbottle.model.route import Dlp, Route
from botbottle.model.sidecar_config import fingerprint
from botbottle.planner.approved import copied_workspaces
from botbottle.planner.wanted import guard
from botbottle.session import NO_KEY
from tests.support.sessions import session
from tests.support.worlds import bottle, declared

NAME = "BB_HOST_CLAUDE_LOGIN"
REFRESH = "sk-ant-ort01-the-refresh-token"


def log_in(tmp_path: Path, access: str, seconds: float = 3600) -> None:
    path = tmp_path / ".claude/.credentials.json"
    path.parent.mkdir(exist_ok=True)
    ends = int((time.time() + seconds) * 1000)
    kept = {"accessToken": access, "refreshToken": REFRESH, "expiresAt": ends}
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"claudeAiOauth": kept}))
    new.chmod(0o600)
    new.replace(path)


@pytest.fixture
def want() -> Declared:
    return declared(bottle(forward_host_credentials=True), bottle("plain"))


def test_a_renewed_login_changes_the_fingerprint_and_an_unchanged_one_does_not(
    tmp_path: Path, want: Declared
) -> None:
    made = session(tmp_path)
    log_in(tmp_path, "first-access")
    first = made.facts(want).secrets
    assert set(first) == {NAME, "ANTHROPIC_API_KEY"}
    assert made.facts(want).secrets == first
    log_in(tmp_path, "other-access")
    assert made.facts(want).secrets[NAME] != first[NAME]


def test_what_the_planner_is_told_holds_no_token(tmp_path: Path, want: Declared) -> None:
    log_in(tmp_path, "the-access-token")
    made = session(tmp_path).facts(want)
    shown = canonical.canonical(made.secrets) + canonical.canonical(made.lacking) + repr(made)
    assert "the-access-token" not in shown and REFRESH not in shown


def test_the_vault_has_the_access_token_and_what_was_planned(
    tmp_path: Path, want: Declared
) -> None:
    log_in(tmp_path, "the-access-token")
    made = session(tmp_path)
    facts = made.facts(want)
    vault = vault_of(made, facts.secrets)
    value = vault.secret(NAME)
    assert json.loads(value)["claudeAiOauth"]["accessToken"] == "the-access-token"
    assert REFRESH not in value
    assert fingerprint(vault.key, value) == facts.secrets[NAME]
    assert vault.known()[NAME] == "the-access-token", "searched for as it would be found"


def test_a_missing_login_is_lacking_and_a_variable_of_its_name_is_no_login(
    tmp_path: Path, want: Declared
) -> None:
    made = session(tmp_path, **{NAME: "from-the-environment"}).facts(want)
    assert NAME not in made.secrets
    assert str(tmp_path / ".claude/.credentials.json") in made.lacking[NAME]


def test_no_login_is_read_that_no_bottle_uses(tmp_path: Path) -> None:
    log_in(tmp_path, "unused")
    made = session(tmp_path)
    assert set(made.facts(declared(bottle("plain"))).secrets) == {"ANTHROPIC_API_KEY"}
    assert pickle.dumps(made.credentials.logins._read) == pickle.dumps({})


def test_nothing_is_written_to_the_login(tmp_path: Path, want: Declared) -> None:
    log_in(tmp_path, "access")
    path = tmp_path / ".claude/.credentials.json"
    before, data = path.stat(), path.read_bytes()
    path.chmod(0o400)
    made = session(tmp_path)
    vault_of(made, made.facts(want).secrets)
    after = path.stat()
    assert path.read_bytes() == data and list(path.parent.iterdir()) == [path]
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_apply_brings_the_ledger_of_an_older_bb_up_to_date_and_plan_does_not(
    tmp_path: Path, want: Declared
) -> None:
    made = session(tmp_path)
    (tmp_path / "bb/ledger").mkdir(mode=0o700)
    path = Path(made.paths.ledger_db)
    path.touch(mode=0o600)
    db = SqliteDb(str(path))
    migrations.migrate(db, str(path), STEPS[:-1])
    db.close()
    with pytest.raises(LedgerOutdated, match="older bb"):
        made.reading(want)
    made.upgrades = True
    assert made.reading(want) is not None and made.view(want).now > 0
    made.close()
    other = session(tmp_path)
    assert other.reading(want) is not None
    other.close()


def test_before_the_first_apply_facts_are_the_same_every_time_and_tell_nothing(
    tmp_path: Path,
) -> None:
    asked = bottle("web", env=(EnvVar("TOKEN", "ask", ""),))
    world = session(tmp_path, BB_ENV_TOKEN="a-value")
    keyed = world.facts(declared(asked))
    (tmp_path / "bb/run/fingerprint.key").unlink()
    first = world.facts(declared(asked))
    assert first == world.facts(declared(asked))
    found = {*first.secrets.values(), *(mark for _, mark in first.env["web"])}
    assert found == {NO_KEY} and NO_KEY not in keyed.secrets.values()
    assert keyed.secrets.keys() == first.secrets.keys() and first.env["web"]


@pytest.mark.parametrize("root", ["", "/work/repo"])
def test_a_ledger_whose_file_was_deleted_is_told_from_one_that_never_was(
    tmp_path: Path, root: str
) -> None:
    made, want = session(tmp_path), declared(bottle())
    want = replace(want, project=replace(want.project, root=root))
    prepare_home(made.paths)
    assert not made.facts(want).ledger_gone, "nothing was applied"
    open_ledger(made.paths.ledger_db).close()
    places.note(made.paths, want.project)
    assert not made.facts(want).ledger_gone
    Path(made.paths.ledger_db).unlink()
    assert made.facts(want).ledger_gone
    server = replace(want, settings=Settings(ledger="postgresql://db.example/bb"))
    assert not made.facts(server).ledger_gone, "a server's ledger is no file"


def test_what_protected_bottles_is_kept_with_each_apply_also_of_those_left_out(
    tmp_path: Path,
) -> None:
    world = session(tmp_path)
    (tmp_path / "bb/ledger").mkdir(mode=0o700)
    weak = Route("one.example", dlp=Dlp(outbound_detectors=()))
    strict = [bottle(name, routes=(Route("one.example"),), supervise=True) for name in ("a", "b")]
    loose = [bottle(name, routes=(weak,), supervise=False) for name in ("a", "b")]
    for desired, only in ((declared(*strict), ()), (declared(*loose), ("b",))):
        ledger = open_ledger(world.paths.ledger_db)
        document = generation(world, desired, only)
        ledger.save_generation(
            desired.project.id, document, plan_digest="d", by="ann", now=time.time()
        )
        ledger.close()
    guards = session(tmp_path).facts(declared(*loose)).guards
    assert {name: guards[name].supervise for name in guards} == {"a": True, "b": False}
    assert guards["a"] == guard(strict[0], Settings()) and guards["b"] == guard(
        loose[1], Settings()
    )


@pytest.mark.parametrize("content", [b"no database at all " * 500, b""], ids=["garbage", "cut off"])
def test_a_ledger_that_cannot_be_read_is_an_error_and_no_world_without_holds(
    tmp_path: Path, content: bytes
) -> None:
    """A plan that took it for an empty one would bring back what was killed."""
    world = session(tmp_path)
    (tmp_path / "bb/ledger").mkdir(mode=0o700)
    path = Path(world.paths.ledger_db)
    open_ledger(str(path)).close()
    assert session(tmp_path).view(declared()).holds == {}, "the positive control"
    for left in path.parent.iterdir():
        left.unlink()
    path.write_bytes(content)
    with pytest.raises(LedgerError) as caught:
        session(tmp_path).view(declared())
    assert exit_code_for(caught.value) == 1


def test_declared_skills_that_cannot_be_copied_are_known_with_their_reason(tmp_path: Path) -> None:
    folder = tmp_path / ".claude/skills"
    (folder / "good").mkdir(parents=True)
    (folder / "linked").symlink_to(folder / "good")
    (folder / "nowhere").symlink_to(folder / "missing")
    (folder / "file").write_text("")
    named = ("file", "gone", "nowhere")
    want = declared(bottle(skills=("good", "linked")), bottle("b", skills=named))
    assert sorted(Path(p).name for p in lacking(folder, want)) == sorted(named)
    assert lacking(folder, declared(bottle(skills=("good",)))) == {}


def test_so_are_workspaces_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "src")
    bottles = [bottle(n, workspace=n) for n in ("src", "link", "gone")]
    want = replace(declared(*bottles), project=Project("p", str(tmp_path), "/home/op"))
    found = lacking(tmp_path, want)
    assert {p.rpartition("/")[2]: "link" in why for p, why in found.items()} == {
        "link": True, "gone": False,
    }  # fmt: skip
    home = replace(want, project=Project("home", "", "/home/op"))
    assert all("there is none here" in why for why in lacking(tmp_path, home).values())
    assert set(lacking(tmp_path, home)) == {"/src", "/link", "/gone"}


def test_what_was_copied_is_known_from_an_older_generation_too() -> None:
    old = {"bottles": [{"name": "web", "workspace": "src"}, {"name": "db"}]}
    assert copied_workspaces(old) == {"web": "src"}
    assert copied_workspaces({**old, "uses": {}, "workspaces": {"db": "lib"}}) == {"db": "lib"}
    assert copied_workspaces({**old, "uses": {}}) == {}


def test_what_is_in_a_declared_skill_is_part_of_the_facts(tmp_path: Path) -> None:
    (skill := tmp_path / "review").mkdir()
    (tmp_path / "linked").symlink_to(skill)
    want = declared(bottle(skills=("review", "linked")))
    (skill / "SKILL.md").write_text("be kind")
    (skill / "pipe").symlink_to("/nonexistent")
    first = contents(tmp_path, want)
    assert first["review"] == first["linked"] and contents(tmp_path, want) == first
    for edit in (
        lambda: (skill / "SKILL.md").write_text("be evil"),
        lambda: (skill / "SKILL.md").chmod(0o755),
        lambda: (skill / "more").mkdir(),
        lambda: (skill / "SKILL.md").rename(skill / "OTHER.md"),
    ):
        before = contents(tmp_path, want)
        edit()
        assert contents(tmp_path, want) != before
    assert set(contents(tmp_path, declared())) == set()
