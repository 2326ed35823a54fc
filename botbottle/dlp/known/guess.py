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
_ORDER = b"0123456789abcdefghijklmnopqrstuvwxyz90 9abcdef0 qwertyuiop asdfghjkl zxcvbnm 9876543210"
_ORDERED = 0.85  # of pairs; equal signs are no pair of these, and say little in any case
# What people take for passwords first, with signs for letters and what is put behind.
_FIRST = frozenset(
    b"password passwd pass admin administrator root letmein welcome changeme secret qwerty test "
    b"guest user postgres default iloveyou monkey dragon master login example".split()
)
_LEET, _TAIL = bytes.maketrans(b"0134@$", b"oleaas"), b"0123456789!?.#*%-_"
_COMMON = re.compile(rb"[A-Za-z]{5,}(?:[\-_.][A-Za-z]{4,})?[0-9]{0,4}[!?.#*%]{0,2}")
_SERVICE = re.compile(rb"([A-Za-z][A-Za-z0-9.\-]{0,60}):[0-9]{1,5}")
_FEW = 4  # digits in a name: hexadecimal keys have more


def weak(text: bytes) -> bool:
    """True for values so short or plain that windows of them would match ordinary text."""
    word = text.isalpha() and text.islower() and len(text) < 2 * SHORT
    return len(text) < SHORT or word or shannon(text) * len(text) < WEAK_BITS


def everyday(text: bytes) -> bool:
    """Surely in texts that have nothing to do with it: signs in their order, as alphabets are
    written; a word with digits; a service and its port."""
    service = _SERVICE.fullmatch(text)
    if service and (named(service[1]) or words(service[1] + b" " + service[1])):
        return True
    if _ordered(text.lower()) or text.lower().rstrip(_TAIL).translate(_LEET) in _FIRST:
        return True
    return len(text) < 2 * SHORT and bool(_COMMON.fullmatch(text)) and words(text + b" " + text)


def _ordered(text: bytes) -> bool:
    steps = [text[at : at + 2] in _ORDER for at in range(len(text) - 1)]
    return sum(steps) > _ORDERED * len(steps)


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
