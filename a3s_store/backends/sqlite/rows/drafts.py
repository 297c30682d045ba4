"""The table `draft`: the unfinished reply of a run, in one row that is overwritten.

Plain functions of a connection, each inside a transaction that the caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from a3s_store.core.base.drafts import no_checkpoint, refuse_other_claim
from a3s_store.core.checksums import row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.drafts import Draft

PART: Final = "draft"

# The draft with the run it belongs to; the run is NULL when its checkpoint is missing.
_SELECT: Final = (
    "SELECT c.run_id, d.position, d.text, d.reasoning_content, d.updated_at_ms, d.row_checksum "
    "FROM draft AS d LEFT JOIN loop_checkpoint AS c USING (loop_checkpoint_key)"
)
_UPSERT: Final = (
    "INSERT INTO draft (loop_checkpoint_key, position, text, reasoning_content, updated_at_ms, "
    "row_checksum) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "position = excluded.position, text = excluded.text, "
    "reasoning_content = excluded.reasoning_content, "
    "updated_at_ms = excluded.updated_at_ms, row_checksum = excluded.row_checksum"
)


def put(conn: sqlite3.Connection, run_id: str, draft: Draft, claimed_by: str | None) -> None:
    """Write the draft, unless the checkpoint has its message. Raises RunClaimedError."""
    row = conn.execute(
        "SELECT loop_checkpoint_key, head_length, claimed_by FROM loop_checkpoint WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    if row is None:
        raise no_checkpoint(run_id)
    key, length, stored = row
    refuse_other_claim(run_id, claimed_by, stored)
    if draft.position >= length:
        given = (draft.position, draft.text, draft.reasoning_content, draft.updated_at_ms)
        conn.execute(_UPSERT, (key, *given, _checksum(run_id, draft)))


def get(conn: sqlite3.Connection, run_id: str) -> Draft | None:
    """Return the draft of a run, None when there is none. Raises CorruptRowError if damaged."""
    row = conn.execute(f"{_SELECT} WHERE c.run_id = ?", (run_id,)).fetchone()
    return None if row is None else _checked(*row)


def drop(conn: sqlite3.Connection, run_id: str, claimed_by: str | None) -> None:
    """Remove the draft of a run; `claimed_by` None asks no claim. Raises RunClaimedError."""
    row = conn.execute(
        "SELECT loop_checkpoint_key, claimed_by FROM loop_checkpoint WHERE run_id = ?", (run_id,)
    ).fetchone()
    if row is None:
        return
    if claimed_by is not None:
        refuse_other_claim(run_id, claimed_by, row[1])
    conn.execute("DELETE FROM draft WHERE loop_checkpoint_key = ?", (row[0],))


def drop_complete(conn: sqlite3.Connection, run_id: str, length: int) -> None:
    """Remove the draft of a run whose message is among the first `length` of its checkpoint."""
    conn.execute(
        "DELETE FROM draft WHERE position < ? AND loop_checkpoint_key = "
        "(SELECT loop_checkpoint_key FROM loop_checkpoint WHERE run_id = ?)",
        (length, run_id),
    )


def check(conn: sqlite3.Connection, note: Callable[[CorruptRowError], None]) -> int:
    """Call `note` for each row that is not what was written; return the number of rows."""
    found = conn.execute(_SELECT).fetchall()
    for row in found:
        try:
            _checked(*row)
        except CorruptRowError as error:
            note(error)
    return len(found)


def without_run(conn: sqlite3.Connection) -> int:
    """Return the number of drafts whose checkpoint is missing."""
    (count,) = conn.execute(
        "SELECT count(*) FROM draft WHERE loop_checkpoint_key NOT IN "
        "(SELECT loop_checkpoint_key FROM loop_checkpoint)"
    ).fetchone()
    return int(count)


def _checked(
    run_id: str | None,
    position: int,
    text: str,
    reasoning_content: str | None,
    updated_at_ms: int,
    checksum: int,
) -> Draft:
    draft = Draft(
        position=position,
        text=text,
        reasoning_content=reasoning_content,
        updated_at_ms=updated_at_ms,
    )
    if run_id is None:
        raise CorruptRowError("its run checkpoint is missing", PART)
    if _checksum(run_id, draft) != checksum:
        raise CorruptRowError(NOT_WRITTEN, PART)
    return draft


def _checksum(run_id: str, draft: Draft) -> int:
    """The checksum of a row: whose draft it is, and its columns."""
    # The length tells no reasoning from one that is the text "None".
    reasoning = draft.reasoning_content
    size = -1 if reasoning is None else len(reasoning)
    return row_checksum(
        run_id, draft.position, draft.updated_at_ms, size, reasoning or "", draft.text
    )
