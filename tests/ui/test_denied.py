"""People read where a refused request went, with the port that a route would have to name."""

from __future__ import annotations

from typing import Any

import pytest

from botbottle.ui.denied import place, port


@pytest.mark.parametrize(
    ("given", "shown"),
    [({"port": 8443}, "GET a.example:8443/x"), ({"port": 80}, "GET a.example:80/x"),
     ({"port": 443}, "GET a.example/x"), ({"port": 0}, "GET a.example/x"),
     ({}, "GET a.example/x")],
)  # fmt: skip
def test_the_port_is_shown_unless_it_is_that_of_https(given: dict[str, Any], shown: str) -> None:
    assert place({"method": "GET", "host": "a.example", "path": "/x", **given}) == shown


@pytest.mark.parametrize("odd", [None, True, "22", -1, 65536, 1.5])
def test_what_is_no_port_is_none(odd: object) -> None:
    assert port({"port": odd}) == 443
