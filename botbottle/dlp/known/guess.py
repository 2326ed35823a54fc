"""What stands in other texts too: guessable words, and names of accounts.

Whenever it is in doubt whether a text is one, it is none: then it is a secret and looked for.
"""

from __future__ import annotations

import re

from botbottle.dlp.checks import mixed
from botbottle.dlp.entropy import shannon
from botbottle.dlp.wordlike import wordlike

WEAK_BITS = 28.0  # below this, a guess is as likely as a leak
SHORT = 8

_STRETCH = re.compile(rb"[A-Za-z]+")
_WORD = re.compile(rb"[a-z]+|[A-Z]+|[A-Z][a-z]+")
_LOWER = re.compile(rb"[A-Z]?[a-z]+")
_DIGIT = re.compile(rb"[0-9]")
_NAME = re.compile(rb"[A-Za-z][\w+.\-]{0,39}")
_MAIL = re.compile(rb"[A-Za-z][\w+.\-]{0,63}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}")
_PIECE = re.compile(rb"[A-Za-z0-9]{16,}")
_TOKEN = re.compile(rb"[A-Za-z0-9+/=_\-.~]{16,}")
_SURE = 0.6  # of pairs of letters; one of a thousand random texts of 20 letters has more
_HALF = 0.49  # of the pairs of one word
_FEW = 4  # digits in a name: hexadecimal keys have more


def weak(text: bytes) -> bool:
    """True for values so short or plain that windows of them would match ordinary text."""
    word = text.isalpha() and text.islower() and len(text) < 2 * SHORT
    return len(text) < SHORT or word or shannon(text) * len(text) < WEAK_BITS


def guessable(text: bytes) -> bool:
    """True for a weak value, and for one or two words with a digit or a sign."""
    return weak(text) or (len(text) < 2 * SHORT and words(text))


def words(text: bytes) -> bool:
    """Made of words, each written as words are; few random values look like that."""
    stretches = _STRETCH.findall(text)
    return all(map(_is_word, stretches)) and wordlike(text, _SURE)


def _is_word(stretch: bytes) -> bool:
    usual = len(stretch) == 1 or wordlike(b" ".join([stretch] * 5), _HALF)
    return usual and _WORD.fullmatch(stretch) is not None


def common(text: bytes) -> bool:
    """Of a weak or guessable value: it is a word with digits, and not a few random letters."""
    return words(text + b" " + text) or not mixed(text)  # twice, for few pairs say nothing


def named(user: bytes) -> bool:
    """Surely the name of an account: keys stand in its place, too."""
    if _MAIL.fullmatch(user):
        return not random(user.partition(b"@")[0])
    letters = _STRETCH.findall(user)
    lower = all(map(_LOWER.fullmatch, letters)) and _NAME.fullmatch(user) is not None
    return lower and len(_DIGIT.findall(user)) <= _FEW and wordlike(user, _SURE)


def random(text: bytes) -> bool:
    """Whether a part of it looks like a key: an address may have one in it."""
    pieces = [text, *_PIECE.findall(text)]
    return any(_TOKEN.fullmatch(each) and mixed(each) and not wordlike(each) for each in pieces)
