"""Measure reading manifests and write benchmarks/results/manifests.json.

    python -m benchmarks.manifests [--runs N]

CPU seconds (user + system) of whole processes, the runs of all commands interleaved so that a
busy neighbour slows all of them; minimum and median are kept. ``floor`` is the least a program
of this kind can cost: typer running one command, with one pydantic model and ruamel's C parser
imported. In-process figures are the fastest of several repetitions.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml.cyaml import CSafeLoader

from benchmarks.manifests.homes import chain, fan_in, realistic
from botbottle.load import load, load_one

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks/results/manifests.json"
SIZES = (10, 100, 1000)
FLOOR = """
import typer
from pydantic import BaseModel, ConfigDict
import _ruamel_yaml
class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    a: int = 1
app = typer.Typer(add_completion=False, rich_markup_mode=None)
@app.command()
def main() -> None:
    Model()
app()
"""


def cpu(command: list[str]) -> float:
    """CPU seconds of one whole process."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def processes(work: Path, runs: int) -> dict[str, Any]:
    """Whole commands, interleaved."""
    commands = {"python": [sys.executable, "-c", "pass"], "floor": [sys.executable, "-c", FLOOR]}
    bb = [sys.executable, "-m", "botbottle"]
    for size in SIZES:
        home = realistic(work / f"home{size}", size)
        commands[f"validate_{size}"] = [*bb, "--home", str(home), "-C", str(work), "validate"]
    home = str(work / f"home{SIZES[-1]}")
    commands["completion_1000"] = [*bb, "__complete", "--home", home, "info", "a9"]
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(cpu(command))
    return {
        name: {"min": round(min(t), 3), "median": round(statistics.median(t), 3)}
        for name, t in taken.items()
    }


def fastest(work: Callable[[], object], repeat: int = 5) -> float:
    """CPU seconds of the fastest repetition."""
    best = 1e9
    for _ in range(repeat):
        gc.collect()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def against_the_parser(home: Path) -> dict[str, float]:
    """Everything bb does for a manifest against only parsing it with ruamel's C loader."""
    fronts = [p.read_text().split("---\n")[1] for p in sorted(home.glob("*/*.md"))]

    def parse() -> None:
        for text in fronts:
            CSafeLoader(text).get_single_data()

    ours, theirs = fastest(lambda: load(home)), fastest(parse)
    return {
        "bb_us_per_manifest": round(ours / len(fronts) * 1e6, 1),
        "ruamel_c_us_per_manifest": round(theirs / len(fronts) * 1e6, 1),
        "ratio": round(ours / theirs, 2),
    }


def graphs(work: Path) -> dict[str, Any]:
    """Milliseconds to resolve one agent over chains and fan-ins of growing size."""
    found: dict[str, Any] = {}
    for name, make in (("chain", chain), ("fan_in", fan_in)):
        found[name] = {}
        for size in (50, 100, 200, 400):
            home = make(work / f"{name}{size}", size)
            seconds = fastest(lambda home=home: load_one("a", home))  # type: ignore[misc]
            found[name][str(size)] = round(seconds * 1e3, 2)
    return found


def main() -> int:
    """Run everything and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=9, help="of each whole process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cpu_seconds = processes(work, options.runs)
        results = {
            "command": "python -m benchmarks.manifests",
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "load": round(os.getloadavg()[0], 1),
            },
            "cpu_seconds": cpu_seconds,
            "over_floor": {
                str(n): round(cpu_seconds[f"validate_{n}"]["min"] / cpu_seconds["floor"]["min"], 2)
                for n in SIZES
            },
            "per_manifest": against_the_parser(work / f"home{SIZES[-1]}"),
            "milliseconds_to_resolve": graphs(work),
        }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(RESULTS.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
