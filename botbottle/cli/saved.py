"""Plans in files: written by ``bb plan --out``, read by ``bb show`` and ``bb apply FILE``."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, ValidationError, convert, to_builtins

from botbottle.cli.product import write_private
from botbottle.errors import BBError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botbottle.model.plan import Plan

MAJOR = "1"
CHECKSUM = "checksum"
OPTIONS = "options"
WRITE = "bb plan --out FILE writes one"


class Picked(Struct, frozen=True, kw_only=True):
    """The options that a plan was made with, as the command line gave them."""

    only: tuple[str, ...] = ()
    bottle: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()

    def words(self) -> str:
        """As a command line has them."""
        named = (("--only", self.only), ("--bottle", self.bottle), ("--budget", self.budget))
        return shlex.join(word for option, values in named for v in values for word in (option, v))


def save(made: Plan, path: Path, picked: Picked | None = None) -> None:
    """Write the plan document with its checksum and the options that it was made with, owner only,
    as a whole or not at all. Raises BBError."""
    from botbottle.ui.plan_json import document

    data = document(made)
    data[OPTIONS] = to_builtins(picked or Picked())
    data[CHECKSUM] = checksum(data)
    write_private(path, text_of(data), "the plan")


def picked(data: Mapping[str, Any] | None, given: Picked) -> Picked:
    """The options to apply a saved plan with: its own. One of an older bb has none. Raises
    UsageError for others beside it, BBError for what is none."""
    if data is None or OPTIONS not in data:
        return given
    try:
        own = convert(data[OPTIONS], Picked)
    except ValidationError as error:
        raise BBError("not a plan of bb", hint=WRITE) from error
    if given not in (Picked(), own):
        how = f"with {own.words()}" if own != Picked() else "without any"
        raise UsageError(
            f"the plan was saved {how}, not with {given.words()}",
            hint="bb apply FILE applies it as it was saved",
        )
    return own


def text_of(data: Mapping[str, Any]) -> str:
    """A document as ``bb plan --json`` writes it."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def checksum(data: Mapping[str, Any]) -> str:
    """SHA-256 over all of a document but the checksum itself, as JSON with sorted keys. No key is
    in it: it finds a file that was edited, not one that was made to deceive."""
    rest = {key: value for key, value in data.items() if key != CHECKSUM}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def no_plan(path: Path) -> BBError:
    """The error for a file that holds something else."""
    return BBError("not a plan of bb", where=str(path), hint=WRITE)


def read(path: Path) -> dict[str, Any]:
    """A saved plan's document. Raises BBError when it is none, of another major format, or not as
    it was saved, as far as it says how it was."""
    try:
        data = json.loads(path.read_text("utf-8"))
        major, digest = str(data["format_version"]).split(".")[0], data["digest"]
    except OSError as error:
        raise BBError(
            f"the plan cannot be read: {error.strerror}",
            where=str(path),
            hint=f"{WRITE}; a bottle is picked with --only NAME",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise no_plan(path) from error
    if major != MAJOR or not isinstance(digest, str):
        raise BBError(
            f"a plan of format {data['format_version']}; this bb reads {MAJOR}.x",
            where=str(path),
            hint="plan again: bb plan --out FILE",
        )
    try:
        edited = CHECKSUM in data and data[CHECKSUM] != checksum(data)
    except RecursionError as error:
        raise no_plan(path) from error
    if edited:
        raise BBError("the plan was edited after it was saved", where=str(path), hint=WRITE)
    return dict(data)


def read_to_apply(path: Path) -> dict[str, Any]:
    """The same, of a document that can be approved, and compared with today's plan. Raises
    BBError."""
    from botbottle.ui.stale import difference

    data = read(path)
    try:
        whole = all(isinstance(op["id"], str) for op in data["ops"])
        difference(data, data)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise no_plan(path) from error
    if not whole:
        raise no_plan(path)
    return data
