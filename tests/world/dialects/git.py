"""Git's smart HTTP protocol, as far as an empty repository that swallows every push.

A push that should have been stopped on the way succeeds here, which makes it a positive control.
Source: gitprotocol-http and gitprotocol-pack in git's own documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.world.wire import Call, Frame, Reply, text_reply

NO_REFS = b"0" * 40 + b" capabilities^{}\0report-status delete-refs agent=world\n"
FLUSH = b"0000"


def refs(call: Call) -> Reply:
    """``…/info/refs``: no refs, in the smart protocol or the dumb one."""
    service = call.request.arg("service")
    if not service:
        return text_reply("")
    data = _pkt(f"# service={service}\n".encode()) + FLUSH + _pkt(NO_REFS) + FLUSH
    return _reply(f"application/x-{service}-advertisement", data, "refs")


def rpc(call: Call) -> Reply:
    """``…/git-upload-pack`` has nothing; ``…/git-receive-pack`` says that all refs were updated."""
    service = call.request.path.rsplit("/", 1)[-1]
    kind = f"application/x-{service}-result"
    if service != "git-receive-pack":
        return _reply(kind, _pkt(b"ERR scripted upstream\n"), "rpc")
    names = list(_pushed(call.request.body))
    report = [b"unpack ok\n", *(b"ok " + name + b"\n" for name in names)]
    data = b"".join(_pkt(line) for line in report) + FLUSH if names else b""
    return _reply(kind, data, "rpc")


def _reply(kind: str, data: bytes, name: str) -> Reply:
    headers = [("content-type", kind), ("cache-control", "no-cache")]
    return Reply(200, headers, [Frame(data, name, terminal=True)])


def _pkt(line: bytes) -> bytes:
    """A pkt-line: four hexadecimal digits of length, themselves included."""
    return f"{len(line) + 4:04x}".encode() + line


def _pushed(body: bytes) -> Iterator[bytes]:
    """The names of the refs that a push updates; the pack that follows is not looked at."""
    while (head := body[:4]) not in (FLUSH, b""):
        size = int(head, 16)
        words = body[4:size].partition(b"\0")[0].split()
        if size < 4 or len(words) != 3:
            return
        yield words[2]
        body = body[size:]
