"""Reports: grouped sums that agree with the rows, whatever the grouping."""

import random
import time
from datetime import datetime

import pytest

from botbottle.ledger.schema import BLOCK
from botbottle.model.bottle import Limit
from botbottle.model.usage import Completeness, Tokens
from tests.ledger.worlds import exchange, pool, register, spend

DAY = 1_795_046_400.0  # 2026-11-19 00:00 UTC


@pytest.fixture
def busy(ledger):
    """Two bottles, two providers, three days."""
    register(ledger, "web")
    register(ledger, "api", bottle="ops")
    for day in range(3):
        for account, provider, n in (
            ("p/web", "claude", 1),
            ("p/web", "codex", 10),
            ("p/api", "claude", 100),
        ):
            ledger.settle(
                account, "", [exchange(n, prompt=0, provider=provider)], now=DAY + day * 86400 + 60
            )
    return ledger


def sums(rows):
    return {row.keys: row.counted for row in rows}


def test_without_groups_there_is_one_total(busy):
    (row,) = busy.usage([])
    assert (row.keys, row.counted, row.requests) == ((), 333, 9)


def test_an_empty_ledger_has_no_rows(ledger):
    assert ledger.usage([]) == ()
    assert ledger.usage(["day"]) == ()


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["account"], {("p/api",): 300, ("p/web",): 33}),
        (["agent", "provider"], {
            ("api", "claude"): 300, ("web", "claude"): 3, ("web", "codex"): 30}),
        (["bottle"], {("dev",): 33, ("ops",): 300}),
        (["project"], {("p",): 333}),
        (["model"], {("model-1",): 333}),
        (["day"], {("2026-11-19",): 111, ("2026-11-20",): 111, ("2026-11-21",): 111}),
        (["provider", "hour"], {
            ("claude", "2026-11-19T00"): 101, ("claude", "2026-11-20T00"): 101,
            ("claude", "2026-11-21T00"): 101, ("codex", "2026-11-19T00"): 10,
            ("codex", "2026-11-20T00"): 10, ("codex", "2026-11-21T00"): 10}),
    ],
)  # fmt: skip
def test_usage_is_summed_by_any_grouping(busy, groups, expected):
    assert sums(busy.usage(groups)) == expected


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"account": "p/web"}, 33),
        ({"agent": "api"}, 300),
        ({"provider": "codex"}, 30),
        ({"model": "other"}, None),
        ({"since": DAY + 86400}, 222),
        ({"until": DAY + 86400}, 111),
        ({"since": DAY + 86400, "until": DAY + 2 * 86400, "provider": "claude"}, 101),
    ],
)
def test_usage_can_be_filtered(busy, filters, total):
    rows = busy.usage([], **filters)
    assert [row.counted for row in rows] == ([] if total is None else [total])


def test_reports_agree_with_the_rows_over_random_histories(ledger):
    rng = random.Random(7)
    names = [register(ledger, n) for n in ("web", "api", "ops")]
    kinds = list(Completeness)
    with ledger.batch():
        for i in range(400):
            e = exchange(
                rng.randrange(1000),
                prompt=rng.randrange(1000),
                name=f"r{rng.randrange(300)}",
                provider=rng.choice(["claude", "codex"]),
                kind=rng.choice(kinds),
                cache_read=rng.randrange(50),
            )
            ledger.settle(rng.choice(names), "", [e], now=DAY + i * 997)
    for groups in (["account"], ["provider", "day"], ["agent", "hour"]):
        rows = ledger.usage(groups)
        assert sum(r.counted for r in rows) == ledger.usage([])[0].counted
    stored = ledger.exchanges(limit=10_000)
    assert sum((r.tokens for r in stored), Tokens()) == ledger.usage([])[0].tokens
    assert ledger.check().problems == ()
    responses = {(r.provider, r.response_id) for r in stored}
    assert ledger.usage([])[0].requests == len(responses)


def test_exchanges_are_listed_newest_first_and_paged(ledger, now):
    register(ledger)
    for i in range(5):
        spend(ledger, i + 1, now)
    page = ledger.exchanges(limit=2)
    assert [r.counted for r in page] == [5, 4]
    assert [r.counted for r in ledger.exchanges(before=page[-1].id, limit=2)] == [3, 2]
    assert ledger.exchanges(account="p/other") == ()


def test_one_bottles_exchanges_are_those_of_all_that_are_its_own(ledger, now):
    """A busy bottle, one seldom heard of and one that stopped; before and after retention."""
    for name in ("web", "rare", "gone"):
        register(ledger, name)
    told = [("p/gone", 3)] + [("p/web", 90)] * 4 + [("p/rare", 1), ("p/web", 90)] * 5
    for number, (account, count) in enumerate(told):
        ledger.settle(account, "", [exchange() for _ in range(count)], now=now + number)
    assert ledger.exchanges(limit=1)[0].id > 3 * BLOCK
    for before_time in (0.0, now + 1, now + 6):
        ledger.retain(before=before_time)
        everything = ledger.exchanges(limit=10_000)
        for account in ("p/web", "p/rare", "p/gone", "p/none"):
            own = [r for r in everything if r.account == account]
            for limit in (1, 5, 300):
                for before in (0, 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7, 10**6):
                    wanted = [r for r in own if not before or r.id < before][:limit]
                    found = ledger.exchanges(account=account, before=before, limit=limit)
                    assert list(found) == wanted


def test_one_bottles_exchanges_are_found_without_reading_everybodys(ledger, now, monkeypatch):
    register(ledger, "web")
    register(ledger, "rare")
    for number in range(20):
        ledger.settle("p/web", "", [exchange() for _ in range(100)], now=now + number)
        if number in (3, 12):
            spend(ledger, 1, now + number, account="p/rare")
    read = []
    newest = ledger._newest
    monkeypatch.setattr(
        ledger, "_newest", lambda most, *where: read.append(where) or newest(most, *where)
    )
    assert len(ledger.exchanges(account="p/rare")) == 2
    assert len(read) == 2, "a block for each that has some of it"


@pytest.fixture(params=["America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"])
def elsewhere(request, monkeypatch):
    """The host's own time zone: one that changes its clocks, the first to see a day, one that
    changes by half an hour."""
    before = time.tzname
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    assert time.tzname == before


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"])
def test_a_day_is_utcs_also_where_clocks_change_on_it(ledger, elsewhere, day):
    register(ledger)
    ledger.set_limit("bottle:dev", Limit("claude", 1000, "day"), by="t")
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
    for at, tokens in ((start - 1, 7), (start, 20), (start + 86_399, 30), (start + 86_400, 400)):
        spend(ledger, tokens, at)
    assert [(r.keys[0], r.counted) for r in ledger.usage(["day"])][1:2] == [(day, 50)]
    assert [r.counted for r in ledger.usage(["day"])] == [7, 50, 400]
    assert pool(ledger, start + 86_399, window="day").spent == 50
    assert [r.counted for r in ledger.usage(["hour"], since=start, until=start + 86_400)] == [
        20,
        30,
    ]
    assert len({hour.keys[0] for hour in ledger.usage(["hour"])}) == 4
