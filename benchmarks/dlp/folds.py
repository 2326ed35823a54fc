"""How much of the injection lists' recall is luck with the attacks they were written for.

The phrases were written with the public attacks in view, so their recall there says little. Here a
phrase has to earn its place on other attacks than those it is judged by: it is kept when it fires
on at least ``LEAST`` attacks and on at most ``MOST`` of the clean files of the *training* part, and
the kept ones are judged on the rest. Once with five random folds, once with each source of attacks
left out in turn, which is nearer to attacks that nobody here has seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.dlp.corpora import clean_files, rows
from botbottle.dlp.compiled import matcher
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.injection import EVENTS, normalise
from botbottle.dlp.phrases import DISCLOSURE, HEURISTICS, JAILBREAK

FOLDS = 5
LEAST = 2  # attacks of the training part
MOST = 0.005  # of the clean files of the training part

type Fired = frozenset[int]
type Split = Callable[[int], bool]

PHRASES = (*DISCLOSURE, *JAILBREAK, *HEURISTICS)


def run(corpora: Path, limit: int) -> dict[str, Any]:
    """Per cent of attacks and of clean files with any phrase, judged on unseen parts."""
    attacks = rows(corpora / "injection_dev.jsonl.gz")
    bad = _fired(row["text"].encode() for row in attacks)
    good = _fired(data for _, data in clean_files(limit))
    sources = [str(row["source"]) for row in attacks]
    rng = random.Random(4)
    fold = [rng.randrange(FOLDS) for _ in range(max(len(bad), len(good)))]
    splits: dict[str, tuple[Split, Split]] = {
        f"fold {n}": (partial(_is, fold, n), partial(_is, fold, n)) for n in range(FOLDS)
    }
    for source in dict.fromkeys(sources):
        splits[f"without {source}"] = (partial(_is, sources, source), partial(_is, fold, 0))
    return {
        "phrases": len(PHRASES),
        "all_phrases_all_texts": _judged(frozenset(range(len(PHRASES))), bad, good),
        **{name: _one(bad, good, *held_out) for name, held_out in splits.items()},
    }


def _is(values: Sequence[object], wanted: object, number: int) -> bool:
    return values[number] == wanted


def _one(
    bad: Sequence[Fired], good: Sequence[Fired], attack_out: Split, clean_out: Split
) -> dict[str, float]:
    """Choose on what is not held out, judge on what is."""
    kept = chosen(
        [f for i, f in enumerate(bad) if not attack_out(i)],
        [f for i, f in enumerate(good) if not clean_out(i)],
    )
    return {"kept": len(kept)} | _judged(
        kept,
        [f for i, f in enumerate(bad) if attack_out(i)],
        [f for i, f in enumerate(good) if clean_out(i)],
    )


def chosen(bad: Sequence[Fired], good: Sequence[Fired]) -> Fired:
    """The phrases that fire often enough on attacks and seldom enough on clean files."""
    return frozenset(
        number
        for number in range(len(PHRASES))
        if sum(number in fired for fired in bad) >= LEAST
        and sum(number in fired for fired in good) <= MOST * len(good)
    )


def _judged(kept: Fired, bad: Sequence[Fired], good: Sequence[Fired]) -> dict[str, float]:
    return {
        name: round(100 * sum(bool(kept & fired) for fired in texts) / max(1, len(texts)), 2)
        for name, texts in (("attacks", bad), ("clean_files", good))
    }


def _fired(texts: Iterator[bytes]) -> list[Fired]:
    engine = matcher([Expression(phrase.encode(), caseless=True) for phrase in PHRASES])
    return [frozenset(n for n, _ in engine.find(normalise(text), EVENTS).hits) for text in texts]
