"""The YAML reader: the core schema, positions, and hostile input refused at once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from botbottle.load.fault import Fault
from botbottle.load.yamltree import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: -7", -7),
        ("a: 0x1F", 31),
        ("a: 0o17", 15),
        ("a: 1.5", 1.5),
        ("a: 1e3", 1000.0),
        ("a: true", True),
        ("a: FALSE", False),
        ("a: ~", None),
        ("a:", None),
        ("a: yes", "yes"),
        ("a: no", "no"),
        ("a: on", "on"),
        ("a: 2024-01-01", "2024-01-01"),
        ("a: 1_000", "1_000"),
        ("a: .inf", ".inf"),
        ("a: 12:30:45", "12:30:45"),
        ('a: "1"', "1"),
        ("a: 'true'", "true"),
        ("a: |\n  x\n  y", "x\ny"),
        ("a: " + "9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = parse(text).data["a"]
    assert found == value
    assert type(found) is type(value)


def test_every_node_knows_its_place() -> None:
    tree = parse("a:\n  - b: 1\n    c: [x, y]\n", 10)
    assert tree.place(("a", 0, "c")).line == 12
    assert tree.place(("a", 0, "c")).column == 8
    assert tree.place(("a", 0, "c")).key_column == 5
    assert tree.place(("a", 0, "c", 1)).column == 12


def test_a_path_that_does_not_exist_has_the_place_of_its_nearest_ancestor() -> None:
    tree = parse("a:\n  b: 1\n")
    assert tree.place(("a", "nope", 3)) == tree.place(("a",))
    assert tree.place(("nope",)).line == 1


def test_aliases_are_the_same_value() -> None:
    assert parse("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


def test_all_duplicates_are_reported() -> None:
    faults = parse("a: 1\na: 2\nb: {c: 1, c: 2}\n").faults
    assert [(f.code, f.line) for f in faults] == [("BB2012", 2), ("BB2012", 3)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 100_000, "BB2013"),
        ("- " * 100_000, "BB2013"),
        ("? " * 100_000, "BB2017"),
        ("{a: " * 50_000, "BB2013"),
        ("".join(" " * i + "a:\n" for i in range(600)), "BB2013"),
        ("\n".join(f"k{i}: 1" for i in range(30_000)), "BB2014"),
        ("a: \0", "BB2011"),
        ("!" * 100_000, "BB2015"),
        ("&" * 100_000, "BB2011"),
        ("%" * 100_000, "BB2011"),
        ("*" * 100_000, "BB2011"),
        (":" * 100_000, "BB2011"),
        ('"' + "x" * 200_000, "BB2011"),
    ],
)
def test_hostile_text_is_refused_quickly(text: str, code: str) -> None:
    start = time.process_time()
    with pytest.raises(Fault) as caught:
        parse(text)
    assert caught.value.code == code
    assert time.process_time() - start < 1.0


def test_the_limit_counts_what_aliases_expand_to_and_lets_small_sharing_pass() -> None:
    levels = [f"k{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else 'x'] * 10)}]" for i in range(6)]
    assert parse("\n".join(levels[:3])).data["k2"][9][9][9] == "x"
    with pytest.raises(Fault, match="aliases expand") as caught:
        parse("\n".join(levels))
    assert caught.value.code == "BB2014"


_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text("abc xyz:-#'\"é\n", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcé", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_plain)
def test_what_ruamel_writes_is_read_back(data: object) -> None:
    import io

    stream = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False  # libyaml's flow style is YAML 1.1: {a: :b} is none of it
    writer.dump({"root": data}, stream)
    tree = parse(stream.getvalue())
    assert tree.data == {"root": data}
    assert tree.faults == []


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#?~ \n\t0.<=\u2028\ufeff\0é"), max_size=60))
def test_arbitrary_text_is_data_or_a_positioned_fault(text: str) -> None:
    try:
        tree = parse(text, 5)
    except Fault as fault:
        assert fault.code.startswith("BB20")
        assert fault.line >= 5
        assert fault.column >= 1
        assert fault.message
    else:
        assert all(f.line >= 5 for f in tree.faults)


def test_flat_files_refuse_what_front_matter_allows() -> None:
    for text in ("a: &x 1\n", "a: |\n  x\n"):
        assert parse(text).data
        with pytest.raises(Fault) as caught:
            parse(text, flat=True)
        assert caught.value.code == "BB2015"
