"""``bb validate``: formats, exit codes, and that it needs and touches nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from botbottle.cli import diagnostics
from botbottle.cli.schema_documents import schema
from botbottle.cli.validate import validate_files
from botbottle.errors import Exit, UsageError
from botbottle.load import load
from tests.cli_manifests.run import bb
from tests.load.homes import BASE, write

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A home with an error, a chain, a warning, and characters that formats must escape."""
    return write(
        tmp_path / "home",
        {
            "bottles/a": "extends: b\nsupervise: 100%",
            "bottles/b": "extends: [a, gone]",
            "bottles/c": f"{BASE}\negress:\n  routes: [{{host: x.example}}, {{host: x.example}}]",
            "agents/web": "bottle: c\nstat: 1",
            "agents/ok": "bottle: c",
        },
    )


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good", {"bottles/base": BASE, "agents/web": "bottle: base"})


def run(home: Path, form: str, strict: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = validate_files(home, home.parent, form, strict, out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("form", diagnostics.FORMATS)
def test_each_format_is_what_the_golden_file_says(broken: Path, form: str) -> None:
    code, out, err = run(broken, form)
    golden = GOLDEN / f"validate.{form}"
    if os.environ.get("BB_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(out)
    assert out == golden.read_text()
    assert code == Exit.INVALID
    assert err == "bb validate: 3 bottles  2 agents  4 errors  3 warnings  exit 3\n"


@pytest.mark.parametrize("form", diagnostics.FORMATS)
def test_a_good_home_is_valid_in_every_format(good: Path, form: str) -> None:
    code, out, err = run(good, form)
    assert code == Exit.OK
    assert err == "bb validate: 1 bottle  1 agent  0 errors  0 warnings  exit 0\n"
    assert out == "" if form in ("text", "github") else json.loads(out)


def test_the_json_document_fits_its_schema(broken: Path, good: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema("diagnostics"))
    for home, valid in ((broken, False), (good, True)):
        document = json.loads(run(home, "json")[1])
        validator.validate(document)
        assert document["valid"] is valid
        assert document["error_count"] + document["warning_count"] == len(document["diagnostics"])


def test_github_commands_stay_on_one_line_and_escape_their_separators(broken: Path) -> None:
    lines = run(broken, "github")[1].splitlines()
    assert len(lines) == 7
    assert all(line.startswith(("::error file=home/", "::warning file=home/")) for line in lines)
    assert diagnostics._property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"


def test_sarif_points_into_the_repository(broken: Path) -> None:
    results = json.loads(run(broken, "sarif")[1])["runs"][0]["results"]
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results}
    assert uris == {
        "home/bottles/a.md",
        "home/bottles/b.md",
        "home/bottles/c.md",
        "home/agents/web.md",
    }


def test_sarif_addresses_are_percent_encoded(tmp_path: Path) -> None:
    home = write(tmp_path / "my home", {"agents/web": "bottle: nope"})
    result = json.loads(run(home, "sarif")[1])["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20home/agents/web.md"
    assert place["region"] == {"startLine": 2, "startColumn": 9}


def test_warnings_fail_only_when_asked(tmp_path: Path) -> None:
    home = write(tmp_path / "h", {"bottles/base": BASE, "agents/web": "bottle: base"})
    (home / "agents/Bad Name.md").write_text("")
    assert run(home, "text")[0] == Exit.OK
    assert run(home, "text", strict=True)[0] == Exit.INVALID


def test_an_unknown_format_is_a_usage_error(good: Path) -> None:
    with pytest.raises(UsageError):
        run(good, "yaml")


def test_a_secret_pasted_anywhere_is_not_repeated(tmp_path: Path) -> None:
    secret = "sk-ant-api03-verysecretvalue"
    home = write(
        tmp_path / "h",
        {
            "bottles/base": f"env: {{A: {secret}, B: 1}}\n{secret}: 1\nagent_provider:\n"
            f"  auth_token: {secret}\n  dockerfile: [{secret}]\nshutdown: {secret}\n"
            f"egress: {{routes: [{{host: {secret}, auth: {{scheme: x, token_ref: {secret}}}}}]}}",
            "agents/web": f"bottle: {secret}\nbudget: {{{secret}: 1}}",
        },
    )
    for form in diagnostics.FORMATS:
        code, out, _ = run(home, form)
        assert code == Exit.INVALID
        assert "verysecretvalue" not in out


def test_exit_codes_of_the_process(broken: Path, good: Path) -> None:
    assert bb("--home", str(good), "-C", str(good.parent), "validate").code == 0
    assert bb("--home", str(broken), "-C", str(good.parent), "validate").code == 3
    assert bb("--home", str(good), "validate", "--format", "yaml").code == 64
    assert bb("--home", str(good), "validate", "--nope").code == 64


def test_it_works_without_network_engine_or_a_writable_home(broken: Path, good: Path) -> None:
    """In a network namespace of its own and a mount namespace where everything is read-only."""
    if not shutil.which("unshare") or os.getuid() != 0:
        pytest.skip("needs root and unshare")
    script = (
        "mount -o bind,ro / /mnt 2>/dev/null; mount -o remount,bind,ro / && "
        f"! touch {good}/canary 2>/dev/null && "
        f"exec {sys.executable} -m botbottle --home $1 -C {good.parent} validate"
    )
    for home, code in ((good, 0), (broken, 3)):
        ran = subprocess.run(
            ["unshare", "-n", "-m", "sh", "-c", script, "sh", str(home)],
            env={"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nonexistent",
                 "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == code, ran.stderr
        assert "bb validate:" in ran.stderr
        assert not (good / "canary").exists()


def test_it_writes_nothing(broken: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in broken.rglob("*")}
    run(broken, "text")
    assert {p: p.stat().st_mtime_ns for p in broken.rglob("*")} == before


def test_it_loads_nothing_heavy(good: Path) -> None:
    code = (
        "import sys; from botbottle.cli.app import main; main(sys.argv[1:]); "
        "heavy = {'docker', 'sqlite3', 'sqlalchemy', 'textual', 'mitmproxy', 'deepdiff', "
        "'requests', 'botbottle.meter', 'botbottle.engine', 'psycopg'}; "
        "heavy |= {'asyncio'} if sys.version_info >= (3, 13) else set(); "
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "--home", str(good), "-C", str(good.parent), "validate"],
        capture_output=True, text=True, timeout=120, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"


def test_the_report_covers_a_project_as_well(good: Path, tmp_path: Path) -> None:
    project = write(tmp_path / "p/.bot-bottle", {"agents/mine": "bottle: bose"}).parent
    out = io.StringIO()
    assert validate_files(good, project, "text", False, out, io.StringIO()) == Exit.INVALID
    assert out.getvalue().startswith(".bot-bottle/agents/mine.md:2:9 [project]: error BB2210")
    assert load(good, project).layers.project == project / ".bot-bottle"
