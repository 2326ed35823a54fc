"""Engines that are not on a unix socket: the SDK carries the same calls over tcp and TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from botbottle.engine.connection import Connection
from botbottle.engine.docker import DockerEngine
from botbottle.engine.endpoint import Endpoint, Tls
from botbottle.errors import EngineError, EngineUnreachable
from botbottle.model.plan import Ref
from tests.support.engines import Lab
from tests.support.recording import recording


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "ca.pem", directory / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@contextlib.contextmanager
def forwarding(target: str, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port that leads to a unix socket, with TLS in front if there is a context."""
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR if context is None else socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                outer = context.wrap_socket(client, server_side=True) if context else client
                inner = socket.socket(socket.AF_UNIX)
                inner.connect(target)
            except OSError:
                client.close()
                continue
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def remote(port: int, tls: Tls | None = None) -> DockerEngine:
    return DockerEngine(Connection(Endpoint(f"tcp://127.0.0.1:{port}", tls), timeout=20))


@pytest.mark.engine
def test_a_remote_event_stream_never_ends_silently(real: Lab) -> None:
    with recording(socket_of(real)) as recorder, forwarding(recorder.path) as port:
        stream = remote(port).events()
        next(stream)
        recorder.cut_all()
        with pytest.raises(EngineUnreachable):
            for _ in range(50):
                next(stream)


def socket_of(lab: Lab) -> str:
    assert isinstance(lab.engine, DockerEngine)
    return lab.engine.connection.endpoint.socket


@pytest.mark.engine
def test_a_bottle_is_observed_started_and_used_over_tcp(real: Lab) -> None:
    with forwarding(socket_of(real)) as port:
        engine = remote(port)
        spec = real.spec()
        ref = Ref(spec.name, engine.create_container(spec, spec.name, real.labels()))
        stream = engine.events()
        engine.start(ref)
        assert [c.state for c in engine.observe(real.home).containers] == ["running"]
        assert engine.exec(ref, ["/bin/cat"], stdin=b"hello", timeout=10).stdout == b"hello"
        assert any(e and e.id == ref.id for e in itertools.islice(stream, 200))
        assert any(e is None for e in itertools.islice(stream, 200))
        stream.close()  # type: ignore[attr-defined]  # while nothing happens
        assert engine.ping() == "1.41"
        engine.close()


@pytest.mark.engine
def test_tls_is_verified_and_carries_reads_and_writes(real: Lab, tmp_path: Path) -> None:
    ca, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    with forwarding(socket_of(real), context) as port:
        engine = remote(port, Tls(ca=str(ca)))
        spec = real.spec()
        ref = Ref(spec.name, engine.create_container(spec, spec.name, real.labels()))
        engine.start(ref)
        assert [c.state for c in engine.observe(real.home).containers] == ["running"]
        with pytest.raises(EngineError, match="TLS"):
            engine.exec(ref, ["/bin/cat"], stdin=b"x", timeout=5)
        engine.close()


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    ca, key = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = certificate(tmp_path / "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    with forwarding("/nonexistent", context) as port:
        with pytest.raises(EngineUnreachable, match="TLS") as caught:
            remote(port, Tls(ca=str(other))).ping()
        assert "DOCKER_CERT_PATH" in caught.value.hint


def test_tls_files_that_are_missing_are_named_as_a_tls_problem(tmp_path: Path) -> None:
    tls = Tls(ca=str(tmp_path / "none.pem"), cert=str(tmp_path / "c"), key=str(tmp_path / "k"))
    with pytest.raises(EngineUnreachable) as caught:
        remote(1, tls).ping()
    assert "certificates" in caught.value.hint


def test_nobody_at_the_port_is_an_unreachable_engine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(EngineUnreachable, match="no Docker Engine answers"):
        remote(port).ping()
    with pytest.raises(EngineUnreachable):
        remote(port).start(Ref("x"))
