"""A token endpoint in memory, and logins that it renews."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from botbottle.providers import login
from botbottle.sidecar.egress.asking import Answer, Question
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.refresh import Endpoint
from botbottle.sidecar.egress.sealed import Sealed

REFRESH = "sk-ant-ort01-real-refresh-token"


def claude(seconds: float, refresh_token: str = REFRESH) -> str:
    found: dict[str, Any] = {"accessToken": "sk-ant-oat01-real-access", "scopes": ["kept"]}
    found |= {"refreshToken": refresh_token, "expiresAt": int((time.time() + seconds) * 1000)}
    return json.dumps({"claudeAiOauth": found})


class Provider:
    """A token endpoint in memory. After an event it waits before the next answer."""

    def __init__(self, *answers: Answer | Exception | asyncio.Event) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.renewed = 0
        self.failed: list[str] = []

    async def ask(self, where: Endpoint, question: Question) -> Answer:
        self.asked.append({"host": where.host, **json.loads(question.body)})
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def logins(self, folder: Path, text: str) -> Logins:
        """A sidecar's logins after it started: one, delivered as L."""
        return Logins(Sealed(folder), self.ask, self._changed, self._failed).following({"L": text})

    def _changed(self) -> None:
        self.renewed += 1

    def _failed(self, name: str, why: str) -> None:
        self.failed.append(why)


def granted(number: int = 1, **more: Any) -> Answer:
    body = {"access_token": f"new-access-{number}", "refresh_token": f"new-refresh-{number}"}
    return Answer(200, "", json.dumps({**body, "expires_in": 3600, **more}).encode())


def ready(logins: Logins) -> str:
    """What a request is told; then the attempt comes to its end, if one is under way."""

    async def work() -> str:
        said = await logins.ready("L")
        await logins.settled(10)
        return said

    return asyncio.run(work())


def token(logins: Logins) -> str:
    found = login.read(logins.text("L"))
    assert found is not None
    return found.token
