"""The bottle's own certificate authority, and the certificates it signs for hosts.

P-256 throughout: a signature costs a tenth of RSA-2048's, and every TLS stack of the last ten
years verifies it. The CA key is kept (0600) so that a restarted sidecar keeps the agent's
trust; leaf keys are made at start and never written. Extensions satisfy OpenSSL's
X509_V_FLAG_X509_STRICT, which Python >= 3.13 sets by default.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS, _LEAF_DAYS = 3650, 365
_KEY_FILE = "ca.key"
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


class Authority:
    """A CA and the one key that all its leaf certificates share."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.key = key
        self.certificate = certificate
        self.leaf_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def pem(self) -> bytes:
        """The CA certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(self, host: str) -> x509.Certificate:
        """A certificate for one host name or IPv4 address."""
        name: x509.GeneralName
        try:
            name = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        public = self.leaf_key.public_key()
        return (
            _builder(x509.Name([]), self.certificate.subject, _LEAF_DAYS)
            .public_key(public)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_authority_id(self.key), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _builder(subject: x509.Name, issuer: x509.Name, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))  # clocks of old containers
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_id(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _new(common_name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    certificate = (
        _builder(name, name, _CA_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_id(key), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def open_authority(directory: Path, common_name: str = "botbottle") -> Authority:
    """The CA kept in ``directory``, made there on the first start. Raises OSError, ValueError."""
    path = directory / _KEY_FILE
    if path.exists():
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{path} is not a P-256 key")
        return Authority(key, x509.load_pem_x509_certificate(data))
    made = _new(common_name)
    _write(path, _private_pem(made), 0o600)
    return made


def _private_pem(authority: Authority) -> bytes:
    key = authority.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key + authority.pem


def publish(authority: Authority, directory: Path, system: Path | None = None) -> None:
    """Write what the agent mounts: ``ca.pem``, ``bundle.pem`` (public CAs and ours) and
    ``bundle.p12`` (the same as a Java trust store, password ``changeit``); and the bundle into
    ``system``, a file that is there. Raises OSError."""
    bundle = public_cas().read_bytes().rstrip() + b"\n" + authority.pem
    _write(directory / "ca.pem", authority.pem, 0o644)
    _write(directory / "bundle.pem", bundle, 0o644)
    _write(directory / "bundle.p12", _java_store(authority), 0o644)
    if system is not None:
        _overwrite(system, bundle)


def _java_store(authority: Authority) -> bytes:
    entry = pkcs12.PKCS12Certificate(authority.certificate, b"botbottle")
    encryption = serialization.BestAvailableEncryption(b"changeit")
    return pkcs12.serialize_java_truststore([entry], encryption)


def public_cas() -> Path:
    """PEM file of the public CAs: the system's bundle, or certifi's."""
    for candidate in map(Path, _SYSTEM_BUNDLES):
        if candidate.is_file():
            return candidate
    import certifi

    return Path(certifi.where())


def _overwrite(path: Path, data: bytes) -> None:
    """In place: the name is a mount of its own, so the file cannot be exchanged for another."""
    with path.open("r+b") as file:
        if file.read() == data:
            return
        file.seek(0)
        file.write(data)
        file.truncate()
        os.fsync(file.fileno())


def _write(path: Path, data: bytes, mode: int) -> None:
    """Atomic: a reader sees the old file or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(mode)
    partial.replace(path)
