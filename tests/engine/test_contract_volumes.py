"""What every engine promises about volumes and files, in memory and on the real one."""

from __future__ import annotations

import pytest

from botbottle.engine.errors import NotFound
from botbottle.errors import Conflict, EngineError
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Mount, VolumeSpec
from tests.engine.contract import NOBODY, files, put, tar_of, with_volumes
from tests.support.engines import Lab


def test_a_volume_is_made_once_and_a_strangers_volume_is_never_taken_over(lab: Lab) -> None:
    spec = VolumeSpec(lab.name("home"), "web")
    assert lab.engine.create_volume(spec, lab.labels("volume")) == spec.name
    assert lab.engine.create_volume(spec, lab.labels("volume")) == spec.name
    (found,) = lab.engine.observe(lab.home).volumes
    assert (found.name, found.labels[labels.HOME]) == (spec.name, lab.home)
    with pytest.raises(Conflict):
        lab.engine.create_volume(spec, ((labels.HOME, "somebody"),))


def test_a_volume_in_use_stays(lab: Lab) -> None:
    volume = VolumeSpec(lab.name("home"), "web")
    lab.engine.create_volume(volume, lab.labels("volume"))
    ref = lab.run(lab.spec(mounts=(Mount("volume", "/home/agent", volume.name),)))
    with pytest.raises(Conflict):
        lab.engine.remove_volume(volume.name)
    lab.engine.remove_container(ref, kill=True)
    lab.engine.remove_volume(volume.name)
    assert lab.engine.observe(lab.home).volumes == ()


def test_files_go_into_a_volume_before_the_first_start_and_never_into_a_read_only_root(
    lab: Lab,
) -> None:
    spec = lab.spec(mounts=(Mount("volume", "/home/agent", lab.name("home")),))
    lab.engine.create_volume(VolumeSpec(lab.name("home"), "web"), lab.labels("volume"))
    ref = Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))
    lab.engine.put_archive(ref, "/home/agent", tar_of("prompt.md", b"hello"))
    with pytest.raises(EngineError):
        lab.engine.put_archive(ref, "/", tar_of("prompt.md", b"hello"))


def test_a_volume_that_nobody_made_is_made_with_the_container_and_is_not_ours(lab: Lab) -> None:
    lab.run(lab.spec(mounts=(Mount("volume", "/home/agent", lab.name("auto")),)))
    assert lab.engine.observe(lab.home).volumes == ()
    with pytest.raises(Conflict):
        lab.engine.create_volume(VolumeSpec(lab.name("auto"), "web"), lab.labels("volume"))
    lab.engine.remove_container(Ref(lab.name("agent")), kill=True)
    lab.engine.remove_volume(lab.name("auto"))


def test_a_volume_is_read_from_a_container_that_does_not_run_and_only_below_its_path(
    lab: Lab,
) -> None:
    ref = with_volumes(lab, "old")
    put(lab, ref, "/data/home", "own", b"mine")
    put(lab, ref, "/data/work", "notes", b"thought")
    assert files(lab.engine.archive(ref, "/data/home")) == {"home/own": b"mine"}
    with pytest.raises(NotFound):
        list(lab.engine.archive(NOBODY, "/data/home"))
