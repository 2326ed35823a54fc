"""The floor: the least a durable group-commit loop over the same sockets can do.

It checks one sum and reserves, inserts one row and adds to one sum, without identity, without
validation, windows, scopes, replays or reports: what is left is the disk, the sockets, JSON.
"""

import asyncio
import json
import sqlite3
import sys


class Loop:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        for sql in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE usage (id TEXT PRIMARY KEY, account TEXT, tokens INTEGER)",
            "CREATE TABLE spend (account TEXT PRIMARY KEY, tokens INTEGER)",
            "CREATE TABLE lease (id INTEGER PRIMARY KEY, account TEXT, tokens INTEGER)",
            "INSERT INTO spend VALUES ('all', 0)",
        ):
            self.db.execute(sql)
        self.waiting, self.number = [], 0

    def ready(self, connection, line):
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.commit)
        self.waiting.append((connection, line))

    def commit(self):
        work, self.waiting = self.waiting, []
        self.db.execute("BEGIN IMMEDIATE")
        replies = [self.handle(json.loads(line)) for _, line in work]
        self.db.execute("COMMIT")
        for (connection, _), reply in zip(work, replies, strict=True):
            connection.write(reply)

    def handle(self, frame):
        if frame["op"] == "admit":
            (spent,) = self.db.execute("SELECT tokens FROM spend WHERE account='all'").fetchone()
            self.number += 1
            self.db.execute(
                "INSERT INTO lease VALUES (?, ?, ?)", (self.number, "a", frame["output"])
            )
            return b'{"id":1,"ok":true,"lease":"%d","room":%d}\n' % (self.number, 10**12 - spent)
        for row in frame["exchanges"]:
            tokens = sum(row["tokens"].values())
            self.db.execute("INSERT INTO usage VALUES (?, 'a', ?)", (row["response_id"], tokens))
            self.db.execute("UPDATE spend SET tokens = tokens + ? WHERE account='all'", (tokens,))
        self.db.execute("DELETE FROM lease WHERE id = ?", (int(frame["lease"]),))
        return b'{"id":2,"ok":true,"recorded":1}\n'


class Connection(asyncio.Protocol):
    def __init__(self, loop):
        self.loop, self.buffer = loop, b""

    def connection_made(self, transport):
        self.write = transport.write

    def data_received(self, data):
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            self.loop.ready(self, line)


async def main():
    loop = Loop(sys.argv[1])
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: Connection(loop), sys.argv[2]
    )
    await server.serve_forever()


asyncio.run(main())
