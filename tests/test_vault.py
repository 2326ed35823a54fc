"""Secret values stay in memory and out of sight."""

from __future__ import annotations

import copy
import pickle

import pytest

from botbottle.errors import MissingValue
from botbottle.model.sidecar_config import fingerprint
from botbottle.vault import MemoryVault


def vault() -> MemoryVault:
    return MemoryVault(b"key-bytes", {"TOKEN": "sekret"}, {"web": {"ASKED": "sekret2"}})


def test_values_are_given_by_name_and_bottle() -> None:
    assert vault().secret("TOKEN") == "sekret"
    assert vault().env("web") == {"ASKED": "sekret2"}
    assert vault().env("other") == {}


@pytest.mark.parametrize("held", [{}, {"NAME": ""}])
def test_a_missing_or_empty_credential_is_named(held: dict[str, str]) -> None:
    with pytest.raises(MissingValue, match="NAME"):
        MemoryVault(b"k", held).secret("NAME")


def test_no_representation_shows_a_value_a_name_or_the_key() -> None:
    shown = f"{vault()!r} {vault()} {[vault()]}"
    for hidden in ("sekret", "TOKEN", "ASKED", "key-bytes"):
        assert hidden not in shown


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_cannot_be_serialised_or_copied(leave: object) -> None:
    with pytest.raises(TypeError):
        leave(vault())  # type: ignore[operator]


def test_only_keyed_fingerprints_are_for_show() -> None:
    assert vault().fingerprints() == {"TOKEN": fingerprint(b"key-bytes", "sekret")}


def test_changing_what_was_handed_out_changes_nothing_inside() -> None:
    held = vault()
    dict(held.env("web")).clear()
    taken = held.env("web")
    assert isinstance(taken, dict)
    taken.clear()
    assert held.env("web") == {"ASKED": "sekret2"}
