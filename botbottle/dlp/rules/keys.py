"""Private keys and signed tokens that carry their own structure."""

# ruff: noqa: E501  (a table: one rule a line)
from __future__ import annotations

import re

from botbottle.dlp.checks import b64_lenient, jwt, mixed_case
from botbottle.dlp.engines.linear import program
from botbottle.dlp.findings import Verdict
from botbottle.dlp.rules.model import Context, Rule, token

_PEM = "RFC 7468 (PEM), RFC 4716 and PROTOCOL.key (OpenSSH), RFC 9580 (OpenPGP armor)"
_BEGIN = r"-----BEGIN[ A-Z0-9_\-]{0,60}PRIVATE KEY(?: BLOCK)?-----"
_END = re.compile(rb"[ A-Z0-9_\-]{0,60}-----")
_LONGEST, _OPEN = 9000, 1000  # bytes of a key that has an end, and of one that has none
_BODY = r"[A-Za-z0-9+/=]{32}"
# A JWT by where its second part begins: "ey" is in "key", of which a text may be made.
_SECOND = r"[A-Za-z0-9]{19}\.ey[A-Za-z0-9/\\_\-]{17}"
_B64_PRIVATE = r"(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)"


def wrapped_jwt(value: bytes) -> bool:
    """True when the value is Base64 of something that begins like a JWT."""
    return jwt(b64_lenient(value.replace(b"\\", b"")[:400]))


def not_public(value: bytes) -> bool:
    """DER private keys are long and dense; a short run is a coincidence."""
    return mixed_case(value) and len(value) >= 60


def armored(value: bytes) -> bool:
    """True when something key-like follows the header (32 characters of Base64)."""
    return program(_BODY).search(value.split(b"-----", 2)[-1]) is not None


def to_end(surface: memoryview, end: int) -> int:
    """Where the armor closes, else some lines on. Found as a literal: no regex reads thousands of
    bytes for each of thousands of headers."""
    rest = bytes(surface[end : end + _LONGEST])
    at = rest.find(b"-----END")
    close = _END.match(rest, at + 8) if at >= 0 else None
    return end + (close.end() if close else min(_OPEN, len(rest)))


RULES: tuple[Rule | Context, ...] = (
    token("key.pem", f"{_BEGIN}.{{0,300}}?{_BODY}", "private key", anchor=_BEGIN, before=160, after=340, extend=to_end, source=_PEM, check=armored),
    token("key.pem-header", f"{_BEGIN}.{{8,60}}", "private key", anchor=_BEGIN, before=160, after=80, source=_PEM + "; a header without a key behind it", verdict=Verdict.WARN),
    token("key.pem-base64", f"LS0tLS1CRUdJTi[A-Za-z0-9+/\\\\]{{2,60}}?{_B64_PRIVATE}[A-Za-z0-9+/=\\\\]{{40,}}", "ls0tls1crudjti", after=9000, source=_PEM + ", wrapped in Base64 (kubeconfig client-key-data, CI variables)"),
    token("key.pkcs-der", r"MII[A-Za-z0-9+/]{2,5}IB(?:AA[JK]|ADANBgkqhkiG9w0BAQEFAASC|ADALBglghkgB|ADAQBgcqhkjOPQ|AD)[A-Za-z0-9+/=\s\\]{56,}", "mii", after=9000, left=True, check=not_public, source="RFC 8017, RFC 5958: version 0, then modulus or AlgorithmIdentifier, in Base64"),
    token("key.ec-der", r"MH[A-Za-z0-9+/]{2}A[gQ]EBB[A-Za-z0-9+/=\s\\]{56,}", "ebb", after=1200, left=True, check=not_public, source="RFC 5915: ECPrivateKey version 1, in Base64"),
    token("key.openssh", r"b3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/=\s\\]{100,}", "b3blbnnzac1rzxktdjea", after=9000, source="PROTOCOL.key: the magic openssh-key-v1 in Base64"),
    token("key.ssh2", r"---- BEGIN SSH2 [A-Z ]{0,30}PRIVATE KEY ----(.{20,1000})", "begin ssh2", source="RFC 4716 style, as ssh.com writes private keys", anchor=r"---- BEGIN SSH2 [A-Z ]{0,30}PRIVATE KEY", after=2000),
    token("key.jwk", r"\"kty\\*\"\s{0,3}:\s{0,3}\\*\"(?:RSA|EC|OKP|oct)\\*\".{0,1000}?\"(?:d|k)\\*\"\s{0,3}:\s{0,3}\\*\"([A-Za-z0-9_\-]{16,700})", "kty", anchor=r"\"kty\\{0,3}\"\s{0,3}:\s{0,3}\\{0,3}\"(?:RSA|EC|OKP|oct)", after=4000, entropy=3.5, source="RFC 7518 section 6: the private member d (or k) of a JSON Web Key"),
    token("key.jwk-reversed", r"\"(?:d|k)\\*\"\s{0,3}:\s{0,3}\\*\"([A-Za-z0-9_\-]{16,700})\\*\".{0,1000}?\"kty\\*\"\s{0,3}:\s{0,3}\\*\"(?:RSA|EC|OKP|oct)", "kty", anchor=r"\"kty\\{0,3}\"\s{0,3}:\s{0,3}\\{0,3}\"(?:RSA|EC|OKP|oct)", before=3000, entropy=3.5, source="RFC 7518 section 6: members in the other order"),
    token("key.rsa-xml", r"<RSAKeyValue>.{0,1000}?<(?:D|P|InverseQ)>([A-Za-z0-9+/=]{40,700})<", "rsakeyvalue", anchor=r"<RSAKeyValue>", after=3000, source="W3C XML Signature, RSAKeyValue with private members as .NET writes it"),
    token("key.putty", r"PuTTY-User-Key-File-[23]:.{0,900}?Private-Lines:\s{0,3}\d+(.{20,1000})", "putty-user-key-file-", anchor=r"PuTTY-User-Key-File-[23]:", after=4000, source="PuTTY manual, PPK file format"),
    token("key.age", r"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7Lqpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}", "age-secret-key-", source="age specification: Bech32 with HRP AGE-SECRET-KEY-"),
    token("key.minisign", r"RWRTY0Iy[A-Za-z0-9+/]{120,220}={0,2}", "rwrty0iy", source="minisign format: Ed, KDF Sc, checksum B2, in Base64"),
    token("jwt", r"(eyJ[\w\-]{8,}={0,2}(?:\\*/)?\.[\w\-+/=]{4,}(?:\.[\w\-+/=\\]*){0,3})", "eyj", anchor=r"eyJ[\w\-]{8,}={0,2}\.[\w\-+/]{4}", before=3000, after=4000, check=jwt, source="RFC 7519: three Base64url segments, header with alg"),
    token("jwt.loose", r"ey[A-Za-z0-9]{17,}\.ey[A-Za-z0-9/\\_\-]{17,}(?:\.(?:[A-Za-z0-9/\\_\-]{10,}={0,2})?)?", "ey", anchor=_SECOND, entropy=3.6, left=True, source="RFC 7519 shape, header not decodable (truncated or altered)"),
    token("jwt.base64", r"ZXlK[A-Za-z0-9+/\\]{60,}={0,2}", "zxlk", after=4000, check=wrapped_jwt, source="Base64 of a JWT (ZXlK is Base64 of eyJ)"),
)  # fmt: skip
