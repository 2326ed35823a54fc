"""The option of verbs that act on a project wherever its folder is."""

from __future__ import annotations

from typing import Annotated

from botbottle.cli.options import Option

Project = Annotated[
    str, Option("--project", help="Of this project (its id), wherever its folder is.")
]
