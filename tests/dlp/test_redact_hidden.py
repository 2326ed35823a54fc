"""What is cut where a token is encoded, cut short, wrapped or signed: the conversation goes on."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import random
import sys
import textwrap
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import CannotRedact, Limits, Redacted, Scanner, Verdict, leaves, redact, signed
from tests.dlp.conftest import PATIENT, alnum, github

SCANNER = Scanner({"KEY": b"held-R4nd0m-9fKq2"}, key=b"k", limits=PATIENT)
URL = "https://api.test/v1/messages"
JSON = "application/json"
BEFORE, AFTER = "what was said before\n", "\nand what came after it"
ID = "toolu_01A2b3C4d5E6f7G8h9I0j1K2"

ENCODERS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 in lines": lambda data: base64.encodebytes(data).decode(),
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(data)).decode(),
    "base32": lambda data: base64.b32encode(data).decode(),
    "hex": lambda data: data.hex(),
    "percent": lambda data: "".join(f"%{byte:02X}" for byte in data),
    "quoted": lambda data: urllib.parse.quote(data.decode("latin-1"), safe=""),
    "gzip in base64": lambda data: base64.b64encode(gzip.compress(data)).decode(),
    "bzip2 in base64": lambda data: base64.b64encode(bz2.compress(data)).decode(),
    "repr of gzip": lambda data: repr(gzip.compress(data)),
    "unseen": lambda data: "\u200b".join(data.decode("latin-1")),
    "entities": lambda data: "".join(f"&#x{byte:x};" for byte in data),
    "wrapped": lambda data: "\n".join(textwrap.wrap(data.decode("latin-1"), 34)),
}


def conversation(text: str) -> bytes:
    result = {"type": "tool_result", "tool_use_id": ID, "content": text, "cache_control": {}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "hello there"}, result]}]
    return json.dumps({"model": "claude", "max_tokens": 5, "messages": messages}).encode()


def cut(body: bytes, **more: Any) -> Redacted | CannotRedact:
    found = SCANNER.scan_request(URL, (), body, JSON)
    assert any(f.verdict is Verdict.TOKEN for f in found)
    return redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON, **more)


def content_of(result: Redacted | CannotRedact) -> str:
    """The tool result's text; everything else has to be as it was."""
    assert isinstance(result, Redacted), result
    said = json.loads(result.body)
    block = said["messages"][0]["content"][1]
    text = str(block["content"])
    block["content"] = ""
    assert said == json.loads(conversation(""))
    return text


@settings(max_examples=120, deadline=None)
@given(name=st.sampled_from(sorted(ENCODERS)), seed=st.integers(0, 2**32))
def test_of_a_conversation_only_what_hides_a_token_is_lost(name: str, seed: int) -> None:
    rng = random.Random(seed)
    token = github(rng)
    hidden = ENCODERS[name](f"# a file of settings\nGITHUB_TOKEN={token}\nMODE=fast\n".encode())
    body = conversation(BEFORE + hidden + AFTER)
    if not any(f.verdict is Verdict.TOKEN for f in SCANNER.scan_request(URL, (), body, JSON)):
        assert name == "wrapped"  # the break is elsewhere
        return
    text = content_of(cut(body))
    assert "[REDACTED:" in text
    assert not SCANNER.scan_request(URL, (), conversation(text), JSON)
    if name in ("base64", "base64 in lines", "base64 twice", "base32", "hex", "percent", "quoted"):
        assert text.startswith(BEFORE.strip()) and text.endswith(AFTER.strip())


def test_a_token_in_a_name_or_beside_what_is_no_text_is_refused() -> None:
    hidden = ENCODERS["percent"](f"token {github(random.Random(3))} end".encode())
    assert cut(json.dumps({hidden: 1}).encode()) == CannotRedact("structure")
    assert cut(f"\0text {hidden}".encode()) == CannotRedact("encoded")


@pytest.mark.parametrize("name", ["percent", "quoted", "entities"])
@pytest.mark.parametrize("around", ["text {} end", "a=1&b= {} &c=2", '<a b="{}"/>\nnext'])
def test_of_other_text_the_word_that_hides_a_token_is_cut(name: str, around: str) -> None:
    hidden = ENCODERS[name](github(random.Random(3)).encode())
    done = cut(around.format(hidden).encode())
    assert isinstance(done, Redacted)
    before, after = around.split("{}")
    text = done.body.decode()
    assert text.startswith(before + "[REDACTED:") and text.endswith("]" + after)


@pytest.mark.parametrize("name", ["percent", "unseen", "entities"])
def test_what_is_cut_is_marked_the_same_whatever_is_beside_it(name: str) -> None:
    """A conversation grows, and what a provider has read is not paid for again."""
    first, second = (ENCODERS[name](github(random.Random(n)).encode()) for n in (1, 2))
    alone = content_of(cut(conversation(first)))
    both = cut(json.dumps([second, first]).encode())
    assert isinstance(both, Redacted)
    marks = json.loads(both.body)
    assert marks[1] == alone != marks[0]


@pytest.mark.parametrize("name", ["percent", "wrapped", "cut short"])
@pytest.mark.parametrize("member", ["arguments", "output"])
def test_json_in_json_can_still_be_read(name: str, member: str) -> None:
    token = f"# settings\nGITHUB_TOKEN={github(random.Random(2))}\nMODE=fast\n"
    short = "\n".join(key(random.Random(5), 8)[:6])
    hidden = short if name == "cut short" else ENCODERS[name](token.encode())
    said = {"cmd": 'say "it"', "stdout": BEFORE + hidden, "more": {"exit_code": 0}}
    items = [{member: json.dumps(said), "id": "rs_" + "0123456789abcdef" * 3}, {"next": "item"}]
    done = cut(json.dumps({"input": items}).encode())
    assert isinstance(done, Redacted)
    left = json.loads(done.body)["input"]
    text = json.loads(left[0].pop(member))
    assert left[1:] == items[1:] and left[0]["id"] == items[0]["id"]
    if name != "wrapped":  # no line of it holds the token alone
        assert text["stdout"].startswith(BEFORE)
    assert text | {"stdout": ""} == said | {"stdout": ""}


def test_more_strings_than_can_be_looked_at_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "_MOST", 3)
    hidden = ENCODERS["percent"](f"token {github(random.Random(3))} end".encode())
    body = [*(f"a text of some length {i}" for i in range(3)), hidden]
    assert cut(json.dumps(body).encode()) == CannotRedact("encoded")
    assert isinstance(cut(json.dumps(body[1:]).encode()), Redacted)


def test_a_held_secret_behind_what_is_cut_is_refused() -> None:
    found = SCANNER.scan_request(URL, (), conversation(github(random.Random(1))), JSON)
    body = conversation(github(random.Random(1)) + " held-R4nd0m-9fKq2")
    result = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert result == CannotRedact("remains")


def key(rng: random.Random, lines: int) -> list[str]:
    armor = [alnum(rng, 64) for _ in range(lines)]
    return ["-----BEGIN RSA PRIVATE KEY-----", *armor, "-----END RSA PRIVATE KEY-----"]


def test_a_key_without_its_end_takes_nothing_of_the_next_message() -> None:
    lines = key(random.Random(5), 8)[:6]
    text = content_of(cut(conversation(BEFORE + "\n".join(lines))))
    assert text.startswith(BEFORE) and not any(line in text for line in lines)


@pytest.mark.parametrize("seed", range(12))
def test_a_secret_with_values_of_many_kinds_is_cut(seed: int) -> None:
    rng = random.Random(seed)
    kinds = [alnum(rng, 24), github(rng), f"postgres://app:{alnum(rng, 16)}@db/x", "plain word"]
    rng.shuffle(kinds)
    data = "".join(
        f"  k{i}: {base64.b64encode(v.encode()).decode()}\n" for i, v in enumerate(kinds)
    )
    secret = f"apiVersion: v1\ndata:\n{data}kind: Secret\nmetadata:\n  name: db\n"
    text = content_of(cut(conversation(secret)))
    assert not any(base64.b64encode(v.encode()).decode() in text for v in kinds[:3] if " " not in v)


@pytest.mark.parametrize(
    "url",
    ["git clone https://{}@github.com/a/b.git", "git+https://{}:x-oauth-basic@github.com/a/b"],
)
def test_the_mark_of_a_login_is_no_login(url: str) -> None:
    token = github(random.Random(9))
    text = content_of(cut(conversation(url.format(token))))
    assert "https://REDACTED-" in text and "@github.com/a/b" in text
    again = SCANNER.scan_request(URL, (), conversation(text), JSON)
    assert not any(f.verdict is Verdict.TOKEN for f in again)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_key_without_its_end_takes_nothing_of_what_is_sealed_behind_it(layers: int) -> None:
    rng = random.Random(layers)
    text = "\n".join(key(rng, 8)[:6])
    sealed = base64.b64encode(rng.randbytes(300)).decode()
    said = json.dumps({"output": text}) if layers == 2 else text
    items = [{"output": said}, {"id": "rs_" + rng.randbytes(24).hex(), "encrypted_content": sealed}]
    done = cut(json.dumps({"input": items}).encode())
    assert isinstance(done, Redacted)
    assert json.loads(done.body)["input"][1] == items[1]


def test_a_key_in_a_list_of_its_lines_goes_as_a_whole() -> None:
    lines = key(random.Random(6), 8)
    done = cut(json.dumps({"source": lines[:7], "id": "a" * 40}).encode())
    assert isinstance(done, Redacted)
    assert not any(line.encode() in done.body for line in lines[1:7])
    logged = [{"time": 1, "log": line, "id": "a1B" * 14} for line in lines[:5]]
    done = cut(json.dumps(logged).encode())
    assert isinstance(done, Redacted) and done.body.count(b"a1B" * 14) == 5
    assert not any(line.encode() in done.body for line in lines[1:5])


def thinking(text: str, signature: str) -> bytes:
    block = {"type": "thinking", "thinking": text, "signature": signature}
    use = {"type": "tool_use", "id": ID, "name": "Write", "input": {"content": text}}
    return json.dumps({"messages": [{"role": "assistant", "content": [block, use]}]}).encode()


@pytest.mark.parametrize("name", ["plain", "percent", "base64", "cut short"])
def test_thinking_that_a_provider_has_signed_stays_as_it_is(name: str) -> None:
    rng = random.Random(2)
    token = "\n".join(key(rng, 6)[:4]) if name == "cut short" else github(rng)
    hidden = ENCODERS[name](f"a token {token} here".encode()) if name in ENCODERS else token
    text = f"I write {hidden}"
    mark = base64.b64encode(rng.randbytes(150)).decode()
    result = cut(thinking(text, mark), kept=signed)
    assert isinstance(result, Redacted)
    block, use = json.loads(result.body)["messages"][0]["content"]
    assert (block["thinking"], block["signature"]) == (text, mark)
    assert hidden not in use["input"]["content"] and "[REDACTED:" in use["input"]["content"]
    unsigned = cut(thinking(text, "short"), kept=signed)
    assert isinstance(unsigned, Redacted) and hidden not in unsigned.body.decode()


def test_a_large_body_is_searched_fewer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round takes a scan and a search for each value, which keep other threads waiting."""
    rng = random.Random(6)
    few = Scanner({}, key=b"k", limits=Limits(findings=5, seconds=30.0))
    body = conversation(" ".join(github(rng) for _ in range(23)))
    found = few.scan_request(URL, (), body, JSON)

    def cut_of() -> Redacted | CannotRedact:
        return redact(few, found, url=URL, headers=(), body=body, content_type=JSON)

    assert isinstance(cut_of(), Redacted)
    monkeypatch.setattr(sys.modules[redact.__module__], "_READ", len(body))
    assert cut_of() == CannotRedact("too many")


def test_of_runs_that_were_decoded_together_no_name_and_nothing_sealed_is_cut() -> None:
    """A hit between them says where the first and the last of them are."""
    rng = random.Random(4)
    token = base64.b64encode(f"GITHUB_TOKEN={github(rng)} and a few words".encode()).decode()
    sealed = base64.b64encode(rng.randbytes(300)).decode()
    member = "encrypted_content"
    body = json.dumps({"output": token, member: sealed}).encode()
    found = SCANNER.scan_request(URL, (), body, JSON)
    wide = [replace(f, offset=0, length=len(body)) if f.layered else f for f in found]
    done = redact(SCANNER, wide, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(done, Redacted)
    said = json.loads(done.body)
    assert said[member] == sealed and said["output"].startswith("[REDACTED:")
