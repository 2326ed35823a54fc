"""A watch's view of a live world, of which a test gives the parts that it looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botbottle.ledger.api import Ledger
from botbottle.watch.sources import Manifests
from botbottle.watch.world import LiveWorld


def live(
    ledger: Ledger, tmp_path: Path, *, session: Any = None, desk: Any = None, project: str = "p"
) -> LiveWorld:
    """``desk``: engine and control in one; what is None is not looked at."""
    return LiveWorld(
        session=session, engine=lambda: desk, control=desk, ledger=ledger,
        manifests=Manifests([tmp_path]), project=project, emit=lambda _event: None,
        cancelled=lambda: False, resume_dir=tmp_path / "marks",
    )  # fmt: skip
