"""Values of ``env`` at apply time: asked for, copied from the host, never written anywhere.

Nothing here touches ``os.environ``; the caller passes the host's variables in. An asked
variable ``X`` is answered by ``BB_ENV_X``, then by the env file, then by a person. A copied one
comes from the host, then from the env file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from botbottle.errors import ManifestError, MissingValue
from botbottle.model.bottle import BottleSpec, EnvVar
from botbottle.model.diagnostic import Origin

type Ask = Callable[[str, str], str]

PREFIX = "BB_ENV_"
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_MAX_FILE = 256 * 1024


class EnvValues(Mapping[str, str]):
    """Name → value of one bottle, in memory only: it prints, copies and pickles as nothing."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{len(self._values)} values>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("values of env stay in memory")


def resolve_env(
    bottles: Iterable[BottleSpec],
    *,
    environ: Mapping[str, str],
    file: Mapping[str, str] | None = None,
    ask: Ask | None = None,
) -> dict[str, EnvValues]:
    """Bottle → asked and copied variables (literal ones are in the spec).

    ``ask(name, prompt)`` is None when there is no terminal. Each (name, prompt) is asked once.
    Raises MissingValue that names every variable without a value, and never a value.
    """
    answers: dict[tuple[str, str], str | None] = {}
    missing: dict[str, tuple[Origin, ...]] = {}
    found: dict[str, EnvValues] = {}
    for bottle in bottles:
        values: dict[str, str] = {}
        for variable in bottle.env:
            if variable.kind == "literal":
                continue
            key = (variable.name if variable.kind == "ask" else "", variable.value)
            if key not in answers:
                answers[key] = _value(variable, environ, file or {}, ask)
            if (value := answers[key]) is None:
                told = f"{_wanted(variable)} (env.{variable.name} of {bottle.name})"
                missing[told] = bottle.origins.get(f"env.{variable.name}", ())[:1]
            else:
                values[variable.name] = _checked(variable.name, value)
        found[bottle.name] = EnvValues(values)
    if missing:
        raise MissingValue(
            f"no value for {', '.join(missing)}",
            where=", ".join(dict.fromkeys(str(o) for places in missing.values() for o in places)),
            hint="set the variables, or name an --env-file that has them",
        )
    return found


def _value(
    variable: EnvVar, environ: Mapping[str, str], file: Mapping[str, str], ask: Ask | None
) -> str | None:
    if variable.kind == "host":
        return environ.get(variable.value, file.get(variable.value))
    given = environ.get(PREFIX + variable.name, file.get(variable.name))
    if given is None and ask is not None:
        return ask(variable.name, variable.value)
    return given


def _wanted(variable: EnvVar) -> str:
    return variable.value if variable.kind == "host" else PREFIX + variable.name


def _checked(name: str, value: str) -> str:
    if "\0" in value:
        raise ManifestError(f"the value of {name} contains a NUL character", code="BB2901")
    return value


def read_env_file(path: Path) -> EnvValues:
    """``NAME=value`` lines, verbatim after the first ``=``; blank lines and ``#`` lines are
    skipped. Raises ManifestError that names the file and the line, never its text."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
        text = raw.decode()
    except OSError as error:
        raise ManifestError(
            f"the env file cannot be read: {error.strerror}", code="BB2902", where=str(path)
        ) from None
    except UnicodeDecodeError:
        raise ManifestError(
            "the env file is not UTF-8", code="BB2902", where=str(path)
        ) from None  # the cause would carry the file's bytes
    if len(raw) > _MAX_FILE:
        raise ManifestError("the env file is too large", code="BB2902", where=str(path))
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not (match := _LINE.fullmatch(line)):
            raise ManifestError(
                "this line is not NAME=value", code="BB2902", where=f"{path}:{number}"
            )
        values[match[1]] = match[2]
    return EnvValues(values)
