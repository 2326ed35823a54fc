"""The pure planner alone: CPU seconds and growth from 1,000 to 10,000 bottles. No engine needed.

    python -m benchmarks.planner

``floor``: making every op of the create plan once more, field by field, and nothing else; on a
busy machine only the ratios to it mean anything. ``create``: nothing exists yet. ``no-op``:
everything exists and runs. ``destroy``: everything goes. ``digest`` is what an approval is bound
to. The least of ``RUNS`` runs, in this process, with Python's own settings of the collector:
neighbours on a shared machine only add.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from benchmarks.frame import write
from benchmarks.planner.worlds import FACTS, declared, finished
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan.digest import digest_of
from botbottle.model.resources import Observed
from botbottle.planner.plan import plan

SIZES = (1_000, 4_000, 10_000)
RUNS = 3


def main() -> None:
    rows = [figures(size) for size in SIZES]
    first, last = rows[0], rows[-1]
    times = last["bottles"] / first["bottles"]
    names = [name for name in first if name.endswith("_s")]
    growth = {name: round(last[name] / first[name] / times, 2) for name in names}
    ratios = {name: round(last[name] / last["floor_s"], 2) for name in names}
    write(
        "planner",
        "python -m benchmarks.planner",
        {"sizes": rows, "growth_per_bottle": growth, "times_the_floor": ratios},
    )


def figures(size: int) -> dict[str, Any]:
    """CPU seconds of each kind of plan for ``size`` bottles."""
    want = declared(size)
    made = plan(want, Observed(), LedgerView(), FACTS)
    observed, view = finished(made)
    gone = replace(FACTS, destroy=True)
    assert plan(want, observed, view, FACTS).empty
    return {
        "bottles": size,
        "ops": len(made.ops),
        "floor_s": best(lambda: [replace(op) for op in made.ops]),
        "create_s": best(lambda: plan(want, Observed(), LedgerView(), FACTS)),
        "no_op_s": best(lambda: plan(want, observed, view, FACTS)),
        "destroy_s": best(lambda: plan(want, observed, view, gone)),
        "digest_s": best(lambda: digest_of(made.project, made.ops)),
    }


def best(work: Callable[[], object]) -> float:
    """Least CPU seconds of ``RUNS`` runs."""
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return round(min(taken), 3)


if __name__ == "__main__":
    main()
