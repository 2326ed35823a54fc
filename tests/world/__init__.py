"""The scripted upstream: one small server that stands in for the whole internet.

It speaks the wire formats of the LLM providers over TLS with SNI, HTTP/1.1, HTTP/2 and
WebSocket, answers what a test scripted, and keeps an exact record of what it received and
sent. It uses the standard library and the protocol libraries that the sidecar image already
holds (h11, h2, wsproto, brotli, zstandard, cryptography), and imports nothing of the product,
so the directory can be copied into a container and run with ``python -m tests.world serve``.

Shape: ``dialects`` are pure (a call in, a reply of frames out), ``delivery`` is the only place
that applies cuts, stalls and delays, ``http1``/``http2``/``websocket`` move bytes, ``truth``
remembers. ``World`` runs it all in a thread; ``RemoteWorld`` steers one that runs elsewhere.
"""

from tests.world.client import RemoteWorld
from tests.world.script import Rule, Script
from tests.world.usage import Usage
from tests.world.world import World

__all__ = ["RemoteWorld", "Rule", "Script", "Usage", "World"]
