"""A PostgreSQL database that asks for a password, on the tests' own server."""

from __future__ import annotations

import fcntl
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.ledger.worlds import fresh_database


@dataclass(frozen=True, slots=True)
class Guarded:
    """``url`` has no password in it; ``folder`` is the directory of the server's socket."""

    url: str
    password: str = field(repr=False)
    folder: Path
    server: str = ""  # the same server, as its owner

    def changed(self) -> Guarded:
        """The role's password is another one now; connections that are open stay."""
        return replace(self, password=self._own("ALTER ROLE {role} PASSWORD '{new}'"))

    def hang_up(self) -> None:
        """End every connection of the role."""
        self._own("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")

    def _own(self, sql: str) -> str:
        import psycopg

        role, new = self.url.split("//")[1].split("@")[0], secrets.token_urlsafe(18)
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql.format(role=role, new=new))
        return new


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
        with _alone(rules):
            rules.write_text(f"local all {name} scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with fresh_database(server, name):
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} OWNER TO {name}")
            url = f"postgresql://{name}@/{name}?host={folder}"
            _asks(url)
            yield Guarded(url, password, folder, server)
    finally:
        with _alone(rules):
            kept = [x for x in rules.read_text().splitlines(keepends=True) if name not in x]
            rules.write_text("".join(kept))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP ROLE IF EXISTS {name}")


@contextmanager
def _alone(rules: Path) -> Iterator[None]:
    """Other tests change the same file."""
    with rules.with_name("pg_hba.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _asks(url: str) -> None:
    """Wait until the server has read its rules: a reload is not waited for by who asks for it."""
    import psycopg

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url, password="wrong").close()
        except psycopg.OperationalError:
            return
        time.sleep(0.02)
    raise AssertionError("the server does not ask for a password")
