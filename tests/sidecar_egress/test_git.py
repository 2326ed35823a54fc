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


INSIDE = (
    "/o/r.git/refs/heads/main", "/o/r/refs/heads/main", "/o/r/refs/tags/a/b", "/o/r.git/refs/x",
    "/o/r.git/packed-refs", "/o/r/packed-refs", "/o/r.git/HEAD", "/o/r.git/FETCH_HEAD",
    "/o/r.git/config", "/o/r.git/hooks/post-update", "/o/r.git/objects/pack/any.pack",
    "/o/r/objects/pack/pack-z.idx", "/o/r.git/objects/ab/tmp", "/o/r/info/refs",
    "/o/r/objects/info/packs", "/o/r.git/logs/HEAD", "/o/r.git;x=1/refs%2Fheads%2Fmain",
    "/git/refs/heads/main", "/o/r.git/gitlab-lfs/objects/a/1",
)  # fmt: skip


@pytest.mark.parametrize("path", INSIDE)
def test_a_repository_is_only_files_and_nothing_is_written_into_one(path: str) -> None:
    for method in ("PUT", "POST", "APPEND"):
        assert git.use((method,), path, "") == "push"
    assert git.use(("COPY",), "/anything", "") == "push"
    assert all(git.use((method,), path, "") != "push" for method in ("GET", "HEAD"))
    assert git.use(("GET", "PUT"), path, "") == "push"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/repos/o/r/git/refs/heads/x"),
        ("DELETE", "/repos/o/r/git/refs/heads/x"),
        ("POST", "/repos/o/r/git/refs"),
        ("POST", "/repos/o/r/git/commits"),
        ("PUT", "/repos/o/r/contents/refs/x"),
        ("DELETE", "/2.0/repositories/w/r/refs/tags/v1"),
        ("PUT", "/api/v1/objects/info/42"),
        ("PUT", "/bucket/objects/pack/data.bin"),
        ("POST", "/v1/objects/ab/x"),
        ("PUT", "/o/r.github/config"),
        ("POST", "/o/r.git"),
    ],
)
def test_an_api_that_speaks_of_git_is_none(method: str, path: str) -> None:
    assert git.use((method,), path, "") == ""


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
