"""A test certificate authority: made at run time, never committed, trusted by nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ALPN = ["h2", "http/1.1"]
FALLBACK_NAME = "localhost"
FAULTS = ("expired", "wrong-name", "untrusted")
DAY = datetime.timedelta(days=1)


class Authority:
    """Issues a leaf certificate for any name; leaves share one key, which keeps issuing fast."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.faults: dict[str, str] = {}  # name -> one of FAULTS

    @classmethod
    def create(cls, name: str = "botbottle test world") -> Authority:
        """A new authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _root(key, name))

    @classmethod
    def load_or_create(cls, directory: Path) -> Authority:
        """The authority kept in ``directory`` (``ca.pem``, ``ca-key.pem``), made when missing."""
        cert_file, key_file = directory / "ca.pem", directory / "ca-key.pem"
        if cert_file.exists() and key_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return cls(key, x509.load_pem_x509_certificate(cert_file.read_bytes()))
        authority = cls.create()
        authority.save(directory)
        return authority

    def save(self, directory: Path) -> None:
        """Write ``ca.pem`` and, readable by the owner alone, ``ca-key.pem``."""
        directory.mkdir(parents=True, exist_ok=True)
        key_file = directory / "ca-key.pem"
        key_file.touch(mode=0o600)
        key_file.write_bytes(_pem(self._key))
        (directory / "ca.pem").write_bytes(self.pem)

    @property
    def pem(self) -> bytes:
        """The certificate that clients must trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, name: str) -> ssl.SSLContext:
        """A server context with a leaf for ``name`` (cached until its fault changes)."""
        fault = self.faults.get(name, "")
        key = f"{name}|{fault}"
        if key not in self._contexts:
            self._contexts[key] = self._load(self.leaf(name, fault))
        return self._contexts[key]

    def chain(self, name: str) -> bytes:
        """Certificate and private key in PEM for a server of a test's own."""
        return self.leaf(name) + _pem(self._leaf_key)

    def leaf(self, name: str, fault: str = "") -> bytes:
        """Certificate chain in PEM for ``name``; ``fault`` makes it one that must be refused."""
        issuer_key = ec.generate_private_key(ec.SECP256R1()) if fault == "untrusted" else self._key
        issuer = _root(issuer_key, "nobody") if fault == "untrusted" else self.certificate
        names = ["wrong.invalid"] if fault == "wrong-name" else [name]
        now = datetime.datetime.now(datetime.UTC)
        start, end = (
            (now - 9 * DAY, now - DAY) if fault == "expired" else (now - DAY, now + 30 * DAY)
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0]))
            .issuer_name(issuer.subject)
            .public_key(self._leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_san(n) for n in _alt(names)]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(_usage(sign_certificates=False), True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key()), False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
            )
        )
        leaf = builder.sign(issuer_key, hashes.SHA256())
        return leaf.public_bytes(serialization.Encoding.PEM)

    def _load(self, chain: bytes) -> ssl.SSLContext:
        # The ssl module reads key and chain from files only.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(ALPN)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "leaf.pem"
            file.touch(mode=0o600)
            file.write_bytes(chain + _pem(self._leaf_key))
            context.load_cert_chain(file)
        return context


def _alt(names: list[str]) -> list[str]:
    return [*names, "127.0.0.1", "::1"] if names == [FALLBACK_NAME] else names


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _root(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + 60 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(_usage(sign_certificates=True), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
