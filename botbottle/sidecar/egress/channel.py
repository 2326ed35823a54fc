"""TLS of an established connection, in bytes: what came is opened, what leaves is sealed.

mitmproxy's layers shake hands; from then on they would hand every piece through pyOpenSSL, which
raises an exception for each read that finds nothing and makes a record of each write. Here the
same OpenSSL object is used through the binding that pyOpenSSL itself uses, with one buffer a
thread and one record for all that a step wrote (RFC 8446, 5.1).
"""

from __future__ import annotations

import threading
from typing import Any

from OpenSSL import SSL

_SIZE = 272 * 1024  # bytes: one read of the event loop and its records' heads
STEP = 64 * 1024  # bytes at once: OpenSSL's own buffers stay as large as they ever were
_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]


class _Scratch(threading.local):
    """The buffer of a thread. The binding lets other threads run, so they have their own."""

    def __init__(self) -> None:
        self.buffer = _ffi.new("char[]", _SIZE)


_SCRATCH = _Scratch()


class Broken(Exception):
    """What came is no TLS of this connection: nothing that follows can be read."""


class Channel:
    """One established connection. Used by the thread that made it, and by no other."""

    def __init__(self, connection: SSL.Connection) -> None:
        held: Any = connection  # its BIOs are freed with it
        self._held, self._ssl = held, held._ssl
        self._in, self._out = held._into_ssl, held._from_ssl
        self._buffer = _SCRATCH.buffer
        self.ended = False  # the peer said that nothing follows
        _lib.SSL_clear_mode(self._ssl, _lib.SSL_MODE_ENABLE_PARTIAL_WRITE)

    def open(self, data: bytes) -> bytes:
        """What ``data`` says, maybe nothing. Raises Broken.

        What follows the peer's end says nothing (RFC 8446, 6.1); OpenSSL would keep it for ever.
        """
        if self.ended:
            return b""
        if len(data) > STEP:
            return b"".join(self.open(data[at : at + STEP]) for at in range(0, len(data), STEP))
        if _lib.BIO_write(self._in, data, len(data)) != len(data):
            raise Broken
        pieces = []
        while piece := self._read():
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self) -> bytes:
        """As much as the buffer holds; empty when there is no more."""
        ssl, buffer, size = self._ssl, self._buffer, 0
        while size < _SIZE and not self.ended:
            count = _lib.SSL_read(ssl, buffer + size, _SIZE - size)
            if count <= 0:
                self._judge(_lib.SSL_get_error(ssl, count))
                break
            size += count
        return bytes(_ffi.buffer(buffer, size))

    def _judge(self, reason: int) -> None:
        if reason == _lib.SSL_ERROR_ZERO_RETURN:
            self.ended = True
        elif reason != _lib.SSL_ERROR_WANT_READ:
            _lib.ERR_clear_error()
            raise Broken

    def seal(self, data: bytes) -> bytes:
        """What to send for ``data``. Raises Broken."""
        if len(data) <= STEP:
            return self._sealed(data, len(data))
        start, size = _ffi.from_buffer(data), len(data)
        steps = range(0, size, STEP)
        return b"".join(self._sealed(start + at, min(STEP, size - at)) for at in steps)

    def _sealed(self, data: Any, size: int) -> bytes:
        if _lib.SSL_write(self._ssl, data, size) != size:
            _lib.ERR_clear_error()
            raise Broken
        return self.owed()

    def owed(self) -> bytes:
        """What is to be sent: sealed data, and what TLS itself answers (alerts, new keys)."""
        found = self._take()
        if len(found) < _SIZE:
            return found
        pieces = [found]
        while piece := self._take():
            pieces.append(piece)
        return b"".join(pieces)

    def _take(self) -> bytes:
        size = _lib.BIO_read(self._out, self._buffer, _SIZE)
        return bytes(_ffi.buffer(self._buffer, size)) if size > 0 else b""
