"""``python -m tests.world serve`` runs a world; ``… ctl`` steers one (also from ``exec`` in its
own container, where nothing but this directory is at hand)."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.world.ca import Authority
from tests.world.client import RemoteWorld
from tests.world.script import parse_rule
from tests.world.service import Options, Service


def main(arguments: list[str] | None = None) -> int:
    """Parse and run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _serve_arguments(commands.add_parser("serve", help="run a world"))
    _ctl_arguments(commands.add_parser("ctl", help="steer a running world"))
    given = parser.parse_args(arguments)
    if given.command == "ctl":
        return _ctl(given)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(given))
    return 0


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", default="127.0.0.1", help="address of the data ports")
    parser.add_argument("--tls-port", type=int, default=0)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--control-listen", default="127.0.0.1")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--control-socket", type=Path)
    parser.add_argument("--dns-port", type=int, help="answer DNS there, UDP and TCP")
    parser.add_argument("--dns-answer", help="IPv4 address for every name; without: NXDOMAIN")
    parser.add_argument("--tcp-sink", type=int, action="append", default=[], metavar="PORT")
    parser.add_argument("--udp-sink", type=int, action="append", default=[], metavar="PORT")
    parser.add_argument("--ca-dir", type=Path, help="where ca.pem and its key are kept or made")
    parser.add_argument("--rules", type=Path, help="JSON file with rules to begin with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=3600.0, help="stop by itself then")


def _ctl_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", default="http://127.0.0.1:8080", help="URL or socket path")
    parser.add_argument(
        "verb", choices=("health", "truth", "totals", "rules", "default", "reset", "drop", "stop")
    )
    parser.add_argument("data", nargs="?", help="JSON for rules and default; - reads stdin")


async def _serve(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="world-ca-") as folder:
        directory = given.ca_dir or Path(folder)
        service = Service(_options(given), Authority.load_or_create(directory))
        if given.rules is not None:
            _load_rules(service, json.loads(given.rules.read_text()))
        await service.start()
        _say({**service.ready(), "ca": str(directory / "ca.pem")})
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.control.stop.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(given.max_seconds):
                await service.control.stop.wait()
        await service.stop()


def _options(given: argparse.Namespace) -> Options:
    return Options(
        listen=given.listen,
        tls_port=given.tls_port,
        http_port=given.http_port,
        control_listen=given.control_listen,
        control_port=given.control_port,
        control_socket=given.control_socket,
        dns_port=given.dns_port,
        dns_answer=given.dns_answer,
        tcp_sinks=tuple(given.tcp_sink),
        udp_sinks=tuple(given.udp_sink),
        seed=given.seed,
    )


def _load_rules(service: Service, rules: list[dict[str, Any]]) -> None:
    service.app.book.rules.extend(parse_rule(rule) for rule in rules)


def _ctl(given: argparse.Namespace) -> int:
    text = sys.stdin.read() if given.data == "-" else given.data
    reading = given.verb in ("health", "truth", "totals")
    path = f"/{given.verb}" + ("?settle=1" if reading else "")
    data = json.loads(text) if text else None
    _say(RemoteWorld(given.at).call("GET" if reading else "POST", path, data))
    return 0


def _say(value: Any) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    sys.exit(main())
