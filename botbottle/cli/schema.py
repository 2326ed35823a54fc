"""``bb schema``: print the JSON Schemas, write them, or check committed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TextIO

from botbottle.cli.options import Argument, Invocation, Option
from botbottle.errors import Exit, UsageError


def print_schema(name: str, out: TextIO) -> int:
    """Print one schema, or the names of all."""
    from botbottle.cli.schema_documents import dumps, names

    if not name:
        out.write("".join(f"{n}\n" for n in names()))
        return int(Exit.OK)
    if name not in names():
        raise UsageError(f"there is no schema {name!r}", hint=f"one of {', '.join(names())}")
    out.write(dumps(name))
    return int(Exit.OK)


def write_schemas(folder: Path, out: TextIO) -> int:
    """Write every schema to ``folder/NAME.json``."""
    from botbottle.cli.schema_documents import dumps, names

    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        (folder / f"{name}.json").write_text(dumps(name), encoding="utf-8")
    out.write(f"{len(names())} schemas in {folder}\n")
    return int(Exit.OK)


def check_schemas(folder: Path, err: TextIO) -> int:
    """Compare the files in ``folder`` with what the code says. Exit 1 on a difference."""
    from botbottle.cli.schema_documents import dumps, names

    wrong = [n for n in names() if _read(folder / f"{n}.json") != dumps(n)]
    known = {f"{n}.json" for n in names()}
    extra = [p.name for p in sorted(folder.glob("*.json")) if p.name not in known]
    for name in wrong:
        what = "differs from the code" if (folder / f"{name}.json").exists() else "is missing"
        err.write(f"{folder / name}.json {what}; run bb schema --write {folder}\n")
    for name in extra:
        err.write(f"{folder / name} belongs to no schema\n")
    return int(Exit.FAILURE if wrong or extra else Exit.OK)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def schema(
    ctx: Invocation,
    name: Annotated[str, Argument(help="The schema; none: list the names.")] = "",
    write: Annotated[
        Path | None, Option("--write", help="Write all schemas into this folder.")
    ] = None,
    check: Annotated[
        bool, Option("--check", help="Compare --folder with the code (exit 1).")
    ] = False,
    folder: Annotated[Path, Option("--folder", help="For --check.")] = Path("schemas"),
) -> int:
    """Print or check the JSON Schemas.

    Exit codes: 0 ok, 1 a committed schema differs, 64 usage.
    """
    context = ctx.obj
    if name and (check or write):
        where = "--check --folder DIR" if check else "--write DIR"
        raise UsageError(f"{name!r} is too much: every schema is meant", hint=f"bb schema {where}")
    if check:
        return check_schemas(context.cwd / folder, context.err)
    if write:
        return write_schemas(context.cwd / write, context.out)
    return print_schema(name, context.out)
