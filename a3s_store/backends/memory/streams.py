"""The streams of a `MemorySessionStore`: the model for other stores."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator

import attrs

from a3s_store.core.streams import planning
from a3s_store.core.streams.planning import Action, Plan, StoredItem, StreamState
from a3s_store.core.streams.requests import (
    Append,
    Body,
    Copy,
    Delete,
    DeletePlaces,
    DeleteStreams,
    EncodedItem,
    Finish,
    ItemQuery,
    LabelQuery,
    Pop,
    StreamQuery,
    Truncate,
)
from a3s_store.core.streams.values import Item, StreamAppended, StreamInfo
from a3s_store.wire import parse_own
from a3s_store.wire.values import frozen_dict

# Adds an entry to the commit log, and returns its number: of (name, op, time).
Log = Callable[[str, str, int], int]


@attrs.define
class _Row:
    seq: int
    item: EncodedItem
    version: int
    at_ms: int
    expires_at_ms: int | None

    def is_gone(self, now_ms: int) -> bool:
        return self.expires_at_ms is not None and self.expires_at_ms <= now_ms

    def is_same(self, other: EncodedItem) -> bool:
        mine = (self.item.body, self.item.labels, self.item.metadata, self.expires_at_ms)
        return mine == (other.body, other.labels, other.metadata, None)

    @property
    def size(self) -> int:
        return len(self.item.body.data) + len((self.item.metadata or "").encode())

    def value(self) -> Item:
        metadata = self.item.metadata
        return Item(
            seq=self.seq,
            id=self.item.id,
            value=self.item.body.value(),
            labels=frozen_dict(dict(self.item.labels), True),
            metadata=None if metadata is None else parse_own(metadata),
            version=self.version,
            at_ms=self.at_ms,
            expires_at_ms=self.expires_at_ms,
        )


@attrs.define
class _Stream:
    next: int = 0
    sequence: int = 0
    changed_at_ms: int = 0
    metadata: str | None = None
    session_id: str | None = None
    rows: dict[int, _Row] = attrs.field(factory=dict)

    def state(self) -> StreamState:
        return StreamState(
            next=self.next,
            sequence=self.sequence,
            changed_at_ms=self.changed_at_ms,
            metadata=self.metadata,
            session_id=self.session_id,
        )

    def there(self, now_ms: int) -> Iterator[_Row]:
        """Yield the rows that are not expired, in order."""
        for row in self.rows.values():
            if not row.is_gone(now_ms):
                yield row


class Streams:
    """All streams of a store, by name. The caller holds the store's lock."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def clear(self) -> None:
        """Forget every stream."""
        self._streams.clear()

    def copied(self, names: Collection[str]) -> Streams:
        """Return these streams, in which those named can be changed, and all can be removed.

        The originals stay as they are.
        """
        made = Streams()
        made._streams = {
            name: attrs.evolve(one, rows=dict(one.rows)) if name in names else one
            for name, one in self._streams.items()
        }
        return made

    def last_change(self, name: str) -> int:
        """Return the number of the last change of a stream, 0 without one."""
        stream = self._streams.get(name)
        return 0 if stream is None else stream.sequence

    def of_session(self, session_id: str) -> list[str]:
        """Return the names of the streams that are tied to a session, sorted."""
        return sorted(n for n, one in self._streams.items() if one.session_id == session_id)

    def last_change_of_session(self, session_id: str) -> tuple[int, int]:
        """Return sequence and time of the last change of a stream tied to a session; 0 without."""
        tied = [self._streams[name] for name in self.of_session(session_id)]
        return (
            max((one.sequence for one in tied), default=0),
            max((one.changed_at_ms for one in tied), default=0),
        )

    def sizes(self) -> dict[str | None, int]:
        """Return the size of all items, by the session that their stream is tied to."""
        found: Counter[str | None] = Counter()
        for one in self._streams.values():
            found[one.session_id] += sum(row.size for row in one.rows.values())
        return found

    def remove(self, name: str) -> None:
        """Remove a stream."""
        del self._streams[name]

    def _changed(self, name: str, op: str, now_ms: int, log: Log) -> None:
        stream = self._streams[name]
        stream.changed_at_ms = max(now_ms, stream.changed_at_ms)
        stream.sequence = log(name, op, stream.changed_at_ms)

    # -- Writing ----------------------------------------------------------------------------------

    def append(self, request: Append, now_ms: int, log: Log) -> StreamAppended:
        """Execute an append. Raises StaleItemError."""
        stream = self._streams.get(request.name, _Stream())
        is_stored = request.name in self._streams
        stored = {
            row.item.id: StoredItem(row.seq, row.version, row.is_same)
            for row in stream.there(now_ms)
            if row.item.id is not None
        }
        state = stream.state() if is_stored else None
        plan = planning.plan(request, state, stored, now_ms)
        if not plan.changes_stream:
            return plan.result
        ids = {action.item.id for action in plan.actions} - {None}
        stream.rows = {
            seq: row
            for seq, row in stream.rows.items()
            if not (row.is_gone(now_ms) and row.item.id in ids)
        }
        for action in plan.actions:
            row = _made(action, plan)
            stream.rows[row.seq] = row
        stream.next = plan.result.next
        stream.metadata = stream.metadata if request.metadata is None else request.metadata
        stream.session_id = request.session_id or stream.session_id
        self._streams[request.name] = stream
        if request.is_logged:
            self._changed(request.name, "append" if plan.inserts else "update", now_ms, log)
        return attrs.evolve(plan.result, sequence=stream.sequence)

    def finish(self, request: Finish, now_ms: int, log: Log) -> int:
        """Execute a completion; return the version. Raises StaleItemError."""
        name = request.append.name
        query = ItemQuery(name=name, id_prefix=request.id_prefix, order="id", last=1)
        last = self._chosen(query, now_ms)
        version = planning.next_version(last[0].item.id if last else None, request.expected_version)
        before = self._streams.get(name, _Stream())
        chunks = [before.rows.get(seq) for seq in request.written]
        if any(row is None or row.is_gone(now_ms) for row in chunks):
            raise planning.chunks_gone()
        done = self.append(request.append, now_ms, log)
        for seq in request.written:
            self._streams[name].rows[seq].expires_at_ms = None
        seqs = (*request.written, *range(done.first, done.next))
        made = planning.manifest_item(request, version, seqs)
        self.append(attrs.evolve(request.append, items=(made,), is_logged=True), now_ms, log)
        return version

    def delete_places(self, request: DeletePlaces, now_ms: int, log: Log) -> int:
        """Execute the removal of items; return how many were stored."""
        stream = self._streams.get(request.name, _Stream())
        gone = [row for row in stream.there(now_ms) if row.seq in request.seqs]
        return self._remove(request.name, gone, now_ms, log)

    def pop(self, request: Pop, now_ms: int, log: Log) -> Item | None:
        """Execute a pop."""
        stream = self._streams.get(request.name)
        rows = [] if stream is None else [*stream.there(now_ms)]
        if stream is None or not rows:
            return None
        del stream.rows[rows[-1].seq]
        self._changed(request.name, "delete", now_ms, log)
        return rows[-1].value()

    def delete(self, request: Delete, now_ms: int, log: Log) -> int:
        """Execute a deletion; return how many items were removed."""
        stream = self._streams.get(request.name)
        if stream is None:
            return 0
        if request.is_whole:
            self._changed(request.name, "delete", now_ms, log)
            return len([*self._streams.pop(request.name).there(now_ms)])
        query = ItemQuery(
            name=request.name, id=request.id, id_prefix=request.id_prefix, labels=request.labels
        )
        return self._remove(request.name, self._chosen(query, now_ms), now_ms, log)

    def truncate(self, request: Truncate, now_ms: int, log: Log) -> int:
        """Execute a truncation; return how many items were removed. Raises StaleItemError."""
        stream = self._streams.get(request.name)
        state = None if stream is None else stream.state()
        planning.refuse_other("the next seq", request.expected_next, planning.next_of(state))
        rows = [] if stream is None else [*stream.there(now_ms)]
        gone = [row for row in rows if row.seq >= request.start]
        return self._remove(request.name, gone, now_ms, log)

    def _remove(self, name: str, rows: list[_Row], now_ms: int, log: Log) -> int:
        for row in rows:
            del self._streams[name].rows[row.seq]
        if rows:
            self._changed(name, "delete", now_ms, log)
        return len(rows)

    def copy(self, request: Copy, now_ms: int, log: Log) -> None:
        """Execute a copy. Raises StaleItemError."""
        stream = self._streams.get(request.name)
        other = self._streams.get(request.to)
        planning.refuse_taken(None if other is None else other.state())
        if stream is None:
            return
        rows = {row.seq: copy.copy(row) for row in stream.there(now_ms)}
        self._streams[request.to] = attrs.evolve(stream, rows=rows, session_id=None)
        self._changed(request.to, "fork", now_ms, log)

    def delete_streams(self, request: DeleteStreams, now_ms: int, log: Log) -> int:
        """Execute the removal of streams; return how many there are."""
        names = self._names(request.prefix)
        for name in () if request.dry_run else names:
            self._changed(name, "delete", now_ms, log)
            del self._streams[name]
        return len(names)

    # -- Reading ----------------------------------------------------------------------------------

    def items(self, query: ItemQuery, now_ms: int) -> tuple[Item, ...]:
        """Return the items of a query."""
        return tuple(row.value() for row in self._chosen(query, now_ms))

    def _chosen(self, query: ItemQuery, now_ms: int) -> list[_Row]:
        stream = self._streams.get(query.name, _Stream())
        found = [row for row in stream.there(now_ms) if _is_chosen(query, row)]
        if query.order == "id":
            found.sort(key=lambda row: row.item.id or "")
        if query.last is not None:
            return found[max(0, len(found) - query.last) :]
        return found if query.limit is None else found[: query.limit]

    def info(self, name: str, now_ms: int) -> StreamInfo | None:
        """Return what is known of a stream."""
        stream = self._streams.get(name)
        if stream is None:
            return None
        return StreamInfo(
            name=name,
            count=sum(1 for _ in stream.there(now_ms)),
            next=stream.next,
            changed_at_ms=stream.changed_at_ms,
            sequence=stream.sequence,
            metadata=None if stream.metadata is None else parse_own(stream.metadata),
            session_id=stream.session_id,
        )

    def page(self, query: StreamQuery, after: str | None, now_ms: int) -> list[StreamInfo]:
        """Return the streams behind a name, one more than the limit."""
        names = [name for name in self._names(query.prefix) if after is None or name > after]
        found = (self.info(name, now_ms) for name in names[: query.limit + 1])
        return [one for one in found if one is not None]

    def labelled(
        self, query: LabelQuery, after: tuple[str, int] | None, now_ms: int
    ) -> list[tuple[str, Item]]:
        """Return the items with labels behind a place, one more than the limit."""
        wanted = {*query.labels}
        found = [
            (name, row)
            for name in self._names(query.prefix)
            for row in self._streams[name].there(now_ms)
            if wanted <= {*row.item.labels} and (after is None or (name, row.seq) > after)
        ]
        return [(name, row.value()) for name, row in found[: query.limit + 1]]

    def _names(self, prefix: str) -> list[str]:
        return sorted(name for name in self._streams if name.startswith(prefix) and name[0] != "\0")


def _made(action: Action, plan: Plan) -> _Row:
    item = action.item
    return _Row(
        seq=action.key if action.seq is None else action.seq,
        item=attrs.evolve(item, body=Body(*item.body)),
        version=action.version,
        at_ms=plan.at_ms,
        expires_at_ms=plan.expires_at_ms(item),
    )


def _is_chosen(query: ItemQuery, row: _Row) -> bool:
    own = row.item.id
    asks_id = (query.id, query.id_prefix, query.id_after, query.id_before) != (None,) * 4
    if own is None:
        if asks_id or query.order == "id":
            return False
        own = ""
    return (
        (query.after is None or row.seq > query.after)
        and (query.before is None or row.seq < query.before)
        and (query.id is None or own == query.id)
        and (query.id_prefix is None or own.startswith(query.id_prefix))
        and (query.id_after is None or own > query.id_after)
        and (query.id_before is None or own < query.id_before)
        and {*query.labels} <= {*row.item.labels}
    )
