"""Command lines that need no parser: known names, one value each, nothing to explain.

``bb plan`` is run by scripts again and again, and typer (with pydantic, which reads its values)
takes longer to start than a plan takes to make. What is not certain here is nobody's mistake yet:
it is left to typer, which then reads, explains or refuses it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from botbottle.cli.options import Argument, Invocation, Option, hints

VERBS = ("plan", "apply")  # whose options are declared with ``options.Option``


class Unclear(Exception):
    """Something that typer has to look at."""


def call(args: Sequence[str], environ: Mapping[str, str]) -> Callable[[], int] | None:
    """The verb's function with its parameters; None where typer has to look at the line."""
    from botbottle.cli.root import root

    try:
        before, rest = values(root, args, environ, first_word_ends=True)
        if not rest or rest[0] not in VERBS or "version" in before:
            return None
        verb = getattr(importlib.import_module(f"botbottle.cli.{rest[0]}"), rest[0])
        given, _ = values(verb, rest[1:], environ)
    except Unclear:
        return None

    def run() -> int:
        invocation = Invocation(args)
        root(invocation, **before)
        return int(verb(invocation, **given))

    return run


def values(
    function: Callable[..., Any],
    args: Sequence[str],
    environ: Mapping[str, str],
    *,
    first_word_ends: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Parameters that the words and the environment give, and the words from the first on that
    belongs to no option, if that one ends it. Raises Unclear."""
    return _Reader(function).read(list(args), environ, first_word_ends)


class _Reader:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.kinds: dict[str, Any] = {}
        self.names: dict[str, tuple[str, bool]] = {}  # --name → parameter, value of a switch
        self.options: dict[str, Option] = {}
        self.words: list[str] = []
        for name, (kind, own) in hints(function).items():
            self.kinds[name] = kind
            if isinstance(own, Option):
                self._declare(name, own)
            elif isinstance(own, Argument):
                self.words.append(name)

    def _declare(self, name: str, own: Option) -> None:
        self.options[name] = own
        for names in own.names:
            on, _, off = names.partition("/")
            self.names[on] = (name, True)
            if off:
                self.names[off] = (name, False)

    def read(
        self, left: list[str], environ: Mapping[str, str], first_word_ends: bool
    ) -> tuple[dict[str, Any], list[str]]:
        found: dict[str, Any] = {}
        waiting = list(self.words)
        while left and not (first_word_ends and not left[0].startswith("-")):
            word = left.pop(0)
            if word.startswith("-"):
                self._option(word, left, found)
            elif waiting:
                name = waiting.pop(0)
                found[name] = self._value(name, word)
            else:
                raise Unclear
        return self._environment(environ, found) | found, left

    def _option(self, word: str, left: list[str], found: dict[str, Any]) -> None:
        flag, given, text = word.partition("=")
        if flag not in self.names or (given and not flag.startswith("--")):
            raise Unclear
        name, switch = self.names[flag]
        if self.kinds[name] is bool:
            if given:
                raise Unclear
            found[name] = switch
            return
        if not given:
            if not left or left[0].startswith("-"):
                raise Unclear
            text = left.pop(0)
        value = self._value(name, text)
        found[name] = [*found.get(name, ()), value] if self._is_list(name) else value

    def _environment(self, environ: Mapping[str, str], found: Mapping[str, Any]) -> dict[str, Any]:
        given = {}
        for name, own in self.options.items():
            text = environ.get(own.envvar, "") if own.envvar else ""
            if text and name not in found:
                if self.kinds[name] is bool or self._is_list(name):
                    raise Unclear
                given[name] = self._value(name, text)
        return given

    def _is_list(self, name: str) -> bool:
        return get_origin(_bare(self.kinds[name])) is list

    def _value(self, name: str, text: str) -> Any:
        kind, own = _bare(self.kinds[name]), self.options.get(name)
        kind = get_args(kind)[0] if get_origin(kind) is list else kind
        if not text or kind not in _READ:
            raise Unclear
        value = _READ[kind](text)
        low, high = (own.low, own.high) if own else (None, None)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Unclear
        return value


def _bare(kind: Any) -> Any:
    """``X`` of ``X | None``."""
    if get_origin(kind) in (Union, UnionType):
        some = [k for k in get_args(kind) if k is not type(None)]
        return some[0] if len(some) == 1 else kind
    return kind


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise Unclear
    return int(text)


def _number(text: str) -> float:
    for digits in text.split(".", 1):
        _whole(digits)
    return float(text)


def _path(text: str) -> Path:
    return Path(_text(text))


def _text(text: str) -> str:
    if not text.isprintable():  # also bytes that are not UTF-8
        raise Unclear
    return text


_READ: dict[Any, Callable[[str], Any]] = {str: _text, Path: _path, int: _whole, float: _number}
