"""``python -m botbottle.sidecar.egress``: run the egress sidecar."""

from __future__ import annotations

import argparse
from pathlib import Path

from botbottle.sidecar.egress import lean

lean.leave_out("ruamel.yaml", "mitmproxy_rs")  # 5 MiB: its configuration files, local capture
lean.without_quic()

from botbottle.sidecar.egress.app import Settings, run  # noqa: E402 - imports mitmproxy
from botbottle.sidecar.egress.descriptors import raise_limit  # noqa: E402
from botbottle.sidecar.egress.ledgerlink import connect  # noqa: E402

_DEFAULT = Settings()


def parse(arguments: list[str] | None = None) -> Settings:
    """Command line → settings."""
    parser = argparse.ArgumentParser(prog="botbottle.sidecar.egress", description=__doc__)
    add = parser.add_argument
    add("--listen", default=_DEFAULT.listen, help="address to listen on")
    add("--peers", default=_DEFAULT.peers, help="network that is served (CIDR)")
    add("--proxy-port", type=int, default=_DEFAULT.proxy_port, help="explicit proxy")
    add("--https-port", type=int, default=_DEFAULT.https_port, help="TLS by name; -1: off")
    add("--http-port", type=int, default=_DEFAULT.http_port, help="HTTP by name; -1: off")
    add("--dns-port", type=int, default=_DEFAULT.dns_port, help="DNS responder; -1: off")
    add("--dns-answer", default="", help="address every name resolves to (default: our own)")
    add("--ledger", type=Path, default=_DEFAULT.ledger, help="directory of ledger.sock")
    add("--no-ledger", action="store_true", help="run without a ledger: no metered traffic")
    add("--control", type=Path, default=_DEFAULT.control, help="directory of control.sock")
    add("--ca", type=Path, default=_DEFAULT.ca, help="directory that keeps the CA key")
    add("--public", type=Path, default=_DEFAULT.public, help="directory for ca.pem, bundle.pem")
    add("--system", type=Path, help="file that is there, for bundle.pem's content")
    add("--hosts", type=Path, help="hosts(5) file asked before the resolver")
    add(
        "--trusted-network",
        action="append",
        default=[],
        metavar="CIDR",
        help="network whose addresses count as public; may be repeated",
    )
    add("--name", default=_DEFAULT.name, help="bottle's name in the CA certificate")
    given = vars(parser.parse_args(arguments))
    given["trusted_networks"] = tuple(given.pop("trusted_network"))
    if given.pop("no_ledger"):
        given["ledger"] = None
    return Settings(**given)


def main() -> None:
    """Entry point."""
    settings = parse()
    raise_limit()
    try:
        from uvloop import run as run_loop
    except ImportError:  # plain asyncio does the same, slower
        from asyncio import run as run_loop
    run_loop(run(settings, connect))


if __name__ == "__main__":
    main()
