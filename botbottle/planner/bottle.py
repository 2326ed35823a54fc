"""One bottle: its ops in an order that is safe after any prefix.

The order, and why: images and account first (a bottle never starts without its budget in the
ledger); the internal network; the egress sidecar up and answering, so that the agent's CA and
gate exist before the agent; a tightening config before anything starts; the old agent stops
before the full config is active (an old copy never sees wider egress than it was started
under); the full config before the new agent starts. A held bottle is kept as it lives: nothing of
it is replaced, and it gets no other configuration than its own, cut off.
"""

from __future__ import annotations

from botbottle.model.plan import Notice
from botbottle.planner.agent import plan_agent
from botbottle.planner.container import plan_container
from botbottle.planner.draft import Draft
from botbottle.planner.images import plan_images
from botbottle.planner.network import NetworkPlan, plan_network
from botbottle.planner.sidecar import cut_off, secrets_known, wake
from botbottle.planner.waiting import as_it_lives, outer_networks, recipes, survivor
from botbottle.planner.wanted import Wanted, image_recipe


def readable(draft: Draft, want: Wanted) -> bool:
    """Whether it is known which image is wanted; one that is held stays what it is."""
    why = draft.facts.unreadable.get(image_recipe(want.spec), "")
    if not why or (not want.standing.free and survivor(draft, want, "agent") is not None):
        return True
    draft.notices.append(Notice("BB802", want.spec.name, why))
    return False


def plan_present(
    draft: Draft, want: Wanted, shared: dict[str, NetworkPlan], before: tuple[str, ...]
) -> None:
    """Plan a bottle that should run. ``shared`` are the networks of the home, ``before`` the
    ops (ledger service, account) that must be done before anything of it starts."""
    name, want = want.spec.name, as_it_lives(draft, want)
    if not readable(draft, want):
        cut_off(draft, want, survivor(draft, want, "egress"))
        return
    images = plan_images(draft, recipes(draft, want))
    network = plan_network(draft, want.network, want.spec.project, f"{name}/internal")
    networks = {**outer_networks(draft, want), **shared, want.network.name: network}
    egress = plan_container(
        draft,
        want.egress,
        want.spec.project,
        resource=f"{name}/egress",
        found=draft.mine(name, "egress"),
        networks=networks,
        create_after=(*images, *before),
        directories=_directories(want),
        files=((want.paths.system_bundle, 0o644),),
        source=",".join(want.spec.ancestry),
        held=not want.standing.free,
    )
    blocked = network.blocked or egress.blocked or any(n.blocked for n in shared.values())
    if blocked or not secrets_known(draft, want, egress):
        cut_off(draft, want, egress.kept)
        return
    awake = wake(draft, want, egress, before)
    plan_agent(draft, want, networks, (*images, *awake), egress, before)


def _directories(want: Wanted) -> tuple[tuple[str, int], ...]:
    p = want.paths
    return ((p.socket_dir, 0o755), (p.control, 0o700), (p.ca, 0o700), (p.public, 0o755))
