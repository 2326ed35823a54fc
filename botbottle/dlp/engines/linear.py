"""RE2 programs: linear in the input whatever the pattern, which is why nothing else is used."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MAX_MEM = 64 << 20  # less, and RE2 logs "DFA out of memory" on the large rules


@lru_cache(maxsize=4096)
def secret_group(pattern: str) -> int:
    """The number of the group that holds the secret: 1 when there is one, else the whole match."""
    groups: int = program(pattern).groups
    return min(1, groups)


@lru_cache(maxsize=4096)
def program(pattern: str) -> Any:
    """A compiled bytes program (Latin-1, ``.`` matches newlines)."""
    options = re2.Options()
    options.max_mem = _MAX_MEM
    options.log_errors = False
    options.dot_nl = True
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern.encode("latin-1"), options)
