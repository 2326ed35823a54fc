"""Builders for ledger tests: a test shows only what matters to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from botbottle.ledger.records import Admitted
from botbottle.ledger.sums import FOLD
from botbottle.model.bottle import Limit, Scope
from botbottle.model.usage import Completeness, Exchange, Tokens

WEB = "p/web"
_numbers = itertools.count()


def scopes(name="web", bottle="dev", **limits):
    """The chain agent → bottle → global; ``agent=5`` gives that scope a claude limit of 5,
    a tuple of Limits is taken as it is."""
    chain = (
        Scope("agent", f"agent:p/{name}"),
        Scope("bottle", f"bottle:{bottle}"),
        Scope("global", "global"),
    )
    return tuple(Scope(s.kind, s.key, _limits(limits.get(s.kind))) for s in chain)


def _limits(value):
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (Limit("claude", value),)


def register(ledger, name="web", *, mode="nearest", count=(), bottle="dev", **limits):
    """Register ``p/NAME`` and return its account."""
    account = f"p/{name}"
    ledger.register(
        account,
        scopes(name, bottle, **limits),
        mode=mode,
        count=count,
        agent=name,
        ancestry=(bottle, "base"),
    )
    return account


def exchange(
    output=50, *, prompt=50, name="", provider="claude", kind=Completeness.FINAL, at=0.0, **tokens
):
    """An exchange of ``prompt`` + ``output`` tokens with a fresh id."""
    return Exchange(
        provider,
        "messages",
        "model-1",
        "api.example",
        name or f"msg_{next(_numbers)}",
        Tokens(input_uncached=prompt, output=output, **tokens),
        kind,
        at,
    )


def spend(ledger, tokens, now, account=WEB, **fields):
    """Book one exchange of ``tokens`` tokens."""
    return ledger.settle(account, "", [exchange(tokens, prompt=0, **fields)], now=now)


def admit(ledger, now, account=WEB, *, provider="claude", prompt=0, output=100):
    return ledger.admit(
        account, provider, "model-1", input_tokens=prompt, allowance=output, now=now
    )


def admitted(answer) -> Admitted:
    """The admission, or a failed test that shows the refusal."""
    assert isinstance(answer, Admitted), answer
    return answer


def pool(ledger, now, scope="bottle:dev", provider="claude", window=""):
    """One pool of the view."""
    found = [
        p
        for p in ledger.view(now).pools
        if (p.scope, p.provider, p.window) == (scope, provider, window)
    ]
    assert len(found) == 1, ledger.view(now).pools
    return found[0]


UNDONE = {  # what takes a step of the schema back
    2: ("DROP INDEX usage_account",),
    3: ("DROP TABLE refused",),
    4: ("ALTER TABLE budget_reset DROP COLUMN at",),
    6: (
        *(sql.replace("?", "''") for sql in FOLD),
        "DROP TABLE spend_open",
        "DELETE FROM counter WHERE name = 'moved'",
    ),
    7: (
        "ALTER TABLE account_scope DROP COLUMN since",
        "ALTER TABLE budget_reset DROP COLUMN newest",
    ),
    8: ("DROP TABLE forgotten",),
    5: ("DROP TABLE exchange_block", "CREATE INDEX usage_account ON usage (account, id)"),
}


def age(run, version):
    """Make a ledger look as the bb left it that knew ``version`` steps; ``run`` executes SQL."""
    for step in range(max(UNDONE), version, -1):
        for sql in UNDONE[step]:
            run(sql)
    run(f"DELETE FROM schema_version WHERE version > {int(version)}")


@contextmanager
def fresh_database(server: str, name: str) -> Iterator[str]:
    """A new database on ``server``; yields its URL."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    parts = {**conninfo_to_dict(server), "dbname": name}
    query = "&".join(f"{key}={value}" for key, value in parts.items())
    try:
        yield f"postgresql:///?{query}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def emptied(url: str) -> str:
    """The URL of a database of this run, without what another test left in it."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


def scope_spent(ledger, scope, provider, window, now):
    """All that is booked for a scope in the current window, whatever governs (resets ignored)."""
    with ledger.db.read():
        return ledger._gross(scope, provider, window, now)
