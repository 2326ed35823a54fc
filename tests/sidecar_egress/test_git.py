"""Git over HTTPS is recognised by service and path, however it is dressed."""

from __future__ import annotations

import pytest

from botbottle.sidecar.egress import git

HASH = "a" * 38


@pytest.mark.parametrize(
    ("method", "path", "query", "use"),
    [
        ("GET", "/o/r.git/info/refs", "service=git-upload-pack", "fetch"),
        ("POST", "/o/r.git/git-upload-pack", "", "fetch"),
        ("GET", "/o/r/info/refs", "", "fetch"),
        ("GET", f"/o/r/objects/ab/{HASH}", "", "fetch"),
        ("GET", "/o/r/objects/info/packs", "", "fetch"),
        ("GET", "/o/r/info/refs", "service=git-receive-pack", "push"),
        ("GET", "/o/r/info/refs", "x=1&service=git-receive-pack", "push"),
        ("GET", "/o/r/info/refs", "service=git%2Dreceive%2Dpack", "push"),
        ("GET", "/anything", "service=git-receive-pack", "push"),
        ("POST", "/o/r.git/git-receive-pack", "", "push"),
        ("PUT", f"/o/r/objects/ab/{HASH}", "", "push"),
        ("MKCOL", "/o/r.git/objects/ab", "", "push"),
        ("LOCK", "/o/r.git/info/refs", "", "push"),
        ("POST", "/o/r.git/info/lfs/objects/batch", "", "fetch"),
        ("PUT", "/o/r.git/info/lfs/objects/x", "", "push"),
        ("POST", "/o/r.git/info/lfs/locks", "", "push"),
        ("GET", "/o/r/blob/main/README", "", ""),
        ("GET", "/objects", "service=other", ""),
    ],
)
def test_use(method: str, path: str, query: str, use: str) -> None:
    assert git.use(method, path, query) == use


def test_an_lfs_upload_is_seen_in_the_body() -> None:
    path = "/o/r.git/info/lfs/objects/batch"
    assert git.is_lfs_upload(path, b'{"operation": "upload"}')
    assert not git.is_lfs_upload(path, b'{"operation": "download"}')
    assert not git.is_lfs_upload("/other", b'{"operation": "upload"}')
