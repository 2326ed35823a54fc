"""How a plan looks to people, in a pull request and to machines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.cli.saved import read
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import BudgetRow, Change, FieldChange, Held, Notice, Plan
from botbottle.model.route import Auth, Route
from botbottle.ui import plan_json, plan_markdown, plan_text
from tests.support.worlds import World, bottle, declared
from tests.ui.plans import GOLDEN, eventful

SCHEMA = Path(__file__).resolve().parents[2] / "schemas/plan.json"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return eventful()


def lasting(text: str) -> list[str]:
    """Lines without hashes and without the hosts of an agent program, which may change."""
    kept = (line for line in text.splitlines() if "api.anthropic.com" not in line)
    return [re.sub(r"\b[0-9a-f]{16}\b", "DIGEST", line) for line in kept]


@pytest.mark.parametrize(
    ("name", "render"), [("plan.txt", plan_text.render), ("plan.md", plan_markdown.render)]
)
def test_the_plan_looks_as_it_was_agreed(plan: Plan, name: str, render: Any) -> None:
    """``python -m tests.ui.plans`` writes the files anew."""
    assert lasting(render(plan)) == lasting((GOLDEN / name).read_text("utf-8"))


class TestText:
    def test_every_changed_leaf_that_was_written_says_where(self, plan: Plan) -> None:
        text = plan_text.render(plan)
        for line in (
            "egress.routes[new.example:8443]  (none) -> GET /* with GH (Bearer)    "
            "home:bottles/base.md:7",
            "egress.routes[a.example].matches[0].methods[1]  (none) -> POST    "
            "home:bottles/base.md:14",
            "log  1 -> 2    home:bottles/base.md:5",
            "budget.claude/day  1,000 -> 5,000    home:agents/web.md:25",
            "home:bottles/big.md:20 (overrides home:bottles/base.md:21)",
        ):
            assert line in text

    def test_an_approval_that_is_given_is_not_asked_for(self) -> None:
        wide, gone = (
            Notice("BB300", "web", "widen", "widen"),
            Notice("BB301", "web", "destroy", "destroy"),
        )
        text = plan_text.render(Plan("p", notices=(wide, gone)), given=("destroy",))
        assert "BB300 web: widen  (needs --allow widen)" in text
        assert "BB301 web: destroy\n" in text, "what it is about is shown all the same"

    def test_drift_is_told_apart_from_what_was_edited(self, plan: Plan) -> None:
        before, _, after = plan_text.render(plan).partition("drift (changed behind bb's back)")
        assert "bottle idle" in after and "bottle idle" not in before
        assert "bottle web" in before and "bottle web\n" not in after

    @pytest.mark.parametrize(
        ("spent", "moment", "word"),
        [
            (10, 1_800_000_000.0, "lasts until about 2027-01-15 08:00 UTC at this rate"),
            (100, 1_800_000_000.0, "used up"),
            (120, None, "used up"),
        ],
    )
    def test_a_budget_says_how_long_it_lasts(
        self, spent: int, moment: float | None, word: str
    ) -> None:
        row = BudgetRow("global", "claude", "day", spent, 100, ("web",), moment)
        text = plan_text.render(Plan("p", budgets=(row,)))
        assert word in text and text.count("lasts") + text.count("used up") == 1

    def test_a_budget_that_nobody_spends_promises_nothing(self) -> None:
        text = plan_text.render(Plan("p", budgets=(BudgetRow("global", "claude", "", 1, 100),)))
        assert "lasts" not in text and "used up" not in text

    @pytest.mark.parametrize(
        ("count", "words"),
        [(1, "b0"), (5, "b0, b1, b2, b3, b4"), (6, "b0, b1, b2, b3 and 2 more")],
    )
    def test_a_pool_of_many_bottles_names_the_first_and_counts_the_rest(
        self, count: int, words: str
    ) -> None:
        row = BudgetRow("global", "claude", "", 1, 100, tuple(f"b{n}" for n in range(count)))
        made = Plan("p", budgets=(row,))
        assert plan_text.render(made).splitlines()[-1].endswith(f"  governs {words}")
        assert len(plan_json.document(made)["budgets"][0]["governs"]) == count

    def test_nothing_to_do_hides_nothing(self) -> None:
        world = World()
        world.converge(declared())
        assert plan_text.render(world.plan(declared())).startswith("Nothing to do.")

    def test_an_edit_that_lacks_a_credential_is_not_nothing_to_do(self) -> None:
        world = World()
        world.converge(declared())
        edited = bottle(routes=(Route("new.example", auth=Auth("Bearer", "GONE")),))
        shown = plan_text.render(world.plan(declared(edited)))
        assert shown.startswith("Nothing can be done yet.") and "GONE is not set" in shown

    def test_a_notice_says_where_its_cause_was_written(self, plan: Plan) -> None:
        notice = Notice("BB290", "web", "X is not set", origin=Origin("b.md", 3, 1, "home"))
        text = plan_text.render(replace(plan, notices=(notice,)))
        assert "  ! BB290 web: X is not set    home:b.md:3\n" in text


class TestMarkdown:
    def test_the_digest_is_all_that_the_command_needs(self, plan: Plan) -> None:
        last = plan_markdown.render(plan).splitlines()[-1]
        command = f"bb apply --approve {plan.digest}"
        assert last == f"Approve: `{command}` (covers: budget, destroy, widen)"

    def test_where_nothing_changes_what_is_wrong_is_told_all_the_same(self) -> None:
        world, want = World(), declared(bottle())
        world.converge(want)
        quiet = plan_markdown.render(world.plan(want))
        assert quiet.startswith("### bb plan: nothing to do\n") and "details" not in quiet
        lost = Notice("BB333", "web", "the ledger is *gone*", origin=Origin("a.md", 3, 1, "home"))
        told = plan_markdown.render(replace(world.plan(want), notices=(lost,)))
        assert told.startswith("### bb plan: nothing to do\n")
        assert "- **BB333** web: the ledger is *gone* (`home:a.md:3`)" in told
        held = replace(world.plan(want), held=(Held("web", "cutoff", "used up", "bb budget set"),))
        assert "web  cutoff: used up" in plan_markdown.render(held)
        missing = world.plan(
            declared(bottle(routes=(Route("new.example", auth=Auth("Bearer", "GONE")),)))
        )
        assert plan_markdown.render(missing).startswith("### bb plan: nothing can be done yet\n")

    def test_no_field_breaks_out_of_its_place(self, plan: Plan) -> None:
        """A value with back-quotes, pipes or HTML stays inside its cell or fence."""
        evil = "```\n</details>| `x` <img src=x>"
        change = Change(
            "web/agent", "web", plan.changes[0].action, "x", (FieldChange("f", "", evil),)
        )
        gain = replace(plan.reach[-1], text=evil.replace("\n", " "))
        text = plan_markdown.render(replace(plan, changes=(change,), reach=(gain,)))
        fences = [line for line in text.splitlines() if line.startswith("```")]
        assert len(fences) == 2
        row = next(line for line in text.splitlines() if line.startswith("| web"))
        assert row.replace("\\|", "").count("|") == 3 and row.count("`") == 2

    def test_a_huge_plan_is_cut_at_a_line_and_says_so(self, plan: Plan) -> None:
        many = tuple(replace(plan.changes[0], bottle=f"b{n:05}", fields=()) for n in range(9000))
        text = plan_markdown.render(replace(plan, changes=many, reach=(), notices=()))
        assert len(text) < 65_536
        found = re.search(r"^… (\d+) more lines: bb plan$", text, re.MULTILINE)
        assert found is not None
        whole = plan_text.render(replace(plan, changes=many, reach=(), notices=()))
        shown = text.split("```text\n")[1].split("\n… ")[0]
        assert int(found[1]) == len(whole.splitlines()) - len(shown.splitlines())


class TestDocument:
    def test_it_says_old_new_and_place_of_each_field(self, plan: Plan) -> None:
        changes = plan_json.document(plan)["changes"]
        (config,) = (c for c in changes if c["resource"] == "web/egress-config")
        field = next(f for f in config["fields"] if f["path"].startswith("egress.routes[new"))
        assert (field["old"], field["new"]) == ("", "GET /* with GH (Bearer)")
        place = {"file": "bottles/base.md", "line": 7, "column": 3, "layer": "home"}
        assert field["origins"] == [place]

    def test_it_fits_its_schema(self, plan: Plan) -> None:
        import jsonschema

        jsonschema.validate(json.loads(plan_json.dumps(plan)), json.loads(SCHEMA.read_text()))

    def test_a_document_of_format_1_0_can_be_read_for_ever(self, tmp_path: Path) -> None:
        """This file is never written anew while the major version is 1."""
        old = tmp_path / "plan.json"
        old.write_bytes((GOLDEN / "plan-1.0.json").read_bytes())
        document = read(old)
        assert document["digest"] and document["ops"] and document["changes"]

    def test_within_a_major_version_keys_are_only_added(self, plan: Plan) -> None:
        old = json.loads((GOLDEN / "plan-1.0.json").read_text("utf-8"))
        new = plan_json.document(plan)
        assert old["format_version"].split(".")[0] == new["format_version"].split(".")[0]
        assert old.keys() <= new.keys()
        for name in ("changes", "reach", "notices", "budgets", "held"):
            assert old[name][0].keys() <= new[name][0].keys(), name
        kept = {op["op"]: op.keys() for op in old["ops"]}
        now = {op["op"]: op.keys() for op in new["ops"]}
        assert all(keys <= now[kind] for kind, keys in kept.items() if kind in now)

    def test_no_value_of_a_credential_is_in_any_form_of_it(self, plan: Plan) -> None:
        """The fingerprint may be, the value is never given to the planner."""
        push = next(op for op in plan_json.document(plan)["ops"] if op["op"] == "PushConfig")
        assert all(len(mark) <= 8 for _, mark in push["secrets"])
