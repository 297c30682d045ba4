"""Files made by hand to do harm, and paths that are no regular files.

Each is a function of the path of an intact store, which it changes.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Make = Callable[[Path], None]

_ENDLESS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"
_SUMMARY: Final = (
    "i AS id, i AS name, i AS state, i AS workspace, i AS model_name, i AS messages, "
    "i AS total_tokens, i AS total_cost, i AS created_at, i AS updated_at, i AS generation"
)
_DEEP: Final = "[" * 200_000 + "]" * 200_000
_BOMB_BYTES: Final = 400 * 1024 * 1024
_HONEST_BYTES: Final = 100 * 1024 * 1024


def _sql(*statements: str, schema: bool = False, **parameters: Any) -> Make:
    """A function that runs statements in the file, with a writable `schema` if wanted."""

    def make(path: Path) -> None:
        conn = sqlite3.connect(path, isolation_level=None)
        try:
            conn.execute("PRAGMA ignore_check_constraints = ON")
            if schema:
                conn.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                conn.execute(statement, parameters)
        finally:
            conn.close()

    return make


def _bomb(path: Path) -> None:
    """A blob of 400 KB that unpacks to 400 MB, with a stored size of a terabyte."""
    _sql("UPDATE blob SET encoding = 'zlib', data = :d, size_bytes = 1 << 40", d=_packed())(path)


def _lying_bomb(path: Path) -> None:
    """The same blob with a stored size of a hundred megabytes."""
    _bomb(path)
    _sql("UPDATE blob SET size_bytes = :n", n=_HONEST_BYTES)(path)


def _packed(size: int = _BOMB_BYTES) -> bytes:
    # Flushed blocks are independent, so one is made and repeated; the end is never reached.
    packer = zlib.compressobj(9)
    block, same = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in "12")
    return block + same * ((size >> 20) - 1)


def _honest_bomb(path: Path) -> None:
    """A blob of 100 KB that unpacks to its stored size of 100 MB, but not to its hash."""
    _sql(
        "UPDATE blob SET encoding = 'zlib', data = :d, size_bytes = :n",
        d=_packed(_HONEST_BYTES),
        n=_HONEST_BYTES,
    )(path)


def _vacuumed(*pragmas: str) -> Make:
    def make(path: Path) -> None:
        conn = sqlite3.connect(path, isolation_level=None)
        try:
            conn.execute("PRAGMA journal_mode = DELETE")
            for pragma in pragmas:
                conn.execute(f"PRAGMA {pragma}")
            conn.execute("VACUUM")
        finally:
            conn.close()

    return make


def _utf16(path: Path) -> None:
    """The same tables and numbers in a database whose texts are UTF-16."""
    old = sqlite3.connect(path)
    statements = [row[0] for row in old.execute("SELECT sql FROM sqlite_schema WHERE sql NOTNULL")]
    numbers = [old.execute(f"PRAGMA {name}").fetchone()[0] for name in _NUMBERS]
    old.close()
    path.unlink()
    new = sqlite3.connect(path, isolation_level=None)
    try:
        new.execute("PRAGMA encoding = 'UTF-16'")
        for statement in statements:
            new.execute(statement)
        for name, number in zip(_NUMBERS, numbers, strict=True):
            new.execute(f"PRAGMA {name} = {number}")
    finally:
        new.close()


_NUMBERS: Final = ("application_id", "user_version")


def _replaced(put: Callable[[Path], object]) -> Make:
    def make(path: Path) -> None:
        path.unlink()
        put(path)

    return make


def _another(path: Path) -> None:
    conn = sqlite3.connect(path)
    with conn:
        conn.execute("CREATE TABLE session (id TEXT)")
    conn.close()


def _log_of_another(path: Path) -> None:
    """A WAL full of pages of another database, with right checksums."""
    other = path.with_name("another")
    conn = sqlite3.connect(other, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    conn.execute("CREATE TABLE t (a)")
    for number in range(20):
        conn.execute("INSERT INTO t VALUES (?)", (bytes(3000) + bytes([number]),))
    data = other.with_name("another-wal").read_bytes()
    conn.close()
    other.unlink()
    _with_suffix(path, "-wal").write_bytes(data)


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _loop(path: Path) -> None:
    path.symlink_to(path.with_name("loop-b"))
    path.with_name("loop-b").unlink(missing_ok=True)
    path.with_name("loop-b").symlink_to(path)


def _with_rows(part: str) -> Make:
    """A table of another program with rows, and with this part added to its declaration later."""
    return _sql(
        "CREATE TABLE app_note (x)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
        "INSERT INTO app_note SELECT i FROM n",
        "UPDATE sqlite_schema SET sql = :sql WHERE name = 'app_note'",
        schema=True,
        sql=f"CREATE TABLE app_note (x, {part})",
    )


def _many_objects(path: Path) -> None:
    _sql(*(f"CREATE TABLE t{number} (a)" for number in range(400)))(path)


_MOST: Final = 2**63 - 1

HANDMADE: Final[Mapping[str, Make]] = {
    # Something in it would run.
    "a trigger": _sql("CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM owner; END"),
    "a trigger of ours that does more": _sql(
        "DROP TRIGGER run_event_cascade",
        "CREATE TRIGGER run_event_cascade AFTER DELETE ON run BEGIN DELETE FROM message; END",
    ),
    "a view instead of a table": _sql(
        "ALTER TABLE task RENAME TO task_kept", "CREATE VIEW task AS SELECT * FROM task_kept"
    ),
    "a view without end": _sql(
        "DROP VIEW sessions", f"CREATE VIEW sessions AS {_ENDLESS.format(_SUMMARY)}"
    ),
    "a view without end instead of a table": _sql(
        "ALTER TABLE collection RENAME TO collection_kept",
        "CREATE VIEW collection AS "
        + _ENDLESS.format("i % 3 AS owner_key, 'tasks' AS name, i AS count, i AS digest"),
    ),
    "a view without end instead of meta": _sql(
        "DROP TABLE meta",
        f"CREATE VIEW meta AS {_ENDLESS.format('i AS name, i AS value')}",
        "PRAGMA user_version = 999",
    ),
    "a virtual table": _sql("CREATE VIRTUAL TABLE v USING fts5(x)"),
    "a virtual table instead of ours": _sql(
        "DROP TABLE task", "CREATE VIRTUAL TABLE task USING fts5(task_key, id, content)"
    ),
    "an index with an expression": _sql("CREATE INDEX i ON task (length(zeroblob(400000000)))"),
    "a foreign key of another table": _sql(
        "CREATE TABLE app_note (o REFERENCES owner)",
        "INSERT INTO app_note SELECT owner_key FROM owner",
    ),
    "a generated column that takes long": _with_rows(
        "y AS (hex(zeroblob(100000000 + x))) NOT NULL"
    ),
    "a CHECK that takes long": _with_rows("CHECK (length(hex(zeroblob(100000000 + x))) > 0)"),
    "an index of another table that takes long": _sql(
        "CREATE TABLE app_note (x)", "CREATE INDEX i ON app_note (length(hex(zeroblob(x))))"
    ),
    "hundreds of tables": _many_objects,
    "a table twice": _sql(
        "INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'task'", schema=True
    ),
    # Its trees are not trees.
    "a root page that two tables share": _sql(
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema "
        "WHERE name = 'message') WHERE name = 'task'",
        schema=True,
    ),
    "a root page beyond the end": _sql(
        "UPDATE sqlite_schema SET rootpage = 2000000000 WHERE name = 'session'", schema=True
    ),
    "a schema text that is no SQL": _sql(
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE task (' WHERE name = 'task'", schema=True
    ),
    # Its numbers are not numbers of anything.
    "blobs of any size": _sql("UPDATE blob SET size_bytes = :n", n=_MOST),
    "blobs of less than no size": _sql("UPDATE blob SET size_bytes = -1"),
    "a blob that unpacks to more than it says": _bomb,
    "a blob that unpacks to more than the much it says": _lying_bomb,
    "a blob that unpacks to much and says so": _honest_bomb,
    "a blob of another encoding": _sql("UPDATE blob SET encoding = 'lzma'"),
    "blobs that refer to blobs": _sql(
        "UPDATE blob SET encoding = 'raw', data = CAST('{\"$blob\": \"' || lower(hex(hash)) || "
        "'\"}' AS BLOB)"
    ),
    "blobs without a message": _sql(
        "PRAGMA foreign_keys = OFF", "UPDATE message_blob SET blob_key = blob_key + 1000"
    ),
    "branches in a circle": _sql(
        "UPDATE OR IGNORE branch_segment SET source_branch = 1 + (branch_key % "
        "(SELECT max(branch_key) FROM branch))"
    ),
    "branches without end": _sql(
        "UPDATE branch_segment SET end_seq = :n, source_branch = branch_key", n=_MOST
    ),
    "a hundred thousand segments": _sql(
        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 101000) "
        "INSERT INTO branch_segment (branch_key, start_seq, end_seq, source_branch) "
        "SELECT 1, i, i + 1, 1 FROM n"
    ),
    "heads beyond the log": _sql("UPDATE session SET head_length = 1000000000000"),
    "heads beyond everything": _sql("UPDATE session SET head_length = :n", n=_MOST),
    "heads before the log": _sql("UPDATE session SET head_length = -5"),
    "checkpoints beyond the log": _sql("UPDATE loop_checkpoint SET head_length = :n", n=_MOST),
    "huge counts": _sql("UPDATE collection SET count = :n", n=_MOST),
    "negative counts": _sql("UPDATE collection SET count = -1", "UPDATE run SET events_count = -1"),
    "huge counts inside": _sql("UPDATE run SET events_count = :n", n=_MOST),
    "huge generations": _sql("UPDATE generation SET generation = :n - generation", n=_MOST),
    "huge times": _sql(
        "UPDATE run SET created_at_ms = :n", "UPDATE session SET updated_at = -:n - 1", n=_MOST
    ),
    "huge positions": _sql("UPDATE artifact SET seq = seq + 4611686018427387904"),
    "a key beyond 31 bits": _sql("INSERT INTO owner (owner_key, id) VALUES (2147483647, 'zz')"),
    "a key beyond everything": _sql("INSERT INTO owner (owner_key, id) VALUES (:n, 'zz')", n=_MOST),
    "a message far behind the others": _sql(
        "UPDATE message SET seq = 2147483648 "
        "WHERE message_key = (SELECT max(message_key) FROM message)"
    ),
    "a segment before the first": _sql("UPDATE branch_segment SET start_seq = -:n - 1", n=_MOST),
    "checksums without a salt": _sql("DELETE FROM meta WHERE name = 'row_salt'"),
    "messages of another branch": _sql(
        "UPDATE message SET (chain_hash, checksum, role, content) = "
        "(SELECT o.chain_hash, o.checksum, o.role, o.content FROM message AS o "
        "WHERE o.seq = message.seq AND o.branch_key <> message.branch_key) "
        "WHERE EXISTS (SELECT 1 FROM message AS o "
        "WHERE o.seq = message.seq AND o.branch_key <> message.branch_key)"
    ),
    # Its texts are not texts.
    "messages nested too deep": _sql("UPDATE message SET content = :d", d=_DEEP),
    "events nested too deep": _sql("UPDATE run_event SET payload = :d", d=_DEEP),
    "extra keys nested too deep": _sql("UPDATE session SET extra = :d", d=_DEEP),
    "messages that are not UTF-8": _sql("UPDATE message SET content = CAST(x'22ff22' AS TEXT)"),
    "ids that are not UTF-8": _sql("UPDATE owner SET id = CAST(x'ff' || owner_key AS TEXT)"),
    "names that are not UTF-8": _sql("UPDATE session_config SET name = CAST(x'fffe' AS TEXT)"),
    "ids of a megabyte": _sql("UPDATE owner SET id = hex(zeroblob(500000)) || owner_key"),
    "ids that are empty": _sql("UPDATE owner SET id = '' WHERE owner_key = 1"),
    "digests of nothing": _sql(
        "UPDATE collection SET digest = x''", "UPDATE session SET digest = x''"
    ),
    "chains of nothing": _sql("UPDATE message SET chain_hash = x''"),
    # It is no store.
    "a pipe": _replaced(os.mkfifo),
    "a folder": _replaced(Path.mkdir),
    "a device": _replaced(lambda path: path.symlink_to(os.devnull)),
    "a device without end": _replaced(lambda path: path.symlink_to("/dev/zero")),
    "links in a circle": _replaced(_loop),
    "an empty file": _replaced(Path.touch),
    "a text": _replaced(lambda path: path.write_text("dear diary\n" * 1000)),
    "a database of another program": _replaced(_another),
    "a newer file": _sql("PRAGMA user_version = 999", "DELETE FROM meta"),
    "a newer file that permits reading": _sql("PRAGMA user_version = 999"),
    "a newer file with a trigger": _sql(
        "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM owner; END",
        "PRAGMA user_version = 999",
    ),
    "a negative schema number": _sql("PRAGMA user_version = -1"),
    "another application's number": _sql("PRAGMA application_id = 42"),
    "auto vacuum": _vacuumed("auto_vacuum = FULL"),
    "pages of 512 bytes": _vacuumed("page_size = 512"),
    "pages of 65536 bytes": _vacuumed("page_size = 65536"),
    "texts in UTF-16": _utf16,
    "the log of another file": _log_of_another,
    "a log that is a pipe": lambda path: os.mkfifo(_with_suffix(path, "-wal")),
    "a log that is a link": lambda path: _with_suffix(path, "-wal").symlink_to("/etc/hostname"),
    "a log that is garbage": lambda path: _replace(_with_suffix(path, "-wal"), os.urandom(200_000)),
    "an index that is a folder": lambda path: _with_suffix(path, "-shm").mkdir(),
    "a queue that is a pipe": lambda path: os.mkfifo(_with_suffix(path, "-queue")),
    "a queue that is a link": lambda path: _with_suffix(path, "-queue").symlink_to("/etc/hostname"),
    "a journal that is garbage": lambda path: _replace(
        _with_suffix(path, "-journal"), b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(2000)
    ),
}


def _replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)
