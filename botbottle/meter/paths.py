"""Path tables: which path of which provider is which kind of request.

Paths are matched on a normalised form (percent-decoded once, repeated slashes and dots removed),
whatever their letters' case (Azure's servers ignore it), but a miss is never free: an unlisted
POST to a provider's model host is metered as an unknown dialect, so no odd spelling of a path leads
around the meter.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import unquote

from botbottle.meter.call import Dialect, Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One path shape: HTTP methods, a regex over the normalised path, and what it is."""

    methods: frozenset[str]
    path: re.Pattern[str]
    kind: Kind
    dialect: Dialect


def _rule(methods: str, path: str, kind: Kind, dialect: Dialect) -> Rule:
    return Rule(frozenset(methods.split()), re.compile(path, re.IGNORECASE), kind, dialect)


# Prefixes differ per host (/v1, /api/v1, /openai/deployments/x, /backend-api/codex, /anthropic):
# the last segments decide. ``P`` stands for any prefix.
P = r"(?:/.*)?"

ANTHROPIC = (
    _rule("POST", P + r"/messages/count_tokens", Kind.COUNT, Dialect.ANTHROPIC),
    _rule("POST", P + r"/messages/batches", Kind.BATCH_CREATE, Dialect.ANTHROPIC_BATCH),
    _rule(
        "GET", P + r"/messages/batches/[^/]+/results", Kind.BATCH_RESULTS, Dialect.ANTHROPIC_BATCH
    ),
    _rule("POST", P + r"/messages/batches/[^/]+/cancel", Kind.OTHER, Dialect.ANTHROPIC_BATCH),
    _rule("POST", P + r"/messages", Kind.GENERATE, Dialect.ANTHROPIC),
)
OPENAI = (
    _rule("POST", P + r"/chat/completions", Kind.GENERATE, Dialect.OPENAI_CHAT),
    _rule("GET", P + r"/chat/completions/[^/]+", Kind.RETRIEVE, Dialect.OPENAI_CHAT),
    _rule("POST", P + r"/(?:completions|embeddings|images/(?:generations|edits|variations)|audio/"
          r"(?:transcriptions|translations))", Kind.GENERATE, Dialect.OPENAI_CHAT),
    _rule("POST", P + r"/responses/input_tokens", Kind.COUNT, Dialect.OPENAI_RESPONSES),
    _rule("POST", P + r"/responses(?:/compact)?", Kind.GENERATE, Dialect.OPENAI_RESPONSES),
    _rule("GET", P + r"/responses/[^/]+", Kind.RETRIEVE, Dialect.OPENAI_RESPONSES),
    _rule("POST", P + r"/responses/[^/]+/cancel", Kind.RETRIEVE, Dialect.OPENAI_RESPONSES),
    _rule("POST", P + r"/batches", Kind.BATCH_CREATE, Dialect.OPENAI_BATCH),
    _rule("POST", P + r"/batches/[^/]+/cancel", Kind.OTHER, Dialect.OPENAI_BATCH),
    _rule("GET", r"(?!.*/containers/)" + P + r"/files/[^/]+/content", Kind.BATCH_RESULTS,
          Dialect.OPENAI_BATCH),
)  # fmt: skip
_CLAUDE_ON_VERTEX = P + r"/publishers/anthropic/models/"
_GOOGLE = P + r"/v1(?:alpha|beta)"
GEMINI = (
    _rule("POST", _CLAUDE_ON_VERTEX + r"count-tokens:rawPredict", Kind.COUNT, Dialect.ANTHROPIC),
    _rule("POST", _CLAUDE_ON_VERTEX + r"[^/]+:(?:streamR|r)awPredict", Kind.GENERATE,
          Dialect.ANTHROPIC),
    _rule("POST", P + r":(?:streamG|g)enerateContent", Kind.GENERATE, Dialect.GEMINI),
    _rule("POST", P + r":(?:embedContent|batchEmbedContents)", Kind.GENERATE, Dialect.GEMINI),
    _rule("POST", P + r":(?:batchGenerate|asyncBatchEmbed)Content", Kind.BATCH_CREATE,
          Dialect.GEMINI_BATCH),
    _rule("GET", _GOOGLE + r"/batches(?:/[^/:]+)?", Kind.BATCH_RESULTS, Dialect.GEMINI_BATCH),
    _rule("GET", _GOOGLE + r"/files/[^/:]+:download", Kind.BATCH_RESULTS, Dialect.GEMINI_BATCH),
    _rule("POST", _GOOGLE + r"/batches/[^/:]+:cancel", Kind.OTHER, Dialect.GEMINI_BATCH),
    _rule("POST", P + r":countTokens", Kind.COUNT, Dialect.GEMINI),
    _rule("POST", P + r"/interactions", Kind.GENERATE, Dialect.GEMINI_INTERACTIONS),
    _rule("GET", P + r"/interactions/[^/]+", Kind.RETRIEVE, Dialect.GEMINI_INTERACTIONS),
    _rule("POST", r"/v1internal:(?:loadCodeAssist|onboardUser|\w*CodeAssist\w*|recordClientEvent|"
          r"fetchAdminControls|listExperiments|retrieveUserQuota)", Kind.OTHER, Dialect.GEMINI),
)  # fmt: skip
BEDROCK = (
    _rule("POST", r"/model/.+/count-tokens", Kind.COUNT, Dialect.BEDROCK_INVOKE),
    _rule("POST", r"/model/.+/invoke(?:-with-response-stream)?", Kind.GENERATE,
          Dialect.BEDROCK_INVOKE),
    _rule("POST", r"/model/.+/converse(?:-stream)?", Kind.GENERATE, Dialect.BEDROCK_CONVERSE),
)  # fmt: skip
OLLAMA = (
    _rule("POST", r"/api/(?:chat|generate|embed|embeddings)", Kind.GENERATE, Dialect.OLLAMA),
    _rule("POST", r"/api/(?:show|pull|push|create|copy|delete)", Kind.OTHER, Dialect.OLLAMA),
)
# POSTs on a provider's host that are known to spend no tokens. None on a model: Google's methods
# are suffixes of its name. Making a cache costs what is put into it.
FREE = re.compile(
    r"/(?:v1/(?:files|uploads|moderations|vector_stores|conversations|organizations?|oauth|skills|"
    r"containers|traces)(?:/.*)?|v1beta/files(?:/.*)?|v1beta/cachedContents/[^/:]+"
    r"|upload/v1beta/files|api/v1/(?:keys|credits|auth)(?:/.*)?)"
)
# POSTs that are answered at once while a model goes on to work, and whose cost nobody tells here:
# runs of assistants, managed sessions, Codex's tasks in the cloud, evaluations, tuning, batches of
# Vertex.
JOBS = re.compile(
    r"(?:/.*)?/(?:threads(?:/[^/]+)?/runs(?:/.*)?|sessions/[^/]+/events|wham/tasks(?:/.*)?"
    r"|evals/[^/]+/runs|fine_tuning/jobs|batchPredictionJobs)",
    re.IGNORECASE,
)
RULES = (*ANTHROPIC, *OPENAI, *GEMINI, *BEDROCK, *OLLAMA)

# Model names hold colons and slashes (Bedrock versions and profile ARNs, Vertex @ versions).
_MODEL = (
    re.compile(
        r"^/model/(?P<model>.+)/(?:invoke[\w-]*|converse[\w-]*|count-tokens)$", re.IGNORECASE
    ),
    re.compile(r"/models/(?P<model>[^/]+):\w+$", re.IGNORECASE),
    re.compile(r"/deployments/(?P<model>[^/]+)/", re.IGNORECASE),
)
# Spellings that a front end may read differently from us; such a path is never taken for free.
ODD = re.compile(r"%[0-9a-f]{2}|[;\\\x00-\x1f]", re.IGNORECASE)


def normalise(path: str) -> str:
    """Path without query, percent-decoded once, without empty or dot segments or end slash."""
    path = unquote(path.partition("?")[0].partition("#")[0])
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean if clean.startswith("/") else "/"


def dotted(path: str) -> bool:
    """Whether a path as it was sent has dot segments: servers differ in what they make of them."""
    segments = unquote(path.partition("?")[0].partition("#")[0]).split("/")
    return not {".", ".."}.isdisjoint(segments)


def last_but(path: str, end: str) -> str:
    """What a path has before its last segment ``end``, back to the slash before; '' where it ends
    otherwise. ``:`` in front of ``end`` cuts it off the segment itself."""
    head, _, last = path.rpartition("/")
    if end.startswith(":"):
        return last[: -len(end)] if last.lower().endswith(end) else ""
    return head.rpartition("/")[2] if last.lower() == end else ""


def find_rule(method: str, path: str, rules: tuple[Rule, ...] = RULES) -> Rule | None:
    """First rule for a normalised path; rules are tried in the order of their tables."""
    return next((r for r in rules if method in r.methods and r.path.fullmatch(path)), None)


def model_in(path: str) -> str:
    """Model (or Azure deployment, Bedrock model or profile ARN) that a path names, or ''."""
    found = next((m for m in (shape.search(path) for shape in _MODEL) if m), None)
    return found["model"] if found else ""


def retrieved(path: str) -> str:
    """Id of the response that a path of kind ``RETRIEVE`` names."""
    return last_but(path, "cancel") or path.rpartition("/")[2]
