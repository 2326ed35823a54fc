"""What ``bb ledger check`` says to people."""

from __future__ import annotations

from botbottle.cli.ledger import summary
from botbottle.ledger.records import Health


def test_a_sound_ledger_is_a_few_lines_without_empty_tables() -> None:
    health = Health("sqlite", 4, {"usage": 12345, "hold": 0}, 192512)
    assert (
        summary(health) == "sqlite, schema 4, 192,512 bytes\nrows\n  usage  12,345\nno problems\n"
    )


def test_what_is_wrong_has_a_line_each() -> None:
    health = Health("sqlite", 4, {}, 1, ("page 3 is damaged", "sums differ"))
    assert summary(health).endswith("problems\n  page 3 is damaged\n  sums differ\n")
