"""Every format of every family is acted on in the texts that agents read and write."""

from __future__ import annotations

import base64
import json
import quopri
from collections.abc import Callable
from urllib.parse import quote

import pytest

from botbottle.dlp import Scanner, Verdict
from tests.dlp.conftest import PATIENT
from tests.dlp.families import FAMILIES

SCANNER = Scanner({}, key=b"k", limits=PATIENT)
CASES = [(name, text) for name, texts in FAMILIES.items() for text in texts]
# Of ``%20`` alone nothing is undone: it is everywhere.
BLANKS_ALONE = {"netrc"}

type Embed = Callable[[str], str]


def each_line(before: str, after: str = "") -> Embed:
    return lambda text: "\n".join(f"{before}{line}{after}" for line in text.split("\n"))


def numbered(mark: str) -> Embed:
    return lambda text: "\n".join(f"{n:6}{mark}{x}" for n, x in enumerate(text.split("\n"), 1))


def in_json(inner: Embed, **options: bool) -> Embed:
    return lambda text: json.dumps({"content": f"done\n{inner(text)}\nnext"}, **options)  # type: ignore[arg-type]


def base64_data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def mime(text: str) -> str:
    return base64.encodebytes(f"some words before it: {text} and".encode()).decode()


def same(text: str) -> str:
    return text


def diff(sign: str) -> Embed:
    lines = each_line(sign)
    return lambda text: f"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n context\n{lines(text)}\n context"


GREP = "\x1b[35m\x1b[Ksrc/a\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[K"
EMBEDDINGS: dict[str, Embed] = {
    "json, three deep": in_json(in_json(in_json(same))),
    "json, slashes escaped": lambda text: in_json(same)(text).replace("/", "\\/"),
    "json, signs escaped": lambda text: in_json(same)(text).replace("=", "\\u003d"),
    "query": lambda text: "https://h.test/x?v=" + quote(text, safe=""),
    "query, twice": lambda text: "v=" + quote(quote(text, safe=""), safe=""),
    "form": lambda text: "a=1&v=" + quote(text, safe=" ").replace(" ", "+") + "&b=2",
    "colour": each_line("\x1b[32m", "\x1b[0m"),
    "colour, 256": each_line("\x1b[1;38;5;208m", "\x1b[m"),
    "colour, 24 bit, json": in_json(each_line("\x1b[1;38;2;255;255;255m", "\x1b[m")),
    "grep --color": each_line(GREP),
    "grep --color, json": in_json(each_line(GREP)),
    "log": each_line("2026-11-23T10:00:00.123Z INFO [worker-1] "),
    "compose log": each_line("web-1  | "),
    "klog": each_line("I1123 10:00:00.123456       1 main.go:12] "),
    "line numbers": numbered("\t"),
    "line numbers, arrow, json": in_json(numbered("→")),
    "line numbers, arrow, utf-8": in_json(numbered("→"), ensure_ascii=False),
    "ripgrep": each_line("src/config/app.py:12:"),
    "yaml block": lambda text: "a:\n  value: |\n" + each_line("    ")(text),
    "env file": lambda text: f"A=1\nMY_VALUE={text}\nB=2",
    "dockerfile": lambda text: f"FROM alpine\nENV MY_VALUE={text}\nRUN make",
    "heredoc": lambda text: "cat > f <<-EOF\n" + each_line("\t")(text) + "\n\tEOF\n",
    "terraform": lambda text: f'resource "x" "y" {{\n  value = {json.dumps(text)}\n}}',
    "kubernetes secret": lambda text: f"kind: Secret\ndata:\n  value: {base64_data(text)}\n",
    "base64 value": lambda text: f"data:\n  value: {base64_data(text)}\n",
    "base64 value, json": in_json(lambda text: f"value:\n{base64_data(text)}"),
    "diff, added": diff("+"),
    "diff, removed": diff("-"),
    "diff, json in json": in_json(in_json(diff("+"))),
    "diff, coloured": each_line("\x1b[32m+\x1b[m\x1b[32m", "\x1b[m"),
    "mime base64": mime,
    "mime base64, json": in_json(mime),
    "quoted-printable": lambda text: quopri.encodestring(f"x = {text}".encode()).decode(),
    "powershell": lambda text: "-enc " + base64.b64encode(text.encode("utf-16-le")).decode(),
    "utf-16 file": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "html": lambda text: f"<p>{text.replace('"', '&quot;')}</p>",
    "markdown table": lambda text: f"| a | {text} | b |",
    "hexdump": lambda text: text.encode().hex(),
    "windows lines, json": in_json(lambda text: "a\r\n" + text.replace("\n", "\r\n") + "\r\n"),
    "curl, escaped": lambda text: f'curl -d "{json.dumps({"v": text}).replace('"', '\\"')}" x',
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_every_format_is_acted_on_in(name: str) -> None:
    missed = []
    for family, text in CASES:
        if name.startswith(("query", "form")) and family in BLANKS_ALONE:
            continue
        found = SCANNER.scan(EMBEDDINGS[name](text).encode())
        if not {f.verdict for f in found} - {Verdict.WARN}:
            missed.append((family, text[:40]))
    assert not missed
