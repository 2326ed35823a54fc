"""Carries out a plan: a graph of ops, each one engine, control or ledger call."""

from botbottle.executor.api import (
    Clock,
    Control,
    Failure,
    Images,
    LedgerWrite,
    NotStarted,
    Result,
)
from botbottle.executor.run import SystemClock, execute
from botbottle.executor.taking import only_taking, taking

__all__ = [
    "Clock",
    "Control",
    "Failure",
    "Images",
    "LedgerWrite",
    "NotStarted",
    "Result",
    "SystemClock",
    "execute",
    "only_taking",
    "taking",
]
