"""TLS contexts for both sides, kept and shared: towards the agent one per host, towards the
world one per trust configuration.

A stock proxy builds an RSA certificate per connection and a context per parameter set; here a
host's context (P-256 certificate, ALPN choice) is made once, which also lets clients resume
sessions.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections import OrderedDict
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto

from botbottle.sidecar.egress.authority import Authority, public_cas

_HOSTS_KEPT = 512
_H2, _H1 = b"h2", b"http/1.1"
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:RSA+AESGCM"
# From openssl/x509v3.h: no partial wildcards, and never the subject's common name.
_HOST_FLAGS = 0x4 | 0x20


def _choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    for wanted in (_H2, _H1):
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS


class AgentSide:
    """Connections towards the agent, with a certificate of the bottle's CA for each host."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._contexts: OrderedDict[str, SSL.Context] = OrderedDict()

    def connection(self, host: str) -> SSL.Connection:
        """A server-side connection that presents a certificate for ``host``."""
        connection = SSL.Connection(self._context(host))
        connection.set_accept_state()
        return connection

    def _context(self, host: str) -> SSL.Context:
        context = self._contexts.get(host)
        if context is None:
            context = self._contexts[host] = self._make(host)
            if len(self._contexts) > _HOSTS_KEPT:
                self._contexts.popitem(last=False)
        else:
            self._contexts.move_to_end(host)
        return context

    def _make(self, host: str) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_cipher_list(_CIPHERS)
        context.use_privatekey(self._authority.leaf_key)
        context.use_certificate(self._authority.leaf(host))
        context.set_alpn_select_callback(_choose)
        return context


class WorldSide:
    """Connections towards the world, verified against the public CAs and ``extra`` ones."""

    def __init__(self, extra: str = "") -> None:
        self._extra = extra
        self._plain: ssl.SSLContext | None = None
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_cipher_list(_CIPHERS)
        self._context.set_verify(SSL.VERIFY_PEER, None)
        self._context.load_verify_locations(str(public_cas()))
        store = self._context.get_cert_store()
        if store is None:
            raise RuntimeError("OpenSSL gave no certificate store")
        if extra:
            for certificate in x509.load_pem_x509_certificates(extra.encode()):
                store.add_cert(crypto.X509.from_cryptography(certificate))

    def plain_context(self) -> ssl.SSLContext:
        """The same trust for the sidecar's own questions, in the standard library's terms."""
        if self._plain is None:
            self._plain = ssl.create_default_context(cafile=str(public_cas()))
            self._plain.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._extra:
                self._plain.load_verify_locations(cadata=self._extra)
        return self._plain

    def connection(self, host: str, alpn: list[bytes]) -> SSL.Connection:
        """A client-side connection that accepts only a certificate for ``host``."""
        connection = SSL.Connection(self._context)
        _expect_host(connection, host)
        if alpn:
            connection.set_alpn_protos(alpn)
        connection.set_connect_state()
        return connection


def _expect_host(connection: SSL.Connection, host: str) -> None:
    """SNI and host name verification. pyOpenSSL has no public call for X509_VERIFY_PARAM; this
    is the binding that its own documentation and mitmproxy use."""
    lib: Any = SSL._lib  # type: ignore[attr-defined]
    parameters = lib.SSL_get0_param(connection._ssl)
    lib.X509_VERIFY_PARAM_set_hostflags(parameters, _HOST_FLAGS)
    try:
        packed = ipaddress.ip_address(host).packed
        done = lib.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed))
    except ValueError:
        name = host.encode("ascii")
        connection.set_tlsext_host_name(name)
        done = lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))
    if done != 1:
        raise RuntimeError("OpenSSL did not accept the expected host name")
