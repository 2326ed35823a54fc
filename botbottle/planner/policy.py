"""Policy that gets weaker, and credentials that are given: what an edit of a manifest asks for.

BB302 weaker leak detection, BB303 supervision off, BB304 another use of a home bottle by a
project, BB305 learning mode, BB307 the operator's own login, BB308 a variable of the host, BB309
another authority whose certificates are trusted, BB310 a host that is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from botbottle.model import labels
from botbottle.model.plan import Notice
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.approved import compared, copies, use_of
from botbottle.planner.draft import Draft
from botbottle.planner.reach import LEARNING, undetected, weakened_dlp
from botbottle.planner.wanted import Wanted, chosen

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def policy(draft: Draft, want: Wanted) -> Iterable[Notice]:
    """All of them, for one bottle. One that is stopped, removed or cut off, whether by its
    manifest, an order or a budget, gets nothing of its policy: no approval of that must hold it
    up. Only an agent that is made anew gets what its bottle gives."""
    name = want.spec.name
    if want.mode != "running" or not draft.ops_of(name):
        return
    kept = next((c for c in draft.mine(name, "egress") if c.state == "running"), None)
    status = draft.observed.sidecars.get(kept.id) if kept else None
    old = status.config if status else None
    # A held sidecar has no routes; of one that does not run, what was approved last counts as well.
    live = old if old is not None and not old.hold.policy else None
    before = compared(live, draft.facts.guards.get(name))
    if want.standing.free or not draft.mine(name, "agent"):
        yield from _used(draft, want)
    if not want.standing.free:
        return
    if before is not None:
        yield from _weakened(name, before, want.config)
    yield from _unprotected(name, before, want.config)
    counting = old or draft.facts.guards.get(name)  # also a held one tells what it counts
    yield from _uncounted(name, counting, want.config)
    yield from _trusting(name, old, want.config)
    if want.spec.forward_host_credentials and not _forwarded_before(draft, want, old):
        _, credential, _ = chosen(want.spec)
        part = "access token" if credential.scheme == "oauth" else "API key"
        text = f"this machine's own {want.spec.template} login (its {part}) is forwarded"
        yield Notice("BB307", name, f"new credential: {text}", "widen")
    known = draft.facts.approved.get(name, frozenset())
    for atom, text in copies(want.spec).items():
        if atom not in known:
            told = (
                f"{text}: whatever runs in it can read the value, and send it wherever it reaches"
            )
            yield Notice("BB308", name, told, "widen")
    if want.spec.learning:
        text = "learning mode lets unlisted hosts through"
        yield Notice("BB305", name, text, "" if LEARNING in known else "widen")


def _used(draft: Draft, want: Wanted) -> Iterable[Notice]:
    """A project's agent has all that its home bottles give: variables, credentials, routes. So
    which they are is approved, and that the agent file is the project's and not one of home."""
    name, spec = want.spec.name, want.spec
    known, now = draft.facts.uses.get(name), use_of(spec)
    there = (*draft.mine(name, "agent"), *draft.mine(name, "egress"))
    chain = ",".join(spec.ancestry)  # as containers tell it where no generation does
    same = known == now or (
        known is None and there and all(c.labels.get(labels.SOURCE) == chain for c in there)
    )
    if spec.layer != "project" or same:
        return
    bottles = ", ".join(map(repr, spec.own or spec.ancestry[:1]))
    before = f" (approved: {known})" if known else ""
    text = f"the project's agent uses the home bottle {bottles}{before}"
    yield Notice("BB304", name, text, "widen")


def _unprotected(name: str, before: SidecarConfig | None, now: SidecarConfig) -> Iterable[Notice]:
    """Hosts that are new and get less leak detection than a host gets by itself."""
    known = {(r.host, r.port) for r in before.routes} if before else set()
    fresh = (r for r in now.routes if (r.host, r.port) not in known)
    for host, lacking in sorted({(r.host, lack) for r in fresh if (lack := undetected(r.dlp))}):
        yield Notice("BB302", name, f"{host} is reached without {', '.join(lacking)}", "widen")


def _uncounted(name: str, before: SidecarConfig | None, now: SidecarConfig) -> Iterable[Notice]:
    """Hosts whose tokens no budget, or another one, counts from now on. Settings can also take one
    from the budget that it spends by itself."""
    if before is None or before.metered == now.metered:
        return
    from botbottle.meter.hosts import provider_of

    was, counted = dict(before.metered), dict(now.metered)
    for host in {**was, **counted}:
        key = provider_of(host, was)
        if key and provider_of(host, counted) != key and _routed(host, now):
            text = f"tokens of {host} are not counted for {key} any more"
            yield Notice("BB310", name, text, "budget")


def _trusting(name: str, before: SidecarConfig | None, now: SidecarConfig) -> Iterable[Notice]:
    """Who holds the key of such an authority can pass for every host, and read its credential."""
    if before is not None and not _authorities(now) <= _authorities(before):
        text = "certificates of another authority (egress_ca) are trusted for every host"
        yield Notice("BB309", name, text, "widen")


def _authorities(config: SidecarConfig) -> set[str]:
    """Its further certificates, each without regard to how its lines are broken."""
    return {"".join(found.split()) for found in _CERTIFICATE.findall(config.upstream_ca)}


def _routed(host: str, config: SidecarConfig) -> bool:
    return any(
        r.host == host or (r.host.startswith("*.") and host.endswith(r.host[1:]))
        for r in config.routes
    )


def _weakened(name: str, before: SidecarConfig, now: SidecarConfig) -> Iterable[Notice]:
    for host in weakened_dlp(before, now):
        yield Notice("BB302", name, f"weakens leak detection for {host}", "widen")
    if before.supervise and not now.supervise:
        yield Notice("BB303", name, "switches supervision off", "widen")


def _forwarded_before(draft: Draft, want: Wanted, old: SidecarConfig | None) -> bool:
    """Whether the bottle uses that login already, or was approved to."""
    _, _, secret = chosen(want.spec)
    approved = draft.facts.approved.get(want.spec.name, frozenset())
    held = old is not None and secret in old.secret_names
    return held or any(f" with {secret} " in atom for atom in approved)
