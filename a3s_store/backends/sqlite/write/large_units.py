"""Units whose saves have many new messages: their rows are written first, in several transactions.

As in `large_saves`, for all conversations of a unit: the last transaction makes the unit, which
finds the messages of its saves stored. Small conversations share a transaction.

Used on the writer's thread alone.
"""

from __future__ import annotations

import functools

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.write import conversations
from a3s_store.backends.sqlite.write.large_saves import InTurns, Placing
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.conversation import Bound, LargeSaveError


class LargeUnit(InTurns):
    """A unit in turns."""

    def refused(self, error: LargeSaveError) -> None:
        """Begin again after a turn raised this error: others have changed what was stored."""
        self.end()
        self._begin(self._error)

    @property
    def _is_written(self) -> bool:
        is_last = len(self._placings) == len(self._error.conversations)
        return is_last and not self._placings[-1].is_unfinished

    def _write(self, conn: WorkConnection, changes: WriteTransaction) -> bool:
        """Write a chunk of rows, of one conversation or of several."""
        left = self._chunk
        while not self._is_written and left.messages and left.bytes:
            if not self._placings or not self._placings[-1].is_unfinished:
                self._next(conn, changes)
            placing = self._placings[-1]
            if not placing.is_placed:
                placing.hashes.permit(self._chunk)
                try:
                    placing.hashes.at(len(placing.hashes))
                except LargeSaveError:
                    placing.hashes.free()
                    break  # the next turn encodes more; nothing of it was written
                placing.place(conn, changes)
            if placing.has_rows_left:
                size = placing.insert(conn)
                if size is None:
                    return False
                left = left.without(size)
                self._bytes += size.bytes
            else:
                left = left.without(Bound(1, 0))  # a branch without rows of its own
        return True

    def _next(self, conn: WorkConnection, changes: WriteTransaction) -> None:
        session_id, messages = self._error.conversations[len(self._placings)]
        hashes = conversations.hashes_of(conn, changes, session_id, messages)
        place = functools.partial(conversations.place, session_id, [])
        self._placings.append(Placing(session_id, place, hashes, self._chunk, self._error.now_ms))
