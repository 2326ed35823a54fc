"""What is active in the egress sidecars that run, as they tell it themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec.structs import replace

from botbottle.control.api import ControlRead
from botbottle.model import labels
from botbottle.model.paths import HomePaths
from botbottle.model.resources import Observed, ObservedContainer, SidecarStatus
from botbottle.model.sidecar_config import fingerprint

AGENT = "@agent"  # see executor.deliver: the start that kept values were delivered to

type Running = tuple[ObservedContainer, SidecarStatus]


def statuses(
    control: ControlRead,
    paths: HomePaths,
    observed: Observed,
    asking: Collection[str],
    key: Callable[[], bytes],
) -> dict[str, SidecarStatus | None]:
    """Container id → what is active in it, of every running egress sidecar of this home; of the
    bottles in ``asking`` with fingerprints, by the ``key``, of the values kept for their agents."""
    running = [
        c
        for c in observed.containers
        if c.labels.get(labels.KIND) == "egress"
        and c.labels.get(labels.HOME) == paths.home_id
        and c.state == "running"
    ]
    answers = control.statuses([_control_dir(paths, c.labels) for c in running])
    found = dict(zip((c.id for c in running), answers, strict=True))
    keeping = [
        (c, s)
        for c in running
        if (s := found[c.id]) is not None and c.labels.get(labels.BOTTLE, "") in asking
    ]
    return found | _marked(control, paths, keeping, key)


def _marked(
    control: ControlRead, paths: HomePaths, keeping: Sequence[Running], key: Callable[[], bytes]
) -> dict[str, SidecarStatus]:
    """Statuses with fingerprints of the values that the sidecars keep for their agents."""
    kept = control.kept_env([_control_dir(paths, c.labels) for c, _ in keeping])
    marked = {}
    for (found, status), values in zip(keeping, kept, strict=True):
        named, secret = sorted(values.items()), key()
        marks = tuple((n, fingerprint(secret, v)) for n, v in named if n != AGENT)
        marked[found.id] = replace(status, env=marks, env_agent=values.get(AGENT, ""))
    return marked


def _control_dir(paths: HomePaths, found: Mapping[str, str]) -> str:
    return paths.bottle(found.get(labels.PROJECT, ""), found.get(labels.BOTTLE, "")).control
