"""Put each field bug in by hand, in a copy, and see that its named test fails.

    python -m tests.meter.mutants [NUMBER ...]

A mutant is (bug, file, text that occurs once, replacement). The test run for it is every test
named ``test_bug_NN``. Prints one line a mutant; exits 1 if one survives.
"""

# ruff: noqa: E501 - one mutant a line reads best
from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.mutating import ROOT, Mutant, passes, put_in, report

PACKAGES = ("botbottle/__init__.py", "botbottle/model", "botbottle/meter", "tests/__init__.py",
            "tests/meter", "pyproject.toml")  # fmt: skip

CLAUDE, CHAT = "dialects/anthropic.py", "dialects/openai_chat.py"
RESPONSES, GEMINI, USAGE = "dialects/openai_responses.py", "dialects/gemini.py", "dialects/openai_usage.py"  # fmt: skip
MUTANTS = (
    Mutant(1, "meter.py", "rows += self._last(reason)", "pass"),
    Mutant(1, "rows.py", "Tokens(input_uncached=self.request.input_estimate, output=output)", "Tokens()"),
    Mutant(2, CLAUDE, "self.tally.unbilled = not self._usage", "self.tally.unbilled = True"),
    Mutant(2, RESPONSES, "self.tally.unbilled = nothing and turned_away", "self.tally.unbilled = True"),
    Mutant(3, "rows.py", "self.exact(tally) else self._output(tally)", "self.exact(tally) else known.output"),
    Mutant(3, CLAUDE, "self.tally.thought(n(delta.get(\"estimated_tokens\")))", "pass"),
    Mutant(4, "decode.py", "            if piece:\n                self._raw", "            if piece and self._z.eof:\n                self._raw"),
    Mutant(4, "ending.py", "; {CUT_SHORT}\" if", "\" if"),
    Mutant(4, "lines.py", "        if rest := self._lines.rest():", "        if False and (rest := b\"\"):"),
    Mutant(5, "ending.py", "    if call.kind is not Kind.GENERATE:", "    if True:"),
    Mutant(5, "ending.py", "elif self.unread(tally):", "elif False:"),
    Mutant(6, RESPONSES, "return kind in TERMINAL", "return False"),
    Mutant(6, "meter.py", "if self._body.passed and", "if False and"),
    Mutant(7, "websocket.py", "        if kind not in TERMINAL:\n", "        if kind:\n"),
    Mutant(7, "lanes.py", "            request = lane.waiting.popleft()", "            request = lane.waiting.pop()"),
    Mutant(7, "settling.py", "if item.request.prewarm and not tally.tokens.total:", "if False:"),
    Mutant(7, "websocket.py", "if len(self._open) > MAX_OPEN:", "if False:"),
    Mutant(7, "websocket.py", "            item.fault = as_str", "            self._open.pop(self._lanes.current(stream_id)); fault = as_str"),
    Mutant(8, RESPONSES, 'self._response(as_dict(doc["response"]))', "self._response(doc)"),
    Mutant(8, USAGE, 'given = n(_first(usage, "prompt_tokens", "input_tokens"))', 'given = n(_first(usage, "input_tokens"))'),
    Mutant(8, USAGE, 'given = n(_first(usage, "prompt_tokens", "input_tokens"))', 'given = n(_first(usage, "prompt_tokens"))'),
    Mutant(9, CHAT, "return tally.complete and event == WHOLE", "return self._finished"),
    Mutant(9, CHAT, "tally.complete = self._finished and self._fresh", "tally.complete = False"),
    Mutant(9, "ending.py", 'if asked else NOT_ASKED, Completeness.ESTIMATED', 'if asked else NOT_ASKED, Completeness.PARTIAL'),
    Mutant(10, "lines.py", "            self._line += part", "            pass"),
    Mutant(10, "lines.py", 'data.replace(b"\\r\\n", b"\\n").replace(b"\\r", b"\\n")', 'data.replace(b"\\r\\n", b"\\n")'),
    Mutant(11, "decode.py", '"zstd": Zstd', '"zstdx": Zstd'),
    Mutant(11, "decode.py", '"br": Brotli', '"brx": Brotli'),
    Mutant(11, "decode.py", "        if self._z.eof:\n", "        if self._z.eof:\n            return b\"\", b\"\"\n        if False:\n"),
    Mutant(11, "decode.py", "Inflate(raw_allowed=True)", "Inflate(raw_allowed=False)"),
    Mutant(12, "meter.py", "            return []\n        rows = self._take(self._body.rest())", "            return []\n        if reason is Reason.SHUTDOWN:\n            return []\n        rows = self._take(self._body.rest())"),
    Mutant(13, "ending.py", "(tally.unbilled and not self.body.fault)", "self.body.fault"),
    Mutant(14, CLAUDE, 'self._usage["output_tokens"] = output', 'self._usage["output_tokens"] = output + n(self._usage.get("output_tokens"))'),
    Mutant(14, CLAUDE, "max(n(into.get(name)), value)", "n(into.get(name)) + value"),
    Mutant(15, CLAUDE, "max(n(into.get(name)), value)", "into.get(name, value)"),
    Mutant(15, CLAUDE, "max(n(into.get(name)), value)", "value"),
    Mutant(16, CLAUDE, 'input_uncached=n(usage.get("input_tokens"))', 'input_uncached=n(usage.get("input_tokens")) + n(usage.get("cache_read_input_tokens"))'),
    Mutant(16, CLAUDE, 'cache_read=n(usage.get("cache_read_input_tokens"))', "cache_read=0"),
    Mutant(17, USAGE, "input_uncached=given - read - short - long", "input_uncached=given"),
    Mutant(17, USAGE, "    read = min(hit, given)", "    read = 0"),
    Mutant(17, USAGE, 'min(n(details.get("cache_write_tokens")), room)', 'n(details.get("cache_write_tokens"))'),
    Mutant(17, USAGE, "        output=output,", '        output=output + n(out_details.get("reasoning_tokens")),'),
    Mutant(18, CLAUDE, "cache_write_1h=long", "cache_write_1h=0"),
    Mutant(18, CLAUDE, "written - long", "written"),
    Mutant(18, CLAUDE, "tokens += to_tokens(iteration)", "pass"),
    Mutant(18, CLAUDE, 'case "advisor_message":', 'case "advisor_messages":'),
    Mutant(19, GEMINI, "max(said + thoughts, ", "max(said, 0 * "),
    Mutant(19, GEMINI, "prompt - cached + tools", "prompt + tools"),
    Mutant(19, GEMINI, "prompt - cached + tools", "prompt - cached"),
    Mutant(19, GEMINI, "tally.counted(to_tokens(usage))", "tally.counted(tally.tokens + to_tokens(usage))"),
    Mutant(20, CLAUDE, "                self.tally.complete = bool(self._usage)\n", "                self.tally.complete = bool(self.tally.tokens.total)\n"),
    Mutant(20, "rows.py", "rows = [self.exchange(tally, tally.tokens,", "rows = [self.exchange(tally, self.so_far(tally),"),
    Mutant(21, "ending.py", "(polled and not tally.deltas) or", "False or"),
    Mutant(21, "rows.py", "            return _clip(own)\n", '            return _clip(f"{own}{id(tally)}")\n'),
    Mutant(21, "dialects/batches.py", "self.tally.response_id = f\"{self._batch}", "self.tally.response_id = f\"{id(doc)}"),
    Mutant(21, "ending.py", "            return BACKGROUND, Completeness.PARTIAL", "            return BACKGROUND, Completeness.ESTIMATED"),
    Mutant(21, "ending.py", "            _allow(tally, self.request)\n", "            pass\n"),
    Mutant(21, "recognise.py", ' and find_rule("GET", clean) is None', ""),
    Mutant(22, "meter.py", "self._over = not self._many", "self._over = False"),
    Mutant(22, "rows.py", "LONG_ID = 20", "LONG_ID = 0"),
    Mutant(22, "rows.py", "            return _clip(own)\n", '            return "msg"\n'),
    Mutant(22, "meter.py", 'lowered.get(_BEDROCK_ID, "") if call.provider == BEDROCK else ""', 'lowered.get("x-request-id", "")'),
    Mutant(23, "dialects/bedrock.py", 'input_uncached=n(usage.get("inputTokens"))', 'input_uncached=n(usage.get("inputTokens")) - n(usage.get("cacheReadInputTokens"))'),
    Mutant(23, "dialects/bedrock.py", "cache_read=max(tokens.cache_read, floor.cache_read)", "cache_read=tokens.cache_read"),
    Mutant(23, "recognise.py", "return CLAUDE if anthropic and", "return CLAUDE if False and"),
    Mutant(25, "recognise.py", "\n    return Kind.GENERATE, Dialect.UNKNOWN", "\n    return Kind.OTHER, Dialect.UNKNOWN"),
    Mutant(25, "recognise.py", "\n        return Kind.GENERATE, Dialect.UNKNOWN", "\n        return Kind.OTHER, Dialect.UNKNOWN"),
    Mutant(25, "recognise.py", "(FREE.fullmatch(path) and not ODD.search(path))", "FREE.fullmatch(path)"),
    Mutant(25, "recognise.py", "next((r for r in read if r[0] in GATED), read[0])", "read[0]"),
    Mutant(25, "recognise.py", "next((r for r in read if r[0] in GATED), read[0])", "read[-1]"),
    Mutant(25, "paths.py", "posixpath.normpath(\"/\" + path.lstrip(\"/\"))", "path"),
    Mutant(25, "hosts.py", 'host.partition(":")[0].rstrip(".")', "host"),
    Mutant(25, "websocket.py", "if kind in FREE_FRAMES.get(self._call.dialect, ()):", "if kind != CREATE:"),
    Mutant(25, "websocket.py", "if kind in FREE_FRAMES.get(self._call.dialect, ()):", "if self._asked or kind in FREE_FRAMES.get(self._call.dialect, ()):"),
    Mutant(26, "meter.py", "Tokens() if self.committed else ", ""),
    Mutant(26, CLAUDE, '                self.tally.wrote(as_str(delta.get("text")))', "                pass"),
    Mutant(27, "limits.py", "min(most or ALLOWANCE, ALLOWANCE)", "(most or ALLOWANCE)"),
    Mutant(27, "websocket.py", "        return [Settlement(request.request_id)]\n", "        return []\n"),
    Mutant(27, "lanes.py", "        self._lanes.clear()\n", "        pass\n"),
    Mutant(29, "hosts.py", "return _lookup(declared, host) or", "return"),
    Mutant(30, "counting.py", "if number is not None), None)", "if number is not None), 0)"),
    Mutant(30, "request.py", "        size = FRAME_TOKENS + len(body)", "        size = 0"),
    Mutant(31, "refusals.py", "            return 402, anthropic_error(message), {}", "            return 429, anthropic_error(message), {}"),
    Mutant(31, "refusals.py", "            return 429, openai_error(message), {}", "            return 503, openai_error(message), {}"),
    Mutant(31, "refusals.py", '"x-should-retry": "false"', '"x-should-retry": "true"'),
    Mutant(31, "refusals.py", '"type": "usage_limit_reached"', '"type": "quota"'),
)  # fmt: skip


def _copy(into: Path) -> None:
    for name in PACKAGES:
        source, target = ROOT / name, into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def survives(mutant: Mutant, copy: Path) -> bool:
    """True when every test of the bug still passes with the bug put into the copy."""
    bug = mutant.bug
    group = "lost" if bug <= 13 else "wrong" if bug <= 23 else "enforced"
    with put_in(mutant, copy / "botbottle/meter" / mutant.file):
        tests = f"tests/meter/test_field_bugs_{group}.py"
        return passes(copy, tests, f"test_bug_{bug:02}", seconds=120)


def main(numbers: list[int]) -> int:
    """Run the mutants of the given bugs (all by default)."""
    chosen = [m for m in MUTANTS if not numbers or m.bug in numbers]
    with tempfile.TemporaryDirectory() as name:
        _copy(Path(name))
        return report((mutant, survives(mutant, Path(name))) for mutant in chosen)


if __name__ == "__main__":
    sys.exit(main([int(a) for a in sys.argv[1:]]))
