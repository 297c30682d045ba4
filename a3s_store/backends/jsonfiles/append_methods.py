"""The methods of `FileSessionStore` that add, change and read parts: each reads the whole file.

Those that write also write it whole, under one lock. There are no generations here, no save ids and
no times of messages: they are 0, not recognised, and None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from a3s_store.backends.jsonfiles.store_base import FileStoreBase, named
from a3s_store.core.base.appending import AppendMethods, RangeOf, append_batch
from a3s_store.core.base.appends import (
    NOWHERE,
    Append,
    Update,
    event_page_of,
    first_with_id,
    refuse_unwritable_events,
    runs_with_events,
    with_values,
    without_writing,
)
from a3s_store.core.base.generational import not_saved
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import RUN_RECORDS, SESSION_ROWS, Collection
from a3s_store.core.digests import chain, message_digest
from a3s_store.core.list_pages import (
    Appended,
    ListPage,
    MessagePage,
    Positioned,
    RunEventPage,
    page_of,
)
from a3s_store.core.revision import Position
from a3s_store.core.session_update import SessionHeader
from a3s_store.models import Message, RunEventRecord, SessionData
from a3s_store.wire import canonical, encode, encode_without
from a3s_store.wire.limits import in_force

_LISTS: Final = frozenset({"messages", *SESSION_ROWS.lists})
_NO_GENERATION: Final = 0


class FileAppends(FileStoreBase, AppendMethods):
    """Every call takes time in proportion to the length of the session."""

    async def _append(self, append: Append) -> Appended:
        results: list[Appended] = []

        def change(stored: LoadResult) -> Batch | None:
            self._refuse_unwritable(append_batch(append))
            now_ms = unix_ms(self._clock())
            # Save ids are not stored: a repeated call is recognised by equal messages.
            found, batch = _plan(attrs.evolve(append, save_id=None), stored.session, now_ms)
            results.append(found)
            return batch

        await self._change("append", append.session_id, (), change)
        return results[-1]

    async def _update(self, update: Update) -> int:
        def change(stored: LoadResult) -> Batch | None:
            if stored.session is None:
                raise not_saved()
            session = update.of(stored.session)
            batch = Batch(op="update", session_id=update.session_id, session=session)
            self._refuse_unwritable(batch)
            old, new = (canonical(encode_without(one, _LISTS)) for one in (stored.session, session))
            return None if old == new else batch

        await self._change("update", update.session_id, (), change)
        return _NO_GENERATION

    async def _message_page(
        self, session_id: str, range_of: RangeOf, generation: int | None
    ) -> MessagePage | None:
        session = (await self._fetch("messages", session_id, (), session=True)).session
        if session is None:
            return None
        start, stop = range_of(len(session.messages))
        return MessagePage(
            items=tuple(Positioned(seq, session.messages[seq], None) for seq in range(start, stop)),
            start=start,
            stop=stop,
            length=len(session.messages),
            generation=_NO_GENERATION,
            end=_end(session),
        )

    async def _header(self, session_id: str) -> SessionHeader | None:
        session = (await self._fetch("load_header", session_id, (), session=True)).session
        return None if session is None else SessionHeader.of(session, _end(session), _NO_GENERATION)

    async def _append_values(
        self, collection: Collection, batch: Batch, keep_last: int | None
    ) -> int:
        def change(found: LoadResult) -> Batch | None:
            self._refuse_unwritable(batch)
            added = batch.collections[collection] or ()
            values = with_values(found.collections[collection], added, keep_last)
            if values is None:
                return None
            return Batch(op=batch.op, session_id=batch.session_id, collections={collection: values})

        await self._change(batch.op, batch.session_id, (collection,), change)
        return _NO_GENERATION

    async def _values_page(
        self, collection: Collection, session_id: str, range_of: RangeOf
    ) -> ListPage[Any] | None:
        op = f"{collection.name}_page"
        found = await self._fetch(op, session_id, (collection,), session=False)
        values = found.collections[collection]
        if values is None:
            return None
        return page_of(values, range_of(len(values)), _NO_GENERATION)

    async def _append_events(
        self,
        session_id: str,
        run_id: str,
        events: tuple[RunEventRecord, ...],
        after_sequence: int | None,
    ) -> int:
        def change(found: LoadResult) -> Batch | None:
            with in_force(self._limits):
                refuse_unwritable_events(events)
            stored = found.collections[RUN_RECORDS] or ()
            runs = runs_with_events(stored, run_id, events, after_sequence, _NO_GENERATION)
            if not events:
                return None
            return Batch(
                op="append_run_events", session_id=session_id, collections={RUN_RECORDS: runs}
            )

        await self._change("append_run_events", session_id, (RUN_RECORDS,), change)
        return _NO_GENERATION

    async def _event_page(
        self, session_id: str, run_id: str, after: int | None, limit: int
    ) -> RunEventPage | None:
        found = await self._fetch("event_page", session_id, (RUN_RECORDS,), session=False)
        runs = found.collections[RUN_RECORDS] or ()
        at = first_with_id(runs, run_id)
        return None if at is None else event_page_of(runs[at], after, limit)

    async def _change(
        self,
        op: str,
        session_id: str,
        collections: Sequence[Collection],
        change: Callable[[LoadResult], Batch | None],
    ) -> None:
        """Read, change and write a session in the lane of its appends, so that these keep order."""
        work, lane = self._directory.change, f"append {session_id}"
        await self._run(op, named(session_id), work, session_id, collections, change, lane=lane)


def _plan(append: Append, stored: SessionData | None, now_ms: int) -> tuple[Appended, Batch | None]:
    """Return the result of an append, and the batch to write for it; None: nothing."""
    before = stored or append.create
    hashes = _chain_hashes(() if before is None else before.messages)
    digests = [message_digest(encode(message)) for message in append.messages]
    found = without_writing(
        append,
        digests,
        _NO_GENERATION,
        None if stored is None else Position(len(stored.messages), hashes[-1]),
        lambda length: hashes[length] if length < len(hashes) else None,
        lambda _: None,
    )
    if found is not None:
        return found, None
    assert before is not None, "without both it is refused"
    session = append.applied_to(before, now_ms)
    start = len(before.messages)
    position = Position(start + len(digests), chain(digests, hashes[-1])[-1])
    result = Appended(start=start, position=position, generation=_NO_GENERATION)
    return result, Batch(op="append", session_id=append.session_id, session=session)


def _chain_hashes(messages: tuple[Message, ...]) -> list[bytes]:
    """Return the chain hash of the first messages, for each number of them."""
    return [NOWHERE.chain_hash, *chain(message_digest(encode(message)) for message in messages)]


def _end(session: SessionData) -> Position:
    return Position(len(session.messages), _chain_hashes(session.messages)[-1])
