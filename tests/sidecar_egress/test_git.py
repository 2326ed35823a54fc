"""Git over HTTPS is recognised by service and path, however it is dressed."""

from __future__ import annotations

import gzip

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
        ("POST", "/o/r.git/git-receive-pack/", "", "push"),
        ("POST", "/o/r.git//git-receive-pack;x=1", "", "push"),
        ("POST", "/o/r.git%2Fgit-receive-pack", "", "push"),
        ("POST", "/o/r.git%252Fgit-receive-pack", "", "push"),
        ("POST", "/o/r.git/Git-Receive-Pack", "", "push"),
        ("GET", "/o/r/info/refs/", "a;Service=GIT-RECEIVE-PACK", "push"),
        ("GET", "/o/r/info/refs", "service[]=git-receive-pack%00", "push"),
        ("POST", "/o/r.git/git-upload-pack/", "", "fetch"),
        ("GET", "/o/r//info/refs;x/", "", "fetch"),
        ("PATCH", "/o/r.git/info/lfs/objects/x", "", "push"),
        ("POST", "/o/r.git/info/lfs/objects/x/verify", "", "push"),
        ("GET", "/o/r/blob/main/README", "", ""),
        ("GET", "/search", "q=git-receive-pack", ""),
        ("GET", "/objects", "service=other", ""),
        ("GET", "/o/r/info/refs", "%20Service%00x=git-receive-pack", "push"),
        ("GET", "/search", "microservice=git-receive-pack", ""),
        ("GET", "/search", "service-of=git-upload-pack", ""),
    ],
)
def test_use(method: str, path: str, query: str, use: str) -> None:
    assert git.use((method,), path, query) == use


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/o/r.git/info/lfs/objects/x", ("GET", "PUT")),
        ("/o/r.git/info/lfs/objects/batch", ("POST", "DELETE")),
        (f"/o/r/objects/ab/{HASH}", ("GET", "PUT")),
        ("/o/r.git", ("POST", "MKCOL")),
    ],
)
def test_a_method_that_a_request_asks_to_be_taken_for_counts(
    path: str, methods: tuple[str, ...]
) -> None:
    assert git.use(methods, path, "") == "push"
    assert git.use(methods[:1], path, "") != "push"


BATCH = "/o/r.git/info/lfs/objects/batch"


def test_only_a_plain_download_is_no_lfs_upload() -> None:
    assert not git.is_lfs_upload(BATCH, b'{"operation": "download", "objects": []}')
    assert not git.is_lfs_upload("/other", b'{"operation": "upload"}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"operation": "upload"}',
        b'{"operation": "\\u0075pload"}',
        b'{"operation": "download", "operation": "upload"}',
        b'{"operation": "download", "Operation": "upload"}',
        b'{"operation": ["upload"]}',
        b"{}",
        b"[]",
        b"null",
        b"",
        b"[" * 9999,
        gzip.compress(mtime=0, data=b'{"operation": "download"}'),
    ],
)
def test_whatever_else_a_batch_request_says_is_one(body: bytes) -> None:
    assert git.is_lfs_upload(BATCH, body) and git.is_lfs_upload(f"{BATCH}//", body)


def test_a_batch_far_larger_than_any_is_not_read() -> None:
    for size, upload in ((1000, False), (git.MAX_LFS_BATCH, True)):
        body = b'{"operation": "download", "objects": ["' + b"x" * size + b'"]}'
        assert git.is_lfs_upload(BATCH, body) is upload
