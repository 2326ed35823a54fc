"""What coding agents really send and read, without a secret in it: the texts no rule may stop.

Each entry is made from what the format documents (an API reference, an RFC, a tool's output), with
random values in the places of identifiers, signatures, checksums and public keys. The same in every
process.
"""

# ruff: noqa: E501  (a table: one line of a text a line)
from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable, Iterable

ALNUM = string.ascii_letters + string.digits
URL = ALNUM + "_-"
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
B58 = "".join(c for c in ALNUM if c not in "0OIl")
RNG = random.Random(31)

type Text = Callable[[], str]


def some(alphabet: str, size: int) -> str:
    return "".join(RNG.choices(alphabet, k=size))


def b64(size: int) -> str:
    return base64.b64encode(RNG.randbytes(size)).decode()


def url64(size: int) -> str:
    return base64.urlsafe_b64encode(RNG.randbytes(size)).decode().rstrip("=")


def uid() -> str:
    return str(uuid.UUID(bytes=RNG.randbytes(16), version=4))


def lines(entry: Text, count: int = 60, sep: str = "\n") -> Text:
    return lambda: sep.join(entry() for _ in range(count))


def blocks(*made: Iterable[object]) -> str:
    content = [block for some_blocks in made for block in some_blocks]
    return json.dumps({"model": "m", "messages": [{"role": "assistant", "content": content}]})


def anthropic_turns() -> str:
    """Messages API: tool ids, signed and encrypted thinking, search results, images, user ids."""
    turns = []
    for _ in range(30):
        call = f"toolu_01{some(ALNUM, 22)}"
        turns += [
            {"type": "thinking", "thinking": "The token is read here.", "signature": b64(420)},
            {"type": "redacted_thinking", "data": b64(900)},
            {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": "/a/auth.py"}},
            {"type": "tool_result", "tool_use_id": call, "content": "key: value"},
            {
                "type": "server_tool_use",
                "id": f"srvtoolu_01{some(ALNUM, 22)}",
                "name": "web_search",
            },
            {
                "type": "web_search_result",
                "url": "https://docs.example/auth",
                "encrypted_content": b64(600),
                "encrypted_index": b64(90),
            },
            {"type": "image", "source": {"type": "base64", "data": _png(3000)}},
            {
                "type": "document",
                "source": {"type": "file", "file_id": f"file_011C{some(ALNUM, 20)}"},
            },
            {"type": "container_upload", "container": {"id": f"container_011C{some(ALNUM, 20)}"}},
        ]
    user = f"user_{some(HEX, 64)}_account_{uid()}_session_{uid()}"
    nested = json.dumps({"device_id": some(HEX, 64), "account_uuid": uid(), "session_id": uid()})
    meta = {"metadata": {"user_id": user}, "other": {"metadata": {"user_id": nested}}}
    return blocks(
        turns,
        [meta, {"id": f"msg_01{some(ALNUM, 22)}", "request_id": f"req_011C{some(ALNUM, 20)}"}],
    )


def responses_turns() -> str:
    """Responses API: item ids, encrypted reasoning, call ids, cache keys."""
    turns: list[object] = []
    for _ in range(30):
        turns += [
            {
                "type": "reasoning",
                "id": f"rs_{some(HEX, 50)}",
                "encrypted_content": f"gAAAAAB{url64(700)}==",
            },
            {
                "type": "function_call",
                "id": f"fc_{some(HEX, 50)}",
                "call_id": f"call_{some(ALNUM, 24)}",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": f"call_{some(ALNUM, 24)}", "output": "ok"},
            {
                "type": "message",
                "id": f"msg_{some(HEX, 50)}",
                "content": [{"type": "output_text", "text": "done"}],
            },
            {
                "type": "compaction",
                "id": f"cmp_{some(HEX, 50)}",
                "encrypted_content": f"gAAAAAB{url64(300)}",
            },
            {"type": "web_search_call", "id": f"ws_{some(HEX, 50)}"},
            {"type": "input_file", "file_id": f"file-{some(ALNUM, 22)}"},
        ]
    tail = {
        "prompt_cache_key": uid(),
        "safety_identifier": some(HEX, 64),
        "previous_response_id": f"resp_{some(HEX, 50)}",
        "system_fingerprint": f"fp_{some(HEX, 10)}",
        "id": f"chatcmpl-{some(ALNUM, 29)}",
        "organization": f"org-{some(ALNUM, 24)}",
        "conversation": f"conv_{some(HEX, 50)}",
        "client_metadata": {"x-codex-installation-id": uid(), "session_id": uid()},
        "vector_store_ids": [f"vs_{some(HEX, 32)}", f"vs_{some(ALNUM, 24)}"],
        "batch": f"batch_{some(HEX, 32)}",
    }
    return blocks(turns, [tail])


def gemini_turns() -> str:
    part = [{"text": "ok", "thoughtSignature": b64(700)} for _ in range(40)]
    return json.dumps({"contents": [{"role": "model", "parts": part}], "responseId": some(URL, 22)})


def chat_events() -> str:
    """A stream of chunks with their ids and obfuscation."""
    return "".join(
        f"event: m\ndata: {json.dumps({'id': f'chatcmpl-{some(ALNUM, 29)}', 'obfuscation': some(ALNUM, 11), 'item_id': f'msg_{some(HEX, 50)}'})}\n\n"
        for _ in range(60)
    )


def _png(size: int) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + RNG.randbytes(size)).decode()


def notebook() -> str:
    cell = {"cell_type": "code", "id": some(HEX, 8), "source": ["auth_token = load()\n"]}
    picture = [{"data": {"image/png": _png(9000), "text/plain": ["<Figure size 640x480>"]}}]
    cells = [{**cell, "outputs": picture, "metadata": {"execution_id": uid()}} for _ in range(6)]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=1)


def pem(kind: str, size: int) -> str:
    text = b64(size)
    body = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def certificate() -> str:
    return pem("CERTIFICATE", 1200) + pem("PUBLIC KEY", 294) + pem("X509 CRL", 500)


def signatures() -> str:
    armor = pem("PGP SIGNATURE", 420).replace("E-----\n", "E-----\n\n", 1)
    gpgsig = "gpgsig " + armor.replace("\n", "\n ")
    return f"tree {some(HEX, 40)}\nparent {some(HEX, 40)}\n{gpgsig}\n{pem('PGP PUBLIC KEY BLOCK', 2000)}{pem('SSH SIGNATURE', 300)}"


def diff() -> str:
    return (
        f"commit {some(HEX, 40)}\ndiff --git a/token.py b/token.py\nindex {some(HEX, 7)}..{some(HEX, 7)} 100644\n"
        f"--- a/token.py\n+++ b/token.py\n@@ -1,2 +1,2 @@\n-CHECKSUM = '{some(HEX, 64)}'\n+CHECKSUM = '{some(HEX, 64)}'\n"
        f'-    "integrity": "sha512-{b64(64)}",\n+    "integrity": "sha512-{b64(64)}",\n'
        f"+oid sha256:{some(HEX, 64)}\n GIT binary patch\nliteral 1024\nz{some(ALNUM + '!#$%&()*+-;<=>?@^_`{|}~', 64)}\n"
    )


def sql_row() -> str:
    return f"INSERT INTO files (id, key, etag, public_key_id) VALUES ('{uid()}', 'uploads/{uid()}/{some(HEX, 40)}.png', '\"{some(HEX, 32)}\"', {RNG.randrange(10**9)});"


def csv_row() -> str:
    return f"{uid()},{some(HEX, 64)},{some(HEX, 40)},{some(HEX, 32)},{b64(32)},{some(ULID, 26)},user{RNG.randrange(999)}@example.org"


def source_map() -> str:
    mappings = ";".join(
        ",".join(some("ACDEGIKOQSUWYacegikmoqsuwy", 4) for _ in range(9)) for _ in range(80)
    )
    return json.dumps({"version": 3, "sources": ["auth/token.ts"], "mappings": mappings})


def minified() -> str:
    names = [some(string.ascii_letters, 2) for _ in range(400)]
    body = ",".join(
        f'{a}=function({b}){{return {b}.key=="{c}"?{a}.token:{b}.auth[{len(c)}]}}'
        for a, b, c in zip(names, names[1:], names[2:], strict=False)
    )
    return f"!function(){{var {body};module.exports={names[0]}}}();//# sourceMappingURL=data:application/json;base64,{base64.b64encode(source_map().encode()).decode()}"


def keys_that_are_public() -> str:
    return (
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b64(32)[:43]} alice@host\n"
        f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{b64(384)[:500]} bob@host\n"
        f"|1|{b64(20)}|{b64(20)} ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB{b64(64)}\n"
        f'SHA256:{b64(32)[:43]} host (ED25519)\nmail._domainkey TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A{b64(260)}"\n'
        f"example.org. 3600 IN DNSKEY 257 3 13 {b64(64)}\nexample.org. 300 IN RRSIG A 13 2 300 {b64(64)}\n"
        f"age1{some('qpzry9x8gf2tvdw0s3jn54khce6mua7l', 58)}\nPublicKey = {b64(32)}\n"
    )


def system_state() -> str:
    return (
        f"CONTAINER ID {some(HEX, 12)} image sha256:{some(HEX, 64)} digest: docker.io/library/x@sha256:{some(HEX, 64)}\n"
        f"pod/web-{some('bcdfghjklmnpqrstvwxz2456789', 10)}-{some('bcdfghjklmnpqrstvwxz2456789', 5)} 1/1 Running uid={uid()}\n"
        f"/nix/store/{some('0123456789abcdfghijklmnpqrsvwxyz', 32)}-openssl-3.0.1\n"
        f'  resourceVersion: "{RNG.randrange(10**9)}"\n  pod-template-hash: {some("bcdfghjklmnpqrstvwxz2456789", 10)}\n'
        f"x-amz-id-2: {b64(56)}\nx-amz-request-id: {some(UPPER, 16)}\nx-amz-version-id: {some(ALNUM + '._', 32)}\n"
        f'cf-ray: {some(HEX, 16)}-FRA\netag: W/"{some(URL, 27)}"\ntraceparent: 00-{some(HEX, 32)}-{some(HEX, 16)}-01\n'
        f"x-github-request-id: {some(UPPER, 4)}:{some(HEX, 5).upper()}:{some(HEX, 7).upper()}\n"
        f"txid 0x{some(HEX, 64)} block 0x{some(HEX, 64)} ipfs Qm{some(B58, 44)} bafybei{some('abcdefghijklmnopqrstuvwxyz234567', 52)}\n"
        f"_id: ObjectId('{some(HEX, 24)}') ulid {some(ULID, 26)} nano {some(URL, 21)} ksuid {some(ALNUM, 27)} cuid c{some(string.ascii_lowercase + string.digits, 24)}\n"
        f"MAC 00:16:3e:{some(HEX, 2)}:{some(HEX, 2)}:{some(HEX, 2)} disk wwn-0x{some(HEX, 16)} UUID={uid()}\n"
        f"Slack https://example.slack.com/archives/C{some(UPPER, 10)}/p{RNG.randrange(10**15, 10**16)} user U{some(UPPER, 10)}\n"
        f"https://www.youtube.com/watch?v={some(URL, 11)} https://docs.example/d/1{some(URL, 43)}/edit\n"
    )


def packages() -> str:
    return (
        f'    "node_modules/auth-token": {{\n      "resolved": "https://registry.example/a.tgz",\n      "integrity": "sha512-{b64(64)}",\n'
        f"requests==2.32.0 --hash=sha256:{some(HEX, 64)}\nexample.org/jwt/v5 v5.1.0 h1:{b64(32)}\n"
        f'checksum = "{some(HEX, 64)}"\n<script src="a.js" integrity="sha384-{b64(48)}" crossorigin></script>\n'
        f'  "content-hash": "{some(HEX, 32)}",\nnarHash = "sha256-{b64(32)}";\n  sha256 "{some(HEX, 64)}"\n'
        f'"keyid": "{some(HEX, 64)}", "sig": "{b64(71)}", "keyid": "SHA256:{b64(32)[:43]}"\n'
    )


TRAFFIC: dict[str, Text] = {
    "anthropic messages": anthropic_turns,
    "openai responses": responses_turns,
    "gemini contents": gemini_turns,
    "event stream": chat_events,
    "notebook": notebook,
    "certificates": lines(certificate, 4),
    "signatures": lines(signatures, 4),
    "git diffs": lines(diff),
    "sql dump": lines(sql_row, 200),
    "csv of hashes": lines(csv_row, 200),
    "source map": source_map,
    "minified script": minified,
    "public keys": lines(keys_that_are_public, 30),
    "system state": lines(system_state, 40),
    "packages": lines(packages, 60),
    "uuids": lines(uid, 500),
    "tool ids": lines(
        lambda: f"toolu_01{some(ALNUM, 22)} call_{some(ALNUM, 24)} {some(HEX, 40)}", 300
    ),
}
