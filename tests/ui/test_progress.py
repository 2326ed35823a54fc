"""Events for people and for machines."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.context import Context
from botbottle.errors import UsageError
from botbottle.ui import events as e
from botbottle.ui.progress import Mode, events_to, renderer

ABOUT: Any = {"ts": 1.0, "op_id": "start:web", "op": "Start", "resource": "web", "bottle": "web"}
FAILED = e.OpFailed(**ABOUT, code="BB8000", message="no", hint="bb logs web", best_effort=False)
RUN = (
    e.RunStarted(ts=0.0, ops=3, digest="d" * 16),
    e.OpStarted(**ABOUT, reason="missing"),
    e.Waiting(**ABOUT, seconds=12.0, state="starting"),
    e.OpRetried(**ABOUT, attempt=1, delay=0.5, message="busy"),
    e.OpDone(**ABOUT, seconds=0.3),
    FAILED,
    e.OpBlocked(**ABOUT, why="blocked", by="start:api"),
    e.Note(ts=2.0, level="warning", message="look here"),
    e.RunDone(ts=3.0, done=1, failed=1, not_started=1),
)


def shown(mode: Mode, width: int = 100) -> str:
    stream = io.StringIO()
    show = renderer(mode, stream, width)
    for event in RUN:
        show(event)
    return stream.getvalue()


class TestLines:
    def lines(self, tmp_path: Path) -> list[dict[str, Any]]:
        file = tmp_path / "events.jsonl"
        with events_to("quiet", io.StringIO(), str(file)) as emit:
            for event in RUN:
                emit(event)
        return [json.loads(line) for line in file.read_text().splitlines()]

    def test_the_first_names_the_version(self, tmp_path: Path) -> None:
        first, *rest = self.lines(tmp_path)
        assert first["type"] == "version" and first["ui"] == "1.0" and first["bb"]
        assert len(rest) == len(RUN)

    def test_each_says_when_how_bad_what_and_on_what(self, tmp_path: Path) -> None:
        for line in self.lines(tmp_path)[1:]:
            assert {"ts", "type", "level", "message"} <= line.keys()
            assert line["level"] in ("info", "warning", "error")
            assert ("resource" in line) == line["type"].startswith(("Op", "Waiting", "Progress"))

    def test_only_a_failure_that_counts_is_an_error(self, tmp_path: Path) -> None:
        bad = [line for line in self.lines(tmp_path) if line.get("level") == "error"]
        assert [line["code"] for line in bad] == ["BB8000"]
        best_effort = e.OpFailed(**ABOUT, code="x", message="x", hint="", best_effort=True)
        assert e.to_wire(best_effort)["level"] == "warning"

    def test_each_satisfies_the_committed_schema(self, tmp_path: Path) -> None:
        import jsonschema

        schema = json.loads((Path(__file__).parents[2] / "schemas/events.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        for line in self.lines(tmp_path):
            validator.validate(line)

    def test_they_are_whole_while_the_run_goes_on(self, tmp_path: Path) -> None:
        file = tmp_path / "events.jsonl"
        with events_to("quiet", io.StringIO(), str(file)) as emit:
            emit(RUN[0])
            assert file.read_text().endswith("\n") and len(file.read_text().splitlines()) == 2

    def test_a_second_run_is_appended(self, tmp_path: Path) -> None:
        self.lines(tmp_path)
        assert len(self.lines(tmp_path)) == 2 * (len(RUN) + 1)

    def test_a_dash_puts_them_in_the_place_of_the_text(self) -> None:
        stream = io.StringIO()
        with events_to("plain", stream, "-") as emit:
            emit(RUN[-1])
        assert [json.loads(x)["type"] for x in stream.getvalue().splitlines()] == [
            "version",
            "RunDone",
        ]

    def test_a_file_that_cannot_be_written_is_a_usage_error(self, tmp_path: Path) -> None:
        with (
            pytest.raises(UsageError, match="--events"),
            events_to("plain", io.StringIO(), str(tmp_path)),
        ):
            pytest.fail("opened a directory")


class Failing(io.StringIO):
    """A stream that takes so many writes and refuses all others."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    def write(self, text: str) -> int:
        self.takes -= 1
        if self.takes < 0:
            raise OSError(errno.EPIPE, "Broken pipe")
        return super().write(text)


class TestLostReaders:
    @pytest.mark.parametrize("mode", ["tty", "plain", "json", "quiet"])
    def test_a_reader_that_leaves_does_not_end_what_is_carried_out(self, mode: Mode) -> None:
        stream = Failing(2)
        with events_to(mode, stream, "") as emit:
            for event in RUN * 2:
                emit(event)
        assert stream.takes < 0, "it did fail"

    def test_a_file_that_is_full_loses_lines_and_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Path, "open", lambda *_, **__: Failing(3))
        stream = io.StringIO()
        with events_to("plain", stream, "full.jsonl") as emit:
            for event in RUN:
                emit(event)
        assert "done 1, failed 1, not started 1" in stream.getvalue()
        assert stream.getvalue().endswith("--events full.jsonl: Broken pipe; it is not whole\n")


class TestModes:
    def test_plain_has_no_cursor_control_and_says_how_to_go_on(self) -> None:
        text = shown("plain")
        assert "\x1b" not in text and "\r" not in text
        assert "  start:web  FAILED BB8000: no\n    next: bb logs web\n" in text
        assert "still waiting (12 s) for web: starting" in text
        assert text.endswith("done 1, failed 1, not started 1\n")

    def test_quiet_says_only_what_went_wrong(self) -> None:
        assert shown("quiet").splitlines() == [
            "  start:web  FAILED BB8000: no",
            "    next: bb logs web",
            "  start:web  not started (blocked by start:api)",
        ]

    def test_the_live_line_fits_a_narrow_terminal(self) -> None:
        stream = io.StringIO()
        show = renderer("tty", stream, 20)
        show(e.RunStarted(ts=0.0, ops=200, digest="d" * 16))
        show(e.OpStarted(**(ABOUT | {"op_id": "create:" + "x" * 60}), reason="missing"))
        live = stream.getvalue().rpartition("\x1b[2K")[2]
        assert live.startswith("  [0/200] create:") and len(live) < 20

    def test_json_is_the_events_on_the_same_stream(self) -> None:
        types = [json.loads(line)["type"] for line in shown("json").splitlines()]
        assert types == ["version", *(type(event).__name__ for event in RUN)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "mode"),
    [
        ({}, True, "tty"),
        ({}, False, "plain"),
        ({"TERM": "dumb"}, True, "plain"),
        ({"CI": "true"}, True, "plain"),
    ],
)
def test_the_mode_follows_the_terminal(
    environ: dict[str, str], terminal: bool, mode: str, tmp_path: Path
) -> None:
    err = Terminal() if terminal else io.StringIO()
    context = Context(tmp_path, tmp_path, environ=environ, err=err)
    assert context.progress_mode == mode


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_declined(environ: dict[str, str], tmp_path: Path) -> None:
    assert not Context(tmp_path, tmp_path, environ=environ).color(Terminal())
    assert Context(tmp_path, tmp_path, environ={}).color(Terminal())
    assert not Context(tmp_path, tmp_path, environ={}).color(io.StringIO())
