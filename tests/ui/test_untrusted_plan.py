"""A repository's manifest says what a plan shows, and must not draw the page it is approved on."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from botbottle.cli.report import describe
from botbottle.errors import BBError
from botbottle.model.plan import Plan
from botbottle.ui import desired, events, plan_markdown, plan_text
from botbottle.ui.plan_json import document
from botbottle.ui.progress import renderer
from botbottle.ui.stale import difference
from tests.ui.plans import eventful

STEERING = "\x1b[2J\x1b]0;owned\x07\x9b2J\x7f\u202e\u2028"
LINE = "\n\nreach\n  web  - everything\n"
EVIL = f"x{STEERING}{LINE}"


def poisoned() -> Plan:
    """The plan with such text in every place that a manifest's words reach."""
    plan = eventful()
    return replace(
        plan,
        changes=tuple(
            replace(
                c,
                note=c.note + EVIL,
                fields=tuple(
                    replace(f, path=f.path + STEERING, old=EVIL, new=EVIL) for f in c.fields
                ),
            )
            for c in plan.changes
        ),
        reach=tuple(replace(r, text=r.text + EVIL) for r in plan.reach),
        notices=tuple(replace(n, message=n.message + EVIL) for n in plan.notices),
        held=tuple(replace(h, reason=EVIL, way_out=EVIL) for h in plan.held),
        budgets=tuple(replace(b, scope=b.scope + EVIL) for b in plan.budgets),
    )


def steers(text: str) -> set[str]:
    return {c for c in text if not c.isprintable() and c not in "\n\t"}


FORMS: dict[str, Callable[[Plan], str]] = {
    "text": plan_text.render,
    "every field": lambda p: plan_text.render(p, full=True),
    "markdown": plan_markdown.render,
    "difference": lambda p: difference(document(eventful()), document(p)),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_plan_carries_what_steers_a_terminal_or_a_line_of_a_manifests_own(
    form: str,
) -> None:
    shown = FORMS[form](poisoned())
    assert steers(shown) == set()
    assert "\\u001b[2J" in shown, "it is shown as what it is"
    assert "  web  - everything" not in shown.splitlines()
    assert shown.splitlines().count("reach") <= 1


def test_the_document_for_programs_says_what_the_manifest_says() -> None:
    assert {r["text"][-len(EVIL) :] for r in document(poisoned())["reach"]} == {EVIL}


def test_a_desired_set_as_a_diff_shows_them_as_codes() -> None:
    sets = [{"bottles": [{"name": "web", "prompt": p, "task": p}]} for p in ("a", EVIL)]
    shown = desired.unified(sets[0], sets[1], ("old", "new"))
    assert steers(shown) == set() and "\\u001b" in shown
    assert all(line[:1] in "+- @" for line in shown.splitlines())


def test_html_and_links_of_a_notice_are_words_in_a_comment() -> None:
    plan = eventful()
    notice = replace(plan.notices[0], message="<!-- <details> [approve](https://evil.example)")
    shown = plan_markdown.render(replace(plan, notices=(notice,)))
    head = shown.partition("```")[0]
    assert "<!--" not in head and "&lt;details&gt;" in head and "\\[approve]" in head


def test_a_failure_is_told_without_them() -> None:
    error = BBError(f"the engine said {STEERING}", where=STEERING, hint=STEERING)
    assert steers(describe(error)) == set()


@pytest.mark.parametrize("mode", ["plain", "tty"])
def test_progress_is_told_without_them(mode: str) -> None:
    stream = io.StringIO()
    renderer(mode, stream)(  # type: ignore[arg-type]
        events.OpFailed(
            ts=0.0, op_id="start:web", op="StartContainer", resource="web", bottle="web",
            code="BB1000", message=STEERING, hint=STEERING, best_effort=False,
        )
    )  # fmt: skip
    assert steers(stream.getvalue().replace("\r\x1b[2K", "")) == set()
    assert "\\u001b]0;owned" in stream.getvalue()
