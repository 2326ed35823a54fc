"""What the manifests of one home and project declare: read, or as an earlier run has kept it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from botbottle.model.bottle import Declared, Project
from botbottle.planner.wanted import SIDECAR_RECIPE, image_recipe

if TYPE_CHECKING:
    from botbottle.load import Loaded, Overrides
    from botbottle.load.inputs import Inputs
    from botbottle.load.kept import Kept


class Manifests:
    """Of one run. What it may keep for later ones is what was read between two equal looks at
    everything it depends on."""

    def __init__(self, home: Path, cwd: Path, overrides: Overrides | None) -> None:
        self._home, self._cwd, self.overrides = home, cwd, overrides
        self._inputs: Inputs | None = None
        self._loaded: Loaded | None = None
        self._since = 0.0
        self._images: Mapping[str, str] = {}
        self._base = ""

    def load(self) -> Loaded:
        """Read all manifests; errors do not raise here."""
        from botbottle.load import load

        self._loaded = load(self._home, self._cwd, overrides=self.overrides)
        return self._loaded

    def recall(self) -> Kept | None:
        """What an earlier run kept of the manifests; None when anything has changed since, and
        for a run with options that change what they mean."""
        if self.overrides is not None:
            return None
        from botbottle.load.inputs import inputs
        from botbottle.load.kept import find

        self._since = time.time()
        self._inputs = inputs(self._home, self._cwd)
        found = find(self._inputs, self._since) if self._inputs else None
        self._images = found.images if found else {}
        self._base = found.declared.settings.base_image if found else ""
        return found

    def keep(self, declared: Declared) -> None:
        """Keep what was loaded after ``recall`` found nothing, for later runs."""
        if self._inputs is None or self._loaded is None or self._loaded.declared is not declared:
            return
        from botbottle.load.inputs import inputs
        from botbottle.load.kept import keep

        images = {name: self.tag(name, declared) for name in _own_images(declared)}
        now = inputs(self._home, self._cwd)
        if now is not None and now.key == self._inputs.key:
            keep(self._inputs, self._loaded, images, self._since)

    def tag(self, name: str, declared: Declared) -> str:
        """The tag of an image that bottles or sidecars are made of. Kept tags hold for the base
        image they were made with: what is declared now may be edited since, or an older set."""
        base = declared.settings.base_image
        if name in self._images and base == self._base:
            return self._images[name]
        from botbottle.images import image_tag

        return image_tag(name, base)


class Undeclared(Manifests):
    """Of a project that is named by its id: nothing is declared in it, whatever its folder says
    now, so that orders go by what was applied. Settings are the home's."""

    def __init__(self, home: Path, project: str) -> None:
        super().__init__(home, home, None)
        self._project = project

    def load(self) -> Loaded:
        from botbottle.load import load

        found = load(self._home, None)
        project = Project(self._project, "", str(self._home))
        declared = Declared(project, (), found.settings)
        return replace(found, declared=declared, diagnostics=())

    def recall(self) -> Kept | None:
        return None


def _own_images(declared: Declared) -> set[str]:
    """The images of bb's own; what a user's Dockerfile makes depends on more than manifests."""
    return {SIDECAR_RECIPE, *(image_recipe(b) for b in declared.bottles if not b.dockerfile)}
