"""A stray is cut from a network before anything of another bottle starts there."""

from __future__ import annotations

from botbottle.model import labels
from botbottle.model.plan import DisconnectNetwork, StartContainer
from botbottle.model.resources import Endpoint
from tests.support.worlds import World, bottle, declared

WANT = declared(bottle("api"), bottle("web"))


def test_a_start_waits_for_the_cut_of_a_stray_on_its_network() -> None:
    """``web``'s agent sits on ``api``'s network, perhaps under the address of ``api``'s agent."""
    world = World()
    world.converge(WANT)
    agents = {c.labels[labels.BOTTLE]: c for c in world.by_kind("agent")}
    (inner,) = agents["api"].endpoints
    network = next(n for n in world.observed.networks if n.id == inner.network_id)
    world._stop(agents["api"])
    stray = Endpoint(network.id, network.name, inner.address)
    world.set(agents["web"], endpoints=(*agents["web"].endpoints, stray))
    world.endpoint(network, agents["web"].id, True)
    made = world.plan(WANT)
    cut = next(op for op in made.ops if isinstance(op, DisconnectNetwork))
    start = next(op for op in made.ops if isinstance(op, StartContainer))
    assert (cut.bottle, start.bottle) == ("web", "api")
    assert cut.id in start.after and cut.after == ()
    world.run(made.ops)  # the simulator refuses two live copies of one address
    assert world.plan(WANT).empty
