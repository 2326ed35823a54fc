"""Requests that set off work of a model that nobody tells the cost of here."""

from __future__ import annotations

import json

import pytest

from botbottle.meter import Reason, read_request, unanswered
from botbottle.meter.limits import ALLOWANCE
from botbottle.meter.references import UNKNOWN_CONTEXT
from botbottle.model.usage import Completeness

from .helpers import call, clock, meter, only, request, whole
from .places import CHAT, RESPONSES, Place

JOBS = [
    ("chatgpt.com", "/backend-api/wham/tasks"),
    ("r.openai.azure.com", "/openai/threads/t/runs"),
    ("r.openai.azure.com", "/openai/threads/runs"),
    ("r.services.ai.azure.com", "/api/projects/p/threads/t/runs/r/submit_tool_outputs"),
    ("api.anthropic.com", "/v1/sessions/s/events"),
    ("api.openai.com", "/v1/evals/e/runs"),
    ("aiplatform.googleapis.com", "/v1/projects/p/locations/l/batchPredictionJobs"),
]
QUEUED = b'{"id":"run_1","status":"queued","usage":null}'


@pytest.mark.parametrize("place", JOBS)
@pytest.mark.parametrize("reason", [Reason.COMPLETE, Reason.CLIENT_GONE])
def test_a_job_is_booked_with_stored_input_and_an_allowance(place: Place, reason: Reason) -> None:
    row = only(whole(meter(place, "application/json"), QUEUED, reason=reason))
    assert row.completeness is Completeness.ESTIMATED
    assert row.tokens.input_uncached >= UNKNOWN_CONTEXT
    assert row.tokens.output == ALLOWANCE


def test_a_job_that_got_no_answer_is_booked_as_well() -> None:
    where = call(JOBS[0])
    for body in (b'{"prompt": "x"}', b"--multipart"):
        asked = read_request(where, body, "", "flow-1")
        assert asked.input_estimate >= UNKNOWN_CONTEXT
        row = only(unanswered(where, asked, clock, Reason.CLIENT_GONE))
        assert row.tokens.output == ALLOWANCE


def test_usage_that_a_job_tells_takes_the_place_of_the_guess() -> None:
    told = {"id": "run_1", "usage": {"prompt_tokens": 70, "completion_tokens": 9}}
    row = only(whole(meter(JOBS[1], "application/json"), json.dumps(told).encode()))
    assert (row.tokens.total_input, row.tokens.output) == (70, 9)


@pytest.mark.parametrize("usage", [None, {"input_tokens": 10, "output_tokens": 0}])
def test_what_a_response_tells_while_it_runs_in_the_background_is_not_the_whole(
    usage: dict[str, int] | None,
) -> None:
    """It may be read elsewhere, and never polled here."""
    told = {"id": "r1", "object": "response", "status": "in_progress", "usage": usage}
    body = {"background": True, "max_output_tokens": 9000}
    asked = meter(RESPONSES, "application/json", body=body)
    assert only(whole(asked, json.dumps(told).encode())).tokens.output == 9000


def test_other_unknown_requests_hold_no_stored_input() -> None:
    assert request(call(("api.openai.com", "/v1/assistants"))).input_estimate < 1000


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({"prompt": ["a", "b", "c"], "n": 2}, 6),
        ({"prompt": [[1, 2], [3]], "best_of": 5}, 10),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": "a", "n": 2, "best_of": 4}, 4),
        ({"n": 3}, 3),
        ({"prompt": []}, 1),
    ],
)
def test_each_prompt_of_an_older_completion_has_its_answers(
    body: dict[str, object], answers: int
) -> None:
    """What they are stopped at bounds the estimate of an interrupted one: all of them together."""
    asked = request(call((CHAT[0], "/v1/completions")), max_tokens=100, **body)
    assert (asked.choices, asked.bound, asked.allowance) == (answers, 100 * answers, 100 * answers)
