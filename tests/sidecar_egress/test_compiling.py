"""A configuration is compiled beside the streams and becomes active in one step."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import Hold, SidecarConfig
from botbottle.sidecar.egress import compiling
from botbottle.sidecar.egress.control import Control
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.rig import EXAMPLE
from tests.sidecar_egress.waiting import Wait

ANOTHER = "another-secret-value-0123"


class Slow:
    """Compiling that takes as long as a test wants."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.begun, self.free = threading.Event(), threading.Event()
        self.made = 0
        self.failure: Exception | None = None

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.begun.set()
        assert self.free.wait(30)
        self.made += 1
        if self.failure is not None:
            raise self.failure
        return self._real(*given, **named)


@pytest.fixture
def slow(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(compiling.compile_active)
    monkeypatch.setattr(compiling, "compile_active", made)
    yield made
    made.free.set()


def route(inside: Inside) -> Route:
    return Route(EXAMPLE, inside.world.tls_port, Auth("Bearer", "T"), allow_private=True)


def another(inside: Inside) -> Route:
    """One that does not allow what ``route`` does."""
    return Route("other.example.com", inside.world.tls_port, Auth("Bearer", "T"))


def begin(inside: Inside, *routes: Route, secret: str = SECRET) -> Any:
    """A delivery that is on its way; ``result`` waits for it."""
    pem = inside.world.authority.pem.decode()
    config = SidecarConfig("b", routes, upstream_ca=pem)
    work = inside.sidecar.configure(config, {"T": secret}, b"k")
    return asyncio.run_coroutine_threadsafe(work, inside._loop)


def fingerprint(inside: Inside) -> Any:
    return inside.sidecar.pulse()["config_hash"], inside.sidecar.pulse()["secrets"]


def test_requests_go_on_under_the_old_one_until_the_new_one_is_there(
    inside: Inside, slow: Slow
) -> None:
    before = fingerprint(inside)
    delivery = begin(inside, another(inside))
    assert slow.begun.wait(30)
    assert inside.get() == 404, "the upstream's own answer: the old routes hold"
    assert fingerprint(inside) == before
    slow.free.set()
    delivery.result(30)
    assert fingerprint(inside) != before
    assert inside.get() == 403, "no route any more"


def test_one_that_fails_changes_nothing(inside: Inside, slow: Slow) -> None:
    before = fingerprint(inside)
    slow.failure = ValueError("no")
    slow.free.set()
    with pytest.raises(ValueError, match="no"):
        begin(inside, another(inside)).result(30)
    assert (inside.get(), fingerprint(inside)) == (404, before)
    slow.failure = None
    begin(inside, another(inside)).result(30)
    assert inside.get() == 403


def test_they_become_active_in_the_order_in_which_they_came(inside: Inside, slow: Slow) -> None:
    first, second = begin(inside, another(inside)), begin(inside, route(inside), secret=ANOTHER)
    assert slow.begun.wait(30)
    slow.free.set()
    second.result(30)
    assert first.done() and slow.made == 2
    assert inside.sidecar.active is not None
    assert inside.sidecar.active.secrets == {"T": ANOTHER}


def test_a_cut_that_comes_meanwhile_is_not_undone(inside: Inside, slow: Slow) -> None:
    deliveries = begin(inside, route(inside)), begin(inside, route(inside), secret=ANOTHER)
    assert slow.begun.wait(30)

    async def cut() -> None:
        inside.sidecar.cut_off(Hold("cutoff", "operator", "now"))

    inside.call(cut())
    assert inside.get() == 403
    slow.free.set()
    for each in deliveries:
        assert each.result(30).config.hold.policy == "cutoff"
    assert inside.get() == 403
    inside.deliver(route(inside), secrets={"T": SECRET})  # a later one is the operator's will
    assert inside.get() == 404


@pytest.mark.parametrize("room", [0, 100_000], ids=["parsed", "read"])
def test_nor_is_one_that_comes_before_the_delivery_is_understood(inside: Inside, room: int) -> None:
    """A large one is read aside, and each is parsed aside, before anything is compiled."""
    wait, control, compiler = Wait(), Control(inside.sidecar), inside.sidecar.compiler
    compiler.aside = wait.before(compiler.aside)
    config = SidecarConfig("b", (route(inside),), upstream_ca=inside.world.authority.pem.decode())
    asked = {"op": "configure", "config": config.to_wire(), "secrets": {}, "hmac_key": "6b"}
    line = json.dumps(asked | {"room": " " * room}).encode()
    delivery = asyncio.run_coroutine_threadsafe(control.answer(line), inside._loop)
    assert wait.begun.wait(30)
    assert inside.call(control.answer(b'{"op":"cut"}'))["ok"]
    wait.over.set()
    assert delivery.result(30)["ok"]
    assert held(inside) == "cutoff"
    assert inside.call(control.answer(line))["ok"]  # a later one is the operator's will
    assert held(inside) == ""


def held(inside: Inside) -> str:
    assert inside.sidecar.active is not None
    return inside.sidecar.active.config.hold.policy


def test_tokens_of_a_login_that_is_renewed_meanwhile_are_not_forgotten(
    inside: Inside, slow: Slow
) -> None:
    delivery = begin(inside, route(inside), secret=ANOTHER)
    assert slow.begun.wait(30)

    async def renewed() -> None:
        inside.sidecar._renewals += 1  # what a renewal does; it compiles by itself as well

    inside.call(renewed())
    slow.free.set()
    delivery.result(30)
    assert slow.made == 2, "it was compiled again with what is there now"


def test_routes_that_did_not_change_are_not_compiled_again(inside: Inside) -> None:
    before = inside.sidecar.active
    inside.deliver(route(inside), secrets={"T": SECRET})
    middle = inside.sidecar.active
    inside.deliver(route(inside), secrets={"T": ANOTHER})
    after = inside.sidecar.active
    assert before is not None and middle is not None and after is not None
    assert before.index is not middle.index
    assert middle.index is after.index
