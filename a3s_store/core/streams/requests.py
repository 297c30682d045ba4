"""Requests to streams, their arguments checked and values encoded: what a backend is given.

A request is executed inside one transaction; several can share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from a3s_store.core.commit_log import CommitKind
from a3s_store.core.streams.values import ItemOrder, OnConflict
from a3s_store.wire import parse_own


class Body(NamedTuple):
    """A value as it is stored: bytes, or JSON text in UTF-8."""

    data: bytes
    is_json: bool

    def value(self) -> Any:
        """Return the value. Raises ValueError for damaged JSON."""
        return parse_own(self.data) if self.is_json else self.data


Labels: TypeAlias = tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class EncodedItem:
    """An item to store. `labels` are sorted, `metadata` is JSON text."""

    id: str | None
    body: Body
    labels: Labels
    metadata: str | None
    ttl_ms: int | None


@attrs.frozen(kw_only=True)
class Append:
    """Add items, or replace those with their ids; and set the stream's metadata, unless None.

    Conditions that are None are not asked. `session_id` ties the stream to a session. Without
    `is_logged` the commit log has no entry: for chunks of a value that is not complete yet.
    """

    name: str
    items: tuple[EncodedItem, ...]
    on_conflict: OnConflict = "raise"
    expected_next: int | None = None
    expected_version: int | None = None
    expected_sequence: int | None = None
    metadata: str | None = None
    session_id: str | None = None
    compress: bool = False
    is_logged: bool = True


@attrs.frozen(kw_only=True)
class Pop:
    """Remove the last item and return it."""

    name: str


@attrs.frozen(kw_only=True)
class Delete:
    """Remove the items that all given conditions choose; return how many.

    Without any condition the stream itself is removed.
    """

    name: str
    id: str | None = None
    id_prefix: str | None = None
    labels: Labels = ()

    @property
    def is_whole(self) -> bool:
        """Whether the stream itself is removed."""
        return self.id is None and self.id_prefix is None and not self.labels


@attrs.frozen(kw_only=True)
class Truncate:
    """Remove the items from a `seq` on; return how many."""

    name: str
    start: int
    expected_next: int | None = None


@attrs.frozen(kw_only=True)
class Copy:
    """Store the items and the metadata of a stream under a name that has no stream."""

    name: str
    to: str


@attrs.frozen(kw_only=True)
class DeleteStreams:
    """Remove the streams whose names begin with a text; return how many there are.

    A backend may remove them in several transactions: then those `after` a name are left.
    """

    prefix: str
    dry_run: bool = False
    after: str | None = None


@attrs.frozen(kw_only=True)
class Finish:
    """Complete a value of several chunks: add the last ones, and an item that names them all.

    `written` are the places of the chunks that are stored; they do not expire any more. `id_prefix`
    is the beginning of the ids of all versions, to which the new version is appended; returns it.
    `manifest` is the JSON of the new item, to which the places are added.
    """

    append: Append
    id_prefix: str
    written: tuple[int, ...]
    manifest: Mapping[str, Any]
    expected_version: int | None


@attrs.frozen(kw_only=True)
class DeletePlaces:
    """Remove the items at these places, if they are stored; return how many were."""

    name: str
    seqs: tuple[int, ...]


Write: TypeAlias = Append | Pop | Delete | Truncate | Copy | DeleteStreams | Finish | DeletePlaces
# The names of streams that have the byte artifacts of a session begin with this, as no other does.
BYTES: Final = "\0bytes\0"


def changed_by(request: Append | Pop | Delete | Truncate | Copy) -> str:
    """Return the name of the stream that a request changes."""
    return request.to if isinstance(request, Copy) else request.name


def names_of(request: Write) -> tuple[str, ...]:
    """Return the names of the streams that a request reads and changes; none for a prefix."""
    match request:
        case Copy():
            return request.name, request.to
        case Finish():
            return (request.append.name,)
        case DeleteStreams():
            return ()
        case _:
            return (request.name,)


def expires(request: Write) -> bool:
    """Return whether a request stores an item that expires."""
    return isinstance(request, Append) and any(item.ttl_ms is not None for item in request.items)


def logged_as(name: str) -> tuple[CommitKind, str]:
    """Return kind and subject of the commits of a stream."""
    return ("bytes", name.removeprefix(BYTES)) if name.startswith(BYTES) else ("stream", name)


def version_id(prefix: str, version: int) -> str:
    """Return the id of a version; ids of a prefix are in the order of versions."""
    return f"{prefix}{version:016x}"


def version_of(item_id: str) -> int:
    """Return the version in an id of `version_id`."""
    return int(item_id[-16:], 16)


@attrs.frozen(kw_only=True)
class ItemQuery:
    """Which items to read, and how many: the first `limit`, or the `last`, of those in order.

    `after`, `before`, `id_after`, `id_before` leave out the item there.
    """

    name: str
    last: int | None = None
    limit: int | None = None
    after: int | None = None
    before: int | None = None
    id: str | None = None
    id_prefix: str | None = None
    id_after: str | None = None
    id_before: str | None = None
    order: ItemOrder = "seq"
    labels: Labels = ()


@attrs.frozen(kw_only=True)
class InfoQuery:
    """The description of a stream; with `last` of its last items, read at the same moment."""

    name: str
    last: int = 0


@attrs.frozen(kw_only=True)
class StreamQuery:
    """A page of the descriptions of streams whose names begin with a text, by name."""

    prefix: str
    limit: int
    after: str | None


@attrs.frozen(kw_only=True)
class LabelQuery:
    """A page of the items with these labels in streams whose names begin with a text."""

    prefix: str
    labels: Labels
    limit: int
    after: str | None


Read: TypeAlias = ItemQuery | InfoQuery | StreamQuery | LabelQuery


def after_prefix(prefix: str) -> str | None:
    """Return the least text that is above every text with this beginning; None: there is none.

    Texts are compared by code points, as SQLite compares their UTF-8.
    """
    for at in reversed(range(len(prefix))):
        code = ord(prefix[at])
        if code < 0x10FFFF:
            return prefix[:at] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None
