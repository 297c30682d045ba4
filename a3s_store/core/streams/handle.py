"""`Stream`: the methods of one stream. Arguments are checked, and values encoded, before I/O."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs

from a3s_store.core.arguments import check_choice, refused
from a3s_store.core.conflict_wait import wait_after
from a3s_store.core.streams import checks
from a3s_store.core.streams.checks import Encoder
from a3s_store.core.streams.reads import StreamPort, StreamReads
from a3s_store.core.streams.requests import (
    Append,
    Copy,
    Delete,
    InfoQuery,
    Pop,
    Truncate,
    Write,
)
from a3s_store.core.streams.values import (
    ON_CONFLICT,
    Item,
    NewItem,
    OnConflict,
    StreamAppended,
    StreamInfo,
    StreamUpdate,
)
from a3s_store.errors import StaleItemError
from a3s_store.printable import short_repr
from a3s_store.wire.values import EMPTY

# How often `update` is tried while others write.
_TRIES: Final = 50
Change = Callable[[StreamInfo | None, Sequence[Item]], StreamUpdate | None]


class Stream(StreamReads):
    """One stream of a store, which need not exist: `StreamStore.stream` returns it.

    All methods also raise what the store's own do: StoreClosedError, StoreBusyError,
    CorruptionError and their like. A method that raises has written nothing.
    """

    session_id: str | None

    def __init__(
        self,
        store: StreamPort,
        encoder: Encoder,
        name: str,
        *,
        session_id: str | None = None,
        compress: bool = False,
    ) -> None:
        """Use `StreamStore.stream` instead."""
        super().__init__(store, name)
        self._port = store
        self.session_id = session_id
        self._encoder = encoder
        self._compress = compress

    # -- Writing ----------------------------------------------------------------------------------

    async def append(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> StreamAppended:
        """Add items at the end, each a `NewItem` or its value, in one commit.

        An item whose id is stored raises StaleItemError, is left out ("ignore"), or takes the place
        of the stored one, which keeps its `seq` ("replace"). `metadata` becomes the stream's; None
        leaves it. Nothing is written where nothing changes.

        Raises:
            StaleItemError: an id is stored, or the next `seq` is not `expected_next`, or the stream
                is tied to another session.
            SessionNotFoundError: the session of `stream(session=)` is not stored.
            InvalidArgumentError: an id, label or option has a wrong value.
            EncodeError: a value is no JSON, or beyond the limits.
        """
        request = self.append_request(
            *items, on_conflict=on_conflict, expected_next=expected_next, metadata=metadata
        )
        found: StreamAppended = await self._write("append", request)
        return found

    def append_request(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> Append:
        """Return the checked request of `append`, for a transaction with others."""
        op = "append"
        check_choice(op, "on_conflict", on_conflict, ON_CONFLICT)
        if expected_next is not None:
            checks.number(op, "expected_next", expected_next)
        return Append(
            name=self._encoder.check_name(op, "name", self.name),
            items=tuple(self._encoder.item(op, one) for one in items),
            on_conflict=on_conflict,
            expected_next=expected_next,
            metadata=self._encoder.json(metadata, "metadata"),
            session_id=self.session_id,
            compress=self._compress,
        )

    async def put(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> int:
        """Store a value under an id, in place of the present one; return its version.

        Versions count from 1, and begin again after a deletion. With `expected_version` the stored
        one must have it; 0: there must be none. An equal value is not written again.

        Raises:
            StaleItemError: another version is stored, or none; see also `append`.
        """
        found: StreamAppended = await self._write(
            "put",
            self.put_request(
                item_id,
                value,
                labels=labels,
                metadata=metadata,
                ttl=ttl,
                expected_version=expected_version,
            ),
        )
        return found.versions[0]

    def put_request(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> Append:
        """Return the checked request of `put`, for a transaction with others."""
        op = "put"
        if expected_version is not None:
            checks.number(op, "expected_version", expected_version)
        checks.name(op, "item_id", item_id)
        item = NewItem(value, id=item_id, labels=labels, metadata=metadata, ttl=ttl)
        return Append(
            name=self._encoder.check_name(op, "name", self.name),
            items=(self._encoder.item(op, item),),
            on_conflict="replace",
            expected_version=expected_version,
            session_id=self.session_id,
            compress=self._compress,
        )

    async def pop(self) -> Item | None:
        """Remove the last item and return it, or None. Its `seq` is not used again."""
        found: Item | None = await self._write("pop", Pop(name=self.name))
        return found

    async def delete(
        self,
        item_id: str | None = None,
        *,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Remove the items that every given condition chooses, and return how many.

        Without a condition the stream is removed with its metadata, and a new one begins at 0.
        """
        return int(await self._write("delete", self.delete_request(item_id, id_prefix, labels)))

    def delete_request(
        self,
        item_id: str | None = None,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Delete:
        """Return the checked request of `delete`, for a transaction with others."""
        op = "delete"
        checked = () if labels is None else checks.labels(op, labels)
        if labels is not None and not checked:
            raise refused(op, "labels", "has at least one label; without it, all are removed")
        return Delete(
            name=self.name,
            id=None if item_id is None else checks.name(op, "item_id", item_id),
            id_prefix=None if id_prefix is None else checks.prefix(op, "id_prefix", id_prefix),
            labels=checked,
        )

    async def truncate(self, start: int, *, expected_next: int | None = None) -> int:
        """Remove the items from the `seq` `start` on, and return how many. No `seq` is used again.

        Raises:
            StaleItemError: the next `seq` is not `expected_next`.
        """
        return int(await self._write("truncate", self.truncate_request(start, expected_next)))

    def truncate_request(self, start: int, expected_next: int | None = None) -> Truncate:
        """Return the checked request of `truncate`, for a transaction with others."""
        checks.number("truncate", "start", start)
        if expected_next is not None:
            checks.number("truncate", "expected_next", expected_next)
        return Truncate(name=self.name, start=start, expected_next=expected_next)

    async def copy(self, to: str) -> None:
        """Store all items and the metadata under another name, with the same `seq` and versions.

        Large values are shared, not copied. The copy is tied to no session. Without a stream
        nothing is written.

        Raises:
            StaleItemError: there is a stream under the new name.
        """
        await self._write("copy", self.copy_request(to))

    def copy_request(self, to: str) -> Copy:
        """Return the checked request of `copy`, for a transaction with others."""
        return Copy(name=self.name, to=self._encoder.check_name("copy", "to", to))

    async def update(self, change: Change, *, last: int = 1) -> StreamAppended | None:
        """Write what a function makes of the stream's description and its last items.

        The function returns a `StreamUpdate`, or None for no change. It is called again where the
        stream was changed meanwhile, so it should have no other effect; before that is a wait that
        grows from a few milliseconds to 0.2 seconds, at random.

        Raises:
            StaleItemError: others changed the stream at each of fifty tries, or an id is stored.
            InvalidArgumentError: the function returned something else, or a coroutine.
        """
        checks.number("update", "last", last)
        tried = 0
        while True:
            query = InfoQuery(name=self.name, last=last)
            info, items = await self._read("update", query)
            request = self.update_request(change, info, items)
            if request is None:
                return None
            present = request.expected_sequence
            tried += 1
            try:
                found: StreamAppended = await self._write("update", request)
            except StaleItemError as error:
                if error.expected != present or error.current == present or tried == _TRIES:
                    raise
            else:
                return found
            await wait_after(tried - 1)

    def update_request(
        self, change: Change, info: StreamInfo | None, items: Sequence[Item]
    ) -> Append | None:
        """Return the request of what a function makes of a stream as it was read, None for None."""
        wanted = _checked(change(info, items))
        if wanted is None:
            return None
        request = self.append_request(
            *wanted.items, on_conflict=wanted.on_conflict, metadata=wanted.metadata
        )
        return attrs.evolve(request, expected_sequence=0 if info is None else info.sequence)

    async def _write(self, op: str, request: Write) -> Any:
        self._port._check_open(op)
        return await self._port._write_stream(op, self.name, request)


def _checked(wanted: object) -> StreamUpdate | None:
    """Return the result of a function of `update`. Raises InvalidArgumentError."""
    if wanted is None or isinstance(wanted, StreamUpdate):
        return wanted
    if isinstance(wanted, Coroutine):
        wanted.close()
    what = f"is a function that returns a StreamUpdate or None, not {short_repr(wanted)}"
    raise refused("update", "change", what)
