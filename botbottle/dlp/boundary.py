"""Where a token may begin: word boundaries that understand escapes.

In ``"text": "\\nghp_..."`` the byte before the token is the ``n`` of an escaped newline. The same
happens with ``%0A``, ``\\u000a``, ``\\x0a`` and the ``m`` that ends an ANSI colour sequence. A
left boundary holds when the byte before is no word byte, or is the last byte of such an escape.
"""

from __future__ import annotations

_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_LETTER_ESCAPES = frozenset(b"nrtbfv0ae")
_BACKSLASH, _PERCENT = 0x5C, 0x25


def left_ok(window: bytes, start: int) -> bool:
    """True when a token may begin at ``window[start]``; needs up to 12 bytes before it."""
    if start == 0 or window[start - 1] not in _WORD:
        return True
    return _ends_escape(window[max(0, start - 12) : start])


def right_ok(window: bytes, end: int) -> bool:
    """True when a token may end before ``window[end]``."""
    return end >= len(window) or window[end] not in _WORD


def _ends_escape(before: bytes) -> bool:
    return _letter_escape(before) or _hex_escape(before) or _ansi(before)


def _letter_escape(before: bytes) -> bool:
    return len(before) >= 2 and before[-1] in _LETTER_ESCAPES and before[-2] == _BACKSLASH


def _hex_escape(before: bytes) -> bool:
    if len(before) >= 3 and before[-3] == _PERCENT and _all_hex(before[-2:]):
        return True
    if len(before) >= 4 and before[-4:-2] == b"\\x" and _all_hex(before[-2:]):
        return True
    return len(before) >= 6 and before[-6:-4] == b"\\u" and _all_hex(before[-4:])


def _ansi(before: bytes) -> bool:
    """``ESC [ digits and semicolons m``, with ESC raw or escaped."""
    if before[-1:] != b"m":
        return False
    body = before[:-1].rstrip(b"0123456789;")
    return body.endswith((b"\x1b[", b"\\u001b[", b"\\x1b[", b"\\033[", b"\\e[", b"\\u001B["))


def _all_hex(data: bytes) -> bool:
    return all(c in _HEX for c in data)
