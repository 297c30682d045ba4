"""Find the row of one run of a session, without reading its events.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import attrs

from a3s_store.backends.sqlite.rows import list_rows, statements
from a3s_store.core.collections import RUN_RECORDS
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import ListDigest
from a3s_store.core.session_header import SessionHeader
from a3s_store.models import RunRecord

_ROWS: Final = RUN_RECORDS.rows


@attrs.frozen
class StoredRun:
    """A stored run: its record without events, and its place among the runs of its session.

    `key` is the key of its row, and `parent` the column that has it in the rows of its events.
    """

    record: RunRecord
    key: int
    parent: str
    position: int
    digest: bytes
    events: ListDigest


def find_run(conn: sqlite3.Connection, header: SessionHeader, run_id: str) -> StoredRun | None:
    """Return the first run with this id; None without one. Raises ValueError: it is damaged.

    Takes time in proportion to the number of runs, of which a session keeps few.
    """
    runs = header.parts.get(RUN_RECORDS.name)
    if runs is None or not runs.count:
        return None
    sql = statements.statements(_ROWS, "owner_key")
    row = conn.execute(
        f"SELECT seq, (SELECT max(seq) + 1 FROM {_ROWS.table} WHERE owner_key = :owner) "
        f"FROM {_ROWS.table} WHERE owner_key = :owner AND id = :id ORDER BY seq LIMIT 1",
        {"owner": header.key, "id": run_id},
    ).fetchone()
    if row is None:
        return None
    seq, end = row
    position = seq - (end - runs.count)
    stored = conn.execute(sql.select, sql.key_range(header.key, seq, seq + 1)).fetchone()
    record, digest = list_rows.value_of(conn, sql, stored)
    if digest != stored[sql.first + sql.columns.index("digest")]:
        raise CorruptRowError(NOT_WRITTEN, RUN_RECORDS.name, position)
    events = list_rows.digest_in(sql, "events", stored)
    return StoredRun(record, stored[-1], sql.key, position, digest, events)
