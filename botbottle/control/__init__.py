"""Talk to a bottle's egress sidecar from the host, over its control socket. Standard library only.

::

    with connect(paths.control) as sidecar:        # directory that holds control.sock
        sidecar.status()                            SidecarStatus
        sidecar.configure(config, secrets, key)     the hash that is active now

Unix socket addresses are limited to 107 bytes and a home directory may be deep, so the socket is
reached through a descriptor of its directory. Secrets are passed in memory and are part of no
exception text or repr.
"""

from botbottle.control.channel import SidecarRefused, SidecarUnreachable
from botbottle.control.client import SOCKET, SidecarClient, connect, wait_ready

__all__ = [
    "SOCKET",
    "SidecarClient",
    "SidecarRefused",
    "SidecarUnreachable",
    "connect",
    "wait_ready",
]
