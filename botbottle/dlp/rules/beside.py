"""Values that stand beside the name of a secret in other forms than an assignment.

Declarations with a type, the second choice of an expression, pairs of a name and a value, columns
and words after a blank, colours, sentences. As with ``generic``: a name and the look of the value
are all there is, so no hit is more than `supervise`. Each form has an expression of its own for
the engine, with something seldom in it: names like "key" alone are everywhere.
"""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import re
from collections.abc import Iterator

from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.generic import KEY, NAMED, Q, assigned, has_value
from botbottle.dlp.rules.model import Context, Judge, Rule, token

VALUE = r"[A-Za-z0-9_\-+/=.~]{16}"
_WHOLE = r"([A-Za-z0-9_\-+/=.~]{16,200})"
_WORDS = ("secret", "token", "key", "auth", "pass", "pwd", "cred", "bearer", "salt")
_SOURCE = "Languages and formats of configuration: where a name's value stands"
_BLANK = r"(?:[ \t]|\\{1,3}t|,)"  # a comma: lists of names and values
_COLOUR = r"(?:\x1b|\\{1,3}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,20}[mK]"
# In a sentence: "the API key VALUE", "API_TOKEN - VALUE", "set API_TOKEN to VALUE".
_SPOKEN = r"(?i:api|access|secret|auth|private|webhook) (?i:key|token|secret)"
_SAID = r"(?:(?:is|was|to):?|--?|\xe2\x80[\x93\x94]|\\{1,3}u201[34])"
_GAP = r"[\s\\nrt]{0,12}"
_TAG = rf"</?\w{{1,8}}>{_GAP}"
# The end of a type, or of what an accessor is declared with.
_TYPE = r"(?:str|[tT]ring|any|ytes|Str|None|str\]|[tT]ring\]|t; \}) = "
_OPEN = r"\\*[\"'\x60]"
PAIR = (
    r"(?:value|Value)\\*[\"']?[:= >] {0,3}(?:\\*[\"'])?",
    r"(?:content|body|value =)[= ]\\*[\"']",
    r"<string>",
)
_COMMIT = re.compile(rb"[0-9a-f]{40}")
_PACKAGE = re.compile(rb"[a-z]-(?:token|auth|key|secret|credentials?)\W")
# An expression each: one for all of them takes the pass 0.05 ms/MB.
_CONSTANTS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASS")
_ENDING = r"(?:KEY|TOKEN|SECRET|PASSWORD|[_.\-](?:key|token|secret|password)|[a-z](?:Key|Token|Secret|Password))"


def paired(lead: bytes, value: bytes) -> Verdict | None:
    """As for an assignment, but the name has to say more than "key": pairs of keys and values are
    in every document."""
    return assigned(lead, value) if NAMED.search(lead) else None


def spoken(lead: bytes, value: bytes) -> Verdict | None:
    """Behind words, a commit beside the name of a package is its version."""
    return None if _COMMIT.fullmatch(value) and _PACKAGE.search(lead) else paired(lead, value)


def _form(
    rule_id: str,
    pattern: str,
    anchor: str,
    *also: str,
    before: int = 200,
    judge: Judge = paired,
) -> Rule:
    """``anchor``, ``also``: what stands in front of the value, as the engine looks for it."""
    return token(
        rule_id, pattern + _WHOLE, *_WORDS, anchor=anchor + VALUE,
        also=tuple(one + VALUE for one in also), glance=has_value, before=before, after=220,
        source=_SOURCE, verdict=Verdict.SUPERVISE, judge=judge, placeholders=False,
    )  # fmt: skip


def _choices() -> Iterator[str]:
    for name in _CONSTANTS:
        yield rf"{name}\\*[\"']?[)\]]? (?:\|\||\?\?|or) {_OPEN}"
        yield rf"{name}:-"


RULES: tuple[Rule | Context, ...] = (
    _form("generic.declared", rf"{KEY}(?:[^\n\\;,=]{{0,60}}?{_TYPE}|\s?\{{ get; (?:init|set); \}} = ){_OPEN}", _TYPE + _OPEN),
    _form("generic.choice", rf"{KEY}(?:{Q})?[\])}}]?(?: (?:\|\||\?\?|or) {_OPEN}|:-)", *_choices()),
    _form("generic.pair", rf"{KEY}(?:{Q})?[^}}]{{0,100}}?(?:{'|'.join(PAIR)})", *PAIR, before=300),
    _form("generic.column", rf"{KEY}{_BLANK}{{1,8}}", rf"{_ENDING}{_BLANK}{{1,8}}", rf"{_SPOKEN}{_BLANK}{{1,8}}"),
    _form("generic.colour", rf"{KEY}(?:{Q})?(?:{_COLOUR}){{0,2}}\s{{0,2}}[=:]\s{{0,2}}(?:{_COLOUR}){{1,2}}(?:{Q})?", rf"[=:] ?{_COLOUR}(?:\\*[\"'])?"),
    _form("generic.sentence", rf"{KEY}[*\x60\"']{{0,3}} {_SAID} [*\x60\"']{{0,2}}", rf"(?:key|oken|ecret|assword|phrase|KEY|TOKEN|SECRET|PASSWORD)[*\x60\"']{{0,3}} {_SAID} [*\x60\"']{{0,2}}", judge=spoken),
    _form("generic.element", rf"{KEY}>\{{(?:[\w.\-]{{1,30}} ){{0,2}}", r"(?:ey|oken|ecret|assword|phrase)>\{(?:[\w.\-]{1,30} ){0,2}"),
    _form("generic.cell", rf"{KEY}(?:{_TAG}){{1,3}}", rf"</t[dh]>{_GAP}<t[dh]>(?:<code>)?", judge=spoken),
)  # fmt: skip
