"""The store in one SQLite file.

Reading order: `store` (the public methods), `engine` (threads and transactions),
`write/session_writer` (a save), `read/fetch` and `read/decode` (a load), `rows` (the SQL of each
table). Below these are `connection`, `schema` and `format`; `maintenance` and `salvage` stand
apart.
"""

from a3s_store.backends.sqlite.store import SqliteSessionStore

__all__ = ["SqliteSessionStore"]
