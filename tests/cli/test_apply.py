"""What ``bb apply`` takes from its command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.approval import check_declared
from botbottle.cli.apply import consent_of
from botbottle.cli.saved import save
from botbottle.errors import Exit, Refused, UsageError
from tests.cli.applied import Bench
from tests.support.stub_engine import stub_engine
from tests.support.worlds import World, declared


def test_an_empty_desired_set_is_refused_unless_told(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        check_declared(replace(declared(), bottles=()))
    assert caught.value.code == "BB7001"
    check_declared(declared())
    with stub_engine(tmp_path) as engine:
        bench = Bench(tmp_path, engine)
        bench.applied()
        (bench.project / ".bot-bottle/agents/web.md").unlink()
        assert "BB340" in {n["code"] for n in bench.plan()["notices"]}
        assert bench.bb("apply", "--yes", "--allow", "destroy")[0] == Exit.REFUSED
        code, _, err = bench.bb("apply", "--yes", "--allow", "destroy", "--allow-empty")
        assert code == Exit.OK, err


def test_a_file_approves_by_the_digest_inside_it(tmp_path: Path) -> None:
    plan = World().plan(declared())
    save(plan, tmp_path / "p")
    consent = consent_of(tmp_path / "p", "", yes=False, allow=None)
    assert consent.digest == plan.digest and consent.saved is not None and consent.holds(plan)
    assert consent_of(tmp_path / "p", plan.digest, yes=False, allow=None) == consent
    with pytest.raises(UsageError):
        consent_of(tmp_path / "p", "0" * 16, yes=False, allow=None)
