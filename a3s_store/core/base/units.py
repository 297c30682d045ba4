"""The calls of a unit: what a transaction records, and what a backend makes as one commit.

To add a kind of call: a value of it in `Operation`, its size in `size_of`, a method of
`StoreTransaction` that records it, and an entry in the table of each backend that makes it
(`MemoryUnits`, `backends/sqlite/write/units.py`). What a transaction read is in `unit_reads`. Pure
functions, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from a3s_store.core.base.appends import Append, Update
from a3s_store.core.base.unit_reads import Reads
from a3s_store.core.batch import Batch
from a3s_store.core.cache_weight import SESSION_BYTES, VALUE_BYTES, estimated_bytes
from a3s_store.core.streams import requests
from a3s_store.core.streams.recording import StreamChange
from a3s_store.errors import StoreError, TransactionTooLargeError
from a3s_store.models import Message, SessionData
from a3s_store.models.message import TextBlock, ToolResultBlock, stored_text_of
from a3s_store.printable import short_repr
from a3s_store.wire import Model, compact, encode

# What a unit may have: calls, bytes of values, and bytes of those that are written at once.
MOST_CALLS: Final = 10_000
MOST_BYTES: Final = 64 << 20
MOST_AT_ONCE: Final = 4 << 20
_BLOCK_BYTES: Final = 40
# Bytes of a row that are not its texts: numbers, hashes and checksums.
_ROW_BYTES: Final = 100
_MIB: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Deletion:
    """One call of `delete`; its arguments are checked."""

    session_id: str
    expected_generation: int | None = None


@attrs.frozen(kw_only=True)
class StreamCall:
    """One call of the method `op` of a stream; its arguments are checked and its values encoded."""

    op: str
    request: StreamChange

    @property
    def name(self) -> str:
        """The name of the stream whose method it is."""
        return self.request.name

    @property
    def changes(self) -> str:
        """The name of the stream that is changed: of a copy, the new one."""
        return requests.changed_by(self.request)

    def result(self, done: Any) -> Any:
        """Return what the method returns, of what its request returned."""
        return done.versions[0] if self.op == "put" else done


# A batch is a save.
Operation: TypeAlias = Batch | Append | Update | Deletion | StreamCall
_NAMES: Final[Mapping[type, str]] = {Append: "append", Update: "update", Deletion: "delete"}


def name_of(operation: Operation) -> str:
    """Return the name of the method that the call is of."""
    if isinstance(operation, Batch | StreamCall):
        return operation.op
    return _NAMES[type(operation)]


@attrs.frozen(kw_only=True)
class Unit:
    """Calls that are made as one commit, in order.

    Where `at_once`, all rows are written in the transaction of the commit, since they are few.
    """

    operations: tuple[Operation, ...]
    reads: Reads = attrs.field(factory=Reads)
    at_once: bool = False

    @property
    def conversations(self) -> list[tuple[str, tuple[Message, ...]]]:
        """The messages of its saves, each with the id of its session."""
        saves = [one for one in self.operations if isinstance(one, Batch)]
        return [(one.session_id, one.session.messages) for one in saves if one.session is not None]

    @property
    def session_ids(self) -> frozenset[str]:
        """The sessions that it changes."""
        return frozenset(
            one.session_id for one in self.operations if not isinstance(one, StreamCall)
        )

    @property
    def streams(self) -> frozenset[str]:
        """The streams that it changes or copies, by name, those of deleted sessions apart."""
        calls = [one for one in self.operations if isinstance(one, StreamCall)]
        return frozenset(name for one in calls for name in (one.name, one.changes))

    @property
    def expires(self) -> bool:
        """Whether it stores an item that expires."""
        return any(
            isinstance(one, StreamCall) and requests.expires(one.request) for one in self.operations
        )

    @property
    def deletes(self) -> bool:
        """Whether it deletes a session."""
        return any(isinstance(one, Deletion) for one in self.operations)

    @property
    def deletes_streams(self) -> bool:
        """Whether it deletes a stream."""
        return any(
            isinstance(one, StreamCall)
            and isinstance(one.request, requests.Delete)
            and one.request.is_whole
            for one in self.operations
        )

    def where(self, position: int) -> str:
        """Name the call at a position, for errors."""
        one = self.operations[position]
        if isinstance(one, StreamCall):
            subject = f"stream {short_repr(one.name)}"
        else:
            subject = f"session {one.session_id!r}"
        return f"{subject}, call {position + 1} of a unit"


class Size(NamedTuple):
    """About the bytes of a call: all of them, and those that must be written at once.

    The messages of a save may be written before its commit, in several transactions.
    """

    total: int
    at_once: int

    def plus(self, other: Size) -> Size:
        """Return the size of both."""
        return Size(self.total + other.total, self.at_once + other.at_once)


NO_SIZE: Final = Size(0, 0)


def size_of(operation: Operation) -> Size:
    """Return about how many bytes a call has."""
    if isinstance(operation, Append):
        return _size_of_messages(operation.messages).plus(_size_of_session(operation.create))
    if isinstance(operation, Batch):
        return _size_of_session(operation.session)
    if isinstance(operation, Update):
        values = (*operation.fields.values(), *operation.config.values(), *operation.host.values())
        size = sum(map(_value_bytes, values))
        return Size(SESSION_BYTES + size, _ROW_BYTES + size)
    if isinstance(operation, StreamCall):
        return _size_of_change(operation.request)
    return NO_SIZE


def batch_bytes_of(batch: Batch) -> int:
    """Return about how many bytes a batch has, with its collections."""
    lists = sum(
        estimated_bytes(values or (), collection.rows)
        for collection, values in batch.collections.items()
    )
    return _size_of_session(batch.session).total + lists


def _size_of_session(session: SessionData | None) -> Size:
    if session is None:
        return NO_SIZE
    lists = VALUE_BYTES * (len(session.cost_records) + len(session.tasks))
    prompt = len(session.config.system_prompt or "")
    texts = prompt + len(session.id) + sum(len(one) for one in session.tool_names)
    messages = session.messages if type(session.messages) is tuple else ()
    total = SESSION_BYTES + prompt + lists + _size_of_messages(messages).total
    return Size(total, _ROW_BYTES + texts + lists)


def _size_of_messages(messages: tuple[Message, ...]) -> Size:
    total = sum(map(_message_bytes, messages))
    return Size(total, total - (VALUE_BYTES - _ROW_BYTES) * len(messages))


def _message_bytes(message: Message) -> int:
    """Return about the bytes of a message; a damaged or wrong one is refused when it is saved."""
    try:
        text = stored_text_of(message)
        if text is not None:
            return VALUE_BYTES + len(text)
        size = VALUE_BYTES + len(message.reasoning_content or "")
        for block in message.content:
            size += _BLOCK_BYTES
            if type(block) is TextBlock:
                size += len(block.text)
            elif type(block) is ToolResultBlock and type(block.content) is str:
                size += len(block.content)
            else:
                size += len(compact(encode(block)))
        return size
    except (StoreError, TypeError, AttributeError):
        return VALUE_BYTES


def _size_of_change(request: StreamChange) -> Size:
    if not isinstance(request, requests.Append):
        return NO_SIZE
    sizes = [len(request.metadata or ""), *map(_item_bytes, request.items)]
    size, rows = sum(sizes), len(request.items)
    return Size(size + VALUE_BYTES * rows, size + _ROW_BYTES * rows)


def _item_bytes(item: requests.EncodedItem) -> int:
    labels = sum(len(key) + len(text) for key, text in item.labels)
    return len(item.body.data) + len(item.metadata or "") + labels


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return len(compact(encode(value))) if isinstance(value, Model) else len(repr(value))


def refuse_too_large(calls: int, size: Size) -> None:
    """Check that a unit has no more calls and bytes than it may.

    Raises:
        TransactionTooLargeError: it has.
    """
    if calls > MOST_CALLS:
        what = f"a transaction has at most {MOST_CALLS:,} calls"
    elif size.total > MOST_BYTES:
        what = f"a transaction has at most about {MOST_BYTES // _MIB} MiB of values"
    elif size.at_once > MOST_AT_ONCE:
        what = (
            f"a transaction has at most about {MOST_AT_ONCE // _MIB} MiB of appended messages, "
            "changed fields, items of streams, and saved sessions without their messages"
        )
    else:
        return
    raise TransactionTooLargeError(
        what, op="transaction", hint="Make several transactions, or use import_many()"
    )
