"""What stands where an agent's credentials would be, sent to where the sidecar replaces nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import zipfile
from typing import Any

import brotli
import pytest
import zstandard

from botbottle.model.route import Auth
from botbottle.providers.claude import API_KEY_PLACEHOLDER
from botbottle.sidecar.egress.placeholders import Placeholders
from tests.sidecar_egress.raw_client import exchange, get, reached
from tests.sidecar_egress.rig import EXAMPLE, Rig, until
from tests.sidecar_egress.ws_client import Socket


def _told(rig: Rig) -> list[dict[str, Any]]:
    return [line for line in list(rig.sidecar.lines) if line["event"] == "placeholder"]


def _post(body: str | bytes, coding: str = "") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {len(data)}\r\n"
    head += f"Content-Encoding: {coding}\r\n" if coding else ""
    return f"{head}Connection: close\r\n\r\n".encode() + data


def test_one_is_found_wherever_it_lies_in_a_large_body() -> None:
    finder = Placeholders({API_KEY_PLACEHOLDER: "AK", "another-placeholder-0123": "B"})
    for at in (0, 65_500, 65_536, 131_060, 200_000):
        body = bytearray(b"ordinary words. " * 13_000)
        body[at:at] = API_KEY_PLACEHOLDER.encode()
        assert finder.named(bytes(body)) == {"AK"}
    assert finder.named(b"x" * 200_000 + API_KEY_PLACEHOLDER.encode()) == {"AK"}
    assert finder.named(b"x" * 200_000 + API_KEY_PLACEHOLDER.encode()[:-1]) == frozenset()


def _zipped(*texts: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.txt", text)
    return made.getvalue()


TEXT = b"ordinary words " * 5000 + API_KEY_PLACEHOLDER.encode()
CODED = base64.b64encode(API_KEY_PLACEHOLDER.encode()).decode()
ELSEWHERE = {
    "url": get(f"/x?key={API_KEY_PLACEHOLDER}"),
    "header": get(extra=f"X-Note: {API_KEY_PLACEHOLDER}\r\n"),
    "body": _post(f'{{"key": "{API_KEY_PLACEHOLDER}"}}'),
    "large body": _post(f'{{"key": "{"words " * 5000}{API_KEY_PLACEHOLDER}"}}'),
    "percent": get("/x?note=" + "".join(f"%{c:02x}" for c in API_KEY_PLACEHOLDER.encode())),
    "base64": _post(f'{{"key": "{CODED}"}}'),
    "capitals": _post(API_KEY_PLACEHOLDER.upper()),
    "utf-16": _post(API_KEY_PLACEHOLDER.encode("utf-16-le").decode("latin-1")),
    "gzip": _post(gzip.compress(TEXT), "gzip"),
    "br": _post(brotli.compress(TEXT), "br"),
    "zstd": _post(zstandard.compress(TEXT), "zstd"),
    "twice": _post(zstandard.compress(gzip.compress(TEXT)), "gzip, zstd"),
    "a compressed file": _post(gzip.compress(TEXT)),
    "a file in a form": _post(b"--b\r\n\r\n" + gzip.compress(TEXT) + b"\r\n--b--"),
    "an archive": _post(_zipped(b"nothing", TEXT)),
    "bzip2": _post(b"\0" + bz2.compress(TEXT)),
    "xz": _post(b"\0" + lzma.compress(TEXT)),
    "stripped": get(extra=f"Authorization: Bearer {API_KEY_PLACEHOLDER}\r\n"),
    "stripped, coded": get(extra=f"Proxy-Authorization: Basic {CODED}\r\n"),
    "stripped cookie": get(extra=f"Cookie: a={API_KEY_PLACEHOLDER}\r\n"),
    "stripped query": get(f"/x?api_key={API_KEY_PLACEHOLDER}"),
    "upload": get(extra="Transfer-Encoding: chunked\r\n").replace(b"GET", b"POST")
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(API_KEY_PLACEHOLDER), API_KEY_PLACEHOLDER.encode()),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_a_placeholder_that_goes_elsewhere_is_reported(rig: Rig, kind: str) -> None:
    request_ = ELSEWHERE[kind]
    route = rig.route(EXAMPLE, stream_uploads=kind == "upload")
    rig.configure(route, placeholders=((API_KEY_PLACEHOLDER, "AK"),))
    before = len(_told(rig))
    exchange(rig, request_)
    until(lambda: len(_told(rig)) > before, "the report")
    (line,) = _told(rig)[before:]
    assert (line["rule"], line["name"], line["host"]) == ("placeholder", "AK", EXAMPLE)


def test_what_unpacks_to_no_placeholder_is_none() -> None:
    finder = Placeholders({API_KEY_PLACEHOLDER: "AK"})
    packed = gzip.compress(TEXT)
    assert finder.packed(packed, "gzip") == {"AK"}
    assert finder.packed(gzip.compress(TEXT[:-1]), "gzip") == frozenset()
    files = [0, 7, len(packed)]
    assert finder.inside(packed, files) == {"AK"}
    assert finder.inside(_zipped(b"none"), [0]) == finder.inside(packed[:40], files) == frozenset()
    assert finder.packed(packed[:40], "gzip") == finder.packed(packed, "x") == frozenset()


def test_a_placeholder_in_the_place_of_the_credential_is_replaced_and_not_reported(
    rig: Rig,
) -> None:
    rig.configure(
        rig.route(EXAMPLE, auth=Auth("header", "AK", "x-api-key")),
        secrets={"AK": "sk-real-anthropic-0001"},
        placeholders=((API_KEY_PLACEHOLDER, "AK"),),
    )
    before = len(_told(rig))
    exchange(rig, get(extra=f"X-Api-Key: {API_KEY_PLACEHOLDER}\r\n"))
    exchange(rig, get(f"/x?key={API_KEY_PLACEHOLDER}"))
    until(lambda: len(_told(rig)) > before, "the report of the second")
    assert len(_told(rig)) == before + 1
    assert reached(rig)[0]["auth"] == {"x-api-key": "sk-real-anthropic-0001"}


def test_a_placeholder_in_a_websocket_is_reported(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE), placeholders=((API_KEY_PLACEHOLDER, "AK"),))
    before = len(_told(rig))
    ws = Socket(rig, EXAMPLE, "/ws")
    texts = ws.texts()
    ws.send_raw(b"nothing")
    assert next(texts)
    assert len(_told(rig)) == before
    ws.send_raw(b"my key is " + API_KEY_PLACEHOLDER.encode())
    until(lambda: len(_told(rig)) == before + 1, "the report")
    ws.close()


def test_what_is_no_placeholder_is_not_reported(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE), placeholders=((API_KEY_PLACEHOLDER, "AK"),))
    before = len(_told(rig))
    other = API_KEY_PLACEHOLDER[:-6]
    exchange(rig, get(f"/x?key={other}", extra=f"Authorization: Bearer {other}\r\n"))
    exchange(rig, get(f"/x?key={API_KEY_PLACEHOLDER}"))
    until(lambda: len(_told(rig)) > before, "the report of the second")
    assert len(_told(rig)) == before + 1
