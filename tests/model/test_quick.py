"""The quick encoder writes what the canonical one does, for everything that is given to it."""

from __future__ import annotations

import types
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import asdict

from botbottle.model import canonical, plan
from botbottle.model.bottle import Resources, Scope
from botbottle.model.plan.digest import digest_of
from botbottle.model.resources import ContainerSpec, NetworkSpec
from botbottle.model.sidecar_config import SidecarConfig

TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # surrogates, too
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(),
    bool: st.booleans(),
    type(None): st.none(),
}
WITH_FLOATS = (plan.AwaitReady,)  # these go the canonical way
OPS = tuple(kind for kind in plan.Op.__value__.__args__ if kind not in WITH_FLOATS)
# Whatever botbottle gives to ``canonical.quick`` is one of these or made of their parts.
CALLERS = (NetworkSpec, ContainerSpec, SidecarConfig, Scope, *OPS)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the quick encoder may see. Raises TypeError on every other type,
    floats among them: the proof that there is no room for one."""
    if hint in LEAVES:
        return LEAVES[hint]
    if isinstance(hint, typing.TypeAliasType):
        return values(hint.__value__)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return st.builds(hint, **{k: values(v) for k, v in typing.get_type_hints(hint).items()})
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(values(a) for a in arguments))
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(a) for a in arguments))
    raise TypeError(f"{hint} is written in another form, or may be")


@pytest.mark.parametrize("kind", CALLERS, ids=lambda kind: kind.__name__)
def test_every_record_that_takes_the_quick_way_has_the_canonical_text(kind: type[Struct]) -> None:
    @given(values(kind))
    def same(record: Struct) -> None:
        assert canonical.quick(record) == canonical.canonical(record)
        assert canonical.quick(asdict(record)) == canonical.canonical(record)

    same()


PLAIN = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_so_has_plain_data(value: object) -> None:
    assert canonical.quick(value) == canonical.canonical(value)


@given(st.lists(st.floats(1e-4, 1e15) | st.floats(-1e15, -1e-4)))
def test_a_float_of_ordinary_size_in_the_wrong_place_would_do_no_harm(found: list[float]) -> None:
    assert canonical.quick(found) == canonical.canonical(found)


@pytest.mark.parametrize("value", [1e16, 1e-5, float("nan"), float("inf")])
def test_others_would_so_no_record_with_a_float_may_take_that_way(value: float) -> None:
    op = plan.AwaitReady(
        id="a", resource="r", bottle="b", reason="r", ref=plan.Ref("x"), control="", seconds=value
    )
    for kind in (*WITH_FLOATS, Resources, object):
        with pytest.raises(TypeError, match="another form"):
            values(kind)
    if value > 1e20 or value != value:
        with pytest.raises(ValueError, match="Out of range"):
            digest_of("p", (op,))
    else:
        assert canonical.quick(value) != canonical.canonical(value)


def test_what_is_not_data_is_refused() -> None:
    for value in (object(), {1, object()}):
        with pytest.raises(TypeError):
            canonical.quick(value)
