"""What a request only names (a file, a picture's address) and the provider puts in its place.

Nobody here knows its size, so each has a fixed price. Histories are full of ids and addresses that
cost nothing (citations, results of tools): only what stands in a part that is a file or a picture
is taken for one. Places: the official SDKs' parameter types.
"""

from __future__ import annotations

from typing import Any

UNKNOWN_CONTEXT = 50_000  # tokens assumed for what is stored elsewhere
IMAGE_TOKENS = 5_000  # above the price of one image at any of the providers' default sizes

IMAGE, FILE = "image", "file"
_PARTS = {
    **dict.fromkeys(("image", "image_url", "input_image", "computer_screenshot"), IMAGE),
    **dict.fromkeys(("document", "file", "input_file", "video", "audio"), FILE),
}
_SOURCES = frozenset({"file", "url", "base64"})  # types of what is inside a part
_NAMES = frozenset({"file_id", "file_url", "url", "image_url", "uri"})
_GEMINI = frozenset({"fileUri", "file_uri"})
_REFERENCES = _NAMES | _GEMINI
_STORED = ("cachedContent", "cached_content")


def part_of(key: str, value: dict[str, Any], inside: str) -> str:
    """What kind of part an object is; ``inside`` is that of the object around it, '' for none.
    Converse says it by the ``key``, Gemini by the file's media type, the others by ``type``."""
    kind = value.get("type")
    if not isinstance(kind, str):
        mime = str(value.get("mimeType") or value.get("mime_type") or "")
        if not _GEMINI.isdisjoint(value):
            return IMAGE if mime.startswith("image/") else FILE
        return _PARTS.get(key, "") if "source" in value else inside
    return inside if inside and kind in _SOURCES else _PARTS.get(kind, "")


def price(key: str, value: str, inside: str) -> int:
    """Tokens for a string of a part that names something; 0 where it does not."""
    if not inside or key not in _REFERENCES or value.startswith("data:"):
        return 0
    return IMAGE_TOKENS if inside == IMAGE else UNKNOWN_CONTEXT


def stored(doc: dict[str, Any]) -> int:
    """Tokens for what a whole request names: a stored prompt (Responses), a cache (Gemini)."""
    prompt = doc.get("prompt")
    named = isinstance(prompt, dict) and "id" in prompt
    return UNKNOWN_CONTEXT * (named + any(doc.get(name) for name in _STORED))
