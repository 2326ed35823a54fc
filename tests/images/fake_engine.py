"""An ImageEngine in memory: remembers what it was asked, fails where it is told to."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from botbottle.errors import ImageBuildFailed, Transient


@dataclass
class FakeEngine:
    """``pullable``: references a pull finds. ``broken``: image names whose build fails."""

    images: dict[str, str] = field(default_factory=dict)
    pullable: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    contexts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    buildargs: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def image_id(self, tag: str) -> str | None:
        return self.images.get(tag)

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Sequence[tuple[str, str]],
        buildargs: Sequence[tuple[str, str]] = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        name = tag.split("/")[1].split(":")[0]
        self.calls.append(f"build {name}")
        self.contexts[name] = _files(context)
        self.buildargs[name] = dict(buildargs)
        self.labels[name] = dict(labels)
        if name in self.broken:
            raise ImageBuildFailed("exit status 100\nE: broken packages")
        return self._add(tag)

    def import_tar(self, path: str, *, tag: str, labels: Sequence[tuple[str, str]]) -> str:
        name = tag.split("/")[1].split(":")[0]
        self.calls.append(f"import {name}")
        self.labels[name] = dict(labels)
        return self._add(tag)

    def pull(self, reference: str) -> str:
        self.calls.append(f"pull {reference}")
        if reference not in self.pullable:
            raise Transient(f"no registry has {reference}")
        return self._add(reference)

    def _add(self, tag: str) -> str:
        self.images[tag] = f"sha256:{len(self.images):064x}"
        return self.images[tag]


def _files(context: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(context)) as tar:
        found = {}
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            found[member.name] = stream.read() if stream else b""
        return found
