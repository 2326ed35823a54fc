"""Git over HTTPS: recognise it by service and path, refuse pushes, allow fetches where declared.

Sources: gitprotocol-http(5) (smart and dumb), the Git LFS batch API, http-push's WebDAV verbs.
"""

from __future__ import annotations

import json
import re
from typing import Literal
from urllib.parse import parse_qsl

type Use = Literal["", "fetch", "push"]

MAX_LFS_BATCH = 1024 * 1024  # bytes; git-lfs asks for a hundred objects at a time

_DUMB = re.compile(
    r"/(?:info/refs|objects/(?:info/(?:packs|alternates|http-alternates)"
    r"|[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack/pack-[0-9a-f]{40,64}\.(?:pack|idx)))$"
)
_WEBDAV = frozenset({"MKCOL", "LOCK", "UNLOCK", "MOVE", "PROPPATCH"})
_LFS = re.compile(r"/info/lfs(?:/|$)")
_BATCH = re.compile(r"/info/lfs/objects/batch/?$")


def use(method: str, path: str, query: str) -> Use:
    """What a request does with git, by its path, query and method."""
    services = {v for k, v in parse_qsl(query, keep_blank_values=True) if k == "service"}
    if "git-receive-pack" in services or path.endswith("/git-receive-pack"):
        return "push"
    if method in _WEBDAV:
        return "push"
    if "git-upload-pack" in services or path.endswith("/git-upload-pack"):
        return "fetch"
    if _LFS.search(path):
        locks = "/locks" in path and method == "POST"
        return "push" if method in ("PUT", "DELETE") or locks else "fetch"
    if _DUMB.search(path):
        return "fetch" if method in ("GET", "HEAD") else "push"
    return ""


def is_lfs_upload(path: str, body: bytes) -> bool:
    """Whether a Git LFS batch request asks for anything but a download. One that cannot be read
    (compressed, malformed, the key twice, far larger than any) counts as an upload."""
    if not _BATCH.search(path):
        return False
    if len(body) > MAX_LFS_BATCH:
        return True
    try:
        pairs = json.loads(body, object_pairs_hook=list)
        asked = [value for name, value in pairs if name.lower() == "operation"]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return True
    return asked != ["download"]
