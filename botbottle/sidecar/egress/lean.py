"""Leaves out what mitmproxy has for its own development, configuration files and other modes."""

from __future__ import annotations

import sys
from types import ModuleType


def leave_out(*names: str) -> None:
    """Put empty modules in the place of these, which the sidecar never uses: using one raises
    AttributeError. Call before anything imports them."""
    for name in names:
        sys.modules.setdefault(name, ModuleType(name))


def stand_in(name: str, *classes: str) -> None:
    """Put a module with these empty classes in the place of ``name``: nothing is an instance of
    one and none can be made. Call before anything imports it."""
    module = ModuleType(name)
    for each in classes:
        setattr(module, each, type(each, (), {"__new__": _refused}))
    sys.modules.setdefault(name, module)


def _refused(kind: type, *_: object, **__: object) -> object:
    raise NotImplementedError(f"{kind.__name__} is left out of the sidecar")


def without_quic() -> None:
    """HTTP/3 stays out: no listener takes UDP but DNS, no handshake offers it, and its library
    is a tenth of what the process costs to start."""
    layers = "mitmproxy.proxy.layers"
    stand_in(
        f"{layers}.quic",
        "ClientQuicLayer", "QuicStreamEvent", "QuicStreamLayer", "RawQuicLayer", "ServerQuicLayer",
    )  # fmt: skip
    stand_in(f"{layers}.http._http3", "Http3Client", "Http3Server")
