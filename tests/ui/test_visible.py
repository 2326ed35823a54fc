"""What a bottle wrote does not steer the terminal that shows it."""

from __future__ import annotations

import pytest

from botbottle.ui.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ümläut, 漢字", "plain text, ümläut, 漢字"),
        ("\x1b[2Jgone", "\\u001b[2Jgone"),
        ("\x1b]52;c;ZXZpbA==\x07", "\\u001b]52;c;ZXZpbA==\\u0007"),
        ("\x9b2J", "\\u009b2J"),
        ("over\rwritten\b", "over\\u000dwritten\\u0008"),
        ("a\u202eb\u2066c\u200b", "a\\u202eb\\u2066c\\u200b"),
        ("two\nlines", "two\\u000alines"),
    ],
)
def test_characters_that_do_not_print_are_shown_as_their_code(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_what_is_kept_is_kept() -> None:
    assert visible("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\u001b"
