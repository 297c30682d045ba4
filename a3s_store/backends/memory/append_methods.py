"""The methods of `MemorySessionStore` that add, change and read parts: slices of its tuples."""

from __future__ import annotations

from typing import Any

from a3s_store.backends.memory.state import MemoryState
from a3s_store.core.base.appending import AppendMethods, RangeOf, append_batch
from a3s_store.core.base.appends import (
    Append,
    Update,
    event_page_of,
    first_with_id,
    refuse_unwritable_events,
    runs_with_events,
    with_values,
    without_writing,
)
from a3s_store.core.base.generational import not_saved, refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.collections import RUN_RECORDS, Collection
from a3s_store.core.digests import message_digest
from a3s_store.core.list_pages import (
    Appended,
    ListPage,
    MessagePage,
    Positioned,
    RunEventPage,
    page_of,
)
from a3s_store.core.session_update import SessionHeader
from a3s_store.errors import during
from a3s_store.models import RunEventRecord
from a3s_store.wire import encode
from a3s_store.wire.limits import in_force


class MemoryAppends(MemoryState, AppendMethods):
    """Whole values are made and compared: the model for the stores that write only changes."""

    async def _append(self, append: Append) -> Appended:
        self._refuse_unwritable(append_batch(append))
        with self._lock, during("append", f"session {append.session_id!r}"):
            return self._append_now(append)

    def _append_now(self, append: Append) -> Appended:
        """Make a call of `append`, whose values can be written, under the lock."""
        digests = [message_digest(encode(message)) for message in append.messages]
        entry = self._entry(append.session_id)
        stored = None if entry.session is None else entry.conversation.position
        found = without_writing(
            append,
            digests,
            entry.generation,
            stored,
            lambda length: self._chain_hash(append.session_id, length),
            entry.saved_as,
        )
        if found is not None:
            return found
        before = entry.session or append.create
        assert before is not None, "without both it is refused"
        session = append.applied_to(before, self._now_ms())
        batch = Batch(
            op="append",
            session_id=append.session_id,
            session=session,
            save_id=append.save_id,
            name_source=entry.name_source,
        )
        entry = self._apply(batch, at_ms=append.at_ms)
        return Appended(
            start=len(before.messages),
            position=entry.conversation.position,
            generation=entry.generation,
            sequence=entry.changed_sequence,
        )

    def _chain_hash(self, session_id: str, length: int) -> bytes | None:
        conversation = self._entry(session_id).conversation
        if length > conversation.position.length:
            return None
        return conversation.chain_hash_at(length)

    async def _update(self, update: Update) -> int:
        with self._lock, during("update", f"session {update.session_id!r}"):
            return self._update_now(update)

    def _update_now(self, update: Update) -> int:
        """Make a call of `update` under the lock."""
        entry = self._entry(update.session_id)
        refuse_other(update.expected_generation, entry.generation)
        if entry.session is None:
            raise not_saved()
        before = entry.changed_sequence
        session, host = update.of(entry.session), entry.host.changed(update.host)
        batch = Batch(op="update", session_id=update.session_id, session=session)
        self._refuse_unwritable(batch)
        entry = self._apply(batch)
        if host != entry.host:
            is_logged = entry.changed_sequence != before
            self._put_host(update.session_id, host, None if is_logged else "update")
        return entry.generation

    async def _message_page(
        self, session_id: str, range_of: RangeOf, generation: int | None
    ) -> MessagePage | None:
        with self._lock, during("messages", f"session {session_id!r}"):
            entry = self._entry(session_id)
            if entry.session is None:
                return None
            number = entry.generation if generation is None else generation
            head, end = entry.conversation_at(number)
            start, stop = range_of(head.length)
            values = zip(head.messages(), head.times(), strict=True)
            found = [Positioned(seq, *one) for seq, one in enumerate(values)]
            return MessagePage(
                items=tuple(found[start:stop]),
                start=start,
                stop=stop,
                length=head.length,
                generation=number,
                end=end,
            )

    async def _header(self, session_id: str) -> SessionHeader | None:
        with self._lock:
            entry = self._entry(session_id)
            if entry.session is None:
                return None
            return SessionHeader.of(
                entry.session, entry.conversation.position, entry.generation, entry.host
            )

    # -- Collections and runs -----------------------------------------------------------------

    async def _append_values(
        self, collection: Collection, batch: Batch, keep_last: int | None
    ) -> int:
        self._refuse_unwritable(batch)
        with self._lock, during(batch.op, f"session {batch.session_id!r}"):
            entry = self._entry(batch.session_id)
            refuse_other(batch.expected_generation, entry.generation)
            added = batch.collections[collection] or ()
            values = with_values(entry.collections.get(collection), added, keep_last)
            if values is None:
                return entry.generation
            return self._put_collection(batch.op, batch.session_id, collection, values)

    def _put_collection(
        self, op: str, session_id: str, collection: Collection, values: tuple[Any, ...]
    ) -> int:
        batch = Batch(op=op, session_id=session_id, collections={collection: values})
        return self._apply(batch).generation

    async def _values_page(
        self, collection: Collection, session_id: str, range_of: RangeOf
    ) -> ListPage[Any] | None:
        with self._lock:
            entry = self._entry(session_id)
            values = entry.collections.get(collection)
            if values is None:
                return None
            return page_of(values, range_of(len(values)), entry.generation)

    async def _append_events(
        self,
        session_id: str,
        run_id: str,
        events: tuple[RunEventRecord, ...],
        after_sequence: int | None,
    ) -> int:
        op = "append_run_events"
        with in_force(self._limits), during(op, f"session {session_id!r}"):
            refuse_unwritable_events(events)
        with self._lock, during(op, f"session {session_id!r}, run {run_id!r}"):
            entry = self._entry(session_id)
            stored = entry.collections.get(RUN_RECORDS, ())
            runs = runs_with_events(stored, run_id, events, after_sequence, entry.generation)
            if not events:
                return entry.generation
            return self._put_collection(op, session_id, RUN_RECORDS, runs)

    async def _event_page(
        self, session_id: str, run_id: str, after: int | None, limit: int
    ) -> RunEventPage | None:
        with self._lock:
            runs = self._entry(session_id).collections.get(RUN_RECORDS, ())
            at = first_with_id(runs, run_id)
            return None if at is None else event_page_of(runs[at], after, limit)
