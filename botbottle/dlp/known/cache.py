"""A bounded memory of computed variants: rotating one of many secrets recomputes only that one."""

from __future__ import annotations

import threading
from collections import OrderedDict

from botbottle.dlp.known.variants import Variant, variants


class VariantCache:
    """Least recently used; hands out copies, so a caller cannot change what others get."""

    def __init__(self, entries: int = 512) -> None:
        self._entries = entries
        self._known: OrderedDict[bytes, tuple[Variant, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, secret: bytes) -> list[Variant]:
        """The variants of ``secret`` as a fresh list."""
        with self._lock:
            found = self._known.pop(secret, None)
            if found is None:
                found = variants(secret)
            self._known[secret] = found
            while len(self._known) > self._entries:
                self._known.popitem(last=False)
            return list(found)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"VariantCache({len(self._known)} entries)"

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._known.clear()
