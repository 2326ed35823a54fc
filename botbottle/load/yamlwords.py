"""libyaml's complaints in plain words, each with the usual way out."""

from __future__ import annotations


def plain_words(problem: str, line: str = "") -> tuple[str, str]:
    """Message and hint for what libyaml calls ``problem``, found in ``line``."""
    if "cannot start any token" in problem and "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab cannot indent", "indent with spaces"
    for needle, message, hint in _PROBLEMS:
        if needle in problem:
            return message, hint
    return f"this is not YAML: {problem.splitlines()[0]}", ""


_PROBLEMS = (
    (
        "expected alphabetic or numeric character",
        "plain text cannot start with * or &",
        'put it in quotes: "*.example.com"',
    ),
    ("found unexpected ':'", "a colon is not allowed here", "put the text in quotes"),
    (
        "cannot start any token",
        "a value cannot start with this character",
        "put text that starts with @, ` or % in quotes",
    ),
    (
        "mapping values are not allowed",
        "a colon is not allowed here",
        "put the text in quotes, or check the indentation of this line",
    ),
    (
        "expected <block end>",
        "this line does not fit its surroundings",
        "check its indentation: keys of one block start in one column",
    ),
    ("could not find expected ':'", "a key without a colon", "write it as key: value"),
    (
        "did not find expected key",
        "this line does not fit its surroundings",
        "check its indentation and the brackets and quotes above: keys of one block start in one "
        "column",
    ),
    (
        "did not find expected ',' or",
        "the bracket that begins here is not closed",
        "close it, and put a comma between entries",
    ),
    ("undefined alias", "the alias is not defined above", ""),
    ("end of stream", "the quotes that begin here are not closed", "close them"),
    ("control characters", "control characters are not allowed", "delete them"),
)
