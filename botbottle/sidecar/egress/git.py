"""Git over HTTPS: recognise it by service and path, refuse pushes, allow fetches where declared.

Sources: gitprotocol-http(5) (smart and dumb), the Git LFS batch API, http-push's WebDAV verbs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Literal
from urllib.parse import unquote

from botbottle.sidecar.egress.target import decoded

type Use = Literal["", "fetch", "push"]

MAX_LFS_BATCH = 1024 * 1024  # bytes; git-lfs asks for a hundred objects at a time

_DUMB = re.compile(
    r"/(?:info/refs|objects/(?:info/(?:packs|alternates|http-alternates)"
    r"|[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack/pack-[0-9a-f]{40,64}\.(?:pack|idx)))$"
)
# What is written into a repository, which is only files to a dumb server. GitHub's API has refs
# under ``/git/refs/``, Bitbucket's under ``/2.0/repositories/``: those are taken by PATCH and
# DELETE, and a route allows them by their path.
_INSIDE = re.compile(
    r"\.git/(?:refs|objects|hooks|info|logs|modules|worktrees)(?:/|$)"
    r"|\.git/(?:[a-z]*_?head|packed-refs|config|config\.worktree|shallow|index|description)$"
    r"|/objects/pack/[^/]+\.(?:pack|idx|rev|bitmap|keep|mtimes)$"
    r"|/objects/info/(?:packs|alternates|http-alternates|commit-graph)$"
    r"|/info/refs$|/packed-refs$|/gitlab-lfs(?:/|$)"
    r"|(?:(?P<api>/git|/2\.0/repositories/[^/]+/[^/]+)|)/refs/(?:heads|tags|remotes|notes)/."
)
_API = frozenset({"PATCH", "DELETE"})
RECEIVE, UPLOAD = "git-receive-pack", "git-upload-pack"
_SERVICE = re.compile(r"(?i)\s*service\s*(?:\[.*|\0.*)?", re.DOTALL)  # as lenient servers read it
_PARAMETER, _SLASHES = re.compile(";[^/]*"), re.compile("//+")
_READS = frozenset({"GET", "HEAD"})
_LOOKS = _READS | {"OPTIONS"}
_WEBDAV = frozenset({"MKCOL", "LOCK", "UNLOCK", "MOVE", "COPY", "PROPPATCH"})
_LFS = re.compile(r"/info/lfs(?:/|$)")
_BATCH = re.compile(r"/info/lfs/objects/batch/?$")


def use(methods: Collection[str], path: str, query: str) -> Use:
    """What a request does with git, by its path, query and the methods that it asks for."""
    path, services = _plain(path), _services(query) if query else ""
    if RECEIVE in services or path.endswith(f"/{RECEIVE}"):
        return "push"
    if not _WEBDAV.isdisjoint(methods):
        return "push"
    if UPLOAD in services or path.endswith(f"/{UPLOAD}"):
        return "fetch"
    if _LFS.search(path):
        asks = _READS | {"POST"} if _BATCH.search(path) else _READS
        return "fetch" if asks.issuperset(methods) else "push"
    if _DUMB.search(path):
        return "fetch" if _READS.issuperset(methods) else "push"
    return "" if _LOOKS.issuperset(methods) or not _writes_inside(methods, path) else "push"


def _writes_inside(methods: Collection[str], path: str) -> bool:
    """Whether a request that is no reading names something in a repository."""
    found = _INSIDE.search(path)
    return found is not None and not (found["api"] and _API.issuperset(methods))


def _plain(path: str) -> str:
    """A path as the most lenient server reads it: without case, parameters, doubled and encoded
    slashes and one at its end."""
    if "%2F" in path or "%252F" in path:
        path = path.replace("%252F", "/").replace("%2F", "/")
    if ";" in path:
        path = _PARAMETER.sub("", path)
    if "//" in path:
        path = _SLASHES.sub("/", path)
    return path.rstrip("/").lower()


def _services(query: str) -> str:
    """The services that a query names, however it is spelt."""
    if "service" not in decoded(query):
        return ""
    pairs = (pair.partition("=") for pair in re.split("[&;]", query))
    return " ".join(unquote(v).lower() for k, _, v in pairs if _SERVICE.fullmatch(unquote(k)))


def is_lfs_upload(path: str, body: bytes) -> bool:
    """Whether a Git LFS batch request asks for anything but a download. One that cannot be read
    (compressed, malformed, the key twice, far larger than any) counts as an upload."""
    if not _BATCH.search(_plain(path)):
        return False
    if len(body) > MAX_LFS_BATCH:
        return True
    try:
        pairs = json.loads(body, object_pairs_hook=list)
        asked = [value for name, value in pairs if name.lower() == "operation"]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return True
    return asked != ["download"]
