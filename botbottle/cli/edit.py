"""``bb edit NAME``: a manifest in ``$EDITOR``, put in place only when everything validates.

The editor works on a draft beside the file (its name starts with a dot, so no loader reads it).
A watch that runs meanwhile never sees half a file or a broken one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, TextIO

from botbottle.cli.common import unknown
from botbottle.cli.options import Argument, Invocation
from botbottle.errors import BBError, Exit, Refused
from botbottle.load.layers import SETTINGS, agents, layers, scan
from botbottle.load.rawfile import leads_out

type Editor = Callable[[Path], None]


def find_file(name: str, home: Path, cwd: Path) -> Path:
    """The file that ``name`` means: an agent, ``bottles/NAME``, ``agents/NAME``, ``settings``,
    or a bottle when no agent has the name. Raises UsageError."""
    found = layers(home, cwd)
    if name in ("settings", SETTINGS):
        return found.home / SETTINGS
    kind, _, stem = name.rpartition("/")
    stem = stem.removesuffix(".md")
    bottles = scan(found.home, "bottles", "home").entries
    candidates = {
        "agents": (agents(found),), "bottles": (bottles,), "": (agents(found), bottles),
    }.get(kind, ())  # fmt: skip
    for entries in candidates:
        if stem in entries:
            return entries[stem].path
    known = [*agents(found), *(f"bottles/{n}" for n in bottles), "settings"]
    raise unknown(name, known, "manifest", f"known: {', '.join(known)}")


def edit_file(
    path: Path, home: Path, cwd: Path, editor: Editor, again: Callable[[], bool], err: TextIO
) -> int:
    """Edit a draft of ``path`` until it validates or ``again()`` says no.

    A draft with errors is kept and named; the file itself then stays as it was (exit 3).
    """
    own_file(path, home, cwd)
    target = Path(os.path.realpath(path))
    draft = path.with_name(f".{path.stem}.edit{path.suffix}")
    before = target.read_bytes() if target.exists() else b""  # settings.yml need not exist yet
    if _kept(draft):
        err.write(f"bb edit: going on with the draft {draft}\n")
    else:
        _begin(draft, target)
    while True:
        try:
            editor(draft)
        except BBError:
            if draft.read_bytes() == before:
                draft.unlink()
            raise
        if draft.read_bytes() == before:
            draft.unlink()
            err.write("bb edit: no change\n")
            return int(Exit.OK)
        if _valid(path, draft, home, cwd, err):
            draft.replace(target)
            err.write(f"bb edit: saved {path}\n")
            return int(Exit.OK)
        if not again():
            err.write(f"bb edit: not saved; the draft is {draft}\n")
            return int(Exit.INVALID)


def own_file(path: Path, home: Path, cwd: Path) -> None:
    """Raises Refused for a manifest that a repository made a link to another of the user's files:
    it would be copied into the repository, and written."""
    project = layers(home, cwd).project
    if project is not None and path.is_relative_to(project) and leads_out(path):
        raise Refused(
            "the symbolic link leads out of the project",
            code="BB2001",
            where=str(path),
            hint=f"edit {os.path.realpath(path)} itself, or put a file in the link's place",
        )


def _kept(draft: Path) -> bool:
    """Whether there is a draft to go on with. Raises Refused for one that nobody can have kept:
    a repository may bring a link in its place, and the editor would write where it leads."""
    try:
        found = draft.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_uid != os.geteuid():
        raise Refused(
            "what stands in the draft's place is no file of your own",
            code="BB7012",
            where=str(draft),
            hint="look at it, then remove it",
        )
    return True


def _begin(draft: Path, target: Path) -> None:
    """A copy of the file, or an empty one, as a whole or not at all: a part of it would be gone on
    with, and could be saved in the file's place."""
    handle, name = tempfile.mkstemp(prefix=f"{draft.name}.", dir=draft.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as copy:
            if target.exists():
                with target.open("rb") as whole:
                    shutil.copyfileobj(whole, copy)
        if target.exists():
            shutil.copystat(target, new)
        new.replace(draft)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _valid(path: Path, draft: Path, home: Path, cwd: Path, err: TextIO) -> bool:
    """Whether nothing that was read with the draft in place is wrong; findings go to ``err``."""
    from botbottle.load import load
    from botbottle.load.render import text

    loaded = load(home, cwd, instead={path: draft})
    err.write(text(loaded.diagnostics))
    return not loaded.errors


def run_editor(environ: Mapping[str, str]) -> Editor:
    """``$VISUAL``, ``$EDITOR`` or ``vi``, with its own arguments."""
    text = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise _no_editor(f"{text!r} is no command: {error}") from error

    def edit(draft: Path) -> None:
        try:
            subprocess.run([*command, str(draft)], check=True)
        except OSError as error:
            raise _no_editor(f"{text!r} cannot be started: {error.strerror}") from error
        except subprocess.CalledProcessError as error:
            raise _no_editor(f"{text!r} ended with {error.returncode}") from error

    return edit


def _no_editor(why: str) -> BBError:
    hint = "set EDITOR to a program that edits a file and exits with 0"
    return BBError(f"the editor {why}", code="BB1010", hint=hint)


def edit(
    ctx: Invocation,
    name: Annotated[str, Argument(help="An agent, bottles/NAME or settings.")],
) -> int:
    """Open a manifest in $EDITOR and validate it on save.

    Exit codes: 0 saved or unchanged, 3 not saved because of errors, 64 no such manifest.
    """
    context = ctx.obj

    def again() -> bool:
        if not context.interactive:
            return False
        context.err.write("edit again? [Y/n] ")
        context.err.flush()
        return context.stdin.readline().strip().lower() in ("", "y", "yes")

    path = find_file(name, context.home, context.cwd)
    chosen = context.environ.get("VISUAL") or context.environ.get("EDITOR")
    if not (chosen or context.interactive):  # vi would wait for keys that never come
        hint = "set EDITOR to a program that needs no terminal, or edit the file itself"
        raise Refused("there is no terminal to edit on", code="BB7006", where=str(path), hint=hint)
    editor = run_editor(context.environ)
    return edit_file(path, context.home, context.cwd, editor, again, context.err)
