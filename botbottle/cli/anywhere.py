"""The option of verbs that act on a project wherever its folder is."""

from __future__ import annotations

from typing import Annotated

import typer

Project = Annotated[
    str, typer.Option("--project", help="Of this project (its id), wherever its folder is.")
]
