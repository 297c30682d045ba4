"""Units whose saves have many new messages: their rows are written first, in several transactions.

As in `large_saves`, for all conversations of a unit: the last transaction makes the unit, which
finds the messages of its saves stored. Small conversations share a transaction.

Used on the writer's thread alone.
"""

from __future__ import annotations

import functools
from typing import Any

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.write import conversations
from a3s_store.backends.sqlite.write.large_saves import COPIED, GOES_ON, TRIES, Apply, Placing
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.conversation import Bound, CachedConversation, LargeSaveError
from a3s_store.errors import EncodeError
from a3s_store.wire import Limits
from a3s_store.wire.limits import in_force


class LargeUnit:
    """A unit in turns, each in a transaction of its own; with the methods of `LargeSave`.

    `apply` is the unit itself, which raised `error` when it was tried in one transaction.
    """

    def __init__(self, apply: Apply, error: LargeSaveError, limits: Limits, chunk: Bound) -> None:
        self._apply = apply
        self._limits = limits
        self._chunk = chunk
        self._error = error
        self._tries = 0
        self._begin()

    def _begin(self) -> None:
        self._tries += 1
        self._placings: list[Placing] = []
        # The bytes of rows since the WAL was copied.
        self._bytes = 0

    def refused(self, error: LargeSaveError) -> None:
        """Begin again after a turn raised this error: others have changed what was stored."""
        self.end()
        self._begin()

    def end(self) -> None:
        """Leave the rows that have no head to `unfinished.step`."""
        for placing in self._placings:
            placing.end()

    @property
    def _is_written(self) -> bool:
        is_last = len(self._placings) == len(self._error.conversations)
        return is_last and not self._placings[-1].is_unfinished

    def takes_copy(self) -> bool:
        """Return, once, whether to copy the WAL: rows were written and it is long, or they end."""
        if not self._bytes or (not self._is_written and self._bytes < COPIED):
            return False
        self._bytes = 0
        return True

    def turn(self, conn: WorkConnection, changes: WriteTransaction) -> Any:
        """Do some of the unit. Returns what `apply` returns, or GOES_ON.

        Raises what `apply` raises, and LargeSaveError: see `refused`.
        """
        if self._tries > TRIES:
            changes.bound = None
            return self._apply(conn, changes)
        if not self._is_written:
            try:
                with in_force(self._limits):
                    return self._write(conn, changes)
            except (EncodeError, UnicodeEncodeError):
                changes.bound = None
                return self._apply(conn, changes)  # its error names the value
        if not all(placing.is_noted(conn) for placing in self._placings):
            return self._lost()
        placed: dict[str, tuple[CachedConversation, ...]] = {}
        for placing in self._placings:
            before = placed.get(placing.session_id, ())
            placed[placing.session_id] = (*before, placing.finish(conn))
        changes.placed = placed
        done = self._apply(conn, changes)
        for placing in self._placings:
            placing.collect(conn)
        return done

    def _write(self, conn: WorkConnection, changes: WriteTransaction) -> object:
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
                    return self._lost()
                left = left.without(size)
                self._bytes += size.bytes
            else:
                left = left.without(Bound(1, 0))  # a branch without rows of its own
        return GOES_ON

    def _next(self, conn: WorkConnection, changes: WriteTransaction) -> None:
        session_id, messages = self._error.conversations[len(self._placings)]
        hashes = conversations.hashes_of(conn, changes, session_id, messages)
        place = functools.partial(conversations.place, session_id, [])
        self._placings.append(Placing(session_id, place, hashes, self._chunk, self._error.now_ms))

    def _lost(self) -> object:
        """Begin again: others took the unit for ended, and remove its rows."""
        self.end()
        self._begin()
        return GOES_ON
