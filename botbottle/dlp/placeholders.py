"""Values that are written in the shape of a token but are obviously no secret.

Documentation writes ``ghp_xxxxxxxx``, ``AKIAIOSFODNN7EXAMPLE``, ``sk-YOUR_API_KEY_HERE`` and
``${TOKEN}``. The test is on the matched value alone, never on the text around it, so an attacker
cannot switch a finding off by writing "example" next to a real token.
"""

from __future__ import annotations

_WORDS = (
    b"example", b"placeholder", b"your_", b"your-", b"yourtoken", b"yourapi", b"changeme",
    b"dummy", b"redacted", b"insert_", b"replace_", b"replace-me", b"xxxxxxxx", b"********",
    b"........", b"00000000000000", b"1234567890123456", b"-your", b"_here", b"-here",
    b"<token>", b"fakefake", b"notreal", b"aaaaaaaaaaaa", b"abcdefghijklmnopqrst",
)  # fmt: skip


def is_placeholder(value: bytes) -> bool:
    """True for a documentation value: a filler word, a template, or too few distinct bytes."""
    if len(set(value[-24:])) < 5:
        return True
    if b"${" in value or b"{{" in value or b"<%" in value:
        return True
    lower = value.lower()
    return any(word in lower for word in _WORDS)
