"""Requests under way while secrets and routes change: each is answered, by one of them."""

from __future__ import annotations

import itertools
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from botbottle.model.route import Auth, Dlp, Route
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE

SECRETS = ("first-secret-value-000111", "second-secret-value-222333")
BODY = {"model": "claude-opus-5-5", "max_tokens": 5, "messages": []}
MANY, EACH = 8, 25


def routes(port: int, turn: int) -> tuple[Route, ...]:
    """Each turn another leak detection."""
    dlp = Dlp(outbound_on_match=("block", "redact")[turn % 2])
    auth = Auth("Bearer", "T")
    return (
        Route(EXAMPLE, port, auth, allow_private=True, dlp=dlp),
        Route(ANTHROPIC, port, allow_private=True, provider="claude", dlp=dlp),
    )


def asking(inside: Inside, http2: bool) -> list[tuple[int, str]]:
    """Status and denial code of each of many requests, every third by a new connection."""
    port, found = inside.world.tls_port, []
    context = ssl.create_default_context(cafile=str(inside.folder / "public" / "ca.pem"))
    proxy = f"http://127.0.0.1:{inside.app.ports['proxy']}"
    for _ in range(EACH):
        with httpx.Client(proxy=proxy, verify=context, timeout=30, http2=http2) as http:
            for answer in (
                http.get(f"https://{EXAMPLE}:{port}/x"),
                http.post(f"https://{EXAMPLE}:{port}/y", content=b"body" * 5000),
                http.post(f"https://{ANTHROPIC}:{port}/v1/messages", json=BODY),
            ):
                found.append((answer.status_code, answer.headers.get("x-botbottle-denied", "")))
    return found


@pytest.mark.parametrize("http2", [False, True])
def test_none_is_cut(inside: Inside, http2: bool) -> None:
    inside.world.reset()
    port, over = inside.world.tls_port, threading.Event()
    inside.deliver(*routes(port, 0), secrets={"T": SECRETS[0]})

    def change() -> int:
        for turn in itertools.count(1):
            inside.deliver(*routes(port, turn), secrets={"T": SECRETS[turn % 2]})
            if over.wait(0.002):
                return turn
        raise AssertionError

    with ThreadPoolExecutor(MANY + 1) as pool:
        changing = pool.submit(change)
        try:
            asked = [pool.submit(asking, inside, http2) for _ in range(MANY)]
            found = [each for one in asked for each in one.result(120)]
        finally:
            over.set()
    assert changing.result(30) > 10
    assert len(found) == MANY * EACH * 3
    assert set(found) == {(404, ""), (200, "")}
    assert '"event":"cut"' not in inside.output.getvalue()
    sent = {r["auth"]["authorization"] for r in inside.world.requests(0, host=EXAMPLE)}
    assert sent <= {f"Bearer {secret}" for secret in SECRETS}
