"""`TransactionStream`: the methods of one stream inside the block of a transaction.

Arguments are checked, and values encoded, when a call is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from a3s_store.core.streams import checks
from a3s_store.core.streams.handle import Change, Stream
from a3s_store.core.streams.reads import StreamReadPort, StreamReads
from a3s_store.core.streams.requests import Append, Copy, Delete, InfoQuery, Pop, Truncate
from a3s_store.core.streams.values import OnConflict
from a3s_store.wire.values import EMPTY

# What can be recorded.
StreamChange: TypeAlias = Append | Pop | Delete | Truncate | Copy


class RecordingPort(StreamReadPort, Protocol):
    """How a transaction reads a stream, and records a call."""

    def _record_stream(self, op: str, request: StreamChange) -> None: ...

    def _refuse_recorded(self, op: str, name: str) -> None: ...


class TransactionStream(StreamReads):
    """One stream in the block of a transaction: `Transaction.stream` returns it.

    Methods that read return what is stored, without what the block has recorded. They also raise
    ConflictError where something that the block read before has changed. At the end of the block
    the last change of each stream that was read must still be the same one. Items that expire are
    no change. Methods that write record the call, and return nothing; see `Transaction.results`.
    Outside of the block all methods raise TransactionStateError.
    """

    def __init__(self, transaction: RecordingPort, stream: Stream) -> None:
        """Use `Transaction.stream` instead."""
        super().__init__(transaction, stream.name)
        self._transaction = transaction
        self._stream = stream

    def append(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> None:
        """Record `Stream.append`; its result is a `StreamAppended`."""
        self._transaction._check_open("append")
        request = self._stream.append_request(
            *items, on_conflict=on_conflict, expected_next=expected_next, metadata=metadata
        )
        self._transaction._record_stream("append", request)

    def put(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> None:
        """Record `Stream.put`; its result is the version of the item."""
        self._transaction._check_open("put")
        request = self._stream.put_request(
            item_id,
            value,
            labels=labels,
            metadata=metadata,
            ttl=ttl,
            expected_version=expected_version,
        )
        self._transaction._record_stream("put", request)

    def pop(self) -> None:
        """Record `Stream.pop`; its result is the removed `Item`, or None."""
        self._transaction._check_open("pop")
        self._transaction._record_stream("pop", Pop(name=self.name))

    def delete(
        self,
        item_id: str | None = None,
        *,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Record `Stream.delete`; its result is the number of removed items."""
        self._transaction._check_open("delete")
        request = self._stream.delete_request(item_id, id_prefix, labels)
        self._transaction._record_stream("delete", request)

    def truncate(self, start: int, *, expected_next: int | None = None) -> None:
        """Record `Stream.truncate`; its result is the number of removed items."""
        self._transaction._check_open("truncate")
        request = self._stream.truncate_request(start, expected_next)
        self._transaction._record_stream("truncate", request)

    def copy(self, to: str) -> None:
        """Record `Stream.copy`, of the stream as earlier calls leave it; its result is None."""
        self._transaction._check_open("copy")
        self._transaction._record_stream("copy", self._stream.copy_request(to))

    async def update(self, change: Change, *, last: int = 1) -> bool:
        """Record what a function makes of the stream's description and its last items.

        The function gets what is stored, as `info` and `items` return it, and is called once: a
        change by others before the end of the block is a ConflictError. The result of the call is
        a `StreamAppended`. Returns False, and records nothing, where the function returned None.

        Raises:
            TransactionStateError: the block has recorded a change of this stream, which the
                function would not see; nothing more was recorded.
            ConflictError: something that the block read before has changed.
            InvalidArgumentError: the function returned no StreamUpdate and not None.
        """
        op = "update"
        self._transaction._check_open(op)
        checks.number(op, "last", last)
        self._transaction._refuse_recorded(op, self.name)
        info, items = await self._read(op, InfoQuery(name=self.name, last=last))
        # Another task of the block may have recorded one meanwhile.
        self._transaction._refuse_recorded(op, self.name)
        request = self._stream.update_request(change, info, items)
        if request is None:
            return False
        self._transaction._record_stream(op, request)
        return True
