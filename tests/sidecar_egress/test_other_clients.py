"""Java, Go, Bun and gRPC with exactly the environment that bb gives an agent, nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.model.route import Auth, Match, PathMatch
from tests.sidecar_egress import tools
from tests.sidecar_egress.rig import EXAMPLE, Rig
from tests.sidecar_egress.test_python_clients import environment

pytestmark = pytest.mark.engine  # not of an engine, but of programs that are fetched on first use

DENIED = "denied.example.com"
JAVA = """
import java.net.URI; import java.net.http.*;
class Get { public static void main(String[] a) throws Exception {
  var r = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(a[0])).build(),
                                          HttpResponse.BodyHandlers.ofString());
  System.out.println(r.statusCode()); System.out.println(r.body()); } }
"""
GO = """
package main
import ("fmt"; "io"; "net/http"; "os")
func main() {
  r, err := http.Get(os.Args[1])
  if err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
  b, _ := io.ReadAll(r.Body)
  fmt.Println(r.StatusCode); fmt.Println(string(b)) }
"""
BUN = """
const r = await fetch(process.argv[2]);
console.log(r.status); console.log(await r.text());
"""


def java(folder: Path) -> list[str]:
    (folder / "Get.java").write_text(JAVA)
    return [str(tools.java()), str(folder / "Get.java")]


def go(folder: Path) -> list[str]:
    (folder / "get.go").write_text(GO)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(tools.CACHE / "gocache"),
           "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}  # fmt: skip
    build = [str(tools.go()), "build", "-o", "get", "get.go"]
    subprocess.run(build, cwd=folder, env=env, check=True, timeout=300)
    return [str(folder / "get")]


def bun(folder: Path) -> list[str]:
    (folder / "get.ts").write_text(BUN)
    return [str(tools.bun()), "run", str(folder / "get.ts")]


MADE: dict[str, list[str]] = {}


@pytest.fixture(params=[java, go, bun], ids=["java", "go", "bun"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of a client; its URL comes last."""
    make: Callable[[Path], list[str]] = request.param
    if make.__name__ not in MADE:
        MADE[make.__name__] = make(tmp_path_factory.mktemp(make.__name__))
    return MADE[make.__name__]


def run(rig: Rig, program: list[str], url: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program, url], env={**environment(rig), **env}, check=False, capture_output=True,
        text=True, timeout=120, cwd="/",
    )  # fmt: skip


def answer(done: subprocess.CompletedProcess[str]) -> tuple[str, Any]:
    assert done.returncode == 0, done.stderr[-1500:]
    status, _, body = done.stdout.partition("\n")
    return status, json.loads(body)


def test_it_works_on_an_allowed_host_and_reads_the_denial_elsewhere(
    rig: Rig, program: list[str]
) -> None:
    status, _ = answer(run(rig, program, rig.url(EXAMPLE, "/echo")))
    assert status == "200"
    assert [r["host"].partition(":")[0] for r in rig.world.requests()] == [EXAMPLE]
    status, denial = answer(run(rig, program, rig.url(DENIED, "/echo")))
    assert (status, denial["code"], denial["host"]) == ("403", "no-route", DENIED)
    assert len(rig.world.requests(0)) == 1


def test_it_trusts_the_bottle_only_through_its_environment(rig: Rig, program: list[str]) -> None:
    options = environment(rig)["JAVA_TOOL_OPTIONS"].split()
    without = " ".join(o for o in options if "trustStore" not in o)
    empty = {"SSL_CERT_FILE": "/dev/null", "NODE_EXTRA_CA_CERTS": "", "SSL_CERT_DIR": "/dev/null",
             "JAVA_TOOL_OPTIONS": without}  # fmt: skip
    assert run(rig, program, rig.url(EXAMPLE, "/echo"), **empty).returncode != 0
    assert rig.world.requests(0) == []


GRPC = """
import sys; sys.path.insert(0, sys.argv[1])
import grpc, json
same = lambda data: data
with grpc.secure_channel(sys.argv[2], grpc.ssl_channel_credentials()) as channel:
    def call(kind, path, given):
        made = getattr(channel, kind)(path, request_serializer=same, response_deserializer=same)
        try: found = made(given, timeout=60)
        except grpc.RpcError as error: return error.code().name
        try: return found.decode() if isinstance(found, bytes) else [f.decode() for f in found]
        except grpc.RpcError as error: return error.code().name
    print(json.dumps([
        call("unary_unary", "/t.S/Unary", b"one"),
        call("unary_stream", "/t.S/Down", b"two"),
        call("stream_unary", "/t.S/Up", iter([b"a", b"b", b"c"])),
        call("unary_unary", "/t.S/Fails", b""),
        call("unary_unary", "/other.S/Unary", b"no"),
    ]))
"""
SERVER = """
import sys; sys.path.insert(0, sys.argv[1])
import grpc
from concurrent.futures import ThreadPoolExecutor
def fails(data, context): context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")
one, down, up = (grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler,
                 grpc.stream_unary_rpc_method_handler)
methods = {"Unary": one(lambda d, c: d.upper()), "Fails": one(fails),
           "Down": down(lambda d, c: iter([d, d, d])), "Up": up(lambda i, c: b"".join(i)),
           "Talk": grpc.stream_stream_rpc_method_handler(lambda i, c: (d.upper() for d in i))}
server = grpc.server(ThreadPoolExecutor(4))
for name in ("t.S", "other.S"):
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
pem = open(sys.argv[2], "rb").read()
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
server.start()
print(port, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def grpc_port(rig: Rig, tmp_path: Path) -> Iterator[int]:
    """A gRPC server outside of the bottle."""
    pem = tmp_path / "leaf.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(rig.world.authority.chain(EXAMPLE))
    command = [sys.executable, "-c", SERVER, str(tools.grpcio()), str(pem)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        yield int(server.stdout.readline())
        server.terminate()


TALK = """
import sys; sys.path.insert(0, sys.argv[1])
import grpc, json, queue
same = lambda data: data
def talk(words):
    said, heard = queue.Queue(), []
    said.put(words[0])
    answers = talks(iter(said.get, None), timeout=60)
    try:
        for answer in answers:  # each answer comes before the next word is said
            heard.append(answer.decode())
            said.put(words[len(heard)] if len(heard) < len(words) else None)
    except grpc.RpcError as error: heard.append(error.code().name)
    return heard
with grpc.secure_channel(sys.argv[2], grpc.ssl_channel_credentials()) as channel:
    talks = channel.stream_stream("/t.S/Talk", request_serializer=same, response_deserializer=same)
    secret = sys.argv[3].encode()
    print(json.dumps([talk([b"one", b"two", b"x" * 200_000, b"four"]),
                      talk([b"one", b"key " + secret, b"three"]),
                      talk([secret[:9], secret[9:], b"three"])]))
"""


def test_a_grpc_conversation_passes_where_the_route_streams(rig: Rig, grpc_port: int) -> None:
    """Nobody waits for the end of the request; a secret ends it before it has left whole."""
    secret = "real-secret-value-0123"
    rig.configure(
        rig.route(EXAMPLE, port=grpc_port, auth=Auth("Bearer", "T"), stream_uploads=True),
        secrets={"T": secret},
    )
    done = subprocess.run(
        [sys.executable, "-c", TALK, str(tools.grpcio()), f"{EXAMPLE}:{grpc_port}", secret],
        env=environment(rig), check=False, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    whole, leaked, cut = json.loads(done.stdout)
    assert whole == ["ONE", "TWO", "X" * 200_000, "FOUR"]
    assert (len(leaked), leaked[0]) == (2, "ONE"), "and then the stream's end"
    assert len(cut) == 2, "the second part of the secret was not answered"
    assert [d["code"] for d in rig.sidecar.control().denials(2)] == ["dlp", "dlp"]


def test_grpc_passes_where_a_route_allows_it(rig: Rig, grpc_port: int) -> None:
    """Calls and answers in one or many messages, the status in the trailers; a
    request is judged whole."""
    service = (Match((PathMatch("prefix", "/t.S"),), ("POST",)),)
    rig.configure(rig.route(EXAMPLE, port=grpc_port, matches=service))
    done = subprocess.run(
        [sys.executable, "-c", GRPC, str(tools.grpcio()), f"{EXAMPLE}:{grpc_port}"],
        env=environment(rig), check=False, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    unary, down, up, fails, other = json.loads(done.stdout)
    assert (unary, down, up) == ("ONE", ["two"] * 3, "abc")
    assert fails == "NOT_FOUND"
    assert other == "PERMISSION_DENIED"
    assert [d["code"] for d in rig.sidecar.control().denials(1)] == ["no-match"]
