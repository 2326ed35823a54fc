"""Telling random values from names made of words, whatever the language of the program.

Neighbouring letters of English words, identifiers and abbreviations come from few pairs: the 170
below are 88 % of all pairs in source code, but only a quarter of the pairs in a random string.
"""

from __future__ import annotations

from operator import add
from string import ascii_lowercase

_TEXT = (
    "abacadaialamanaparasatavaybeblbucacechcickclcoctcudadddedidodseaecedeeefegelemeneperesetevex"
    "fafefffifofrgeghgnhahehihohrhtiaibicidieifigiliminioirisitivkelaldlelilllolsltlulymamemimomp"
    "nancndnengninonsntnuocodofolomonoooporosotouovowpapeplpoppprptpuqurarerirmrnrorrrsrtrurysase"
    "shsisospssstsutatethtitotrtstttutyubueulumunupurusutvaveviwawixc"
)
_PAIRS = frozenset(_TEXT[i : i + 2] for i in range(0, len(_TEXT), 2))
_LETTERS = frozenset(a + b for a in ascii_lowercase for b in ascii_lowercase)
_SHARE = 0.52  # of pairs; 1 % of random strings of 32 characters have more
_LEAST = 5  # fewer pairs say nothing


def wordlike(value: bytes, share: float = _SHARE) -> bool:
    """True when more than ``share`` of the pairs of letters in ``value`` are of words."""
    text = value.decode("latin-1").lower()
    pairs = list(map(add, text, text[1:]))
    letters = sum(map(_LETTERS.__contains__, pairs))
    return letters >= _LEAST and sum(map(_PAIRS.__contains__, pairs)) > share * letters
