"""What only a real engine can show: hardening from inside, programs, builds, sealed networks."""

from __future__ import annotations

import io
import json
import socket
import tarfile
import threading
import time
from pathlib import Path

import pytest

from botbottle.engine import docker, lookup
from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.errors import EngineError, EngineUnreachable, ImageBuildFailed
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, Limits, Mount, VolumeSpec
from tests.support.engines import Lab

pytestmark = pytest.mark.engine


def sh(lab: Lab, ref: Ref, script: str, stdin: bytes = b"") -> str:
    done = lab.engine.exec(ref, ["/bin/sh", "-c", script], stdin=stdin, timeout=20)
    assert done.exit_code == 0, done.stderr
    return done.stdout.decode()


def test_a_container_has_no_capability_no_way_to_get_one_and_no_root_to_write(real: Lab) -> None:
    ref = real.run(real.spec())
    status = dict(
        line.split(":\t", 1) for line in sh(real, ref, "cat /proc/self/status").splitlines()
        if ":\t" in line
    )  # fmt: skip
    assert {int(status[f"Cap{k}"], 16) for k in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split() == ["1000"] * 4
    assert real.engine.exec(ref, ["/bin/mkdir", "/x"], timeout=5).exit_code != 0
    assert sh(real, ref, "cat /proc/sys/net/ipv4/ping_group_range").split() == ["1", "0"]
    assert "docker-init" in sh(real, ref, "cat /proc/1/cmdline")


def test_an_agents_resolver_answers_nobody(real: Lab) -> None:
    real.engine.create_network(real.network(), real.labels("internal"))
    ref = real.run(real.spec("agent", Attachment(real.name("net"))))
    found = sh(real, ref, "cat /etc/resolv.conf")
    assert "nameserver 127.0.0.11" in found
    assert "attempts:1" in found
    inspected = real.engine.connection.get_json(f"/containers/{ref.id}/json")  # type: ignore[attr-defined]
    assert inspected["HostConfig"]["Dns"] == ["0.0.0.0"]


def test_limits_are_the_kernels_and_taken_away_when_removed(real: Lab) -> None:
    ref = real.run(real.spec(limits=Limits(memory=32 << 20, nano_cpus=500_000_000, pids=9)))
    first = real.engine.container(ref)
    real.engine.update(ref, Limits())
    second = real.engine.container(ref)
    assert first is not None and second is not None
    assert first.limits == Limits(memory=32 << 20, nano_cpus=500_000_000, pids=9)
    assert second.limits == Limits()


def test_a_program_gets_its_input_and_its_end_and_both_outputs_come_back(real: Lab) -> None:
    ref = real.run(real.spec())
    data = bytes(range(256)) * 4000
    done = real.engine.exec(
        ref, ["/bin/sh", "-c", "cat; echo err >&2; exit 7"], stdin=data, timeout=20
    )
    assert (done.exit_code, done.stdout, done.stderr) == (7, data, b"err\n")


def test_input_leaves_no_trace_in_inspect_or_logs(real: Lab) -> None:
    ref = real.run(real.spec())
    sh(real, ref, "cat >/run/bb/env", stdin=b"very-secret-value")
    inspected = real.engine.connection.get_json(f"/containers/{ref.id}/json")  # type: ignore[attr-defined]
    assert "very-secret" not in json.dumps(inspected)
    assert b"very-secret" not in b"".join(real.engine.logs(ref))
    assert sh(real, ref, "cat /run/bb/env") == "very-secret-value"


def test_a_program_that_does_not_end_is_given_up(real: Lab) -> None:
    ref = real.run(real.spec())
    start = time.monotonic()
    with pytest.raises(EngineError, match="timed out"):
        real.engine.exec(ref, ["/bin/sleep", "60"], timeout=1)
    assert time.monotonic() - start < 10


def test_a_program_that_does_not_exist_is_not_a_success(real: Lab) -> None:
    ref = real.run(real.spec())
    try:
        assert real.engine.exec(ref, ["/no/such"], timeout=5).exit_code in (126, 127)
    except EngineError as error:
        assert "no such" in str(error)


def test_copied_files_keep_owner_and_mode_in_a_fresh_volume(real: Lab) -> None:
    real.engine.create_volume(VolumeSpec(real.name("home"), "web"), real.labels("volume"))
    spec = real.spec(mounts=(Mount("volume", "/home/agent", real.name("home")),))
    ref = Ref(spec.name, real.engine.create_container(spec, spec.name, real.labels()))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("prompt.md")
        info.size, info.uid, info.gid, info.mode = 5, 1000, 1000, 0o640
        tar.addfile(info, io.BytesIO(b"hello"))
    real.engine.put_archive(ref, "/home/agent", buffer.getvalue())
    real.engine.start(ref)
    assert sh(real, ref, "cat /home/agent/prompt.md; : >/home/agent/mine") == "hello"
    assert sh(real, ref, "ls -ln /home/agent/prompt.md").split()[:4:2] == ["-rw-r-----", "1000"]


def test_a_bind_whose_source_is_missing_is_refused_and_not_made(real: Lab, tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    spec = real.spec(mounts=(Mount("bind", "/x", str(missing)),))
    with pytest.raises(EngineError, match="bind source path does not exist"):
        real.engine.create_container(spec, spec.name, real.labels())
    assert not missing.exists()


def test_both_outputs_are_in_the_logs_and_following_ends_with_the_container(real: Lab) -> None:
    spec = real.spec(command=("/bin/sh", "-c", "echo out; echo err >&2"))
    ref = real.run(spec)
    found = b"".join(real.engine.logs(ref, follow=True))
    assert sorted(found.split()) == [b"err", b"out"]


def context(dockerfile: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
    return buffer.getvalue()


def test_an_image_is_built_with_labels_arguments_and_progress(real: Lab) -> None:
    tag, lines = f"bbt-{real.home}/built:1", list[str]()
    identity = real.engine.build(
        context(f"FROM {real.image}\nARG X\nENV Y=$X\nRUN true\n"),
        tag=tag,
        labels=real.labels("image"),
        buildargs=(("X", "given"),),
        progress=lines.append,
    )
    assert real.engine.image_id(tag) == identity
    assert any(line.startswith("Step 1/") for line in lines)
    (found,) = real.engine.images(f"{labels.HOME}={real.home}")
    assert found.labels[labels.KIND] == "image"


@pytest.mark.parametrize(
    ("line", "shown"),
    [("RUN echo before; false", "before"), ("RUNN x", "RUNN"), ("FROM bbt-none/x:1", "bbt-none")],
)
def test_a_failed_build_says_why_and_shows_its_last_lines(real: Lab, line: str, shown: str) -> None:
    with pytest.raises(ImageBuildFailed) as caught:
        real.engine.build(
            context(f"FROM {real.image}\n{line}\n"), tag=f"bbt-{real.home}/bad:1", labels=()
        )
    assert shown in str(caught.value)
    assert real.engine.image_id(f"bbt-{real.home}/bad:1") is None


def test_an_imported_image_carries_labels_with_any_text(real: Lab, tmp_path: Path) -> None:
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    text = 'a "quoted" $VAR \\ text'
    tag = f"bbt-{real.home}/imported:1"
    marks = ((labels.HOME, real.home), (labels.SOURCE, text.replace("$VAR", "VAR")))
    real.engine.import_tar(str(path), tag=tag, labels=marks)
    (found,) = real.engine.images(f"{labels.HOME}={real.home}")
    assert found.labels[labels.SOURCE] == 'a "quoted" VAR \\ text'


def test_pulling_what_no_registry_has_is_an_error(real: Lab) -> None:
    with pytest.raises(EngineError, match="connection refused"):
        real.engine.pull("127.0.0.1:1/nothing:1")


def test_an_internal_network_without_the_inhibit_option_is_not_sealed(real: Lab) -> None:
    engine = real.engine
    assert isinstance(engine, docker.DockerEngine)
    name = real.name("loose")
    api = engine.connection.client()
    api.create_network(name, internal=True, labels=dict(real.labels("internal")))
    assert not engine.network_is_sealed(name)


def test_a_bridge_that_got_an_address_anyway_is_not_sealed(
    real: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.engine.create_network(real.network(), real.labels("internal"))
    assert real.engine.network_is_sealed(real.name("net"))
    monkeypatch.setattr(lookup, "bridge_name", lambda _data: "lo-like")
    monkeypatch.setattr(lookup, "_has_address", lambda name: name == "lo-like")
    assert not real.engine.network_is_sealed(real.name("net"))


def reach(real: Lab, network: str, gateway: str) -> str:
    """What a connection from inside to the bridge's own address ends with."""
    ref = real.run(real.spec(f"in-{network}", Attachment(real.name(network))))
    script = f"exec 3<>/dev/tcp/{gateway}/9"
    done = real.engine.exec(ref, ["/bin/bash", "-c", script], timeout=20)
    assert done.exit_code != 0
    return done.stderr.decode()


def test_the_host_answers_on_a_plain_internal_network_and_not_on_a_sealed_one(real: Lab) -> None:
    engine = real.engine
    assert isinstance(engine, docker.DockerEngine)
    pool = {"Config": [{"Subnet": real.network("plain", 1).subnet}]}
    engine.connection.client().create_network(
        real.name("plain"), internal=True, labels=dict(real.labels("internal")), ipam=pool
    )
    engine.create_network(real.network("sealed", 2), real.labels("internal"))
    assert "Connection refused" in reach(real, "plain", real.address(1, 1))  # positive control
    assert "No route to host" in reach(real, "sealed", real.address(1, 2))


def test_a_socket_nobody_may_use_and_a_dead_one_are_told_apart(tmp_path: Path) -> None:
    hang = tmp_path / "hang.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(hang))
        server.listen(1)
        start = time.monotonic()
        with pytest.raises(EngineUnreachable, match="in time"):
            Connection(Endpoint(f"unix://{hang}"), timeout=0.3).ping()
        assert time.monotonic() - start < 3


def test_many_threads_share_one_engine(real: Lab) -> None:
    ref = real.run(real.spec())
    failures: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for _ in range(5):
                assert real.engine.exec(ref, ["/bin/sh", "-c", f"echo {n}"], timeout=20).stdout
                assert real.engine.container(ref)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
