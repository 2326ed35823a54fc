"""Files that a verb writes for its caller: private, whole, at ``-C``, never over bb's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botbottle.cli.context import OWN_FILES, Context
from botbottle.cli.ledger import oldest_kept
from botbottle.cli.product import write_private
from botbottle.errors import BBError, UsageError
from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.cli_manifests.run import bb
from tests.ledger.worlds import register, spend


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "home").mkdir()
    return Context(tmp_path / "home", tmp_path)


@pytest.mark.parametrize("verb", ["backup", "export"])
def test_a_copy_of_the_ledger_is_never_written_over_the_ledger(verb: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    db = HomePaths(str(home)).ledger_db
    ledger = open_ledger(db)
    register(ledger)
    spend(ledger, 10, 1e9)
    ledger.close()
    (tmp_path / "alias").symlink_to(db)
    for target in (db, str(tmp_path / "alias")):
        ran = bb("--home", str(home), "ledger", verb, target, cwd=tmp_path)
        assert ran.code == 64 and "own files" in ran.err and "next:" in ran.err
    again = open_ledger(db, read_only=True)
    assert again.check().problems == () and again.usage(("account",))[0].requests == 1
    again.close()
    beside = bb("--home", str(home), "-C", str(tmp_path), "ledger", verb, "copy", cwd=Path("/"))
    assert beside.code == 0 and (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("own", OWN_FILES)
def test_nothing_is_written_among_bbs_own_files(own: str, context: Context) -> None:
    for given in (context.home / own, context.home / own / "x", Path("home") / own):
        with pytest.raises(UsageError, match="own files"):
            context.product(given)
        with pytest.raises(UsageError, match="own files"):
            context.appended(given)
    assert context.product(context.home / "plan.json") == context.home / "plan.json"


def test_what_is_no_file_is_not_replaced_by_one(context: Context) -> None:
    os.mkfifo(context.cwd / "pipe")
    (context.cwd / "alias").symlink_to("pipe")
    for given in (Path("/dev/null"), Path("pipe"), Path("alias"), Path()):
        with pytest.raises(UsageError, match="no regular file"):
            context.product(given)
    assert context.appended(Path("alias")) == context.cwd / "pipe"  # is only written to


def test_a_link_to_a_file_stays_a_link(context: Context) -> None:
    (context.cwd / "real").write_text("old")
    (context.cwd / "alias").symlink_to("real")
    write_private(context.product(Path("alias")), "new", "the plan")
    assert (context.cwd / "alias").is_symlink() and (context.cwd / "real").read_text() == "new"


def test_a_product_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    for text in ("one", "two"):
        write_private(path, text, "the report")
        path.chmod(0o644)
    write_private(path, "three", "the report")
    assert path.read_text() == "three" and path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_is_named_with_its_place_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    for target in (tmp_path / "missing/x", tmp_path / "taken"):
        with pytest.raises(BBError, match="the report cannot be written") as caught:
            write_private(target, "text", "the report")
        assert caught.value.where == str(target) and caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("age", ["x", "", "2999-01-01", "7y"])
def test_an_age_that_is_none_is_refused_in_words_of_its_own(age: str) -> None:
    with pytest.raises(UsageError, match="is no age") as caught:
        oldest_kept(age)
    assert "--since" not in caught.value.message and "90d" in caught.value.hint
    assert oldest_kept("1d") < oldest_kept("1h")
