"""Images of the fake engine: what makes, names and removes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botbottle.engine.fake.contents import read_tar
from botbottle.engine.fake.writer import FakeWriter, Labels
from botbottle.errors import Conflict
from botbottle.model import canonical
from botbottle.model.plan import Ref


class FakeImages(FakeWriter):
    """The writing calls about images."""

    def commit(self, ref: Ref, tag: str, labels: Labels) -> str:
        with self._write("commit", ref, tag):
            container = self.world.container(ref)
            identity = "sha256:" + self.world.new_id("image")
            marks = {**container.labels, **dict(labels)}
            return self.world.tag(identity, tag, marks.items(), 1)

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Labels,
        buildargs: Labels = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        with self._write("build", tag):
            if progress:
                progress("Step 1/1 : FROM scratch")
            return self._make_image(context, tag, labels)

    def import_tar(self, path: str, *, tag: str, labels: Labels) -> str:
        with self._write("import_tar", tag):
            return self._make_image(path.encode(), tag, labels)

    def import_stream(self, data: Iterable[bytes], *, tag: str, labels: Labels) -> str:
        with self._write("import_stream", tag):
            whole = b"".join(data)
            identity = self._make_image(whole, tag, labels)
            self.world.layers[identity] = {f"/{n}": f for n, f in read_tar(whole).items()}
            return identity

    def pull(self, reference: str) -> str:
        with self._write("pull", reference):
            return self._make_image(reference.encode(), reference, ())

    def remove_image(self, tag: str) -> None:
        with self._write("remove_image", tag):
            image = self.world.image(tag)
            if image is None:
                return
            used = any(c.image_id == image.id for c in self.world.containers.values())
            if used and len(image.tags) == 1:
                raise Conflict(f"conflict: unable to remove {tag}: container is using it")
            self.world.untag(tag)

    def _make_image(self, content: bytes, tag: str, labels: Labels) -> str:
        found = self.world.image(tag)
        identity = "sha256:" + canonical.digest([content.hex(), tag, list(labels)], 64)
        if found and found.id == identity:
            return identity
        return self.world.tag(identity, tag, labels, len(content))
