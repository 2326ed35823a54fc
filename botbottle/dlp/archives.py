"""Looking for held secrets in tars: volumes, images, and whatever is packed inside of them.

Pull-based: every reader takes from the one below it, so memory is bounded by a few blocks however
large the archive is. Contents are judged as they are and as what they unpack to; names, link
targets and extended attributes count too. Formats: tar, gzip, bzip2, xz, zstd (where its wheel is
installed) and zip, inside of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from botbottle.dlp.findings import Finding
from botbottle.dlp.packed import Damaged, Source, is_zip, unpacked, zip_entries
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import KNOWN_SECRETS, Limits
from botbottle.dlp.stream import StreamScanner
from botbottle.dlp.tarstream import is_tar, members

DETECTORS = frozenset({KNOWN_SECRETS})
SECONDS = 5.0  # of CPU for one block of 64 KiB, whatever it unpacks to
UNDECODABLE = "undecodable"
SEPARATOR = "!"  # between an archive and a name inside of it


@dataclass(frozen=True, slots=True)
class Bounds:
    """``expanded``: bytes that all packed contents together may unpack to; ``depth``: archives
    inside of archives; ``places``: more findings than these are not kept."""

    expanded: int = 2 * 1024**3
    depth: int = 8
    places: int = 100


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A finding. ``path``: the file, after the archives it is packed in; ``rule`` names the
    secret and its encoding or says that something was not looked into: ``limit.`` and, of what
    begins as compressed data and is none (many programs hold such a beginning), UNDECODABLE."""

    path: str
    rule: str

    @property
    def leak(self) -> bool:
        return not self.rule.startswith("limit.") and self.rule != UNDECODABLE

    @property
    def text(self) -> str:
        """``PATH (NAME)`` for people; a path is the agent's own words, so only printable."""
        path = "".join(c if c.isprintable() else "?" for c in self.path)
        return f"{path[-200:]} ({self.rule.rpartition('/')[2]})"


def searching(secrets: Mapping[str, bytes], key: bytes) -> ArchiveScanner:
    """A scanner for these secrets alone; ``key`` as for ``Scanner``."""
    return ArchiveScanner(Scanner(secrets, key=key, limits=Limits(seconds=SECONDS)))


def leaks(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(p for p in places if p.leak)


@dataclass(slots=True)
class ArchiveScanner:
    """Scans streams one after the other; ``scanner`` holds the secrets."""

    scanner: Scanner
    bounds: Bounds = field(default_factory=Bounds)
    _expanded: int = 0
    _places: dict[Place, None] = field(default_factory=dict)

    def scan(self, pieces: Iterable[bytes], name: str = "") -> tuple[Place, ...]:
        """The places in a stream, each once. Reads it to its end; no content makes it raise."""
        self._places.clear()
        self._content(iter(pieces), name, 0)
        return tuple(self._places)

    def _content(self, pieces: Iterator[bytes], path: str, depth: int) -> None:
        """One file: searched as it is, and as what it holds. A tar's own bytes are its headers
        and its members, which are searched one by one instead."""
        whole = StreamScanner(self.scanner, path, detectors=DETECTORS)

        def seen(data: bytes) -> None:
            self._note(path, whole.feed(data))

        source = Source(pieces, seen)
        head = source.peek(512)
        try:
            if is_tar(head) and self._deep(path, depth):
                source.seen = _nobody
                self._tar(source, path, depth)
            elif is_zip(head) and self._deep(path, depth):
                self._zip(source, path, depth)
            elif (plain := unpacked(head, source)) is not None and self._deep(path, depth):
                self._content(self._counted(plain, path), path, depth + 1)
        except Damaged:
            self._add(path, "limit.damaged")
        source.seen = seen
        source.rest()
        self._note(path, whole.finish())

    def _tar(self, source: Source, path: str, depth: int) -> None:
        for member in members(source):
            inside = self._named(path, member.name)
            self._note(inside, self.scanner.scan(member.header, inside, detectors=DETECTORS))
            if member.content is not None:
                self._content(member.content.pieces(), inside, depth + 1)

    def _zip(self, source: Source, path: str, depth: int) -> None:
        for name, pieces in zip_entries(source):
            inside = self._named(path, name)
            self._content(self._counted(pieces, inside), inside, depth + 1)

    def _named(self, path: str, name: str) -> str:
        """The path of something inside."""
        inside = _join(path, self.shown(name))
        self._note(inside, self._in_name(name))
        return inside

    def shown(self, name: str) -> str:
        """A name as it may be repeated: not one that holds a secret."""
        return "(a name with it)" if self._in_name(name) else name

    def _in_name(self, name: str) -> tuple[Finding, ...]:
        return self.scanner.scan(name.encode(errors="replace"), "name", detectors=DETECTORS)

    def _counted(self, pieces: Iterator[bytes], path: str) -> Iterator[bytes]:
        """What unpacks, until the scan's whole allowance is used up."""
        for piece in pieces:
            self._expanded += len(piece)
            if self._expanded > self.bounds.expanded:
                self._add(path, "limit.expanded")
                return
            yield piece

    def _deep(self, path: str, depth: int) -> bool:
        if depth < self.bounds.depth:
            return True
        self._add(path, "limit.depth")
        return False

    def _note(self, path: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._add(path, finding.rule)

    def _add(self, path: str, rule: str) -> None:
        if len(self._places) < self.bounds.places:
            self._places[Place(path, rule)] = None


def _nobody(_data: bytes) -> None:
    """Bytes that somebody else looks at."""


def _join(path: str, name: str) -> str:
    return f"{path}{SEPARATOR}{name}" if path else name
