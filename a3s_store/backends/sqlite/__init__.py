"""The store in one SQLite file.

Reading order: `store` (the public face), `engine` (what runs where), `sessions` (a save and a load
from top to bottom), `log` (conversations), `rows` and `shape` (families), `reading`, `listing`,
`checkpoints`, `blobs`, `diff`; then what carries it: `tx`, `worker`, `connection`, `wal`,
`openlog`, `migrate`. Looking after a file is in `care`, what a damaged one still has in `salvage`.
"""

from a3s_store.backends.sqlite.store import SqliteSessionStore

__all__ = ["SqliteSessionStore"]
