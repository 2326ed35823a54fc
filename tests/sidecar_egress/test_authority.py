"""The bottle's CA: kept, private, and believed by strict verifiers."""

from __future__ import annotations

import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from botbottle.sidecar.egress.authority import open_authority, public_cas, publish


def test_the_ca_is_made_once_and_kept(tmp_path: Path) -> None:
    first = open_authority(tmp_path)
    assert open_authority(tmp_path).pem == first.pem
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["ca.key"]


def test_two_bottles_do_not_trust_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = open_authority(tmp_path / "a"), open_authority(tmp_path / "b")
    a.leaf("x.example").verify_directly_issued_by(a.certificate)
    with pytest.raises(InvalidSignature):
        a.leaf("x.example").verify_directly_issued_by(b.certificate)


def test_a_damaged_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"PEM|key"):
        open_authority(tmp_path)


def test_openssl_accepts_a_leaf_in_strict_mode(tmp_path: Path) -> None:
    authority = open_authority(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "leaf.pem").write_bytes(
        authority.leaf("api.example.com").public_bytes(Encoding.PEM)
    )
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-verify_hostname", "api.example.com",
         "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_address_gets_an_address_certificate(tmp_path: Path) -> None:
    leaf = open_authority(tmp_path).leaf("127.0.0.1")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(n) for n in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_what_is_published_holds_certificates_and_no_key(tmp_path: Path) -> None:
    for name in ("ca", "public"):
        (tmp_path / name).mkdir()
    authority = open_authority(tmp_path / "ca")
    publish(authority, tmp_path / "public")
    bundle = (tmp_path / "public" / "bundle.pem").read_bytes()
    assert bundle.endswith(authority.pem)
    assert bundle.startswith(public_cas().read_bytes()[:100])
    assert b"PRIVATE" not in bundle
    ssl.create_default_context(cafile=str(tmp_path / "public" / "bundle.pem"))


def test_the_systems_bundle_is_written_into_the_file_that_is_there(tmp_path: Path) -> None:
    for name in ("ca", "public"):
        (tmp_path / name).mkdir()
    authority, system = open_authority(tmp_path / "ca"), tmp_path / "system.pem"
    with pytest.raises(FileNotFoundError):  # the host makes it: its name is a mount
        publish(authority, tmp_path / "public", system)
    system.write_bytes(b"older and longer" * 100_000)
    inode = system.stat().st_ino
    publish(authority, tmp_path / "public", system)
    assert system.read_bytes() == (tmp_path / "public" / "bundle.pem").read_bytes()
    assert system.stat().st_ino == inode


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java here")
def test_java_reads_the_trust_store(tmp_path: Path) -> None:
    for name in ("ca", "public"):
        (tmp_path / name).mkdir()
    publish(open_authority(tmp_path / "ca"), tmp_path / "public")
    store = tmp_path / "public" / "bundle.p12"
    listed = subprocess.run(
        ["keytool", "-list", "-keystore", store, "-storepass", "changeit"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "trustedCertEntry" in listed.stdout, listed.stdout + listed.stderr
