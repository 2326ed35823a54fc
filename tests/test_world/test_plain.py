"""The rest of the internet: echo, bytes, ticker, sink, redirect, git."""

from __future__ import annotations

import hashlib
import socket
import time

import httpx
import pytest

from tests.test_world.decode import sse
from tests.world import World
from tests.world.dialects.plain import bytes_sha256


def test_echo_tells_what_arrived_on_any_host(world: World, client: httpx.Client) -> None:
    answer = client.put(
        "/echo/deep?a=1", content=b"abc", headers={"host": "Example.COM", "x-one": "1"}
    )
    seen = answer.json()
    assert (seen["method"], seen["host"], seen["path"]) == ("PUT", "example.com", "/echo/deep")
    assert (seen["query"], seen["tls"], seen["body_bytes"]) == ("a=1", True, 3)
    assert seen["body_sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert ["x-one", "1"] in seen["headers"]


def test_the_truth_holds_header_names_and_the_values_that_prove_injection(
    world: World, client: httpx.Client
) -> None:
    client.get("/echo", headers={"authorization": "Bearer real", "x-custom": "v"})
    (truth,) = world.requests()
    assert truth["auth"] == {"authorization": "Bearer real"}
    assert {"x-custom", "authorization"} <= set(truth["header_names"])


def test_bytes_of_any_size_come_with_their_length(world: World, client: httpx.Client) -> None:
    size = 3_000_001
    answer = client.get(f"/bytes?n={size}", headers={"accept-encoding": "identity"})
    assert answer.headers["content-length"] == str(size)
    assert hashlib.sha256(answer.content).hexdigest() == bytes_sha256(size)
    assert world.requests()[0]["bytes_sent"] == size


def test_an_upload_is_hashed_without_being_kept(world: World, client: httpx.Client) -> None:
    data = b"0123456789abcdef" * 200_000
    answer = client.post("/upload", content=data).json()
    assert answer == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert world.requests()[0]["json"] is None


def test_the_ticker_ticks_at_its_pace(world: World, client: httpx.Client) -> None:
    began = time.monotonic()
    body = client.get("/sse?n=5&ms=50").text
    assert time.monotonic() - began >= 0.2
    assert [data for _, data in sse(body)] == [f'{{"tick":{n}}}' for n in range(5)]


def test_a_redirect_points_where_it_is_told(world: World, client: httpx.Client) -> None:
    answer = client.get("/redirect?to=https://evil.example/&status=307")
    assert answer.status_code == 307
    assert answer.headers["location"] == "https://evil.example/"


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
def test_git_discovery_is_answered_enough_to_see_it_arrive(
    world: World, client: httpx.Client, service: str
) -> None:
    answer = client.get(f"/org/repo.git/info/refs?service={service}")
    assert answer.headers["content-type"] == f"application/x-{service}-advertisement"
    first = int(answer.content[:4], 16)
    assert answer.content[4:first] == f"# service={service}\n".encode()
    assert answer.content[first : first + 4] == b"0000"
    assert client.post(f"/org/repo.git/{service}", content=b"0000").status_code == 200
    assert [r["dialect"] for r in world.requests()] == ["git.refs", "git.rpc"]


def test_what_nothing_answers_is_a_404_and_on_record(world: World, client: httpx.Client) -> None:
    assert client.get("/api/claude_code/settings").status_code == 404
    (truth,) = world.requests()
    assert (truth["dialect"], truth["provider"]) == ("missing", "")


def test_pipelined_requests_are_answered_in_order(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.http_port), 10) as sock:
        sock.sendall(b"".join(b"GET /echo?n=%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(5)))
        raw = b""
        while raw.count(b'"query":"n=') < 5:
            raw += sock.recv(65536)
    assert [int(part[:1]) for part in raw.split(b'"query":"n=')[1:]] == [0, 1, 2, 3, 4]
    assert world.truth()["connections"][0]["requests"] == 5


def test_a_half_closed_client_still_gets_its_answer(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.http_port), 10) as sock:
        sock.sendall(b"GET /echo HTTP/1.0\r\nHost: h\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        raw = b""
        while piece := sock.recv(65536):
            raw += piece
    assert b'"host":"h"' in raw


def test_an_absolute_target_names_the_host(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.http_port), 10) as sock:
        sock.sendall(b"GET http://one.example/echo HTTP/1.1\r\nHost: two.example\r\n\r\n")
        sock.recv(65536)
    (truth,) = world.requests()
    assert truth["host"] == "one.example"
    assert truth["target"] == "http://one.example/echo"


def test_a_malformed_request_is_refused_and_noted(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.http_port), 10) as sock:
        sock.sendall(b"GARBAGE\r\n\r\n")
        assert b" 400 " in sock.recv(65536)
    assert world.requests() == []
    assert "bad request" in world.truth()["connections"][0]["error"]


def test_cleartext_http2_with_prior_knowledge_works(world: World) -> None:
    with httpx.Client(http1=False, http2=True) as client:
        assert client.get(f"{world.http_url}/echo").json()["protocol"] == "h2"
