"""Many processes and threads at one pool: together they never get more than it has."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from botbottle.model.bottle import Limit
from tests.ledger.worlds import admit, exchange, pool, register, spend

ROOT = Path(__file__).parents[2]
WORKER = """
import json, random, sys, time
from concurrent.futures import ThreadPoolExecutor
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from tests.ledger.worlds import exchange

where, number = sys.argv[1], int(sys.argv[2])
ledger = open_ledger(where, busy_seconds=30.0)

def request(i):
    rng = random.Random(number * 1000 + i)
    prompt, now = rng.randrange(500), time.time()
    account = f"p/b{i % 4}"
    answer = ledger.admit(account, "claude", "m", input_tokens=prompt, allowance=2000, now=now)
    if not isinstance(answer, Admitted):
        return 0, 0
    time.sleep(rng.random() * 0.005)
    used = rng.randrange(1, answer.reserved + 1)
    e = exchange(used, prompt=0, name=f"{number}-{i}")
    ledger.settle(account, answer.lease, [e], now=time.time())
    return 1, used

with ThreadPoolExecutor(16) as pool:
    results = list(pool.map(request, range(64)))
print(json.dumps([sum(a for a, _ in results), sum(u for _, u in results)]))
"""


def test_64_threads_in_4_processes_never_spend_more_than_the_pool(ledger, where, now):
    limit = 60_000
    for i in range(4):
        register(ledger, f"b{i}")
    ledger.set_limit("bottle:dev", Limit("claude", limit), by="t")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, where, str(n)], stdout=subprocess.PIPE, cwd=ROOT
        )
        for n in range(4)
    ]
    outputs = [json.loads(w.communicate(timeout=100)[0]) for w in workers]
    admitted, used = sum(a for a, _ in outputs), sum(u for _, u in outputs)
    state = pool(ledger, now)
    assert 4 < admitted < 256, "the pool must have been contended"
    assert state.spent == used
    assert state.spent <= limit
    assert state.reserved == 0
    assert ledger.check().problems == ()


def test_of_64_that_ask_at_once_only_as_many_are_admitted_as_fit(ledger, where, now):
    """Check-then-increment would admit them all."""
    register(ledger, "web")
    ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    connections = [open_ledger(where) for _ in range(8)]
    with ThreadPoolExecutor(64) as threads:
        answers = list(
            threads.map(lambda i: admit(connections[i % 8], now, prompt=99, output=1), range(64))
        )
    assert sum(isinstance(a, Admitted) for a in answers) == 10
    assert {a.code for a in answers if not isinstance(a, Admitted)} == {"budget-reserved"}
    for connection in connections:
        connection.close()


def test_the_same_response_told_by_many_at_once_is_booked_once(ledger, where, now):
    register(ledger, "web")
    connections = [open_ledger(where) for _ in range(8)]
    with ThreadPoolExecutor(32) as threads:
        settled = list(
            threads.map(
                lambda i: connections[i % 8].settle("p/web", "", [exchange(name="msg_1")], now=now),
                range(32),
            )
        )
    assert sum(s.recorded for s in settled) == 1
    assert sum(s.duplicates for s in settled) == 31
    for connection in connections:
        connection.close()


def test_a_reset_during_the_traffic_forgives_each_token_once(ledger, second, now):
    register(ledger, agent=10**9)
    forgiven = 0
    with ThreadPoolExecutor(2) as threads:
        writer = threads.submit(lambda: [spend(ledger, 7, now) for _ in range(200)])
        while not writer.done():
            forgiven += second.reset("agent:p/web", "claude", "", by="t", now=now)
        assert len(writer.result()) == 200
    assert forgiven + pool(ledger, now, "agent:p/web").spent == 1400
