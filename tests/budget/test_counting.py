"""Counting: budgets count the classes that settings name, output always, nothing twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.budget import counting
from botbottle.model.bottle import Settings
from botbottle.model.usage import Tokens

COUNT = st.integers(0, 10**6)
TOKENS = st.builds(Tokens, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)


def test_everything_counts_by_default():
    assert counting.counted_classes(Settings()) == counting.CLASSES
    assert counting.counted(Tokens(1, 2, 4, 8, 16, 16), ()) == 31


def test_cache_reads_can_be_left_out():
    classes = counting.counted_classes(Settings(count_cache_read=False))
    assert counting.counted(Tokens(1, 2, 4, 8, 16), classes) == 29


def test_both_cache_write_classes_are_left_out_together():
    classes = counting.counted_classes(Settings(count_cache_write=False))
    assert counting.counted(Tokens(1, 2, 4, 8, 16), classes) == 19


def test_output_counts_even_when_nothing_else_does():
    settings = Settings(count_cache_read=False, count_cache_write=False, count_input=False)
    assert counting.counted(Tokens(1, 2, 4, 8, 16), counting.counted_classes(settings)) == 16
    assert counting.counted(Tokens(output=5), ("cache_read",)) == 5


def test_an_unknown_class_is_refused_not_ignored():
    with pytest.raises(ValueError, match="unknown token classes"):
        counting.counted(Tokens(), ("input",))


@given(TOKENS, TOKENS, st.sets(st.sampled_from(counting.CLASSES)))
def test_counting_is_additive_so_sums_can_be_kept(a, b, classes):
    names = tuple(classes)
    assert counting.counted(a + b, names) == counting.counted(a, names) + counting.counted(b, names)


@given(TOKENS)
def test_reasoning_is_never_counted_beside_output(tokens):
    assert counting.counted(tokens, ()) == tokens.total_input + tokens.output
