"""An ImageEngine on the docker command line, so that these tests need no other part of bb."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence

from botbottle.errors import EngineError, ImageBuildFailed


class CliEngine:
    """Talks to the engine that DOCKER_HOST names."""

    def run(self, *argv: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["docker", *argv], input=stdin, capture_output=True, timeout=600, check=False
        )

    def image_id(self, tag: str) -> str | None:
        done = self.run("image", "inspect", "--format", "{{.Id}}", tag)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Sequence[tuple[str, str]],
        buildargs: Sequence[tuple[str, str]] = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        argv = ["build", "--tag", tag]
        argv += [f"--label={k}={v}" for k, v in labels]
        argv += [f"--build-arg={k}={v}" for k, v in buildargs]
        done = self.run(*argv, "-", stdin=context)
        for line in io.StringIO((done.stdout + done.stderr).decode(errors="replace")):
            if progress:
                progress(line)
        if done.returncode != 0:
            raise ImageBuildFailed("docker build failed")
        return self.image_id(tag) or ""

    def import_tar(self, path: str, *, tag: str, labels: Sequence[tuple[str, str]]) -> str:
        changes = [f"--change=LABEL {k}={v}" for k, v in labels]
        done = self.run("import", *changes, path, tag)
        if done.returncode != 0:
            raise ImageBuildFailed(done.stderr.decode())
        return done.stdout.decode().strip()

    def pull(self, reference: str) -> str:
        done = self.run("pull", "--quiet", reference)
        if done.returncode != 0:
            raise EngineError(done.stderr.decode().strip())
        return self.image_id(reference) or ""
