"""Which engine is meant: the docker CLI's own order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from botbottle.engine.endpoint import DEFAULT_SOCKET, Endpoint, Tls, resolve
from botbottle.errors import EngineUnreachable


def context(home: Path, name: str, host: str, *, current: bool = False, tls: bool = False) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    config = home / ".docker"
    meta = config / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    document = {"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (meta / "meta.json").write_text(json.dumps(document))
    if current:
        (config / "config.json").write_text(json.dumps({"currentContext": name}))
    if tls:
        certs = config / "contexts" / "tls" / digest / "docker"
        certs.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (certs / file).write_text("")


def test_nothing_said_means_the_usual_socket(tmp_path: Path) -> None:
    assert resolve({}, tmp_path) == Endpoint(f"unix://{DEFAULT_SOCKET}")


def test_docker_host_beats_every_context(tmp_path: Path) -> None:
    context(tmp_path, "farm", "tcp://10.0.0.1:2376", current=True)
    env = {"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "farm"}
    assert resolve(env, tmp_path).socket == "/x.sock"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("unix:///a", "unix:///a"),
        ("/a", "unix:///a"),
        ("tcp://h:1", "tcp://h:1"),
        ("h:2375", "tcp://h:2375"),
        ("ssh://u@h", "ssh://u@h"),
    ],
)
def test_forms_of_docker_host(host: str, url: str, tmp_path: Path) -> None:
    assert resolve({"DOCKER_HOST": host}, tmp_path).url == url


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="scheme"):
        resolve({"DOCKER_HOST": "npipe:////./pipe/docker"}, tmp_path)


def test_the_current_context_and_its_certificates_are_used(tmp_path: Path) -> None:
    context(tmp_path, "farm", "tcp://10.0.0.1:2376", current=True, tls=True)
    found = resolve({}, tmp_path)
    assert (found.url, found.socket) == ("tcp://10.0.0.1:2376", "")
    assert found.tls is not None
    assert found.tls.verify
    assert found.tls.ca.endswith("/docker/ca.pem")


def test_docker_context_beats_the_current_one_and_default_means_none(tmp_path: Path) -> None:
    context(tmp_path, "farm", "tcp://10.0.0.1:2376", current=True)
    context(tmp_path, "other", "tcp://10.0.0.2:2376")
    assert resolve({"DOCKER_CONTEXT": "other"}, tmp_path).url == "tcp://10.0.0.2:2376"
    assert resolve({"DOCKER_CONTEXT": "default"}, tmp_path).socket == DEFAULT_SOCKET


def test_a_named_context_that_cannot_be_read_never_falls_back_to_another_engine(
    tmp_path: Path,
) -> None:
    with pytest.raises(EngineUnreachable, match="gone"):
        resolve({"DOCKER_CONTEXT": "gone"}, tmp_path)


def test_tls_comes_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    env = {
        "DOCKER_HOST": "tcp://h:1",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    assert resolve(env, tmp_path).tls == Tls(ca=str(tmp_path / "ca.pem"), verify=True)


def test_a_rootless_engine_is_found_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker.sock").write_text("")
    monkeypatch.setattr("botbottle.engine.endpoint.DEFAULT_SOCKET", str(tmp_path / "none"))
    assert resolve({"XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path).socket.endswith("/docker.sock")
