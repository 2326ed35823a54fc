"""A PostgreSQL server in a container of the tests' internet: reached by name over TCP, with a
password, as a team's server would be. The host reaches the same server through ``Relay``."""

from __future__ import annotations

import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.live import Internet, docker, eventually

NAME = "ledger.example"  # of the server, on the tests' internet only
NOBODY = "65534:65534"
PROGRAMS = Path("/usr/lib/postgresql")
START = """
cd /srv && pg=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
if [ ! -e data/PG_VERSION ]; then
  $pg/initdb --pgdata data --username owner --pwfile owner \
    --auth scram-sha-256 --encoding UTF8 --no-locale >init.log 2>&1 || exit 1
  echo 'host all all all scram-sha-256' >>data/pg_hba.conf
fi
exec $pg/postgres -D data -c listen_addresses='*' -c port="$1" -c unix_socket_directories=/srv
"""


class Relay:
    """127.0.0.1:``port`` on this host, for a name that only containers can look up."""

    def __init__(self, target: Path) -> None:
        self._folder = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        with near, far, suppress(OSError):
            far.connect(str(self._folder / f".s.PGSQL.{self.port}"))
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()

    def close(self) -> None:
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass
class Server:
    """``url`` and ``env`` are what a user would write into the settings and have in the shell."""

    container: str
    folder: Path
    port: int
    password: str = field(repr=False, default="")
    owner: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(18))

    @property
    def url(self) -> str:
        return f"postgresql://bb@{NAME}:{self.port}/ledger"

    @property
    def env(self) -> dict[str, str]:
        return {"PGPASSWORD": self.password, "PGHOSTADDR": "127.0.0.1"}

    def run(self, sql: str) -> None:
        import psycopg

        where = {"host": str(self.folder), "port": self.port, "user": "owner"}
        with psycopg.connect(
            **where, password=self.owner, dbname="postgres", autocommit=True
        ) as own:
            own.execute(sql)

    def rotate(self, verb: str = "ALTER") -> None:
        """The role has a new password; connections that are open stay."""
        self.password = secrets.token_urlsafe(18)
        self.run(f"{verb} ROLE bb LOGIN PASSWORD '{self.password}'")

    def answers(self) -> bool:
        import psycopg

        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        docker("kill", "--signal", "KILL", self.container)

    def start(self) -> None:
        docker("start", self.container)
        eventually(self.answers, 60)


@contextmanager
def serving(internet: Internet, image: str) -> Iterator[Server]:
    """A server with a role and a database, removed at the end. Its folder has a short name:
    socket paths are limited to 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="bbpg"))
    folder.chmod(0o777)
    relay = Relay(folder)
    made = Server(f"{internet.name}-db", folder, relay.port)
    (made.folder / "owner").write_text(made.owner)
    (made.folder / "owner").chmod(0o644)
    docker(
        "run", "-d", "--name", made.container, "--network", internet.name, "--network-alias", NAME,
        "--user", NOBODY, "-v", "/usr:/usr:ro", "-v", f"{made.folder}:/srv", "--shm-size", "64m",
        image, "sh", "-c", START, "sh", str(relay.port),
    )  # fmt: skip
    try:
        eventually(made.answers, 120)
        made.rotate("CREATE")
        made.run("CREATE DATABASE ledger OWNER bb")
        yield made
    finally:
        relay.close()
        docker("rm", "-f", "-v", made.container, check=False)
        shutil.rmtree(made.folder, ignore_errors=True)
