"""Data loss prevention as a library: bytes in, findings out.

::

    from botbottle.dlp import Scanner, OUTBOUND
    scanner = Scanner({"GITHUB_TOKEN": b"..."}, key=b"...")
    findings = scanner.scan_request(url, headers, body, content_type, content_encoding)

Verdicts say what a finding asks for: ``BLOCK`` (known secrets, CR/LF injection, bodies that
cannot be looked into), ``TOKEN`` (an anchored token: the route's ``outbound_on_match`` decides),
``SUPERVISE`` (an operator decides), ``WARN`` (logged). Nothing here imports a proxy or an
engine for containers, and nothing returned contains the matched text.
"""

from __future__ import annotations

from botbottle.dlp.allow import Allowed, Allowlist
from botbottle.dlp.compiled import CompiledRules, default_rules, engine_name
from botbottle.dlp.cutting import Redacted
from botbottle.dlp.findings import LEFT_OUT, Finding, Verdict, fingerprint, strongest
from botbottle.dlp.injection_stream import InjectionStream
from botbottle.dlp.known.cache import VariantCache
from botbottle.dlp.known.fragments import FragmentMemory
from botbottle.dlp.leaves import nothing_kept, signed
from botbottle.dlp.redact import CannotRedact, RedactResult, redact
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import (
    ENTROPY,
    INBOUND,
    INBOUND_ALL,
    INJECTION_HEURISTICS,
    KNOWN_SECRETS,
    NAIVE_INJECTION,
    OUTBOUND,
    OUTBOUND_ALL,
    TOKEN_PATTERNS,
    Limits,
)
from botbottle.dlp.stream import StreamScanner

__all__ = [
    "ENTROPY",
    "INBOUND",
    "INBOUND_ALL",
    "INJECTION_HEURISTICS",
    "KNOWN_SECRETS",
    "LEFT_OUT",
    "NAIVE_INJECTION",
    "OUTBOUND",
    "OUTBOUND_ALL",
    "TOKEN_PATTERNS",
    "Allowed",
    "Allowlist",
    "CannotRedact",
    "CompiledRules",
    "Finding",
    "FragmentMemory",
    "InjectionStream",
    "Limits",
    "RedactResult",
    "Redacted",
    "Scanner",
    "StreamScanner",
    "VariantCache",
    "Verdict",
    "default_rules",
    "engine_name",
    "fingerprint",
    "nothing_kept",
    "redact",
    "signed",
    "strongest",
]
