"""What stands inside a held document, connection string, list of settings, or text with URLs.

Only what is surely public is taken out: what is named after what everybody may know and does not
look random, and a URL's scheme, host and user's name. All the rest is secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from botbottle.dlp.checks import mixed
from botbottle.dlp.known.guess import SHORT, guessable, named, random, weak, words

_CREDENTIAL = re.compile(
    r"(?i)(?:key|secret|token|pass|passw(?:or)?d|pwd|pass_?phrase|pin|mnemonic|auth|authorization"
    r"|credentials?|assertion|sig|signature)$"
)
_PUBLIC = re.compile(
    r"(?i)(?:^|[^a-z])(?:type|id|name|user|username|user ?id|uid|login|e?mail|host|hostname|server"
    r"|port|ur[il]|endpoint|endpoint ?suffix|data ?source|issuer|iss|aud|audience|domain|region"
    r"|zone|project|account|account ?name|tenant|database|initial ?catalog|scopes?|alg|kid|kty"
    r"|expir[a-z]*|version|encrypt|[a-z]*timeout|[a-z]*protocol)$"
)
_PAIRS = re.compile(rb"(?:[A-Za-z][\w .\-]{0,40}=[^;\n]*(?:;|\Z)){2,}")
_SETTING = re.compile(rb"(?:export\s+)?([A-Za-z_][\w.\-]*)[ \t]*=[ \t]*(.*)")
URL = re.compile(
    rb"[A-Za-z][\w+.\-]{0,30}://(?:(?P<user>[^\s:/@\"'<>]*)(?::(?P<password>[^\s@\"'<>]+))?@)?"
    rb"(?P<host>[^\s/?#@\"'<>]*)(?P<path>[^\s\"'<>]*)"
)
_REMARK = re.compile(rb"|[#;].*|\[[\w .\-]{1,40}\]")
_FILE = re.compile(rb"\s|://|=[\"']")
_EMBEDDED = re.compile(rb"\A\s*[{\[]|://[^\s/@]*@|://[^\s:/@]*:[^\s@]+@")
_DIGITS = 16  # shorter numbers are counts and times

Leaf = tuple[str, bytes]  # what a text is called ("" for nothing), and the text


def inner(value: bytes) -> list[bytes]:
    """The secret texts inside ``value``; none where it is no such thing."""
    leaves = _document(value) or _pairs(value) or _settings(value)
    if leaves:
        return list(dict.fromkeys(text for name, text in leaves if _kept(name, text)))
    return list(dict.fromkeys(_around_urls(value))) if URL.search(value) else []


def _document(value: bytes) -> list[Leaf]:
    if value[:1] not in (b"{", b"["):
        return []
    try:
        return list(_walk(_DECODER.decode(value.decode("utf-8", "surrogateescape"))))
    except (ValueError, RecursionError):
        return []


def _number(text: str) -> str | None:
    return text if len(text) >= _DIGITS else None


_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_number, parse_float=_number)


def _walk(document: object) -> Iterator[Leaf]:
    """Every text with its name, each of several equal names, and what may be a key as a name."""
    waiting = [("", document)]
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, tuple):  # of an object's members
            waiting += each
            yield from ((name, text) for key, _ in each if random(text := _bytes(key)))
        elif isinstance(each, list):
            waiting += ((name, one) for one in each)
        elif isinstance(each, str):
            yield name, _bytes(each)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of an escaped pair
        return text.encode("utf-8", "surrogatepass")


def _pairs(value: bytes) -> list[Leaf]:
    if not _PAIRS.fullmatch(value):
        return []
    pairs = (pair.partition(b"=") for pair in value.split(b";"))
    found = [(name.decode("latin-1"), text) for name, _, text in pairs]
    usual = any(_CREDENTIAL.search(name) or _PUBLIC.search(name) for name, _ in found)
    return found if usual else []


def _settings(value: bytes) -> list[Leaf]:
    """Those of a file with a setting a line; none where another line is in it, nor of a password
    that has the sign in it."""
    if not _FILE.search(value):
        return []
    lines = [line for each in value.split(b"\n") if not _REMARK.fullmatch(line := each.strip())]
    found = [each for line in lines if (each := _SETTING.fullmatch(line))]
    if len(found) < len(lines):
        return []
    return [(each[1].decode("latin-1"), each[2].strip(b"\"'")) for each in found]


def _kept(name: str, text: bytes) -> bool:
    if _CREDENTIAL.search(name):
        return len(text) > 0
    if _EMBEDDED.search(text):
        return True
    return not guessable(text) and (_PUBLIC.search(name) is None or random(text))


def _around_urls(value: bytes) -> Iterator[bytes]:
    """What is between the URLs, and what is secret in each of them."""
    last = 0
    for url in URL.finditer(value):
        yield from _beside(value[last : url.start()].strip())
        yield from _of_url(url)
        last = url.end()
    yield from _beside(value[last:].strip())


def _beside(text: bytes) -> Iterator[bytes]:
    if not guessable(text):
        yield text


def plain_login(url: re.Match[bytes]) -> bool:
    """Whether its password is a word, so that only all of it is a leak."""
    user, password = url["user"] or b"", url["password"] or b""
    return bool(password) and guessable(password) and not _is_key(user, password)


def _is_key(user: bytes, password: bytes) -> bool:
    """A key in the user's place; beside a good password there is mostly a name."""
    if len(user) < SHORT or named(user) or guessable(user):
        return False
    return guessable(password) or (len(user) >= 2 * SHORT and mixed(user))


def _of_url(url: re.Match[bytes]) -> Iterator[bytes]:
    user, password = url["user"] or b"", url["password"] or b""
    key = _is_key(user, password)
    if key:
        yield user
    if plain_login(url):
        yield from () if url[0] == url.string else (url[0],)
    elif password and not (key and guessable(password)):
        yield password
        yield unquote_to_bytes(password)
    if random(url["host"]):
        yield url["host"]
    yield from _of_path(url["path"], hook=not (key or password))


def _of_path(path: bytes, hook: bool) -> Iterator[bytes]:
    """``hook``: nothing else is secret in the address, so that its path is unless it is words."""
    path, _, query = path.partition(b"?")
    for pair in filter(None, re.split(rb"[&;#]", query)):
        name, _, text = pair.rpartition(b"=")
        for each in dict.fromkeys((text, unquote_to_bytes(text))):
            if _kept(name.decode("latin-1"), each) and not weak(each):
                yield each
    if random(path) or (hook and len(path) > 12 and not words(path)):
        yield path[1:]
