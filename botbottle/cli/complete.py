"""Shell completion: the script that asks, and the answers.

``bb __complete WORDS…`` is answered by ``__main__`` before anything heavy is imported: names
come from file names and the table of verbs, so an answer needs no YAML, pydantic or engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botbottle.cli.verbs import VERBS

# Options whose value is no verb and no name.
_WITH_VALUE = {
    "-C", "--home", "--progress", "--events", "--lock-timeout", "--format", "--only", "--bottle",
    "--budget", "--reason", "--allow", "--approve", "--out", "--part", "--tail", "--window",
    "--deny", "--env-file", "--since", "--by",
}  # fmt: skip
# Verbs that name bottles; the routes verb does after its own one.
_AGENTS = {
    "adopt", "attach", "cutoff", "denials", "explain", "findings", "freeze", "info", "kill", "logs",
    "release", "resume", "resume-watch",
}  # fmt: skip
_INNER = {
    "budget": ("show", "set", "clear", "reset"),
    "ledger": ("check", "backup", "restore", "export", "vacuum", "retain"),
    "proposals": ("list", "approve", "reject"),
    "routes": ("suggest", "list"),
}
_CHOICES = {
    "--progress": ("auto", "tty", "plain", "json", "quiet"),
    "--allow": ("widen", "destroy", "budget"),
    "--deny": ("widens",),
    "--part": ("agent", "egress", "ledger"),
    "--auto-apply": ("none", "safe", "all"),
}
_FORMATS = {
    "plan": ("text", "json", "markdown"),
    "validate": ("text", "json", "github", "sarif"),
    "scan": ("text", "json", "sarif", "jsonl"),
    "usage": ("table", "json", "csv", "otel"),
}

SCRIPTS = {
    "bash": """_bb_complete() {
    local IFS=$'\\n'
    COMPREPLY=($(bb __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _bb_complete bb
""",
    "zsh": """#compdef bb
_bb_complete() {
    local -a found
    found=(${(f)"$(bb __complete "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _bb_complete bb
""",
    "fish": """function __bb_complete
    set -l last (commandline -ct)
    set -l found (bb __complete (commandline -opc)[2..-1] "$last" 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path "$last"
    end
end
complete -c bb -f -a '(__bb_complete)'
""",
}


def candidates(words: Sequence[str], environ: Mapping[str, str], cwd: Path) -> list[str]:
    """Completions of the last of ``words`` (the command line after ``bb``)."""
    *before, last = list(words) or [""]
    if before and before[-1] in _CHOICES:
        return _starting(_CHOICES[before[-1]], last)
    home, here, rest = _globals(before, environ, cwd)
    if before and before[-1] == "--format":
        return _starting(_FORMATS.get(rest[0], ()) if rest else (), last)
    if last.startswith("-") and "--" not in before:
        return _starting(_options(rest), last)
    if not rest:
        return _starting(VERBS, last)
    if before[-1] == "--only":
        return _starting(_of_verb("attach", home, here), last)
    if before[-1] == "--bottle":
        return _starting(_bottles(home, here), last)
    if rest[0] in _INNER and len(rest) == 1:
        return _starting(_INNER[rest[0]], last)
    return _starting(_of_verb(rest[0], home, here), last)


def _options(rest: Sequence[str]) -> list[str]:
    """Options of bb itself or of the verb, which is imported for that: nobody asks for these with
    every word."""
    from botbottle.cli.options import Option, hints
    from botbottle.cli.root import root

    if not rest:
        declared = [own for _, own in hints(root).values() if isinstance(own, Option)]
        return [*(n for own in declared for n in own.names if n.startswith("--")), "--help"]
    if rest[0] not in VERBS:
        return []
    from botbottle.cli.group import load_verb

    command = load_verb(rest[0])
    for word in rest[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    names = [n for p in command.params for n in (*p.opts, *p.secondary_opts)]
    return [*(n for n in names if n.startswith("--")), "--help"]


def _bottles(home: Path, cwd: Path) -> Sequence[str]:
    from botbottle.load.layers import names

    return names(home, cwd, "bottles")


def _of_verb(verb: str, home: Path, cwd: Path) -> list[str]:
    """Names that go with a verb; none where it takes files, which the shell completes."""
    from botbottle.load.layers import names

    if verb == "edit":
        bottles = (f"bottles/{n}" for n in _bottles(home, cwd))
        return [*names(home, cwd), *bottles, "settings"]
    if verb == "completion":
        return list(SCRIPTS)
    return list(names(home, cwd)) if verb in _AGENTS or verb == "routes" else []


def _globals(
    words: Sequence[str], environ: Mapping[str, str], cwd: Path
) -> tuple[Path, Path, list[str]]:
    """Home, directory and the words that are no options."""
    home = Path(environ.get("BB_HOME") or Path(environ.get("HOME", "~")) / ".bot-bottle")
    rest: list[str] = []
    pending = iter(words)
    for word in pending:
        value = next(pending, "") if word in _WITH_VALUE else ""
        if word == "-C":
            cwd = cwd / value
        elif word == "--home":
            home = Path(value)
        elif not word.startswith("-"):
            rest.append(word)
    return home.expanduser(), cwd, rest


def _starting(words: Any, prefix: str) -> list[str]:
    return sorted(w for w in words if w.startswith(prefix))


def answer(words: Sequence[str]) -> str:
    """What ``bb __complete`` prints: one candidate a line."""
    return "".join(f"{c}\n" for c in candidates(words, os.environ, Path.cwd()))
