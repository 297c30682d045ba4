"""Saving a history in a store: messages and records in batches, and only what is new.

The stored conversation is compared with those of the source, message by message. Where it is the
beginning of one, the import goes on from there: after an interruption, and when the source has
grown. Stores without appends, generations or streams get the present conversation in one save.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import attrs

from a3s_store.core.base.appends import NOWHERE
from a3s_store.core.base.store import BaseStore
from a3s_store.core.digests import message_digest
from a3s_store.core.protocol import BranchStore, SessionStore
from a3s_store.core.protocol.streams import streaming
from a3s_store.core.session_update import SessionHeader
from a3s_store.core.streams.values import NewItem
from a3s_store.core.tool_pairs import repair_pairs
from a3s_store.errors import CodecError, StaleGenerationError
from a3s_store.importers.history import History, Key, OpaqueRecord, TimedMessage
from a3s_store.importers.history_at_once import save_at_once, save_snapshot
from a3s_store.importers.history_report import Pairs, Saved
from a3s_store.importers.store_item import (
    CONFLICTS,
    SAVED,
    UNCHANGED,
    OnConflict,
    Outcome,
)
from a3s_store.models import (
    Message,
    SessionData,
    SubagentTaskSnapshot,
)
from a3s_store.wire import encode

# One transaction: so many messages or records, or about so many bytes of the source.
_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 1 << 20
_STATE: Final = "import"
_CHANGED: Final = Outcome("refused", "the session was changed during its import; import it again")
_WENT_ON: Final = (
    "the stored conversation and the source's went on differently; on_conflict 'replace' makes the "
    "source's the present one, and the stored one a branch"
)
_LONGEST_NAME: Final = 1024
T = TypeVar("T", TimedMessage, OpaqueRecord)


class _Start(NamedTuple):
    """Where the import goes on: behind `length` messages of the conversation at `at`."""

    at: int
    length: int


async def save_history(
    store: SessionStore, history: History, origin: str, on_conflict: OnConflict, *, repair: bool
) -> Saved:
    """Save a history, unless it is stored already, and return the outcome.

    Raises:
        StoreError: the store raised it.
        OSError: the source can no longer be read.
    """
    if history.snapshot is not None:
        return await save_snapshot(store, history.snapshot, on_conflict, repair=repair)
    can = store.capabilities()
    if (
        isinstance(store, BranchStore)
        and streaming(store) is not None
        and (can.append and can.generations and can.branches)
    ):
        try:
            saved = await _InBatches(store, history, origin, on_conflict, repair).save()
        except StaleGenerationError:
            return Saved(_CHANGED)
    else:
        saved = await save_at_once(store, history, on_conflict, repair=repair)
    if saved.outcome is SAVED and history.tasks and can.collections:
        await _save_tasks(store, history.tasks)
    return saved


async def _save_tasks(store: Any, tasks: Sequence[SubagentTaskSnapshot]) -> None:
    """Add tasks to those of their sessions, which may not be stored yet."""
    for parent_id in {task.parent_session_id for task in tasks}:
        stored = await store.load_subagent_tasks(parent_id) or ()
        by_id = {task.task_id: task for task in stored}
        by_id |= {task.task_id: task for task in tasks if task.parent_session_id == parent_id}
        if tuple(by_id.values()) != tuple(stored):
            await store.save_subagent_tasks(parent_id, tuple(by_id.values()))


class _InBatches:
    """Saves one history in a store with appends, generations and streams."""

    def __init__(
        self, store: Any, history: History, origin: str, on_conflict: OnConflict, repair: bool
    ) -> None:
        self._store = store
        self._history = history
        self._id = history.session.id
        self._on_conflict = on_conflict
        self._repair = repair
        name = f"import:{origin}:{self._id}"
        if len(name.encode()) > _LONGEST_NAME:
            name = f"import:{origin}:{hashlib.sha256(self._id.encode()).hexdigest()}"
        self._stream = store.stream(name, session=self._id)
        self._pairs = Pairs()
        self._written = False
        # Where the stored conversation ends, and its generation: others may write meanwhile.
        self._end = NOWHERE
        self._generation = 0
        self._lost: Counter[str] = Counter()

    async def save(self) -> Saved:
        header = await self._store.load_header(self._id)
        state = await self._state() if header is not None else {}
        same = state.get("fingerprint") == self._history.fingerprint
        if same and self._on_conflict != "replace" and self._is_repaired(state):
            return Saved(UNCHANGED)
        start = _Start(0, 0)
        if header is not None:
            header = await self._without_repair(header, state)
            found = await self._find(state)
            if found is None and self._on_conflict != "replace":
                return Saved(attrs.evolve(CONFLICTS[self._on_conflict], reason=_WENT_ON))
            start = found or start
            self._end, self._generation = header.position, header.generation
        counted = await self._write(start, header)
        if header is not None:
            await self._update(header)
        pairs = self._pairs.of(self._id, repaired=self._repair)
        await self._finish(repair=self._repair and pairs is not None)
        return Saved(SAVED if self._written else UNCHANGED, counted, self._lost, pairs)

    # -- What is stored ------------------------------------------------------------------------

    async def _state(self) -> dict[str, Any]:
        item = await self._stream.get(_STATE)
        return item.value if item is not None and isinstance(item.value, dict) else {}

    def _is_repaired(self, state: dict[str, Any]) -> bool:
        return bool(state.get("repaired")) or not (self._repair and state.get("unmatched"))

    async def _without_repair(self, header: SessionHeader, state: dict[str, Any]) -> SessionHeader:
        """Go back to the conversation before its repair, unless the session was changed since."""
        if not state.get("repaired") or header.generation != state.get("generation"):
            return header
        await self._store.switch_branch(self._id, state["imported"])
        found: SessionHeader = await self._store.load_header(self._id)
        return found

    async def _find(self, state: dict[str, Any]) -> _Start | None:
        """Return where the stored conversation ends in the source; None: it is another one."""
        stored = [
            message_digest(encode(one.message)) async for one in self._store.iter_messages(self._id)
        ]
        return await asyncio.to_thread(self._find_digests, stored, state.get("last"))

    def _find_digests(self, stored: list[bytes], last: str | None) -> _Start | None:
        mine: list[bytes] = []
        whole: _Start | None = None
        begun: _Start | None = None
        grown: _Start | None = None
        length = len(stored)
        was_last = bool(stored) and stored[-1].hex() == last
        with self._history.open() as reader:
            for index, one in enumerate(self._history.conversations):
                del mine[one.shared :]
                mine += [
                    message_digest(encode(self._redacted(timed.message)))
                    for timed in reader.messages(one.keys)
                ]
                if stored == mine:
                    whole = _Start(index, length)
                elif begun is None and stored == mine[:length]:
                    begun = _Start(index, length)
                elif grown is None and was_last and stored[:-1] == mine[: length - 1]:
                    # The last message was still being written at the last import.
                    grown = _Start(index, length - 1)
        return whole or begun or grown

    def _redacted(self, message: Message) -> Any:
        store = self._store
        return store.redacted_value(message) if isinstance(store, BaseStore) else message

    # -- What is new ---------------------------------------------------------------------------

    async def _write(self, start: _Start, header: SessionHeader | None) -> Counter[str]:
        """Write the conversations from `start` on, then the records."""
        length = 0 if header is None else header.length
        path: list[Key] = []
        create = None if header is not None else self._history.session
        reader = await asyncio.to_thread(self._history.open)
        try:
            for index, one in enumerate(self._history.conversations):
                begin = start.length if index == start.at else one.shared
                del path[one.shared :]
                path += one.keys
                if index < start.at:
                    continue
                if begin < length:
                    await self._rewind(begin)
                self._pairs.cut(begin)
                if self._pairs.missing(begin):
                    await self._note_pairs(reader.messages(path[self._pairs.length : begin]))
                async for batch in _batches(reader.messages(path[begin:])):
                    await self._append(batch, create)
                    create = None
                length = len(path)
            async for records in _batches(reader.records()):
                await self._keep(records)
        finally:
            await asyncio.to_thread(reader.__exit__, None, None, None)
        return reader.counted

    async def _rewind(self, length: int) -> None:
        """Shorten the conversation, if no one else has written since it was read."""
        self._generation = await self._store.rewind(
            self._id, length, expected_generation=self._generation
        )
        page = await self._store.messages(self._id, start=length, stop=length)
        if page is None or page.end.length != length:
            raise StaleGenerationError(
                "the session was changed during its import",
                expected=self._generation,
                actual=0 if page is None else page.generation,
            )
        self._end = page.end
        self._written = True

    async def _note_pairs(self, messages: Iterator[TimedMessage]) -> None:
        async for batch in _batches(messages):
            self._pairs.add(one.message for one in batch)

    async def _append(self, batch: Sequence[TimedMessage], create: SessionData | None) -> None:
        session = self._history.session
        last_ms = session.created_at * 1000
        times = []
        for one in batch:
            last_ms = one.at_ms if one.at_ms is not None else last_ms
            times.append(last_ms)
        appended = await self._store.append(
            self._id,
            [one.message for one in batch],
            after=self._end,
            create=create,
            at_ms=times,
            updated_at=session.updated_at,
        )
        self._end, self._generation = appended.position, appended.generation
        self._pairs.add(one.message for one in batch)
        self._written = True

    async def _keep(self, records: Sequence[OpaqueRecord]) -> None:
        items = [NewItem(one.value, id=one.id, labels={"kind": one.kind[:512]}) for one in records]
        try:
            added = await self._stream.append(*items, on_conflict="ignore")
            self._written |= any(added.inserted)
        except CodecError:
            # One of them cannot be stored.
            if len(records) == 1:
                self._lost[f"{records[0].kind} that cannot be stored"] += 1
                return
            for record in records:
                await self._keep([record])

    async def _update(self, header: SessionHeader) -> None:
        """Write the fields of the session that the source has changed; a given name stays."""
        mine = self._history.session
        changes: dict[str, Any] = {
            name: getattr(mine, name)
            for name in ("total_usage", "total_cost", "model_name", "updated_at")
            if getattr(mine, name) != getattr(header, name)
        }
        if mine.config.name and not header.config.name:
            changes["name"] = mine.config.name
        if self._written and changes:
            await self._store.update(self._id, **changes)
        if not self._written or not mine.cost_records:
            return
        generation = await self._store.generation(self._id)
        stored = await self._store.load(self._id)
        if stored is not None and stored.cost_records != mine.cost_records:
            changed = stored.evolve(cost_records=mine.cost_records)
            await self._store.save(changed, expected_generation=generation)

    async def _finish(self, *, repair: bool) -> None:
        """Repair the conversation if wanted, and note up to where the source is imported."""
        imported = await self._store.generation(self._id)
        page = await self._store.messages(self._id, last=1)
        if repair:
            stored = await self._store.load(self._id)
            repaired = repair_pairs(stored.messages)
            if repaired != stored.messages:
                changed = stored.evolve(messages=repaired)
                await self._store.save(changed, expected_generation=imported)
                self._written = True
        state = {
            "fingerprint": self._history.fingerprint,
            "last": message_digest(encode(page[0].message)).hex() if page else "",
            "imported": imported,
            "generation": await self._store.generation(self._id),
            "unmatched": self._pairs.of(self._id, repaired=False) is not None,
            "repaired": repair,
        }
        stored_state = await self._state()
        if state != stored_state:
            await self._stream.put(_STATE, state)


async def _batches(values: Iterator[T]) -> AsyncIterator[list[T]]:
    """Yield the values in lists that one transaction takes, each made on a worker thread."""
    while batch := await asyncio.to_thread(_next_batch, values):
        yield batch


def _next_batch(values: Iterator[T]) -> list[T]:
    batch: list[T] = []
    size = 0
    for value in values:
        batch.append(value)
        size += value.size
        if len(batch) == _AT_ONCE or size >= _BYTES_AT_ONCE:
            break
    return batch
