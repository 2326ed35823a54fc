"""The tables. What is append-only: usage, audit. What is derived, in the same transaction as its
source: rollup (for reports), spend with spend_open (for the gate). Everything else is present
state."""

# Key columns come first in tables WITHOUT ROWID: quick_check of SQLite 3.40 miscounts otherwise.
from __future__ import annotations

CLASSES = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
)

BLOCK = 256  # ids of ``usage`` in one block

_CLASS_COLUMNS = ", ".join(f"{name} BIGINT NOT NULL" for name in CLASSES)

_CONFIG = (
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO counter VALUES ('revision', 1)",
    """CREATE TABLE account (
        name TEXT PRIMARY KEY, project TEXT NOT NULL, agent TEXT NOT NULL,
        ancestry TEXT NOT NULL, mode TEXT NOT NULL, counted TEXT NOT NULL,
        registration TEXT NOT NULL, registered_at DOUBLE PRECISION NOT NULL,
        retired_at DOUBLE PRECISION)""",
    "CREATE TABLE scope (name TEXT PRIMARY KEY, kind TEXT NOT NULL)",
    """CREATE TABLE account_scope (
        account TEXT NOT NULL, scope TEXT NOT NULL, position BIGINT NOT NULL,
        PRIMARY KEY (account, scope)){norowid}""",
    "CREATE INDEX account_scope_scope ON account_scope (scope)",
    """CREATE TABLE budget (
        scope TEXT NOT NULL, provider TEXT NOT NULL, win TEXT NOT NULL,
        tokens BIGINT NOT NULL, PRIMARY KEY (scope, provider, win)){norowid}""",
    """CREATE TABLE budget_override (
        scope TEXT NOT NULL, provider TEXT NOT NULL, win TEXT NOT NULL,
        tokens BIGINT NOT NULL, PRIMARY KEY (scope, provider, win)){norowid}""",
    """CREATE TABLE budget_reset (
        scope TEXT NOT NULL, provider TEXT NOT NULL, win TEXT NOT NULL, bucket TEXT NOT NULL,
        baseline BIGINT NOT NULL, PRIMARY KEY (scope, provider, win)){norowid}""",
)

_USAGE = (
    f"""CREATE TABLE usage (
        id {{pk}}, account TEXT NOT NULL, agent TEXT NOT NULL, ancestry TEXT NOT NULL,
        provider TEXT NOT NULL, dialect TEXT NOT NULL, model TEXT NOT NULL, host TEXT NOT NULL,
        response_id TEXT NOT NULL, seq BIGINT NOT NULL, {_CLASS_COLUMNS},
        counted BIGINT NOT NULL, completeness TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        recorded_at DOUBLE PRECISION NOT NULL, note TEXT NOT NULL,
        UNIQUE (provider, response_id, seq))""",
    f"""CREATE TABLE rollup (
        hour TEXT NOT NULL, account TEXT NOT NULL, agent TEXT NOT NULL, bottle TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, {_CLASS_COLUMNS}, counted BIGINT NOT NULL,
        requests BIGINT NOT NULL, partials BIGINT NOT NULL, estimates BIGINT NOT NULL,
        PRIMARY KEY (hour, account, agent, bottle, provider, model)){{norowid}}""",
    """CREATE TABLE spend (
        scope TEXT NOT NULL, provider TEXT NOT NULL, win TEXT NOT NULL, bucket TEXT NOT NULL,
        tokens BIGINT NOT NULL, requests BIGINT NOT NULL,
        PRIMARY KEY (scope, provider, win, bucket)){norowid}""",
    """CREATE TABLE reservation (
        lease TEXT PRIMARY KEY, account TEXT NOT NULL, provider TEXT NOT NULL,
        amount BIGINT NOT NULL, expires_at DOUBLE PRECISION NOT NULL){norowid}""",
)

_ENFORCEMENT = (
    """CREATE TABLE hold (
        account TEXT PRIMARY KEY, policy TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
        reason TEXT NOT NULL, by_whom TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE enforcement (
        account TEXT PRIMARY KEY, policy TEXT NOT NULL, source TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE snapshot (
        account TEXT NOT NULL, image TEXT NOT NULL, manifest_digest TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (account, image))""",
    """CREATE TABLE audit (
        seq BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, action TEXT NOT NULL,
        account TEXT NOT NULL, policy TEXT NOT NULL, source TEXT NOT NULL,
        by_whom TEXT NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL, detail TEXT NOT NULL,
        prev TEXT NOT NULL, hash TEXT NOT NULL)""",
    """CREATE TABLE audit_head (
        id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL)""",
    "INSERT INTO audit_head VALUES (1, 0, '')",
)

_RECORDS = (
    """CREATE TABLE journal (
        id {pk}, run TEXT NOT NULL, project TEXT NOT NULL, op TEXT NOT NULL,
        op_id TEXT NOT NULL, resource TEXT NOT NULL, started_at DOUBLE PRECISION NOT NULL,
        outcome TEXT NOT NULL, finished_at DOUBLE PRECISION, detail TEXT NOT NULL)""",
    """CREATE TABLE document (
        digest TEXT PRIMARY KEY, body TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE generation (
        id {pk}, project TEXT NOT NULL, digest TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        by_whom TEXT NOT NULL, plan_digest TEXT NOT NULL)""",
    """CREATE TABLE proposal (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
        justification TEXT NOT NULL, status TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL, expires_at DOUBLE PRECISION NOT NULL,
        decided_at DOUBLE PRECISION, by_whom TEXT NOT NULL, reason TEXT NOT NULL,
        result TEXT NOT NULL)""",
    "CREATE INDEX proposal_account ON proposal (account, created_at)",
    """CREATE TABLE event (
        id {pk}, account TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL,
        data TEXT NOT NULL)""",
    "CREATE INDEX event_account ON event (account, id)",
    """CREATE TABLE heartbeat (
        account TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, status TEXT NOT NULL)""",
    """CREATE TABLE lease (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL,
        expires DOUBLE PRECISION NOT NULL, info TEXT NOT NULL)""",
)

# One bottle's exchanges, newest first, without reading everybody's.
_EXCHANGES_OF_ONE = ("CREATE INDEX usage_account ON usage (account, id)",)

# Pools that had to refuse: the rest that no request fits into any more counts as spent.
_REFUSED = (
    """CREATE TABLE refused (
        scope TEXT NOT NULL, provider TEXT NOT NULL, win TEXT NOT NULL, bucket TEXT NOT NULL,
        tokens BIGINT NOT NULL, PRIMARY KEY (scope, provider, win)){norowid}""",
)

# A batch of many bottles wrote their index in as many places; blocks of ids are told once.
_BLOCKS_OF_ONE = (
    """CREATE TABLE exchange_block (
        account TEXT NOT NULL, block BIGINT NOT NULL, PRIMARY KEY (account, block)){norowid}""",
    f"INSERT INTO exchange_block SELECT DISTINCT account, id / {BLOCK} FROM usage",  # noqa: S608
    "DROP INDEX usage_account",
)

# The hour that runs: one row a scope is written all the time, not one a window in as many places.
_OPEN = (
    """CREATE TABLE spend_open (
        scope TEXT NOT NULL, provider TEXT NOT NULL, bucket TEXT NOT NULL,
        tokens BIGINT NOT NULL, requests BIGINT NOT NULL,
        PRIMARY KEY (scope, provider, bucket)){norowid}""",
    # When a bottle last got other scopes, seconds; no later than the last registration.
    "INSERT INTO counter SELECT 'moved', CAST(coalesce(max(registered_at), 0) AS BIGINT)"
    " FROM account",
)

# When something was forgiven: a later correction of what had been estimated until then is not.
_RESET_AT = ("ALTER TABLE budget_reset ADD COLUMN at DOUBLE PRECISION NOT NULL DEFAULT 0",)

# Since which row of usage a bottle's spending is in a scope's sums, and which row was the newest
# when something was forgiven: only what was added can be taken back, only what was spent forgiven.
_SINCE = (
    "ALTER TABLE account_scope ADD COLUMN since BIGINT NOT NULL DEFAULT 0",
    "UPDATE account_scope SET since = was.newest FROM"
    " (SELECT u.account, max(u.id) AS newest FROM usage u JOIN account a ON a.name = u.account"
    " WHERE u.recorded_at < a.registered_at GROUP BY u.account) was"
    " WHERE was.account = account_scope.account",
    "UPDATE counter SET value = a.at FROM (SELECT CAST(coalesce(max(registered_at), 0) AS BIGINT)"
    " AS at FROM account) a WHERE name = 'moved' AND value < a.at",
    "ALTER TABLE budget_reset ADD COLUMN newest BIGINT NOT NULL DEFAULT 0",
    "UPDATE budget_reset SET newest = (SELECT coalesce(max(u.id), 0) FROM usage u"
    " WHERE u.recorded_at <= budget_reset.at)",
)

# Retention has left differences whose estimate it had deleted: taken for all that was booked, they
# are a credit. No id comes again, also of these.
_WHOLE_RESPONSES = (
    "INSERT INTO counter SELECT 'exchange', max(id) FROM usage HAVING max(id) IS NOT NULL"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counter.value",
    "DELETE FROM usage WHERE seq > 0 AND NOT EXISTS (SELECT 1 FROM usage f WHERE"
    " f.provider = usage.provider AND f.response_id = usage.response_id AND f.seq = 0)",
)

# What retention has deleted of usage: rows and reports can then be compared token by token. What
# it deleted before is what reports have more.
_FORGOTTEN_COLUMNS = (*CLASSES, "counted")
_FORGOTTEN = (
    f"""CREATE TABLE forgotten (
        account TEXT NOT NULL, provider TEXT NOT NULL, {_CLASS_COLUMNS}, counted BIGINT NOT NULL,
        PRIMARY KEY (account, provider)){{norowid}}""",
    "INSERT INTO forgotten SELECT s.account, s.provider, "  # noqa: S608 - names of columns
    + ", ".join(
        f"CASE WHEN s.{c} > coalesce(u.{c}, 0) THEN s.{c} - coalesce(u.{c}, 0) ELSE 0 END"
        for c in _FORGOTTEN_COLUMNS
    )
    + " FROM (SELECT account, provider, "
    + ", ".join(f"CAST(sum({c}) AS BIGINT) AS {c}" for c in _FORGOTTEN_COLUMNS)
    + " FROM rollup GROUP BY account, provider) s LEFT JOIN (SELECT account, provider, "
    + ", ".join(f"CAST(sum({c}) AS BIGINT) AS {c}" for c in _FORGOTTEN_COLUMNS)
    + " FROM usage GROUP BY account, provider) u"
    " ON u.account = s.account AND u.provider = s.provider",
)

STEPS = (
    (*_CONFIG, *_USAGE, *_ENFORCEMENT, *_RECORDS),
    _EXCHANGES_OF_ONE,
    _REFUSED,
    _RESET_AT,
    _BLOCKS_OF_ONE,
    _OPEN,
    (*_SINCE, *_WHOLE_RESPONSES),
    _FORGOTTEN,
)
