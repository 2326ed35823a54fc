"""Where a token may begin: word boundaries that understand escapes.

In ``"text": "\\nghp_..."`` the byte before the token is the ``n`` of an escaped newline. The same
happens with ``%0A``, ``\\u000a``, ``\\x0a`` and the ``m`` or ``K`` that ends an ANSI sequence. A
left boundary holds when the byte before is no word byte, or is the last byte of such an escape.
"""

from __future__ import annotations

from botbottle.dlp.wordlike import wordlike

_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL = _BASE64[:-2] + b"-_"
_DIGITS = b"0123456789"
_HEX = frozenset(b"0123456789abcdefABCDEF")
_LETTER_ESCAPES = frozenset(b"nrtbfv0ae")
_BACKSLASH, _PERCENT = 0x5C, 0x25
_RUN = 28  # bytes of Base64 in front of a coincidence
_SEALED = 64  # the same, where nothing is behind it
_LONG = 256  # bytes of a match that may go on behind its window
_WORDS = 0.72  # no random run of this length is as much like words
EDGE = 32  # bytes in front of a token that tell: ``\\u001b[1;38;2;255;255;255m`` is 26


def left_ok(window: bytes, start: int) -> bool:
    """True when a token may begin at ``window[start]``; needs up to EDGE bytes before it."""
    if start == 0 or window[start - 1] not in _WORD:
        return True
    return _ends_escape(window[max(0, start - EDGE) : start])


def right_ok(window: bytes, end: int) -> bool:
    """True when a token may end before ``window[end]``."""
    return end >= len(window) or window[end] not in _WORD


def in_base64(window: bytes, start: int, end: int) -> bool:
    """True when what stands at ``start`` to ``end`` is the middle of a longer run of Base64: its
    short prefix is a coincidence there."""
    before = window[max(0, start - _RUN) : start]
    glued = before[-1:] in (b"+", b"/") or window[end : end + 1] in (b"+", b"/")
    return glued and len(before) == _RUN and not before.translate(None, _BASE64) and _mixed(before)


def in_url_base64(window: bytes, start: int, end: int) -> bool:
    """The same in a run of Base64url, which prefixes with an underscore stand in by chance: it has
    gone on for a while in front, and goes on behind (as what fills its window may); or it has gone
    on for long, as what a provider has sealed does, which it refuses when it was changed."""
    before, behind = window[max(0, start - _LONG) : start], window[end : end + 1]
    run = before[len(before.rstrip(_URL)) :]
    goes_on = (behind != b"" or end - start > _LONG) and not behind.translate(None, _URL)
    if len(run) < (_RUN if goes_on else _SEALED):
        return False
    digits = len(run) - len(run.translate(None, _DIGITS))
    return digits > 0 and _mixed(run) and not wordlike(run[-_RUN:], _WORDS)


def _mixed(text: bytes) -> bool:
    """Both cases: a path is seldom."""
    return text.lower() != text != text.upper()


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
    """``ESC [ digits and semicolons``, then m (colour) or K (erase: grep), ESC raw or escaped."""
    if before[-1:] not in (b"m", b"K"):
        return False
    body = before[:-1].rstrip(b"0123456789;")
    return body.endswith((b"\x1b[", b"\\u001b[", b"\\x1b[", b"\\033[", b"\\e[", b"\\u001B["))


def _all_hex(data: bytes) -> bool:
    return all(c in _HEX for c in data)
