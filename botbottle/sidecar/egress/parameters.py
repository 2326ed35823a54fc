"""Parameters of a query that are taken out, however their names are spelt."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from botbottle.sidecar.egress.target import decoded

_PAIRS = re.compile(r"(^|[&;])([^&;]*)")  # what is before a parameter, and the parameter
_ODD = "-.+ \t\r\n\0"
_FOLDS = str.maketrans(_ODD, "_" * len(_ODD))


class Names(NamedTuple):
    """Names as they are compared, and what finds any of them in a decoded query of lower case."""

    folded: frozenset[str]
    anywhere: re.Pattern[str]
    joined: bool  # words may stand apart or not: ``api_key``, ``apiKey``


@lru_cache(maxsize=256)
def spellings(names: frozenset[str], joined: bool = False) -> Names:
    """All spellings of these names. ``joined``: also those whose words are not apart."""
    between = f"[_{re.escape(_ODD)}]" + ("*" if joined else "")
    folded = frozenset(_folded(name, joined) for name in names)
    spelt = (re.escape(_folded(name)).replace("_", between) for name in sorted(names))
    return Names(folded, re.compile("|".join(spelt)), joined)


def without(query: str, names: frozenset[str], joined: bool = False) -> str:
    """A query without the parameters of these names; the rest is as it was."""
    unwanted = spellings(names, joined)
    if not unwanted.anywhere.search(decoded(query)):
        return query
    pairs = _PAIRS.findall(query)
    kept = [(before, pair) for before, pair in pairs if not _is_one(pair, unwanted)]
    if len(kept) == len(pairs):
        return query
    return "".join(before + pair for before, pair in kept)[len(kept[0][0]) if kept else 0 :]


def _is_one(pair: str, unwanted: Names) -> bool:
    """Whether a parameter has one of these names, maybe as a list or a table."""
    name = _folded(pair.partition("=")[0], unwanted.joined)
    return name in unwanted.folded or name.partition("[")[0] in unwanted.folded


def _folded(name: str, joined: bool = False) -> str:
    """A name in which all spellings are one: decoded, without what is around it, in lower case, and
    with ``_`` for what PHP and gateways make that of, or with nothing for it."""
    plain = unquote(name).replace("+", " ").strip(" \t\r\n\0").lower().translate(_FOLDS)
    return plain.replace("_", "") if joined else plain
