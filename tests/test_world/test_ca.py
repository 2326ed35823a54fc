"""Certificates that clients accept, and those they must refuse."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.world import World
from tests.world.ca import Authority


def shake(world: World, trust: ssl.SSLContext, name: str) -> dict[str, object]:
    """A TLS handshake under a server name; the certificate as seen."""
    with (
        socket.create_connection(("127.0.0.1", world.tls_port), 10) as raw,
        trust.wrap_socket(raw, server_hostname=name) as tls,
    ):
        return dict(tls.getpeercert() or {})


@pytest.mark.parametrize("name", ["api.anthropic.com", "chatgpt.com", "a.b.example"])
def test_any_name_gets_a_certificate_for_itself(
    world: World, trust: ssl.SSLContext, name: str
) -> None:
    seen = shake(world, trust, name)
    assert seen["subjectAltName"] == (("DNS", name),)
    truth = world.truth()
    assert truth["sni"] == [name]
    assert truth["connections"][0]["sni"] == name


def test_a_stranger_does_not_trust_it(world: World) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(world, ssl.create_default_context(), "api.anthropic.com")
    seen = world.truth()
    assert seen["requests"] == []
    assert seen["sni"] == ["api.anthropic.com"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("expired", "expired"), ("wrong-name", "mismatch"), ("untrusted", "unable to get")],
)
def test_a_faulty_certificate_is_refused_by_a_client_that_checks(
    world: World, trust: ssl.SSLContext, fault: str, words: str
) -> None:
    shake(world, trust, "bad.example")
    world.fail_certificates({"bad.example": fault})
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        shake(world, trust, "bad.example")
    shake(world, trust, "good.example")
    world.fail_certificates({})
    shake(world, trust, "bad.example")


def test_the_connection_is_on_record_even_when_no_handshake_happens(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.tls_port), 10) as sock:
        sock.sendall(b"not tls at all")
        sock.settimeout(10)
        while sock.recv(100):
            pass
    (found,) = world.truth()["connections"]
    assert found["error"].startswith("handshake")
    assert (found["tls"], found["requests"]) == (True, 0)


def test_the_key_is_for_its_owner_alone_and_the_authority_survives(tmp_path: Path) -> None:
    first = Authority.load_or_create(tmp_path)
    assert stat.S_IMODE((tmp_path / "ca-key.pem").stat().st_mode) == 0o600
    assert Authority.load_or_create(tmp_path).pem == first.pem == (tmp_path / "ca.pem").read_bytes()
    assert b"PRIVATE" not in first.pem


def test_openssl_verifies_a_leaf_against_the_authority(tmp_path: Path) -> None:
    authority = Authority.create()
    authority.save(tmp_path)
    (tmp_path / "leaf.pem").write_bytes(authority.leaf("api.openai.com"))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "leaf.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "leaf.pem: OK", done.stderr


def test_two_worlds_do_not_trust_each_other(world: World) -> None:
    stranger = Authority.create()
    context = ssl.create_default_context(cadata=stranger.pem.decode())
    with httpx.Client(verify=context) as client, pytest.raises(httpx.ConnectError):
        client.get(f"{world.tls_url}/echo")
