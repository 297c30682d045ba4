"""The reading methods of a stream, over the two calls that a store executes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

import attrs

from a3s_store.core.arguments import check_choice, refused
from a3s_store.core.streams import checks
from a3s_store.core.streams.requests import InfoQuery, ItemQuery, Read, Write
from a3s_store.core.streams.values import ORDERS, Item, ItemOrder, StreamInfo
from a3s_store.errors import StaleItemError
from a3s_store.printable import short_repr

# How many items `iterate` reads at once.
_PAGE: Final = 256


class StreamReadPort(Protocol):
    """How a store, or a transaction, reads what a query asks for at one moment."""

    async def _read_stream(self, op: str, name: str, query: Read) -> Any: ...

    def _check_open(self, op: str) -> None: ...


class StreamPort(StreamReadPort, Protocol):
    """How a store executes requests: each in one transaction."""

    async def _write_stream(self, op: str, name: str, request: Write) -> Any: ...


class StreamReads:
    """The methods of `Stream` that write nothing."""

    name: str

    def __init__(self, store: StreamReadPort, name: str) -> None:
        self.name = name
        self._store = store

    def __repr__(self) -> str:
        return f"<Stream {short_repr(self.name)} of {self._store!r}>"

    async def get(self, item_id: str) -> Item | None:
        """Return the item with an id, or None."""
        query = ItemQuery(name=self.name, id=checks.name("get", "item_id", item_id))
        found = await self._read("get", query)
        return found[0] if found else None

    async def items(
        self,
        *,
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> tuple[Item, ...]:
        """Return the items that every given condition chooses, in order, read at one moment.

        `after` and `before` are a `seq` each, which is left out; `id_before` leaves out that id.
        `limit` is how many of the first, `last` how many of the last ones; not both. In the order
        "id", of code points, items without an id are left out. Every one of `labels` must be there.
        """
        found: tuple[Item, ...] = await self._read(
            "items",
            self._query("items", last, after, before, limit, id_prefix, id_before, order, labels),
        )
        return found

    async def iterate(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Item]:
        """Yield the items that `items` returns, read 256 at a time.

        Items that others add behind the present place are yielded too; in the block of a
        transaction they are a conflict.

        Raises:
            StaleItemError: the stream was deleted between two reads, whether or not another one has
                its name now.
        """
        query = self._query(
            "iterate", None, after, before, _PAGE, id_prefix, id_before, order, labels
        )
        found: tuple[Item, ...] = await self._read("iterate", query)
        while True:
            for item in found:
                yield item
            if len(found) < _PAGE:
                return
            # The last item is read once more, since it tells whether this is the same stream.
            *_, before_last, last = found
            end = {"after": last.seq - 1} if order == "seq" else {"id_after": before_last.id}
            query = attrs.evolve(query, **end, limit=_PAGE + 1)
            found = await self._read("iterate", query)
            await self._check_same(last, found)
            if order == "seq":
                found = tuple(item for item in found if item.seq > last.seq)
            else:
                found = tuple(item for item in found if (item.id or "") > (last.id or ""))

    async def _check_same(self, last: Item, found: tuple[Item, ...]) -> None:
        """Check that a page is of the stream in which an item was the last one before it."""
        now = next((item for item in found if item.seq == last.seq), None)
        if now is None:
            # It was removed, alone or with its stream.
            info = await self.info()
            if info is None or info.next <= last.seq:
                raise _deleted(self.name, last.seq + 1, 0 if info is None else info.next)
        elif now.version == last.version and now.at_ms != last.at_ms:
            raise _deleted(self.name, last.seq + 1, now.seq)

    async def info(self) -> StreamInfo | None:
        """Return what is known of the stream; None where none is stored. Items are counted."""
        info, _ = await self._read("info", InfoQuery(name=self.name))
        found: StreamInfo | None = info
        return found

    def _query(
        self,
        op: str,
        last: int | None,
        after: int | None,
        before: int | None,
        limit: int | None,
        id_prefix: str | None,
        id_before: str | None,
        order: ItemOrder,
        labels: Mapping[str, str] | None,
    ) -> ItemQuery:
        check_choice(op, "order", order, ORDERS)
        if last is not None and limit is not None:
            raise refused(op, "last", "cannot be given with `limit`")
        for argument, value, least in (
            ("last", last, 0),
            ("limit", limit, 0),
            ("after", after, -1),
            ("before", before, 0),
        ):
            if value is not None:
                checks.number(op, argument, value, least)
        return ItemQuery(
            name=self.name,
            last=last,
            limit=limit,
            after=after,
            before=before,
            id_prefix=None if id_prefix is None else checks.prefix(op, "id_prefix", id_prefix),
            id_before=None if id_before is None else checks.prefix(op, "id_before", id_before),
            order=order,
            labels=() if labels is None else checks.labels(op, labels),
        )

    async def _read(self, op: str, query: Read) -> Any:
        self._store._check_open(op)
        return await self._store._read_stream(op, self.name, query)


def _deleted(name: str, expected: int, current: int) -> StaleItemError:
    return StaleItemError(
        "the stream was deleted while it was read",
        expected=expected,
        current=current,
        op="iterate",
        where=f"stream {short_repr(name)}",
        hint="Read it again from its beginning",
    )
