"""A session on a home of its own, with no engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from botbottle.load.env import EnvValues
from botbottle.session import Session


def session(tmp_path: Path, **environ: str) -> Session:
    class Nobody:
        def kept_env(self, asked: Sequence[str]) -> list[EnvValues]:
            return [EnvValues({}) for _ in asked]

        def ledger_locked(self) -> bool:
            return False

    home = tmp_path / "bb"
    (home / "run").mkdir(parents=True, exist_ok=True)
    (home / "run/fingerprint.key").write_bytes(b"k" * 32)
    given = {"HOME": str(tmp_path), "ANTHROPIC_API_KEY": "sk-plain", **environ}
    return Session(home, tmp_path, given, cast(Any, None), cast(Any, Nobody()))
