"""Make sure that an image exists: nothing to do if its tag is there, else build what is missing."""

from __future__ import annotations

import platform
import re
import tempfile
from pathlib import Path

from msgspec import Struct, field

from botbottle.errors import BBError, ImageBuildFailed
from botbottle.images import bootstrap, custom, npm, recipe, wheels
from botbottle.images.api import ImageEngine, Progress
from botbottle.images.context import Context
from botbottle.images.recipe import Recipe
from botbottle.model import labels

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # the classic builder paints what a step says on stderr


def ensure(
    engine: ImageEngine,
    name: str,
    progress: Progress | None = None,
    *,
    base: str = "",
    arch: str = "",
) -> str:
    """Id of the image ``name``, built with its ancestors if it is not there.

    ``base``: the setting ``images.base``. ``arch``: of the engine, when it is not this machine's
    (``x86_64`` or ``aarch64``). ``progress`` gets one line a step. Raises ImageBuildFailed, and
    what ``image_tag`` raises.
    """
    job = _Job(engine, progress or _silent, base, arch or _this_arch())
    if custom.is_custom(name):
        return job.build_custom(custom.read(name))
    return job.build(recipe.recipe(name))


def image_labels(name: str) -> tuple[tuple[str, str], ...]:
    """What marks an image as ours."""
    return ((labels.KIND, "image"), (labels.PREFIX + "image", name))


def _silent(_line: str) -> None:
    return


def _this_arch() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


class _Job(Struct):
    engine: ImageEngine
    progress: Progress
    base: str
    arch: str
    tried: list[str] = field(default_factory=list)

    def build(self, wanted: Recipe) -> str:
        tag = recipe.image_tag(wanted.name, self.base)
        found = self.engine.image_id(tag)
        if found is not None:
            return found
        if not wanted.parent:
            return self._make_base(wanted, tag)
        self.build(recipe.recipe(wanted.parent))
        parent = recipe.image_tag(wanted.parent, self.base)
        self.progress(f"building {tag}")
        with tempfile.TemporaryDirectory(prefix="bb-image-") as workdir:
            context = self._context(wanted, Path(workdir))
        return self._run(wanted.name, tag, context, (("FROM", parent),))

    def build_custom(self, wanted: custom.Custom) -> str:
        """A user's Dockerfile, after our base if it stands on it."""
        tag = recipe.custom_tag(wanted, self.base)
        found = self.engine.image_id(tag)
        if found is not None:
            return found
        args: tuple[tuple[str, str], ...] = ()
        if wanted.on_our_base:
            self.build(recipe.recipe(recipe.CUSTOM_PARENT))
            args = ((custom.BASE_ARG, recipe.image_tag(recipe.CUSTOM_PARENT, self.base)),)
        self.progress(f"building {tag} from {wanted.path}")
        context = Context()
        for name, entry in wanted.entries.items():
            if entry.link:
                context.add_link(name, entry.link)
            else:
                context.add_bytes(name, entry.data, mode=entry.mode)
        return self._run("custom", tag, context.finish(), args)

    def _context(self, wanted: Recipe, workdir: Path) -> bytes:
        context = Context()
        context.add_bytes("Dockerfile", recipe.dockerfile(wanted).encode())
        if wanted.content == "wheels":
            self.progress("fetching the sidecar's pinned packages")
            wheels.install(self.arch, workdir / "site")
            context.add_tree("site", workdir / "site")
        elif wanted.content == "package":
            for name, data in recipe.package_files().items():
                context.add_bytes(name, data)
        elif wanted.content.startswith("cli:"):
            name = wanted.content.removeprefix("cli:")
            self.progress(f"fetching the {name} command")
            npm.add(context, name, self.arch, workdir)
        return context.finish()

    def _run(self, name: str, tag: str, context: bytes, args: tuple[tuple[str, str], ...]) -> str:
        """Build; on failure the engine's error has the end of the output, this one the way out."""
        try:
            return self.engine.build(context, tag=tag, labels=image_labels(name), buildargs=args)
        except ImageBuildFailed as error:
            raise ImageBuildFailed(
                _COLOURS.sub("", error.message),
                where=f"image {name}",
                hint=error.hint or "fix the cause and run the same command again",
            ) from error

    def _make_base(self, wanted: Recipe, tag: str) -> str:
        """A named base, else Debian's from a registry, else Debian packages alone."""
        if self.base:
            return self._on(self.base, wanted, tag)
        for way in (self._from_registry, self._from_packages):
            try:
                return way(wanted, tag)
            except BBError as error:  # a registry may fail in ways that are worth a retry, too
                self.tried.append(error.message)
        raise ImageBuildFailed(
            "no base image could be made:\n" + "\n".join(f"- {why}" for why in self.tried),
            where=f"image {wanted.name}",
            hint="give the engine an image registry, install mmdebstrap, "
            "or name an image in settings.yml: images: {base: NAME}",
        )

    def _from_registry(self, wanted: Recipe, tag: str) -> str:
        return self._on(recipe.REGISTRY_BASE, wanted, tag)

    def _from_packages(self, wanted: Recipe, tag: str) -> str:
        self.progress(f"making {tag} from Debian packages")
        with tempfile.TemporaryDirectory(prefix="bb-base-") as workdir:
            root = Path(workdir) / "root.tar"
            bootstrap.run(wanted.packages, root)
            return self.engine.import_tar(str(root), tag=tag, labels=image_labels(wanted.name))

    def _on(self, reference: str, wanted: Recipe, tag: str) -> str:
        if self.engine.image_id(reference) is None:
            self.progress(f"pulling {reference}")
            self.engine.pull(reference)
        self.progress(f"building {tag} on {reference}")
        context = Context()
        context.add_bytes("Dockerfile", recipe.dockerfile(wanted).encode())
        packages = " ".join(wanted.packages)
        args = (("FROM", reference), ("PACKAGES", packages))
        return self._run(wanted.name, tag, context.finish(), args)
