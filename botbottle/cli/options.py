"""Options that several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

Project = Annotated[
    str, typer.Option("--project", help="Of this project (its id), wherever its folder is.")
]
