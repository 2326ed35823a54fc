#!/bin/sh
# wanted.sh PYTHON GROUP... : the direct requirements of these groups of pyproject.toml, one a line.
python=$1
shift
exec "$python" - "$@" <<'PY'
import sys
import tomllib
from pathlib import Path

document = tomllib.loads(Path("pyproject.toml").read_text())
groups = dict(document["project"]["optional-dependencies"])
groups["core"] = document["project"]["dependencies"]
# What the code that runs in the sidecar image shares with the rest of the package.
groups["shared"] = [line for line in groups["core"] if line.startswith(("msgspec", "pydantic", "ruamel.yaml"))]
# `editables` is what hatchling needs, without an isolated build, for an editable installation.
groups["build"] = [*document["build-system"]["requires"], "editables>=0.5"]
print("\n".join(line for name in sys.argv[1:] for line in groups[name]))
PY
