"""A tiny agent: real HTTPS requests through the proxy of the environment, one JSON line each.

Runs inside a bottle with nothing but Python's standard library (``bottle_client.cjs`` is the
same for Node). Reads HTTPS_PROXY, SSL_CERT_FILE or NODE_EXTRA_CA_CERTS and the placeholder keys.

    python3 bottle_client.py claude --count 5 --until-refused
    python3 bottle_client.py codex --script '{"output": 900}'
    python3 bottle_client.py get https://example.com/

Each line: n, kind, url, status, usage (the provider's words), events, complete, ms, and for a
refusal its body; a failure below HTTP has status 0 and an error.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_BODY = 65536
URLS = {
    "claude": "https://api.anthropic.com/v1/messages",
    "codex": "https://api.openai.com/v1/responses",
    "chat": "https://api.openai.com/v1/chat/completions",
}
MODELS = {"claude": "claude-opus-5-5", "codex": "gpt-6.1-sol", "chat": "gpt-6.1-sol"}


def main() -> int:
    """Make the requests; exit code 0 when the last one was answered with 2xx, else 1."""
    given = _arguments()
    line: dict[str, Any] = {}
    for number in range(1, given.count + 1):
        line = {"n": number, "kind": given.kind, **_exchange(given, number)}
        print(json.dumps(line), flush=True)
        if given.until_refused and not _answered(line):
            break
        time.sleep(given.pause if number < given.count else 0)
    return 0 if _answered(line) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*URLS, "get"])
    parser.add_argument("url", nargs="?", help="instead of the provider's own")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--until-refused", action="store_true", help="stop at the first refusal")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between requests")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds of silence")
    parser.add_argument("--model")
    parser.add_argument("--prompt", default="say something")
    parser.add_argument("--script", help="JSON for the scripted upstream's x-world-script header")
    given = parser.parse_args()
    if given.kind == "get" and not given.url:
        parser.error("get needs a URL")
    return given


def _answered(line: dict[str, Any]) -> bool:
    return 200 <= int(line.get("status", 0)) < 300 and not line.get("error")


def _exchange(given: argparse.Namespace, number: int) -> dict[str, Any]:
    url = given.url or URLS[given.kind]
    result: dict[str, Any] = {"url": url, "status": 0}
    began = time.monotonic()
    try:
        _talk(given, url, number, result)
    except (OSError, http.client.HTTPException, ValueError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    result["ms"] = round((time.monotonic() - began) * 1000, 1)
    return result


def _talk(given: argparse.Namespace, url: str, number: int, result: dict[str, Any]) -> None:
    parts = urlsplit(url)
    connection = _connect(parts, given.timeout, result)
    if connection is None:
        return
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        method = "GET" if given.kind == "get" else "POST"
        body = None if method == "GET" else json.dumps(_body(given, number))
        connection.request(method, target, body, _headers(given))
        answer = connection.getresponse()
        result["status"] = answer.status
        streaming = answer.getheader("content-type", "").startswith("text/event-stream")
        if streaming:
            _stream(answer, result)
        else:
            _whole(answer, result)
    finally:
        connection.close()


def _body(given: argparse.Namespace, number: int) -> dict[str, Any]:
    prompt = f"{given.prompt} {number}"
    body: dict[str, Any] = {"model": given.model or MODELS[given.kind], "stream": True}
    if given.kind == "codex":
        return body | {"input": prompt}
    body["messages"] = [{"role": "user", "content": prompt}]
    if given.kind == "claude":
        return body | {"max_tokens": 1024}
    return body | {"stream_options": {"include_usage": True}}


def _headers(given: argparse.Namespace) -> dict[str, str]:
    headers = {"accept-encoding": "identity", "content-type": "application/json"}
    if given.kind == "claude":
        headers["x-api-key"] = os.environ.get("ANTHROPIC_API_KEY", "placeholder")
        headers["anthropic-version"] = "2023-06-01"
    elif given.kind != "get":
        headers["authorization"] = f"Bearer {os.environ.get('OPENAI_API_KEY', 'placeholder')}"
    if given.script:
        headers["x-world-script"] = given.script
    return headers


def _connect(
    parts: SplitResult, timeout: float, result: dict[str, Any]
) -> http.client.HTTPConnection | None:
    """A connection whose socket is ready; None when the proxy refused (noted in ``result``)."""
    secure, host = parts.scheme == "https", parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    proxy = _proxy("HTTPS_PROXY" if secure else "HTTP_PROXY")
    where = (proxy.hostname, proxy.port or 80) if proxy.hostname else (host, port)
    sock = socket.create_connection(where, timeout)
    if proxy.hostname and not _tunnel(sock, f"{host}:{port}", result):
        sock.close()
        return None
    if secure:
        sock = _trust().wrap_socket(sock, server_hostname=host)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    connection.sock = sock
    return connection


def _proxy(name: str) -> SplitResult:
    return urlsplit(os.environ.get(name) or os.environ.get(name.lower()) or "")


def _tunnel(sock: socket.socket, authority: str, result: dict[str, Any]) -> bool:
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
    sock.sendall(head.encode())
    answer = http.client.HTTPResponse(sock, method="CONNECT")
    answer.begin()
    if answer.status == 200:
        return True
    result |= {"status": answer.status, "at": "connect"}
    answer.length = int(answer.getheader("content-length") or 0)
    result["body"] = _json(answer.read(min(answer.length, MAX_BODY)))
    return False


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    extra = os.environ.get("NODE_EXTRA_CA_CERTS")
    if extra and not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(extra)
    return context


def _whole(answer: http.client.HTTPResponse, result: dict[str, Any]) -> None:
    body = _json(answer.read(MAX_BODY))
    result["complete"] = True
    if isinstance(body, dict) and "usage" in body and answer.status < 300:
        result["usage"] = body["usage"]
    else:
        result["body"] = body


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _stream(answer: http.client.HTTPResponse, result: dict[str, Any]) -> None:
    result |= {"events": 0, "complete": False, "usage": None}
    for data in _events(answer):
        result["events"] += 1
        if data == "[DONE]":
            result["complete"] = True
        else:
            _look(json.loads(data), result)
    if not result["complete"] and "error" not in result:
        result["error"] = "the stream broke off before its last event"


def _look(event: dict[str, Any], result: dict[str, Any]) -> None:
    """Keep the usage and the ending of any of the three dialects."""
    kind = str(event.get("type", ""))
    for place in (event.get("message"), event.get("response"), event):
        if isinstance(place, dict) and place.get("usage"):
            result["usage"] = {**(result["usage"] or {}), **place["usage"]}
    if kind in ("message_stop", "response.completed", "response.incomplete"):
        result["complete"] = True
    if kind in ("error", "response.failed") or "error" in event:
        result["error"] = event.get("error") or event.get("message") or kind


def _events(answer: http.client.HTTPResponse) -> Iterator[str]:
    for line in answer:
        text = line.decode().rstrip("\r\n")
        if text.startswith("data:"):
            yield text[5:].lstrip()


if __name__ == "__main__":
    sys.exit(main())
