"""Cut a pattern's tail to its minimum, so that the engine reports each match once.

Hyperscan reports every end at which a pattern matches: ``[a-z]{20,80}`` after a prefix is 61
events for one token. The engine only has to find candidates, so optional pieces at the end are
dropped (``={0,2}``, ``(?:-\\d)?``) and the last repetition keeps its least count.
"""

from __future__ import annotations

import re
from itertools import pairwise

_QUANTIFIER = re.compile(r"(?:\{(\d+)(,?)(\d*)\}|([*+?]))\??$")


_SET = r"\[[]^]?(?:\\.|[^]\\])*+\]"
_CLASS = re.compile(_SET)
_PLAIN = re.compile(r"[^\\\[(|)]*")  # what neither opens nor ends anything, nor is a choice
_LETTERS = re.compile(r"[^\\\[(|){*+?]+")
_INSIDE = rf"(?:[^\\\[()]++|\\.|{_SET})*+"
_GROUP = re.compile(rf"\({_INSIDE}(?:\({_INSIDE}\){_INSIDE})*+\)")  # with others in it, not in them
_BRANCH = re.compile(rf"(?:[^\\\[()|]++|\\.|{_SET}|{_GROUP.pattern})*+")


def _end(piece: re.Pattern[str], pattern: str, index: int) -> int:
    match = piece.match(pattern, index)
    if match is None:
        raise ValueError(f"no end of a class in {pattern!r}")
    return match.end()


def minimal(pattern: str) -> str:
    """The shortest-tail form of ``pattern``; matches a prefix of whatever ``pattern`` matches."""
    branches = _branches(pattern)
    if len(branches) > 1:
        return "|".join(minimal(branch) for branch in branches)
    while True:
        ends = pattern.endswith(("}", "*", "+", "?"))  # else the search reads all for nothing
        quantifier = _QUANTIFIER.search(pattern) if ends else None
        if quantifier is not None and not _escaped(pattern, quantifier.start()):
            least = _least(quantifier)
            body = pattern[: quantifier.start()]
            if least > 0:
                return body + (f"{{{least}}}" if least > 1 else "")
            pattern = body[: _atom_start(body)]
            continue
        return _inside_group(pattern)


def _least(quantifier: re.Match[str]) -> int:
    if quantifier[4]:
        return 1 if quantifier[4] == "+" else 0
    return int(quantifier[1])


def _inside_group(pattern: str) -> str:
    """Minimise inside a closing group."""
    if not pattern.endswith(")") or _escaped(pattern, len(pattern) - 1):
        return pattern
    start = _atom_start(pattern)
    head = re.match(r"\((?:\?[a-z]*:)?", pattern[start:])
    opening = head[0] if head else "("
    return pattern[:start] + opening + minimal(pattern[start + len(opening) : -1]) + ")"


def _atom_start(pattern: str) -> int:
    """Index where the last atom (character, escape, class or group) begins."""
    starts: list[int] = []
    index = 0
    while index < len(pattern):
        letters = _LETTERS.match(pattern, index)
        end = letters.end() if letters else _atom_end(pattern, index)
        if pattern[index] not in "{*+?":
            starts.append(end - 1 if letters else index)
        index = end
    return starts[-1]


def _atom_end(pattern: str, index: int) -> int:
    char = pattern[index]
    if char == "\\":
        return index + (4 if pattern[index + 1] == "x" else 2)
    if char == "[":
        return _class_end(pattern, index)
    if char == "{":
        return pattern.index("}", index) + 1
    if char == "(":
        return _group_end(pattern, index)
    return index + 1


def _class_end(pattern: str, index: int) -> int:
    return _end(_CLASS, pattern, index)


def _group_end(pattern: str, index: int) -> int:
    whole = _GROUP.match(pattern, index)
    if whole is not None:
        return whole.end()
    index += 1
    if pattern[index] == "?":
        index = pattern.index(":", index) + 1
    while pattern[index] != ")":
        index = _end(_PLAIN, pattern, _atom_end(pattern, index))
    return index + 1


def _branches(pattern: str) -> list[str]:
    """The alternatives of a top-level choice; one element when there is none."""
    if "|" not in pattern:
        return [pattern]
    cuts, index = [-1], 0
    while (index := _end(_BRANCH, pattern, index)) < len(pattern):
        if pattern[index] == "|":
            cuts.append(index)
        index = _atom_end(pattern, index)
    cuts.append(len(pattern))
    return [pattern[low + 1 : high] for low, high in pairwise(cuts)]


def _escaped(pattern: str, index: int) -> bool:
    before = pattern[:index]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
