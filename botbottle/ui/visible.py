"""Text that a bottle wrote, made safe to print: an agent must not steer an operator's terminal.

Escape sequences can rewrite what stands above, set the clipboard or answer in the operator's
name; bidirectional controls can turn a line around. Each such character is shown as its code.
"""

from __future__ import annotations


def visible(text: str, keep: str = "") -> str:
    """``text`` with every character that does not print as ``\\uXXXX``; those in ``keep`` stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else f"\\u{ord(c):04x}" for c in text)
