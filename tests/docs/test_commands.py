"""Every ``bb`` command that a page shows is understood: the verb exists, and so do its options."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer._click.exceptions import BadOptionUsage, ClickException

from botbottle.cli.group import app, load_verb
from botbottle.cli.verbs import VERBS
from botbottle.errors import BBError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "examples/README.md")
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"^    \S.*$", re.M)
INLINE = re.compile(r"`(bb [^`\n]+)`")
COMMAND = re.compile(r"(?:^|[\s/'$]|&& )(bb [^;&|>#'\n]+(?:\|[^;&>#'\s][^;&>#'\n]*)?)")
SAID = re.compile(r"\bbb ([a-z][a-z-]*(?: [a-z-]+)?(?: --[a-z-]+)+)")
RUNNABLE = ("", "sh", "ini")  # languages of blocks that hold commands; "text" holds output
UNBUILT = {"probe"}  # named as not built


def shown_commands(text: str) -> list[str]:
    """Commands in code spans, in indented blocks and in fenced blocks of a shell."""
    blocks = [body for language, body in FENCED.findall(text) if language in RUNNABLE]
    blocks += INDENTED.findall(FENCED.sub("", text))
    lines = [line.split(" # ")[0] for block in blocks for line in block.splitlines()]
    found = [c for line in lines for c in COMMAND.findall(line)]
    return sorted({c.strip() for c in found + INLINE.findall(FENCED.sub("", text))})


def spellings(command: str) -> list[list[str]]:
    """The words of a command, for each verb of ``a|b`` and ``a/b``; ``[--optional X]`` is taken."""
    words = shlex.split(re.sub(r"[\[\]…]", "", command))[1:]
    for place, word in enumerate(words):
        verbs = re.split(r"[|/]", word)
        if len(verbs) > 1 and set(verbs) <= set(VERBS):
            return [[*words[:place], verb, *words[place + 1 :]] for verb in verbs]
    return [words]


def understand(words: list[str]) -> None:
    """Parse as ``bb`` would, down to the last command, running nothing; raises what it says."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("bb", list(words))
    left = [*context._protected_args, *context.args]  # what the group leaves over
    if not left or left[0] in UNBUILT:
        return
    parse(load_verb(left[0]) if left[0] in VERBS else group.resolve_command(context, left), left)


def parse(command: Any, words: list[str]) -> None:
    """Options of a verb, and of the verb inside it if it has some."""
    context = typer.Context(command, info_name=words[0], **command.context_settings)
    try:
        _, rest, _ = command.make_parser(context).parse_args(args=words[1:])
    except BadOptionUsage:  # prose names an option without its value
        return
    inner = getattr(command, "commands", {})
    if inner and rest:
        parse(command.resolve_command(context, rest)[1], rest)


def said_commands(source: str) -> list[list[str]]:
    """Commands with options in the texts of a program, up to the first value."""
    texts: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    found = [m.split() for text in texts for m in SAID.findall(text)]
    return [words for words in found if words[0] in VERBS]


CASES = [(page, c) for page in PAGES for c in shown_commands((ROOT / page).read_text("utf-8"))]


@pytest.mark.parametrize(("page", "command"), CASES)
def test_a_shown_command_is_understood(page: str, command: str) -> None:
    for words in spellings(command):
        understand(words)


def test_a_command_that_bb_itself_tells_people_to_run_is_understood() -> None:
    modules = sorted((ROOT / "botbottle").rglob("*.py"))
    told = {tuple(words) for m in modules for words in said_commands(m.read_text("utf-8"))}
    assert len(told) > 8
    for words in sorted(told):
        understand(list(words))


def test_the_pages_show_many_commands() -> None:
    assert len(CASES) > 120
    assert {page for page, _ in CASES} >= {"README.md", "docs/ci.md", "docs/enforcement.md"}


@pytest.mark.parametrize(
    "command", ["bb pan", "bb plan --dney widens", "bb ledger bakcup X", "bb --hoem X plan"]
)
def test_a_wrong_command_would_be_noticed(command: str) -> None:
    with pytest.raises((ClickException, BBError)):
        understand(spellings(command)[0])
