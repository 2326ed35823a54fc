"""What bb was about to do and did, and the desired sets it applied."""

from __future__ import annotations

import hashlib
import time

from botbottle import errors
from botbottle.ledger.base import Part
from botbottle.ledger.records import Generation, JournalRow


class Journal(Part):
    """See ``api.Journal``. Each entry is durable before the call returns."""

    def intent(self, run: str, project: str, *, op: str, op_id: str, resource: str) -> int:
        with self.db.write():
            row = self.db.one(
                "INSERT INTO journal (run, project, op, op_id, resource, started_at, outcome,"
                " detail) VALUES (?, ?, ?, ?, ?, ?, '', '') RETURNING id",
                run,
                project,
                op,
                op_id,
                resource,
                time.time(),
            )
        if row is None:
            raise errors.LedgerUnavailable("the journal gave no entry", where=self.where)
        return int(row[0])

    def outcome(self, entry: int, outcome: str, detail: str = "") -> None:
        with self.db.write():
            self.db.run(
                "UPDATE journal SET outcome = ?, detail = ?, finished_at = ? WHERE id = ?",
                outcome,
                detail[:2000],
                time.time(),
                entry,
            )

    def journal(
        self, *, project: str = "", unfinished: bool = False, limit: int = 200
    ) -> tuple[JournalRow, ...]:
        """Newest first."""
        rows = self.db.query(
            "SELECT id, run, project, op, op_id, resource, started_at, outcome, finished_at,"
            " detail FROM journal WHERE (? = '' OR project = ?) AND (? = 0 OR outcome = '')"
            " ORDER BY id DESC LIMIT ?",
            project,
            project,
            int(unfinished),
            limit,
        )
        return tuple(JournalRow(*row) for row in rows)

    def save_generation(
        self, project: str, document: str, *, plan_digest: str, by: str, now: float
    ) -> Generation:
        digest = hashlib.sha256(document.encode()).hexdigest()
        with self.db.write():
            self.db.run(
                "INSERT INTO document (digest, body, at) VALUES (?, ?, ?)"
                " ON CONFLICT (digest) DO NOTHING",
                digest,
                document,
                now,
            )
            number = self.db.value(
                "INSERT INTO generation (project, digest, at, by_whom, plan_digest)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                project,
                digest,
                now,
                by,
                plan_digest,
            )
        return Generation(int(number), project, digest, now, by, plan_digest)

    def generations(self, project: str, *, limit: int = 50) -> tuple[Generation, ...]:
        """Newest first."""
        rows = self.db.query(
            "SELECT id, project, digest, at, by_whom, plan_digest FROM generation"
            " WHERE project = ? ORDER BY id DESC LIMIT ?",
            project,
            limit,
        )
        return tuple(Generation(*row) for row in rows)

    def document(self, digest: str) -> str | None:
        body = self.db.value("SELECT body FROM document WHERE digest = ?", digest)
        return None if body is None else str(body)
