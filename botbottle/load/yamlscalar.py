"""Plain scalars by the YAML 1.2 core schema.

Source: YAML 1.2.2, section 10.3.2, without infinity and NaN, which no manifest means.
"""

from __future__ import annotations

import re
from typing import Any

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?\d{1,19}")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.\d{1,40}|\d{1,40}(?:\.\d{0,40})?)(?:[eE][-+]?\d{1,3})?")


def scalar(text: str) -> Any:
    """The value of a plain (unquoted, untagged) scalar."""
    if text in _NULL:
        return None
    if text[0] not in _NUMBER:
        return _BOOL.get(text, text)
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
