"""A PostgreSQL database that asks for a password, on the tests' own server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ledger.worlds import fresh_database


@dataclass(frozen=True, slots=True)
class Guarded:
    """``url`` has no password in it; ``folder`` is the directory of the server's socket."""

    url: str
    password: str = field(repr=False)
    folder: Path


@contextmanager
def guarded(server: str) -> Iterator[Guarded]:
    """A role of its own with a password, a database that it owns, and the rule that asks for it.

    Skips on a server whose rules are not ours to change.
    """
    import psycopg

    name, password = f"bbg_{secrets.token_hex(6)}", secrets.token_urlsafe(18)
    with psycopg.connect(server, autocommit=True) as connection:
        rules = Path(connection.execute("SHOW hba_file").fetchone()[0])
        folder = Path(connection.info.host)
        if not rules.exists() or not folder.is_absolute():
            pytest.skip("the PostgreSQL server is not this machine's own")
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        before = rules.read_text()
        rules.write_text(f"local all {name} scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with fresh_database(server, name):
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} OWNER TO {name}")
            yield Guarded(f"postgresql://{name}@/{name}?host={folder}", password, folder)
    finally:
        kept = [x for x in rules.read_text().splitlines(keepends=True) if name not in x]
        rules.write_text("".join(kept))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP ROLE IF EXISTS {name}")
