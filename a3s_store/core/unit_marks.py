"""Notes of the changes of a unit's calls so far, so that later calls go on with them.

A unit makes one generation and one entry of the commit log for each session that it changes, and
one entry for each stream, whatever the number of its calls: a later call replaces the generation
and the entry of the earlier ones. Values only, no I/O.
"""

from __future__ import annotations

from typing import NamedTuple

from a3s_store.core.commit_log import CommitKind, CommitOp, merged


class _Logged(NamedTuple):
    sequence: int
    op: CommitOp


class UnitMarks:
    """The generations and entries that one unit has made, and the branches that it left."""

    def __init__(self) -> None:
        # The generation that the unit made of each session.
        self._made: dict[str, int] = {}
        # The entry of each session and stream.
        self._logged: dict[tuple[CommitKind, str], _Logged] = {}
        # Branches with messages that a later call of the unit has replaced.
        self.left: set[int] = set()

    def has_made(self, session_id: str, generation: int) -> bool:
        """Return whether this generation of a session is the unit's own."""
        return self._made.get(session_id) == generation

    def saved(self, session_id: str, generation: int) -> None:
        """Note the generation that the unit made of a session."""
        self._made[session_id] = generation

    def entry(
        self, subject: str, op: CommitOp, kind: CommitKind = "session"
    ) -> tuple[CommitOp, int | None]:
        """Return the `op` for a subject's entry, and the sequence of the unit's one before it."""
        before = self._logged.get((kind, subject))
        return (op, None) if before is None else (merged(before.op, op), before.sequence)

    def logged(
        self, subject: str, op: CommitOp, sequence: int, kind: CommitKind = "session"
    ) -> None:
        """Note the entry of a subject, with the `op` that `entry` returned."""
        self._logged[kind, subject] = _Logged(sequence, op)
