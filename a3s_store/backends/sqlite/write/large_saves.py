"""Saves that take several transactions, between which others save (docs/decisions/0043).

The rows of the new messages are written first, a chunk in each transaction, on a branch that no
head names and `unfinished` notes. The last transaction removes the note and makes the save as any
other one, which finds all its messages stored. So readers, generations and the commit log see
nothing before it, and the save's conditions are compared in it. If a save ends otherwise, by an
error or a crash, `unfinished.step` removes its rows.

Used on the writer's thread alone.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.rows import message_log, unfinished
from a3s_store.backends.sqlite.rows.message_insert import insert_messages
from a3s_store.backends.sqlite.rows.message_writer import Placed
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.conversation import Bound, CachedConversation, ChainHashes, LargeSaveError
from a3s_store.errors import EncodeError
from a3s_store.wire import Limits
from a3s_store.wire.limits import in_force

# The bytes of messages after which the WAL is copied into the database.
COPIED: Final = 1 << 20
# How often a save may begin, before all of it is one transaction: others may take it for ended.
TRIES: Final = 5

Apply: TypeAlias = Callable[[WorkConnection, WriteTransaction], Any]
# Makes a branch for messages, once enough of them may be encoded to know which are stored.
Place: TypeAlias = Callable[[WorkConnection, WriteTransaction, ChainHashes], Placed]

# Returned by a turn that was not the last one.
GOES_ON: Final = object()


class Placing:
    """A conversation whose rows are written in turns, on a branch that no head names yet.

    `place` makes the branch; new rows get the times `at_ms`, `now_ms` where that is empty.
    """

    def __init__(
        self,
        session_id: str,
        place: Place,
        hashes: ChainHashes,
        chunk: Bound,
        now_ms: int,
        at_ms: tuple[int, ...] = (),
    ) -> None:
        self.hashes = hashes
        self.session_id = session_id
        self._place = place
        self._now_ms = now_ms
        self._at_ms = at_ms
        self._chunk = chunk
        self._save = unfinished.Save()
        self._placed: Placed | None = None
        # The rows that are not written yet.
        self._rows: list[range] = []

    @property
    def is_placed(self) -> bool:
        """Whether its branch is made."""
        return self._placed is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether its branch is to be made, or rows are to be written."""
        return not self.is_placed or self.has_rows_left

    @property
    def has_rows_left(self) -> bool:
        """Whether rows are to be written."""
        return bool(self._rows)

    def place(self, conn: WorkConnection, changes: WriteTransaction) -> None:
        """Make the branch, once enough is encoded to know which messages are stored.

        Raises LargeSaveError where the hashes do not permit enough.
        """
        placed = self._place(conn, changes, self.hashes)
        if placed.positions:
            self._save.note(conn, placed.head.branch)
        self._placed, self._rows = placed, [one for one in placed.positions if one]
        self.hashes.permit(None)

    def insert(self, conn: WorkConnection) -> Bound | None:
        """Write a chunk of rows, and return its size; None: others took the save for ended."""
        assert self._placed is not None, "it was placed"
        branch = self._placed.head.branch
        if not self._save.renew(conn, branch):
            return None
        hashes, (rows, *others) = self.hashes, self._rows
        most, size, end = min(rows.stop, rows.start + self._chunk.messages), 0, rows.start
        while end < most and size < self._chunk.bytes:
            size += hashes.bytes_of(end)
            end += 1
        times = self._at_ms[rows.start - hashes.start : end - hashes.start]
        insert_messages(conn, branch, 0, hashes, range(rows.start, end), self._now_ms, at_ms=times)
        hashes.free()
        self._rows = [range(end, rows.stop), *others] if end < rows.stop else others
        return Bound(end - rows.start, size)

    def is_noted(self, conn: WorkConnection) -> bool:
        """Return whether its rows are still there, and no others took the save for ended."""
        assert self._placed is not None, "it was placed"
        return not self._placed.positions or self._save.renew(conn, self._placed.head.branch)

    def finish(self, conn: WorkConnection) -> CachedConversation:
        """Return the conversation, whose rows get a head in this transaction."""
        assert self._placed is not None, "it was placed"
        head = self._placed.head
        if self._placed.positions:
            self._save.finish(conn, head.branch)
        hashes = self.hashes
        return CachedConversation(hashes.messages, head, hashes.at(head.length), hashes.size(None))

    def collect(self, conn: WorkConnection) -> None:
        """Remove rows that got no head: a condition failed, or a merge found other messages."""
        assert self._placed is not None, "it was placed"
        branch, length = self._placed.head
        if self._placed.positions and message_log.needed(conn, branch) != length:
            unfinished.collect(conn, [branch], self._now_ms)

    def end(self) -> None:
        """Leave the rows that have no head to `unfinished.step`."""
        self._save.end()


class InTurns(abc.ABC):
    """A change whose conversations are placed first: each turn is a transaction of its own.

    `apply` is the change itself, which raised `error` when it was tried in one transaction.
    """

    def __init__(self, apply: Apply, error: LargeSaveError, limits: Limits, chunk: Bound) -> None:
        self._apply = apply
        self._limits = limits
        self._chunk = chunk
        self._tries = 0
        self._begin(error)

    def _begin(self, error: LargeSaveError) -> None:
        self._tries += 1
        self._error = error
        self._placings: list[Placing] = []
        # The bytes of rows since the WAL was copied.
        self._bytes = 0

    @abc.abstractmethod
    def refused(self, error: LargeSaveError) -> None:
        """Go on after a turn raised this error."""

    @property
    @abc.abstractmethod
    def _is_written(self) -> bool:
        """Whether the rows of all conversations are written."""

    @abc.abstractmethod
    def _write(self, conn: WorkConnection, changes: WriteTransaction) -> bool:
        """Make a branch or write a chunk of rows; return whether the noted ones are still there."""

    def _applied(self, conn: WorkConnection, changes: WriteTransaction) -> Any:
        """Make the change, which finds its messages stored, in the transaction of the last turn."""
        placed: dict[str, tuple[CachedConversation, ...]] = {}
        for placing in self._placings:
            before = placed.get(placing.session_id, ())
            placed[placing.session_id] = (*before, placing.finish(conn))
        changes.placed = placed
        return self._apply(conn, changes)

    def end(self) -> None:
        """Leave the rows that have no head to `unfinished.step`."""
        for placing in self._placings:
            placing.end()

    def takes_copy(self) -> bool:
        """Return, once, whether to copy the WAL: rows were written and it is long, or they end."""
        if not self._bytes or (not self._is_written and self._bytes < COPIED):
            return False
        self._bytes = 0
        return True

    def turn(self, conn: WorkConnection, changes: WriteTransaction) -> Any:
        """Do some of the change. Returns what `apply` returns, or GOES_ON.

        Raises what `apply` raises, and LargeSaveError: see `refused`.
        """
        if self._tries > TRIES:
            changes.bound = None
            return self._apply(conn, changes)
        is_written = self._is_written
        try:
            with in_force(self._limits):
                is_there = is_written or self._write(conn, changes)
        except (EncodeError, UnicodeEncodeError):
            changes.bound = None
            return self._apply(conn, changes)  # its error names the value
        if is_written:
            is_there = all(placing.is_noted(conn) for placing in self._placings)
        if not is_there:
            # Others took it for ended, and remove its rows.
            self.end()
            self._begin(self._error)
            return GOES_ON
        if not is_written:
            return GOES_ON
        done = self._applied(conn, changes)
        for placing in self._placings:
            placing.collect(conn)
        return done


class LargeSave(InTurns):
    """A save, or an append, in turns."""

    def _begin(self, error: LargeSaveError) -> None:
        super()._begin(error)
        placing = Placing(
            error.session_id, error.place, error.hashes, self._chunk, error.now_ms, error.at_ms
        )
        self._placings = [placing]

    def refused(self, error: LargeSaveError) -> None:
        """Go on after a turn raised this error: the next turn encodes more messages.

        If they are others, since the stored session was changed and merged, the save begins again.
        """
        if error.hashes is self._placings[0].hashes:
            error.hashes.free()
        else:
            self.end()
            self._begin(error)

    @property
    def _is_written(self) -> bool:
        return not self._placings[0].is_unfinished

    def _write(self, conn: WorkConnection, changes: WriteTransaction) -> bool:
        (placing,) = self._placings
        if not placing.is_placed:
            placing.hashes.permit(self._chunk)
            placing.place(conn, changes)
            return True
        size = placing.insert(conn)
        self._bytes += 0 if size is None else size.bytes
        return size is not None

    def _applied(self, conn: WorkConnection, changes: WriteTransaction) -> Any:
        changes.placed_hashes = self._placings[0].hashes
        return super()._applied(conn, changes)
