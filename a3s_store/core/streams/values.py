"""Items of streams, and what methods of streams return: values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

import attrs

from a3s_store.core.arguments import refused
from a3s_store.printable import short_repr
from a3s_store.wire.values import EMPTY

OnConflict: TypeAlias = Literal["raise", "ignore", "replace"]
ItemOrder: TypeAlias = Literal["seq", "id"]
ON_CONFLICT: Final[tuple[OnConflict, ...]] = get_args(OnConflict)
ORDERS: Final[tuple[ItemOrder, ...]] = get_args(ItemOrder)


@attrs.frozen(kw_only=True, repr=False)
class Item:
    """One stored item of a stream.

    `seq` is its place, which no other item of the stream ever has; removed items leave holes. `id`
    is unique in the stream, None without one. `value` is `bytes`, or JSON as plain dicts, lists and
    scalars, new ones for each read. `metadata` is JSON beside it, None without. `version` counts
    the writes under the id, from 1. `at_ms` is the last write in Unix milliseconds of the store's
    clock, which never goes back in a stream. From `expires_at_ms` on the item is gone; None: never.
    """

    seq: int
    id: str | None
    value: Any
    labels: Mapping[str, str]
    metadata: Any
    version: int
    at_ms: int
    expires_at_ms: int | None

    def __repr__(self) -> str:
        """Return one line of at most 200 characters, however large the value is."""
        from a3s_store.wire.shown import shown

        return shown(self)


@attrs.frozen(repr=False)
class NewItem:
    """One item to store: `value` is `bytes` or JSON, `metadata` is JSON beside it.

    `labels` are up to 64 texts of 512 characters under keys of 128. After `ttl` the item is gone.
    """

    value: Any
    id: str | None = attrs.field(default=None, kw_only=True)
    labels: Mapping[str, str] = attrs.field(default=EMPTY, kw_only=True)
    metadata: Any = attrs.field(default=None, kw_only=True)
    ttl: timedelta | None = attrs.field(default=None, kw_only=True)

    def __repr__(self) -> str:
        """Return one line of at most 200 characters, however large the value is."""
        from a3s_store.wire.shown import shown

        return shown(self)


@attrs.frozen(kw_only=True)
class StreamAppended:
    """The result of `append`.

    `first` is the `seq` that the first new item has, or would have had, and `next` the one after
    the last. `inserted` says of each item whether it is new; False: its id was stored, and it was
    ignored, or replaced the stored one. `versions` are those of the stored items afterwards.
    `sequence` is the number of the stream's last change in the commit log, None if there is no
    stream.
    """

    first: int
    next: int
    inserted: tuple[bool, ...]
    versions: tuple[int, ...]
    sequence: int | None


@attrs.frozen(kw_only=True, repr=False)
class StreamInfo:
    """The description of a stream, without its items.

    `count` is the number of items, `next` the `seq` of the next one. `changed_at_ms` is the last
    change in Unix milliseconds, `sequence` its number in the commit log. `metadata` is JSON, None
    without. `session_id` is the session that the stream is deleted with, None without one.
    """

    name: str
    count: int
    next: int
    changed_at_ms: int
    sequence: int
    metadata: Any
    session_id: str | None

    def __repr__(self) -> str:
        """Return one line of at most 200 characters, however large the value is."""
        from a3s_store.wire.shown import shown

        return shown(self)


def _check_items(_update: object, _field: object, items: object) -> None:
    if isinstance(items, str | bytes | bytearray | memoryview) or not isinstance(items, Sequence):
        raise refused("update", "items", f"is a list or tuple of items, not {short_repr(items)}")


@attrs.frozen(repr=False)
class StreamUpdate:
    """Items to append and new metadata: the result of a function that `Stream.update` calls.

    Raises InvalidArgumentError where the items are a text, bytes, a mapping, or no sequence.
    """

    items: Sequence[Any] = attrs.field(default=(), validator=_check_items)
    metadata: Any = attrs.field(default=None, kw_only=True)
    on_conflict: OnConflict = attrs.field(default="raise", kw_only=True)

    def __repr__(self) -> str:
        """Return one line of at most 200 characters, however large the value is."""
        from a3s_store.wire.shown import shown

        return shown(self)
