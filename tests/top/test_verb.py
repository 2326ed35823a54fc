"""The verb without a terminal and without Textual."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from botbottle.cli import top
from botbottle.cli.context import Context
from botbottle.errors import BBError, UsageError


class _Tty:
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_the_way_to_the_document_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        top.run(Context(tmp_path, tmp_path), None, read_only=True)  # type: ignore[arg-type]
    assert "--once --json" in refused.value.hint


def test_without_textual_the_extra_to_install_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "textual"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("app", "table", "screens"):
        monkeypatch.delitem(sys.modules, f"botbottle.ui.top.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setattr(sys, "stdin", _Tty())
    monkeypatch.setattr(sys, "stdout", _Tty())
    with pytest.raises(BBError) as refused:
        top.run(Context(tmp_path, tmp_path), None, read_only=True)  # type: ignore[arg-type]
    assert "botbottle[top]" in refused.value.hint
