"""Pages of streams, and of items by their labels: cursors, and where a page ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from a3s_store.core.listing.cursors import PagedList, Place
from a3s_store.core.listing.values import Page
from a3s_store.core.streams.requests import LabelQuery, StreamQuery
from a3s_store.core.streams.values import Item, StreamInfo

T = TypeVar("T")


def start(query: StreamQuery | LabelQuery, store_id: str) -> Place | None:
    """Return the name and the `seq` after which a page begins; None: at the beginning.

    Raises:
        InvalidCursorError: the cursor is damaged, or of another list or store.
    """
    return None if query.after is None else _list(query, store_id).place(query.after)


def streams(query: StreamQuery, found: Sequence[StreamInfo], store_id: str) -> Page[StreamInfo]:
    """Return the page of these streams, of which one more than `limit` may be given."""
    items = tuple(found[: query.limit])
    return (
        Page(items=items, next=_next(query, len(found), (items[-1].name, 0), store_id))
        if items
        else Page(items=())
    )


def items(
    query: LabelQuery, found: Sequence[tuple[str, Item]], store_id: str
) -> Page[tuple[str, Item]]:
    """Return the page of these items, of which one more than `limit` may be given."""
    kept = tuple(found[: query.limit])
    if not kept:
        return Page(items=())
    name, last = kept[-1]
    return Page(items=kept, next=_next(query, len(found), (name, last.seq), store_id))


def _next(query: StreamQuery | LabelQuery, found: int, place: Place, store_id: str) -> str | None:
    return _list(query, store_id).cursor(place) if found > query.limit else None


def _list(query: StreamQuery | LabelQuery, store_id: str) -> PagedList:
    if isinstance(query, StreamQuery):
        return PagedList("streams", "name", False, query.prefix, store_id)
    return PagedList("items", "name", False, [query.prefix, query.labels], store_id)
