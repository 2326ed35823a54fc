"""How far can a pool be overrun? 64 concurrent requests on the real ledger, many seeds.

Requests of random input and length stream in steps and report each step; they are cut when told
to. With reservations, and for contrast with each reservation given back at once, which is what
a gate that only checks does.
"""

from __future__ import annotations

import random
from typing import Any

from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from botbottle.ledger.store import SqlLedger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.usage import Completeness, Exchange, Tokens

NOW = 1_795_000_000.0
REQUESTS = 64
LONGEST = 16_000  # output tokens of one response
STEP = 256  # tokens between two reports


def _play(ledger: SqlLedger, seed: int, reserve: bool) -> tuple[int, int]:
    """One pool until it is used up; tokens above its limit, and responses cut."""
    rng, account = random.Random(seed), f"p/{seed}-{reserve}"
    limit = rng.randrange(50_000, 400_000)
    ledger.register(account, (Scope("agent", f"agent:{account}", (Limit("claude", limit),)),))
    waiting = [(rng.randrange(5_000), rng.randrange(1, LONGEST)) for _ in range(REQUESTS)]
    running: dict[str, tuple[int, int]] = {}
    spent = cuts = 0
    while waiting or running:
        if waiting and (not running or rng.random() < 0.5):
            prompt, output = waiting.pop()
            answer = ledger.admit(
                account, "claude", "m", input_tokens=prompt, allowance=4096, now=NOW
            )
            if isinstance(answer, Admitted):
                running[answer.lease] = (prompt, prompt + output)
                if not reserve:
                    ledger.release(account, answer.lease)
            continue
        lease = rng.choice(list(running))
        used, total = running.pop(lease)
        used = min(total, used + rng.randrange(1, STEP))
        cut = reserve and ledger.progress(account, lease, Tokens(output=used), now=NOW).cut
        if used < total and not cut:
            running[lease] = (used, total)
            continue
        spent, cuts = spent + used, cuts + cut
        kind = Completeness.PARTIAL if cut else Completeness.FINAL
        name = f"{account}-{lease}"
        row = Exchange("claude", "messages", "m", "h", name, Tokens(output=used), kind, NOW)
        ledger.settle(account, lease, [row], now=NOW)
    return max(0, spent - limit), cuts


def measure(seeds: int) -> dict[str, Any]:
    """Worst and mean overrun over all seeds, in tokens."""
    found: dict[str, Any] = {
        "requests": REQUESTS,
        "seeds": seeds,
        "longest_output": LONGEST,
        "step": STEP,
    }
    for name, reserve in (("with_reservations", True), ("check_only", False)):
        ledger = open_ledger(":memory:")
        results = []
        for seed in range(seeds):
            with ledger.batch():
                results.append(_play(ledger, seed, reserve))
            ledger.retain(before=NOW + 1)
        over = [tokens for tokens, _ in results]
        found[name] = {
            "worst_tokens": max(over),
            "mean_tokens": round(sum(over) / len(over), 1),
            "seeds_overrun": sum(tokens > 0 for tokens in over),
            "responses_cut": sum(cuts for _, cuts in results),
        }
        ledger.close()
    return found
