"""What a type checker or dataclasses would hold, and msgspec leaves to us."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

import botbottle
from botbottle.model.bottle import BottleSpec, Settings
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import Plan
from botbottle.providers.login import Login

PACKAGE = Path(botbottle.__file__).parent
WRITTEN = {"egress": (Origin("web.md", 3),)}


def records(under: type[Struct] = Struct) -> Iterator[type[Struct]]:
    """Every record of botbottle that has been imported."""
    for kind in under.__subclasses__():
        if kind.__module__.startswith("botbottle."):
            yield kind
        yield from records(kind)


def known_to_replace(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.ImportFrom) and n.module == "msgspec.structs" for n in tree.body)


def given_to_replace(tree: ast.Module) -> set[str]:
    """Every name given to a call of msgspec's ``replace``."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
    mine = (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "replace")
    return {k.arg for c in mine for k in c.keywords if k.arg}


def declared_in(tree: ast.Module) -> set[str]:
    """Every field of every class."""
    bodies = (c.body for c in ast.walk(tree) if isinstance(c, ast.ClassDef))
    lines = (line for body in bodies for line in body if isinstance(line, ast.AnnAssign))
    return {line.target.id for line in lines if isinstance(line.target, ast.Name)}


def misnamed(tree: ast.Module, fields: set[str]) -> set[str]:
    return given_to_replace(tree) - fields if known_to_replace(tree) else set()


def test_what_is_replaced_is_a_field() -> None:
    """mypy knows dataclasses.replace and checks its arguments; msgspec's takes any."""
    trees = {str(f): ast.parse(f.read_text()) for f in sorted(PACKAGE.rglob("*.py"))}
    fields = {name for tree in trees.values() for name in declared_in(tree)}
    assert sum(bool(given_to_replace(t)) for t in trees.values() if known_to_replace(t)) > 10
    assert not {p: found for p, tree in trees.items() if (found := misnamed(tree, fields))}
    wrong = ast.parse("from msgspec.structs import replace\nreplace(plan, opps=())")
    assert misnamed(wrong, fields) == {"opps"}


def test_records_of_the_model_and_of_providers_never_change() -> None:
    found = [k for k in records() if k.__module__.startswith(("botbottle.model", "botbottle.prov"))]
    assert len(found) > 60 and Plan in found and Login in found
    assert not [k for k in found if not k.__struct_config__.frozen]
    with pytest.raises(AttributeError):
        Plan("p").ops = ()  # type: ignore[misc]


def bottle(**fields: object) -> BottleSpec:
    base = BottleSpec(name="web", agent="web", project="p", layer="home", ancestry=("base",))
    return replace(base, **fields)


@pytest.mark.parametrize("made", [bottle(), Settings()], ids=["bottle", "settings"])
def test_where_something_was_written_does_not_make_it_another(made: BottleSpec | Settings) -> None:
    moved = replace(made, origins=WRITTEN)
    assert moved == made and hash(moved) == hash(made)
    changed = replace(made, shutdown="kill")
    assert changed != made and hash(changed) != hash(made)
    assert made != 1 and bottle() != Settings()
