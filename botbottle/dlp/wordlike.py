"""Telling random values from names made of words, whatever the language of the program.

Neighbouring letters of English words, identifiers and abbreviations come from few pairs: the 170
below are 88 % of all pairs in source code, but only a quarter of the pairs in a random string.
"""

from __future__ import annotations

_PAIRS = frozenset(
    b"ab ac ad ai al am an ap ar as at av ay be bl bu ca ce ch ci ck cl co ct cu da dd de di do ds "
    b"ea ec ed ee ef eg el em en ep er es et ev ex fa fe ff fi fo fr ge gh gn ha he hi ho hr ht ia "
    b"ib ic id ie if ig il im in io ir is it iv ke la ld le li ll lo ls lt lu ly ma me mi mo mp na "
    b"nc nd ne ng ni no ns nt nu oc od of ol om on oo op or os ot ou ov ow pa pe pl po pp pr pt pu "
    b"qu ra re ri rm rn ro rr rs rt ru ry sa se sh si so sp ss st su ta te th ti to tr ts tt tu ty "
    b"ub ue ul um un up ur us ut va ve vi wa wi xc".split()
)
_SHARE = 0.52  # of pairs; 1 % of random strings of 32 characters have more
_LEAST = 5  # fewer pairs say nothing


def wordlike(value: bytes) -> bool:
    """True when most neighbouring letters of ``value`` are pairs that words are made of."""
    lower = value.lower()
    pairs = [lower[i : i + 2] for i in range(len(lower) - 1) if lower[i : i + 2].isalpha()]
    return len(pairs) >= _LEAST and sum(p in _PAIRS for p in pairs) > _SHARE * len(pairs)
