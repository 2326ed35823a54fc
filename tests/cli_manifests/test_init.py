"""``bb init``: a starter that validates, and nothing of the user's overwritten."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from botbottle.cli.init import write_starter
from botbottle.cli.starter import BUDGETS, PROVIDERS, Choices, files
from botbottle.errors import BBError, Exit, Refused, UsageError
from botbottle.load import load
from botbottle.providers import PROVIDERS as REGISTRY
from tests.cli_manifests.run import bb


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("allow", [(), ("api.github.com", "*.example.com")])
def test_a_starter_validates(tmp_path: Path, provider: str, allow: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    choices = Choices("dev", provider, "2M/day", allow)
    assert write_starter(home, choices, False, io.StringIO()) == Exit.OK
    loaded = load(home)
    assert loaded.diagnostics == ()
    assert loaded.declared is not None
    (spec,) = loaded.declared.bottles
    assert (spec.template, spec.auth_token, spec.state) == (
        provider,
        PROVIDERS[provider],
        "started",
    )
    assert [r.host for r in spec.routes] == list(allow)
    assert [x.tokens for s in spec.scopes for x in s.limits if s.kind == "bottle"] == [2_000_000]


def test_a_starter_is_private_and_says_what_comes_next(tmp_path: Path) -> None:
    out = io.StringIO()
    write_starter(tmp_path / "h", Choices(), False, out)
    assert stat.S_IMODE((tmp_path / "h").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "h/settings.yml").stat().st_mode) == 0o600
    assert "ANTHROPIC_API_KEY" in out.getvalue()


def test_nothing_is_overwritten_unless_told(home: Path) -> None:
    before = (home / "bottles/base.md").read_text()
    with pytest.raises(Refused) as caught:
        write_starter(home, Choices("base"), False, io.StringIO())
    assert "bottles/base.md" in caught.value.message
    assert not (home / "settings.yml").exists()
    assert (home / "bottles/base.md").read_text() == before
    assert write_starter(home, Choices("base"), True, io.StringIO()) == Exit.OK


def test_a_second_bottle_is_begun_beside_the_first_under_the_same_settings(tmp_path: Path) -> None:
    home = tmp_path / "h"
    write_starter(home, Choices(), False, io.StringIO())
    (home / "settings.yml").write_text("max_changes: 3\n")
    out = io.StringIO()
    assert write_starter(home, Choices("web", "codex"), False, out) == Exit.OK
    assert (home / "settings.yml").read_text() == "max_changes: 3\n"
    assert "settings.yml" not in out.getvalue()
    found = load(home).declared
    assert found is not None and [b.name for b in found.bottles] == ["dev", "web"]


@pytest.mark.parametrize(
    "choices",
    [
        Choices(name="Bad Name"),
        Choices(provider="nobody"),
        Choices(budget="lots"),
        Choices(allow=("https://x.example",)),
    ],
)
def test_choices_that_would_not_validate_are_refused_before_anything_is_written(
    tmp_path: Path, choices: Choices
) -> None:
    with pytest.raises(UsageError):
        write_starter(tmp_path / "h", choices, False, io.StringIO())
    assert not (tmp_path / "h").exists()


def test_init_as_a_process_asks_nothing_without_a_terminal(tmp_path: Path) -> None:
    home = str(tmp_path / "h")
    ran = bb("--home", home, "init", "--provider", "codex", "--allow", "github.com", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.out.endswith(f"next: export OPENAI_API_KEY=..., then bb --home {home} plan\n")
    assert bb("--home", home, "validate", cwd=tmp_path).code == 0
    again = bb("--home", home, "init", cwd=tmp_path)
    assert (again.code, "already there" in again.err) == (7, True)


def test_the_starter_knows_every_provider_as_it_is() -> None:
    assert {p.name: p.credential("", {}).variable for p in REGISTRY.values()} == PROVIDERS
    assert {p.name: p.budget for p in REGISTRY.values()} == BUDGETS


def test_a_starter_that_cannot_be_written_says_where_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(BBError, match="the starter cannot be written: full") as caught:
        write_starter(tmp_path / "h", Choices(), False, io.StringIO())
    assert caught.value.where == str(tmp_path / "h/settings.yml")
    assert [p for p in (tmp_path / "h").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("provider", ["claude", "codex"])
def test_the_other_login_of_the_starter_validates_when_it_is_chosen(
    provider: str, tmp_path: Path
) -> None:
    for name, text in files(Choices(provider=provider)).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        lines = [line for line in text.splitlines() if "auth_token:" not in line]
        path.write_text("\n".join(lines).replace("  # forward", "  forward"))
    loaded = load(tmp_path)
    assert loaded.declared is not None, loaded.diagnostics
    assert loaded.declared.bottles[0].forward_host_credentials
