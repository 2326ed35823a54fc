"""Build images before something needs them, with progress, then become that something.

    python scripts/images.py NAME... [-- CMD...]

Tests and the demo start in parallel processes; building first keeps them from building the same
image twice. Where ``BB_ENGINES`` names several engines, what the first one has is copied to the
others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from botbottle.engine.docker import connect
from botbottle.errors import BBError, EngineError, exit_code_for
from botbottle.images import ensure, image_tag
from botbottle.images.recipe import recipe


def main(argv: list[str]) -> int:
    """Build, then exec. Returns only on failure or without a command."""
    names, command = argv, []
    if "--" in argv:
        cut = argv.index("--")
        names, command = argv[:cut], argv[cut + 1 :]
    start = time.monotonic()
    first, *others = os.environ.get("BB_ENGINES", "").split() or [""]
    try:
        build(first, names)
        for host in others:
            copy(first, host, *map(image_tag, lineage(names)))
    except BBError as error:
        sys.stderr.write(f"error: {error}\n" + (f"  hint: {error.hint}\n" if error.hint else ""))
        return exit_code_for(error)
    say(f"images are ready ({time.monotonic() - start:.0f} s)")
    if command:
        os.execvp(command[0], command)
    return 0


def at(host: str) -> dict[str, str]:
    """The environment in which ``host`` is the engine; empty: the one that answers."""
    return {**os.environ, **({"DOCKER_HOST": host} if host else {})}


def build(host: str, names: list[str]) -> None:
    """What is missing. Raises what ``ensure`` raises."""
    engine = connect(at(host))
    for name in names:
        ensure(engine, name, say)


def lineage(names: list[str]) -> list[str]:
    """With what they stand on: an engine that has it builds the next version in seconds."""
    parents = [recipe(name).parent for name in names if recipe(name).parent]
    return [*dict.fromkeys([*names, *(lineage(parents) if parents else [])])]


def copy(source: str, target: str, *tags: str) -> None:
    """What ``target`` does not have; both hold the same bytes then. Raises EngineError."""
    engine = connect(at(target))
    missing = [tag for tag in tags if engine.image_id(tag) is None]
    if not missing:
        return
    say(f"copying {len(missing)} images to the next engine")
    saving = subprocess.Popen(["docker", "save", *missing], env=at(source), stdout=subprocess.PIPE)
    with saving:
        loading = ["docker", "load", "--quiet"]
        loaded = subprocess.run(
            loading, env=at(target), stdin=saving.stdout, stdout=subprocess.DEVNULL, check=False
        )
    if saving.returncode or loaded.returncode:
        raise EngineError(f"docker save and load failed for {', '.join(missing)}")


def say(text: str) -> None:
    """Progress, on standard error like every other message of the scripts."""
    print(f"▸ {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
