"""What has a name of our pattern and no owner is shown only to those who ask for it."""

from __future__ import annotations

import secrets

from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import VolumeSpec
from tests.support.engines import Lab


def test_lookalikes_are_shown_when_asked_for_and_only_then(lab: Lab) -> None:
    tail = secrets.token_hex(4)
    agent, volume = f"bb-web-{tail}-agent", f"bb-web-{tail}-home"
    container = lab.engine.create_container(lab.spec(), agent, ())
    network = lab.network()
    lab.engine.create_volume(VolumeSpec(volume, "web"), ())
    try:
        plain = lab.engine.observe(lab.home)
        asked = lab.engine.observe(lab.home, lookalikes=True)
        assert not plain.containers and not plain.volumes
        assert container in [c.id for c in asked.containers]
        assert volume in [v.name for v in asked.volumes]
        assert network.name not in [n.name for n in asked.networks]
    finally:
        lab.engine.remove_container(Ref(agent, container), kill=True)
        lab.engine.remove_volume(volume)


def test_what_another_home_owns_is_no_lookalike(lab: Lab) -> None:
    tail = secrets.token_hex(4)
    name = f"bb-web-{tail}-agent"
    marks = ((labels.HOME, "another"), (labels.KIND, "agent"))
    container = lab.engine.create_container(lab.spec(), name, marks)
    try:
        seen = lab.engine.observe(lab.home, lookalikes=True)
        assert container not in [c.id for c in seen.containers]
        named = lab.engine.observe(lab.home, names=[name])
        assert [c.id for c in named.containers] == [container]
    finally:
        lab.engine.remove_container(Ref(name, container), kill=True)


def test_a_volume_of_somebody_else_with_a_wanted_name_is_shown(lab: Lab) -> None:
    name = lab.name("taken")
    lab.engine.create_volume(VolumeSpec(name, "web"), ())
    try:
        assert not lab.engine.observe(lab.home).volumes
        (found,) = lab.engine.observe(lab.home, names=[name]).volumes
        assert found.name == name and labels.HOME not in found.labels
    finally:
        lab.engine.remove_volume(name)
