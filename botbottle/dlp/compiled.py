"""The rule database: compiled once per content hash, shared by every scanner of a process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botbottle.dlp.engines.base import Buffer, Candidates, Expression, Matcher
from botbottle.dlp.rules import Context, Rule, catalogue
from botbottle.dlp.ruleset import RuleSet

try:
    from botbottle.dlp.engines import hs
except ImportError:  # pragma: no cover - platforms without the wheel
    hs = None  # type: ignore[assignment]

AUTO, HYPERSCAN, FALLBACK = "auto", "hyperscan", "fallback"


def matcher(expressions: Iterable[Expression], engine: str = AUTO) -> Matcher:
    """Compile with the wanted engine; ``auto`` takes hyperscan when it can be imported."""
    if engine == FALLBACK or (engine == AUTO and hs is None):
        # Imported here: an install with hyperscan (the sidecar image) has no ahocorasick-rs.
        from botbottle.dlp.engines.fallback import FallbackMatcher

        return FallbackMatcher(expressions)
    if hs is None:
        raise ImportError("hyperscan is not installed")
    return hs.build(expressions)


class Together:
    """Two matchers as one; the second's indices follow the first's. One that depends on no secret
    is compiled once: of the 28 ms for a changed secret that was 25, and the second pass costs a
    small surface a microsecond."""

    def __init__(self, first: Matcher, size: int, second: Matcher) -> None:
        self._first, self._size, self._second = first, size, second

    def find(self, surface: Buffer, limit: int) -> Candidates:
        """All candidate ends, those of the first in front of those of the second."""
        hits, overflow = self._first.find(surface, limit)
        more, beyond = self._second.find(surface, limit)
        if more:
            hits = [*hits, *((self._size + index, end) for index, end in more)]
        return Candidates(hits, overflow or beyond)


def engine_name() -> str:
    """The engine that ``auto`` stands for here."""
    return FALLBACK if hs is None else HYPERSCAN


class CompiledRules:
    """A rule set with its compiled matcher. Immutable and thread-safe."""

    def __init__(self, ruleset: RuleSet, compiled: Matcher) -> None:
        self.ruleset = ruleset
        self.matcher = compiled

    @classmethod
    def build(
        cls,
        rules: Iterable[Rule | Context] | None = None,
        *,
        engine: str = AUTO,
        cache: Path | None = None,
    ) -> CompiledRules:
        """Compile ``rules`` (default: the catalogue), or load them from the directory ``cache``.

        A cached database is named after the hash of the expressions and the engine's version and
        carries its own hash, so a stale or damaged file is compiled anew, never used.
        """
        ruleset = RuleSet(catalogue() if rules is None else rules)
        if cache is None or engine == FALLBACK or hs is None:
            return cls(ruleset, matcher(ruleset.expressions, engine))
        path = cache / f"rules-{ruleset.digest}-{hs.VERSION}.hsdb"
        return cls(ruleset, _cached(path) or _compile_into(path, ruleset))


def _cached(path: Path) -> Matcher | None:
    try:
        blob = path.read_bytes()
    except OSError:
        return None
    database = blob[32:]
    if hashlib.sha256(database).digest() != blob[:32]:
        return None
    try:
        return hs.load(database)
    except hs.Error:
        return None


def _compile_into(path: Path, ruleset: RuleSet) -> Matcher:
    compiled = hs.build(ruleset.expressions)
    blob: Any = compiled.dump()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
        temporary.replace(path)
    except OSError:  # the cache is an optimisation; scanning goes on
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return compiled


_default: CompiledRules | None = None
_default_lock = threading.Lock()


def default_rules() -> CompiledRules:
    """The catalogue, compiled on first use in this process.

    ``BB_DLP_CACHE`` names a cache directory, as the sidecar image prepares one.
    """
    global _default
    with _default_lock:
        if _default is None:
            where = os.environ.get("BB_DLP_CACHE")
            _default = CompiledRules.build(cache=Path(where) if where else None)
        return _default
