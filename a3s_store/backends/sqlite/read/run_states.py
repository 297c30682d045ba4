"""List the runs with a checkpoint, each with its state.

Plain functions of a connection, inside a read transaction of the caller. No message is read.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Final, Literal, NamedTuple, TypeAlias

from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core import live_window
from a3s_store.core.snapshot import ENDED

State: TypeAlias = Literal["running", "interrupted", "left_over", "orphaned"]

# For every checkpoint: whether its session is stored, whether its run has ended, and how many of
# its messages the session does not have. The latter are counted from the number of messages with
# which the run began, or where that is unknown, from the session's own number.
_ENDED: Final = ", ".join(f"'{status}'" for status in sorted(ENDED))
_CHECKPOINTS: Final = f"""
SELECT
    l.run_id,
    l.session_id,
    l.claimed_by,
    max(0, l.head_length - coalesce(l.base_length, s.head_length)),
    s.owner_key IS NOT NULL,
    EXISTS (
        SELECT 1 FROM run AS r
        WHERE r.owner_key = s.owner_key AND r.id = l.run_id
        AND r.status IN ({_ENDED})
    ),
    d.loop_checkpoint_key IS NOT NULL
FROM loop_checkpoint AS l
LEFT JOIN owner AS o ON o.id = l.session_id
LEFT JOIN session AS s USING (owner_key)
LEFT JOIN draft AS d USING (loop_checkpoint_key)
ORDER BY l.loop_checkpoint_key
"""


class RunState(NamedTuple):
    """A run with a checkpoint; `unsaved` counts its messages that the session does not have.

    Its state is "orphaned" if the session is not stored, "left_over" if the run has ended,
    "running" while an open live session has claimed it, and otherwise "interrupted".
    """

    run_id: str
    session_id: str
    state: State
    unsaved: int
    has_draft: bool


def read(conn: sqlite3.Connection) -> list[RunState]:
    """Return all runs with a checkpoint, in the order in which their first one was saved."""
    return [
        RunState(run_id, session_id, _state(claimed_by, stored, ended), unsaved or 0, bool(draft))
        for run_id, session_id, claimed_by, unsaved, stored, ended, draft in conn.execute(
            _CHECKPOINTS
        ).fetchall()
    ]


def _state(claimed_by: str | None, stored: int, ended: int) -> State:
    if not stored:
        return "orphaned"
    if ended:
        return "left_over"
    return "running" if live_window.is_open(claimed_by) else "interrupted"


def counts(conn: sqlite3.Connection) -> dict[State, int]:
    """Count the runs in each state; all 0 for a file of another schema than this release's."""
    found: dict[State, int] = {"running": 0, "interrupted": 0, "left_over": 0, "orphaned": 0}
    if migrate.is_current(conn):
        for run in read(conn):
            found[run.state] += 1
    return found


def of_sessions(conn: sqlite3.Connection) -> dict[str, tuple[int, int, int, bool]]:
    """Return the fields of runs in `SessionSummary`, by id of sessions with unfinished runs."""
    runs: defaultdict[str, list[RunState]] = defaultdict(list)
    for run in read(conn):
        if run.state in ("running", "interrupted"):
            runs[run.session_id].append(run)
    return {session_id: _fields(some) for session_id, some in runs.items()}


def _fields(runs: list[RunState]) -> tuple[int, int, int, bool]:
    interrupted = [run for run in runs if run.state == "interrupted"]
    return (
        len(interrupted),
        len(runs) - len(interrupted),
        sum(run.unsaved for run in interrupted),
        any(run.has_draft for run in runs),
    )
