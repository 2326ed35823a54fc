"""Keys of an agent file. Claude Code's own subagent keys are accepted and ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from botbottle.model import manifest
from botbottle.model.manifest import Amount, Keys, Name, Names, Text
from botbottle.model.manifest_bottle import GitUserKeys

IGNORED = ("name", "description", "model", "color", "memory", "tools")
MAX_REPLICAS = 100


def _inside(text: str) -> str:
    """A relative path that stays where it starts."""
    parts = text.split("/")
    if not text or text.startswith(("/", "~")) or ".." in parts or "\\" in text:
        raise manifest.problem(
            f"{text[:80]!r} does not stay inside the project",
            "a path relative to the project, without ..",
        )
    return text


class AgentGitGateKeys(Keys):
    """``git-gate`` of an agent: identity only."""

    user: GitUserKeys | None = None


class AgentFile(Keys):
    """An agent file: who runs in which bottle. The Markdown body is the system prompt."""

    bottle: Names
    skills: tuple[Name, ...] | None = None
    git_gate: AgentGitGateKeys | None = Field(None, alias="git-gate")
    state: Literal["started", "stopped", "absent"] | None = None
    replicas: manifest.whole(1, MAX_REPLICAS) | None = None  # type: ignore[valid-type]
    run: Literal["interactive", "headless"] | None = None
    task: manifest.LongText | None = None
    workspace: Annotated[Text, AfterValidator(_inside)] | None = None
    budget: dict[Name, Amount] | None = None
    name: Any = None
    description: Any = None
    model: Any = None
    color: Any = None
    memory: Any = None
    tools: Any = None

    @model_validator(mode="after")
    def _consistent(self) -> AgentFile:
        if not self.bottle:
            raise manifest.problem("bottle names no bottle")
        if self.run == "headless" and not (self.task or "").strip():
            raise manifest.problem("a headless agent needs a task", "task: what it should do")
        if self.task and self.run != "headless":
            raise manifest.problem("task is for headless agents", "add run: headless")
        return self
