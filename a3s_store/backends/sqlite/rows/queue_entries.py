"""Rows of a session's queue: one for each entry, with the claim of the live session that writes it.

Plain functions of a connection, each inside a transaction that the caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from a3s_store.core.base.queue_entries import EntryKey, MayTake, QueueEntry
from a3s_store.core.checksums import row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.wire import own_text, parse_own
from a3s_store.wire.limits import in_force
from a3s_store.wire.text import exact

# The part that damage of an entry is reported under.
PART: Final = "queue_entries"


class StoredEntry(NamedTuple):
    """The row of one entry, as read."""

    row_key: int
    owner_key: int
    kind: str
    command_id: str
    claimed_by: str | None
    value: str
    row_checksum: int

    def entry(self) -> QueueEntry:
        """The entry. Raises CorruptRowError when the row differs from what was written."""
        written = row_checksum(self.owner_key, self.kind, self.command_id, self.value)
        if written != self.row_checksum:
            raise CorruptRowError(NOT_WRITTEN)
        value = parse_own(self.value)
        return QueueEntry(kind=self.kind, command_id=self.command_id, value=value)


def rows(conn: sqlite3.Connection, owner_key: int) -> list[StoredEntry]:
    """Return the rows of a session, oldest first."""
    found = conn.execute(
        "SELECT queue_entry_key, owner_key, kind, command_id, claimed_by, value, row_checksum "
        "FROM queue_entry WHERE owner_key = ? ORDER BY queue_entry_key",
        (owner_key,),
    ).fetchall()
    return [StoredEntry(*row) for row in found]


def put(
    conn: sqlite3.Connection, owner_key: int, claimed_by: str | None, entries: Iterable[QueueEntry]
) -> None:
    """Add entries, or replace those that have this claim; those with another claim stay."""
    conn.executemany(
        "INSERT INTO queue_entry (owner_key, kind, command_id, claimed_by, value, row_checksum) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (owner_key, kind, command_id) DO UPDATE "
        "SET value = excluded.value, row_checksum = excluded.row_checksum "
        "WHERE claimed_by IS excluded.claimed_by",
        [_row(owner_key, claimed_by, entry) for entry in entries],
    )


def _row(owner_key: int, claimed_by: str | None, entry: QueueEntry) -> tuple[Any, ...]:
    with in_force(None):  # entries of an older release's checkpoint may have any size
        value = own_text(exact(entry.value))
    checksum = row_checksum(owner_key, entry.kind, entry.command_id, value)
    return owner_key, entry.kind, entry.command_id, claimed_by, value, checksum


def remove(
    conn: sqlite3.Connection, owner_key: int, claimed_by: str | None, keys: Sequence[EntryKey]
) -> None:
    """Remove the entries with these keys that have this claim."""
    conn.executemany(
        "DELETE FROM queue_entry "
        "WHERE owner_key = ? AND kind = ? AND command_id = ? AND claimed_by IS ?",
        [(owner_key, kind, command_id, claimed_by) for kind, command_id in keys],
    )


def claim(
    conn: sqlite3.Connection, owner_key: int, by: str, may_take: MayTake
) -> tuple[QueueEntry, ...]:
    """Claim the entries that `may_take` allows; return all that `by` has then, oldest first.

    Raises CorruptRowError, with its place among the session's entries, for a damaged one.
    """
    stored = rows(conn, owner_key)
    free = {one for one in {row.claimed_by for row in stored} if one != by and may_take(one)}
    conn.executemany(
        "UPDATE queue_entry SET claimed_by = ? WHERE queue_entry_key = ? AND claimed_by IS ?",
        [(by, row.row_key, row.claimed_by) for row in stored if row.claimed_by in free],
    )
    found = []
    for position, row in enumerate(stored):
        if row.claimed_by == by or row.claimed_by in free:
            try:
                found.append(row.entry())
            except CorruptRowError as error:
                raise CorruptRowError(error.what, PART, position) from None
    return tuple(found)
