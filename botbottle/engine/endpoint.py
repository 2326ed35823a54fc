"""Where the engine is: DOCKER_HOST, else the current Docker context, else the usual sockets.

Order and files are the docker CLI's own (docs.docker.com/engine/manage-resources/contexts):
``DOCKER_HOST`` beats ``DOCKER_CONTEXT`` beats ``currentContext`` in ``config.json``; a context's
metadata lies under ``contexts/meta/SHA256(name)/meta.json`` and its TLS files under
``contexts/tls/SHA256(name)/docker/``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from botbottle.errors import EngineUnreachable

DEFAULT_SOCKET = "/var/run/docker.sock"


class Tls(Struct, frozen=True):
    """Paths of client certificate, key and CA (empty: not used); ``verify`` the server's name."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


class Endpoint(Struct, frozen=True):
    """An engine's address (``unix://``, ``tcp://`` or ``ssh://``) and how to authenticate."""

    url: str
    tls: Tls | None = None

    @property
    def socket(self) -> str:
        """The unix socket's path; empty for a remote engine."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


def resolve(env: Mapping[str, str], home: Path) -> Endpoint:
    """The endpoint the docker CLI would use. Raises EngineUnreachable on a context that is
    named but unreadable (never falls back to another engine)."""
    if host := env.get("DOCKER_HOST", ""):
        return Endpoint(_normal(host), _tls_from_env(env, home))
    config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    name = env.get("DOCKER_CONTEXT") or _current_context(config)
    if name and name != "default":
        return _from_context(config, name)
    return Endpoint(f"unix://{_default_socket(env)}", None)


def _normal(host: str) -> str:
    known = ("unix://", "tcp://", "ssh://", "http://", "https://")
    if host.startswith("/"):
        return f"unix://{host}"
    if host.startswith(known):
        return host
    if "://" in host:
        raise EngineUnreachable(
            f"DOCKER_HOST has an unknown scheme: {host}",
            hint="use unix:///path, tcp://host:port or ssh://user@host",
        )
    return f"tcp://{host}"


def _tls_from_env(env: Mapping[str, str], home: Path) -> Tls | None:
    verify = env.get("DOCKER_TLS_VERIFY", "")
    certs = env.get("DOCKER_CERT_PATH", "")
    if not verify and not certs:
        return None
    return _tls_in(Path(certs or home / ".docker"), verify=bool(verify))


def _tls_in(directory: Path, *, verify: bool) -> Tls:
    found = {n: str(directory / n) for n in ("ca.pem", "cert.pem", "key.pem")}
    present = {n: p if Path(p).exists() else "" for n, p in found.items()}
    return Tls(present["ca.pem"], present["cert.pem"], present["key.pem"], verify)


def _current_context(config: Path) -> str:
    try:
        data = json.loads((config / "config.json").read_text())
    except (OSError, ValueError):
        return ""  # the docker CLI, too, treats a missing or broken config.json as empty
    name = data.get("currentContext", "") if isinstance(data, dict) else ""
    return name if isinstance(name, str) else ""


def _from_context(config: Path, name: str) -> Endpoint:
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((config / "contexts" / "meta" / digest / "meta.json").read_text())
        docker: dict[str, Any] = meta["Endpoints"]["docker"]
        url = _normal(docker["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnreachable(
            f"the Docker context {name!r} cannot be read",
            hint="list contexts with: docker context ls",
        ) from error
    certs = config / "contexts" / "tls" / digest / "docker"
    tls = _tls_in(certs, verify=not docker.get("SkipTLSVerify")) if certs.is_dir() else None
    return Endpoint(url, tls)


def _default_socket(env: Mapping[str, str]) -> str:
    """The system engine's socket, or a rootless engine's where only that exists."""
    runtime = env.get("XDG_RUNTIME_DIR", "")
    rootless = Path(runtime) / "docker.sock" if runtime else None
    if rootless and rootless.exists() and not Path(DEFAULT_SOCKET).exists():
        return str(rootless)
    return DEFAULT_SOCKET
