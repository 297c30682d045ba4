"""Another process that takes the write lock of a store and reads its files.

No process may open the files of a store that it has open itself (closing them again would drop
SQLite's locks), so the files are read in this one. It writes nothing.

    with OtherProcess() as other:
        other.may_write(path)
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any, Final

from tests.faults.harness.json_child import JsonProcess

# Seconds to wait for a lock that another process may hold for a moment.
TIME_LIMIT: Final = 5.0


class OtherProcess(JsonProcess):
    """The process, started at once and ended at the end of the block."""

    def __init__(self) -> None:
        super().__init__(__name__)

    def may_write(self, path: Path) -> bool:
        """Whether the write lock can be taken within `TIME_LIMIT`."""
        return bool(self._ask("may_write", path))

    def hold(self, path: Path) -> None:
        """Take the write lock and keep it."""
        if not self._ask("hold", path):
            raise TimeoutError("another process holds the write lock")

    def release(self, path: Path) -> None:
        """Give the write lock back."""
        self._ask("release", path)

    def close_file(self, path: Path) -> None:
        """Close the connection to this store."""
        self._ask("close_file", path)

    def bytes_of(self, path: Path) -> str:
        """A digest of the bytes of the database and of its WAL."""
        return str(self._ask("bytes_of", path))

    def rows_of(self, path: Path) -> str:
        """A digest of every row of every table but the commit link, as of one moment.

        A checkpoint in an idle moment commits a link.
        """
        return str(self._ask("rows_of", path))

    def _ask(self, what: str, path: Path) -> Any:
        return self.ask([what, str(path)])


class _Commands:
    """The commands, in the process."""

    def __init__(self) -> None:
        self._open: dict[str, sqlite3.Connection] = {}

    def may_write(self, path: str) -> bool:
        held = self.hold(path)
        if held:
            self.release(path)
        return held

    def hold(self, path: str) -> bool:
        try:
            self._connection(path).execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def release(self, path: str) -> None:
        self._connection(path).execute("ROLLBACK")

    def close_file(self, path: str) -> None:
        conn = self._open.pop(path, None)
        if conn is not None:
            conn.close()

    def bytes_of(self, path: str) -> str:
        self.close_file(path)  # its locks must not be lost: see above
        digest = hashlib.sha256()
        for name in (path, f"{path}-wal"):
            content = Path(name).read_bytes() if Path(name).exists() else b""
            digest.update(len(content).to_bytes(8) + content)
        return digest.hexdigest()

    def rows_of(self, path: str) -> str:
        conn = self._connection(path)
        digest = hashlib.sha256()
        conn.execute("BEGIN")
        tables = conn.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'file_link' "
            "ORDER BY name"
        )
        for (table,) in tables.fetchall():
            for row in conn.execute(f'SELECT * FROM "{table}"'):
                digest.update(repr((table, row)).encode())
        conn.execute("ROLLBACK")
        return digest.hexdigest()

    def _connection(self, path: str) -> sqlite3.Connection:
        if path not in self._open:
            conn = sqlite3.connect(path, timeout=TIME_LIMIT, isolation_level=None)
            # Nothing is committed here, and there must be no checkpoint either.
            conn.execute("PRAGMA wal_autocheckpoint = 0")
            self._open[path] = conn
        return self._open[path]


def main() -> None:
    """Run the commands on standard input, a line each, until it ends."""
    commands = _Commands()
    for line in sys.stdin:
        what, path = json.loads(line)
        print(json.dumps(getattr(commands, what)(path)), flush=True)


if __name__ == "__main__":
    main()
