"""Environment values for the agent: into its memory file system, through a program's stdin.

They are in no label, no argv, no image and no inspection; the file goes with the container.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from botbottle.errors import EngineError, MissingValue, PlanStale
from botbottle.executor.api import Tools
from botbottle.model.plan import DeliverEnv, Ref
from botbottle.model.sidecar_config import fingerprint

DIRECTORY = "/run/bb"  # a tmpfs of the agent container
FILE = f"{DIRECTORY}/env"
AGENT = "@agent"  # key of the start that the kept values were delivered to; no variable's name
TIMEOUT = 20.0  # seconds

# Written beside and renamed: a reader sees the whole old or the whole new file.
_SCRIPT = f"umask 077 && cat >{FILE}.new && chmod 0400 {FILE}.new && mv -f {FILE}.new {FILE}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def env(op: DeliverEnv, ref: Ref, tools: Tools) -> None:
    """Write the planned variables. Raises MissingValue, PlanStale, EngineError."""
    values = planned(op, tools.vault.env(op.bottle), tools.vault.key)
    result = tools.engine.exec(
        ref, ("/bin/sh", "-c", _SCRIPT), stdin=render(values), timeout=TIMEOUT
    )
    if result.exit_code != 0:
        # Neither output nor values: what the container prints is not ours to trust or to show.
        raise EngineError(
            f"the environment could not be written (exit code {result.exit_code})",
            where=op.resource,
            hint=f"the agent needs a writable {DIRECTORY}",
        )
    found = tools.engine.container(ref)
    if op.control and found is not None:
        # Kept last: until then the next plan delivers again.
        tools.control.keep_env(op.control, {**values, AGENT: f"{found.id} {found.started_at}"})


def planned(op: DeliverEnv, have: Mapping[str, str], key: bytes) -> dict[str, str]:
    """Exactly the variables of the plan, each with the value the plan saw."""
    values: dict[str, str] = {}
    for name, mark in op.names:
        if name not in have:
            raise MissingValue(
                f"no value for the variable {name}",
                where=op.resource,
                hint="answer it at a terminal, or with --env-file",
            )
        if mark and fingerprint(key, have[name]) != mark:
            raise PlanStale(
                f"the value of {name} changed since the plan was made",
                where=op.resource,
                hint="plan again: bb plan",
            )
        values[name] = have[name]
    return values


def render(values: Mapping[str, str]) -> bytes:
    """A POSIX shell script that exports the values, whatever characters they hold. Raises
    EngineError on a name or a NUL that no shell can carry."""
    lines = []
    for name, value in sorted(values.items()):
        if not _NAME.match(name) or "\0" in value:
            raise EngineError(f"{name!r} cannot be an environment variable")
        quoted = value.replace("'", "'\\''")
        lines.append(f"export {name}='{quoted}'\n")
    return "".join(lines).encode()
