"""What every verb gets: where to look, where to write, and how to speak."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any, Literal, TextIO

from msgspec import Struct, field

from botbottle.errors import UsageError

FORMAT_VERSION = "1.0"  # of every --json document: readers take unknown keys, no other major

# Below the bb home: what no product of a verb is written over.
OWN_FILES = ("agents", "bottles", "contrib", "ledger", "run", "settings.yml")

type ProgressMode = Literal["auto", "tty", "plain", "json", "quiet"]


class Context(Struct):
    """Global options, resolved once. ``home`` is the bb home (default ``~/.bot-bottle``),
    ``cwd`` the directory verbs act in (``-C``). ``out`` carries the product (plan text, JSON),
    ``err`` progress, warnings and prompts. ``words`` is the command line after ``bb``."""

    home: Path
    cwd: Path
    progress: ProgressMode = "auto"
    events: str = ""
    lock_timeout: float = 0.0
    words: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)

    @property
    def interactive(self) -> bool:
        """Whether a question can be asked: a terminal on both sides and no CI."""
        return self.stdin.isatty() and self.err.isatty() and not self.environ.get("CI")

    def again(self, verb: str, *flags: str) -> str:
        """The same command line with ``flags`` added, for a hint: what names the home or picks
        bottles stays in it."""
        import shlex

        words = self.words or tuple(verb.split())
        sure = {"--yes", "-y"} & set(words)
        added = [f for f in flags if f != "--yes" or not sure]
        end = words.index("--") if "--" in words else len(words)
        return shlex.join(("bb", *words[:end], *added, *words[end:]))

    def named(self, option: str) -> bool:
        """Whether this option is on the command line itself, not in a variable or by default."""
        end = self.words.index("--") if "--" in self.words else len(self.words)
        return any(w == option or w.startswith(f"{option}=") for w in self.words[:end])

    def one_form(self, form: str, *, json_: bool) -> str:
        """The form of output. Raises UsageError for two of them; one that a variable names gives
        way to ``--json``."""
        if json_ and form != "json" and self.named("--format"):
            raise UsageError(f"--json and --format {form} are two forms of output: give one")
        return "json" if json_ else form

    def without_events(self, verb: str) -> None:
        """Raises UsageError for ``--events`` before a verb that carries nothing out. One that is in
        the environment is meant for others."""
        if self.named("--events"):
            raise UsageError(
                f"bb {verb} carries nothing out, so it has no events", hint="leave out --events"
            )

    def before(self, verb: str) -> tuple[str, ...]:
        """The words of the command line before the verb: bb's own options."""
        return self.words[: self.words.index(verb)] if verb in self.words else ()

    def path(self, given: Path) -> Path:
        """A path of the command line: a relative one begins at ``-C``."""
        return self.cwd / given

    def appended(self, given: Path) -> Path:
        """A file that the caller wants written to. Raises UsageError for a place among bb's own
        files: a copy of the ledger that is written over the ledger would be its end."""
        path, home = Path(os.path.realpath(self.path(given))), Path(os.path.realpath(self.home))
        if any(path.is_relative_to(home / own) for own in OWN_FILES):
            raise UsageError(
                "this is a place of bb's own files", where=str(path), hint="name another file"
            )
        return path

    def product(self, given: Path) -> Path:
        """A file that the caller wants written as a whole, in the place of what is there. Raises
        UsageError also for what is no file: /dev/null must not become one."""
        path = self.appended(given)
        if path.exists() and not path.is_file():
            raise UsageError("this is no regular file", where=str(path), hint="name another file")
        return path

    @property
    def progress_mode(self) -> Literal["tty", "plain", "json", "quiet"]:
        """The progress mode after looking at the terminal; never cursor control off a TTY."""
        if self.progress != "auto":
            return self.progress
        dumb = self.environ.get("TERM", "") == "dumb" or bool(self.environ.get("CI"))
        return "tty" if self.err.isatty() and not dumb else "plain"

    def document(self, made: Struct) -> None:
        """Print a record of ``cli.documents`` as one JSON document on ``out``."""
        import json

        text = json.dumps(wire(made), indent=2, sort_keys=True, ensure_ascii=False)
        self.out.write(f"{text}\n")

    def note_empty(self, found: Sized, text: str) -> None:
        """Say on ``err`` that there is nothing to show: silence could also mean a failure."""
        if not found:
            self.out.flush()
            self.err.write(f"{text}\n")

    @property
    def width(self) -> int:
        """Columns of the terminal (``COLUMNS``, else what it says, else 100)."""
        import shutil

        return shutil.get_terminal_size((100, 24)).columns

    def color(self, stream: TextIO) -> bool:
        """Whether ``stream`` may carry colour (NO_COLOR, TERM=dumb and pipes say no)."""
        if self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb":
            return False
        return stream.isatty()


def wire(made: Struct) -> dict[str, Any]:
    """A document as plain data, with the format's version; fields that are unset are left out."""
    from msgspec import to_builtins

    return {"format_version": FORMAT_VERSION, **to_builtins(made)}


def home_directory(given: Path | None, environ: Mapping[str, str]) -> Path:
    """``--home`` or ``BB_HOME``, else ``~/.bot-bottle``; it may not exist yet.

    Raises UsageError for something that is no directory.
    """
    try:
        home = (given or Path(environ.get("HOME") or "~") / ".bot-bottle").expanduser().absolute()
    except (OSError, RuntimeError) as error:  # no current directory; no such user
        raise UsageError("there is no home directory", hint="give --home DIR or BB_HOME") from error
    if os.path.lexists(home) and not home.is_dir():
        raise UsageError("the bb home is not a directory", where=str(home), hint="give --home DIR")
    return home


def working_directory(given: Path | None) -> Path:
    """``-C``, else the current directory. Raises UsageError when there is none: a plan of
    nowhere would be empty, and look like success."""
    try:
        directory = (given or Path()).absolute()
    except FileNotFoundError as error:
        raise UsageError("the current directory was removed", hint="give -C DIR") from error
    if not directory.is_dir():
        raise UsageError("there is no such directory", where=str(directory), hint="give -C DIR")
    return directory
