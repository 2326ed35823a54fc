"""YAML 1.2 core schema to plain data with positions, in one pass over libyaml's events.

libyaml's own composer recurses in C and dies on deep nesting; reading events keeps depth,
alias expansion and node count under our limits, costs less than composing nodes and building
data, and leaves a position for every key and value.
Source: YAML 1.2.2, section 10.3 (core schema); tags and merge keys are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from _ruamel_yaml import CParser  # type: ignore[import-not-found]  # no stubs
from msgspec import Struct, field
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from botbottle.load.fault import Fault
from botbottle.load.limits import MAX_DEPTH, MAX_NODES
from botbottle.load.yamlscalar import scalar
from botbottle.load.yamlwords import plain_words

type Path = Sequence[str | int]


class Place(Struct, frozen=True):
    """Where a value starts and, inside a mapping, where its key starts (else the value again).

    Lines and columns count from 1 in the whole file.
    """

    line: int
    column: int
    key_line: int
    key_column: int


class Tree(Struct):
    """Plain data (dict, list, str, int, float, bool, None) and the place of every node."""

    data: Any = None
    root: Place = Place(1, 1, 1, 1)
    faults: list[Fault] = field(default_factory=list)
    _places: dict[int, dict[str | int, tuple[int, int, int, int]]] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """The place of the node at ``path``, or of its nearest existing ancestor."""
        node, found = self.data, self.root
        for step in path:
            raw = self._places.get(id(node), {}).get(step)
            if raw is None:
                return found
            found = Place(*raw)
            node = node[step]
        return found


def parse(text: str, first_line: int = 1, *, flat: bool = False) -> Tree:
    """Parse one YAML document whose first line is ``first_line`` of its file.

    ``flat`` also refuses anchors and block scalars. Duplicate keys are collected in
    ``Tree.faults``; everything else that is wrong raises Fault.
    """
    return _Reader(text, first_line, flat).document()


class _Parser(CParser):  # type: ignore[misc]
    """Tags are resolved by us, so libyaml's resolver hooks do nothing."""

    def resolve(self, *_: object) -> str:
        return ""

    def descend_resolver(self, *_: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


class _Reader:
    def __init__(self, text: str, first_line: int, flat: bool) -> None:
        self.text = text
        self.offset = first_line
        self.flat = flat
        self.tree = Tree()
        self.places = self.tree._places
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        try:
            self.next = _Parser(text).get_event
        except YAMLError as error:
            raise self.syntax(error) from error

    def document(self) -> Tree:
        try:
            self.next()
            event = self.next()
            if type(event) is StreamEndEvent:
                self.tree.data = None
                return self.tree
            event = self.next()
            line, column = self.at(event)
            self.tree.root = Place(line, column, line, column)
            self.tree.data = self.value(event, 1)
            self.next()
            if type(event := self.next()) is not StreamEndEvent:
                raise self.fault("BB2011", "a second YAML document starts here", event)
        except YAMLError as error:
            raise self.syntax(error) from error
        return self.tree

    def value(self, event: Any, depth: int) -> Any:
        """The data of the node that ``event`` opens; consumes events up to its end."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fault("BB2014", f"more than {MAX_NODES} values", event)
        if type(event) is AliasEvent:
            return self.alias(event)
        if event.tag is not None:
            raise self.fault("BB2015", "YAML tags are not used here", event, "quote the text")
        if event.anchor is not None:
            return self.anchored(event, depth)
        return self.bare(event, depth)

    def bare(self, event: Any, depth: int) -> Any:
        if type(event) is ScalarEvent:
            if self.flat and event.style in ("|", ">"):
                raise self.fault(
                    "BB2015", "block scalars are not used here", event, "write the text on one line"
                )
            return scalar(event.value) if not event.style else event.value
        if depth > MAX_DEPTH:
            raise self.fault("BB2013", f"more than {MAX_DEPTH} levels of nesting", event)
        if type(event) is MappingStartEvent:
            return self.mapping(depth)
        return self.sequence(depth)

    def anchored(self, event: Any, depth: int) -> Any:
        if self.flat:
            raise self.fault(
                "BB2015",
                "YAML anchors are not used here",
                event,
                "write the value out where it is needed",
            )
        before = self.nodes
        self.anchors[event.anchor] = None
        value = self.bare(event, depth)
        self.anchors[event.anchor] = (value, self.nodes - before)
        return value

    def alias(self, event: Any) -> Any:
        known = self.anchors.get(event.anchor)
        if known is None:
            what = "contains itself" if event.anchor in self.anchors else "is not defined above"
            raise self.fault("BB2014", f"the alias *{event.anchor} {what}", event)
        self.nodes += known[1]
        if self.nodes > MAX_NODES:
            raise self.fault("BB2014", f"aliases expand to more than {MAX_NODES} values", event)
        return known[0]

    def mapping(self, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        places = self.places[id(data)] = {}
        while type(event := self.next()) is not MappingEndEvent:
            key = self.key(event)
            key_line, key_column = self.at(event)
            event = self.next()
            line, column = self.at(event)
            value = self.value(event, depth + 1)
            if key in data:
                first = places[key][2]
                self.tree.faults.append(
                    Fault(
                        "BB2012",
                        f"the key {key!r} is already set on line {first}",
                        key_line,
                        key_column,
                        "remove one of the two",
                    )
                )
                continue
            data[key] = value
            places[key] = (line, column, key_line, key_column)
        return data

    def key(self, event: Any) -> str:
        if type(event) is not ScalarEvent or event.tag is not None:
            raise self.fault("BB2017", "a key must be plain text", event)
        key = event.value if event.style else scalar(event.value)
        if key == "<<" and not event.style:
            raise self.fault(
                "BB2015", "YAML merge keys are not used here", event, "share settings with extends"
            )
        if not isinstance(key, str):
            raise self.fault(
                "BB2017", f"a key must be text, not {event.value!r}", event, "put it in quotes"
            )
        return key

    def sequence(self, depth: int) -> list[Any]:
        data: list[Any] = []
        places = self.places[id(data)] = {}
        while type(event := self.next()) is not SequenceEndEvent:
            line, column = self.at(event)
            places[len(data)] = (line, column, line, column)
            data.append(self.value(event, depth + 1))
        return data

    def at(self, event: Any) -> tuple[int, int]:
        mark = event.start_mark
        return mark.line + self.offset, mark.column + 1

    def fault(self, code: str, message: str, event: Any, hint: str = "") -> Fault:
        return Fault(code, message, *self.at(event), hint)

    def syntax(self, error: Any) -> Fault:
        """libyaml's complaint in plain words, at the place of the problem."""
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
        marks = ("problem_mark", "context_mark")
        if "end of stream" in problem or "',' or" in problem:  # what is not closed begins there
            marks = ("context_mark", "problem_mark")
        mark = next((m for name in marks if (m := getattr(error, name, None))), None)
        line, column = (mark.line + self.offset, mark.column + 1) if mark else (self.offset, 1)
        lines = self.text.splitlines()
        message, hint = plain_words(
            problem, lines[mark.line] if mark and lines[mark.line :] else ""
        )
        return Fault("BB2011", message, line, column, hint)
