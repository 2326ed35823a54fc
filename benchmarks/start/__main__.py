"""Cold start of ``bb version``, ``validate`` and ``plan`` against bare programs.

python -m benchmarks.start [--runs N]        needs an engine for plan (DOCKER_HOST)
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.frame import ROOT, compiled, measure, ratio, run, write

BARE = """import typer
app = typer.Typer(add_completion=False)
@app.command()
def version() -> None: print("x")
app()
"""


def main() -> None:
    runs = argparse.ArgumentParser()
    runs.add_argument("--runs", type=int, default=15)
    count = runs.parse_args().runs
    compiled()
    bb = [sys.executable, "-m", "botbottle"]
    home = str(ROOT / "examples/.bot-bottle")
    env = {**os.environ, "ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x"}
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        commands = {
            "python -c pass": lambda: run([sys.executable, "-c", "pass"]),
            "bare typer program": lambda: run([sys.executable, str(bare)]),
            "bb version": lambda: run([*bb, "version"]),
            "bb validate (10 files)": lambda: run(
                [*bb, "--home", home, "-C", folder, "validate"], env=env
            ),
            "bb plan (8 bottles)": lambda: run(
                [*bb, "--home", home, "-C", folder, "plan"], env=env
            ),
        }
        figures = measure(commands, count)
    write(
        "start",
        "python -m benchmarks.start",
        {
            "figures": figures,
            "ratios": {
                "bb version / bare typer": ratio(figures, "bb version", "bare typer program"),
                "target": "<= 1.5",
            },
        },
    )


if __name__ == "__main__":
    main()
