"""Recall on the labelled corpora in three wrappings; false alarms on clean files."""

from __future__ import annotations

import collections
import time
from typing import Any

from benchmarks.dlp import folds
from benchmarks.dlp.corpora import FORMS, SETS, clean_files, folder, forms, rows
from botbottle.dlp import INBOUND_ALL, Limits, Scanner, Verdict
from botbottle.dlp.scanner import inbound

_ACTING = (Verdict.BLOCK, Verdict.TOKEN, Verdict.SUPERVISE)


def scanner() -> Scanner:
    """Rules only, with time enough for a busy machine."""
    return Scanner({}, key=b"benchmark", limits=Limits(seconds=30.0))


def recall(name: str, scan: Scanner) -> dict[str, Any]:
    """Share of true positives (per cent) with any finding, and with one above ``warn``."""
    where = folder()
    assert where is not None
    wanted = [
        row["text"] for row in rows(where / f"secrets_{name}.jsonl.gz") if row["kind"] == "tp"
    ]
    found, acting = [0] * 3, [0] * 3
    for text in wanted:
        for index, form in enumerate(forms(text)):
            hits = scan.scan(form)
            found[index] += bool(hits)
            acting[index] += any(hit.verdict in _ACTING for hit in hits)
    share = 100 / len(wanted)
    return {
        "rows": len(wanted),
        "any": {form: round(n * share, 2) for form, n in zip(FORMS, found, strict=True)},
        "above_warn": {form: round(n * share, 2) for form, n in zip(FORMS, acting, strict=True)},
    }


def false_alarms(scan: Scanner, limit: int) -> dict[str, Any]:
    """Findings by verdict and rule on clean files, and per megabyte."""
    size = files = 0
    verdicts: collections.Counter[str] = collections.Counter()
    rules: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()
    for _, data in clean_files(limit):
        size += len(data)
        files += 1
        for hit in scan.scan(data):
            verdicts[hit.verdict.value] += 1
            if hit.verdict in _ACTING:
                rules[f"{hit.verdict.value} {hit.rule}"] += 1
    megabytes = size / 1e6
    return {
        "files": files,
        "megabytes": round(megabytes, 1),
        "by_verdict": dict(verdicts),
        "per_megabyte": {v: round(n / megabytes, 4) for v, n in verdicts.items()},
        "acting_rules": dict(rules.most_common()),
        "megabytes_per_second": round(megabytes / (time.perf_counter() - started), 1),
    }


def injection(limit: int) -> dict[str, Any]:
    """Attacks and clean files by outcome, for the pair rule and with the wider heuristics."""
    where = folder()
    assert where is not None
    attacks = [row["text"].encode() for row in rows(where / "injection_dev.jsonl.gz")]
    clean = [data for _, data in clean_files(limit)]
    return {
        "attacks": _outcomes(attacks),
        "clean_files": _outcomes(clean),
    }


def _outcomes(texts: list[bytes]) -> dict[str, Any]:
    counts = {"naive": collections.Counter[str](), "with_heuristics": collections.Counter[str]()}
    for text in texts:
        for name, detectors in (
            ("naive", frozenset({"naive_injection_detection"})),
            ("with_heuristics", INBOUND_ALL),
        ):
            hits = inbound(text, b"k", detectors)
            counts[name][hits[0].verdict.value if hits else "nothing"] += 1
    share = 100 / max(1, len(texts))
    percent = {n: {k: round(v * share, 2) for k, v in c.items()} for n, c in counts.items()}
    return {"texts": len(texts), "percent": percent}


def run(quick: bool) -> dict[str, Any]:
    """Everything here."""
    scan = scanner()
    limit = 10_000_000 if quick else 120_000_000
    result: dict[str, Any] = {"false_alarms": false_alarms(scan, limit)}
    where = folder()
    if where is not None:
        result["recall"] = {name: recall(name, scan) for name in SETS}
        result["injection"] = injection(min(limit, 30_000_000))
        result["injection_unseen"] = folds.run(where, min(limit, 30_000_000))
    return result
