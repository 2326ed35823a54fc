"""A world inside this process: its own thread and event loop, a synchronous face."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.world.ca import Authority
from tests.world.control import faults, settle
from tests.world.script import Rule, Script, parse
from tests.world.service import Options, Service
from tests.world.truth import totals

START_SECONDS = 20.0


class World:
    """``with World() as world:`` runs the scripted upstream on free loopback ports.

    ``world.script(host=..., path=..., times=1, output=900, cut_after=4)`` pushes a rule,
    ``world.truth()`` reports. ``ca_file`` is what clients must trust.
    """

    def __init__(self, options: Options | None = None, authority: Authority | None = None) -> None:
        self._options = options or Options()
        self.authority = authority or Authority.create()
        self._folder = tempfile.TemporaryDirectory(prefix="world-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._service: Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)

    def __enter__(self) -> Self:
        self.ca_file.write_bytes(self.authority.pem)
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure is not None:
            raise RuntimeError("the world did not start") from self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._service is not None:
            self._loop.call_soon_threadsafe(self._service.control.stop.set)
        self._thread.join(START_SECONDS)
        self._folder.cleanup()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - reported by __enter__ in the caller's thread
            self._failure = error
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        service = self._service = Service(self._options, self.authority)
        await service.start()
        self._ready.set()
        try:
            await service.control.stop.wait()
        finally:
            await service.stop()

    @property
    def service(self) -> Service:
        """The running service."""
        if self._service is None:
            raise RuntimeError("the world is not running")
        return self._service

    @property
    def tls_port(self) -> int:
        """The TLS port."""
        return self.service.ports.tls

    @property
    def http_port(self) -> int:
        """The plain port."""
        return self.service.ports.http

    @property
    def control_url(self) -> str:
        """The base URL of the control API."""
        return f"http://{self._options.control_listen}:{self.service.ports.control}"

    @property
    def http_url(self) -> str:
        """The base URL of the plain port."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def tls_url(self) -> str:
        """The base URL of the TLS port under the name ``localhost``."""
        return f"https://localhost:{self.tls_port}"

    def script(
        self,
        *,
        host: str = "*",
        path: str = "*",
        method: str = "*",
        model: str = "*",
        times: int | None = None,
        **behaviour: Any,
    ) -> None:
        """Push a rule; ``behaviour`` are the keys of ``Script`` or token classes."""
        rule = Rule(parse(behaviour), host, path, method, model, times)
        self.service.app.book.rules.append(rule)

    def default(self, **behaviour: Any) -> None:
        """What happens to requests that match no rule."""
        self.service.app.book.default = parse(behaviour)

    def plain(self) -> None:
        """Forget all rules and the default."""
        self.service.app.book.rules.clear()
        self.service.app.book.default = Script()

    def fail_certificates(self, hosts: Mapping[str, str]) -> None:
        """Show bad certificates: host to ``expired``, ``wrong-name`` or ``untrusted``."""
        self.authority.faults = faults(hosts)

    def truth(self, since: int = 0, settle_seconds: float = 1.0) -> dict[str, Any]:
        """The whole truth, after waiting a moment for answers on their way."""
        self._settle(settle_seconds)
        return self.service.control.truth(since)

    def requests(self, settle_seconds: float = 1.0, **wanted: Any) -> list[dict[str, Any]]:
        """The records whose fields equal those given, oldest first."""
        found: list[dict[str, Any]] = self.truth(settle_seconds=settle_seconds)["requests"]
        return [r for r in found if all(r[key] == value for key, value in wanted.items())]

    def totals(self, settle_seconds: float = 1.0) -> dict[str, Any]:
        """Sums over all records."""
        self._settle(settle_seconds)
        return totals(self.service.app.truth.records())

    def reset(self) -> None:
        """Forget rules, faults and records."""
        self.service.control.reset()

    def drop(self) -> None:
        """Reset every open connection."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.service.server.drop)

    def _settle(self, seconds: float) -> None:
        assert self._loop is not None
        waiting = settle(self.service.app, seconds)
        asyncio.run_coroutine_threadsafe(waiting, self._loop).result(seconds + START_SECONDS)
