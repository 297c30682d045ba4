"""Prune and measure the store in memory: the model for other stores.

A generation is covered by a kept one if its conversation is the beginning of the other by its chain
hashes. Sizes are those of values as JSON.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from a3s_store.backends.memory.branches import Branch, Conversation, Head
from a3s_store.backends.memory.entry import Entry
from a3s_store.backends.memory.search_methods import MemorySearch
from a3s_store.core.base.host_data import Trashed
from a3s_store.core.base.retention import Unused
from a3s_store.core.batch import encode_collection
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.reports import SessionSize, StoreStats
from a3s_store.core.retention import (
    DAY_MS,
    LOG_DAYS,
    LOG_ROWS,
    Kept,
    Removed,
    RetentionPolicy,
)
from a3s_store.wire import compact, encode, encode_without

_LARGEST: Final = 20
_LISTS: Final = ("cost_records", "tasks")
_NOT_OWN: Final = frozenset({"messages", *_LISTS})


class MemoryPruning:
    """One run on a store in memory; a `RetentionPort`. Each of its methods holds the lock."""

    location = "memory"

    def __init__(self, store: MemorySearch, *, dry_run: bool) -> None:
        self._store = store
        self._dry_run = dry_run

    def _entries(self, without: Collection[str] = ()) -> Iterator[tuple[str, Entry]]:
        return ((i, e) for i, e in self._store._entries.items() if i not in without)

    async def now_ms(self) -> int:
        """See `RetentionPort`."""
        return self._store._now_ms()

    async def is_stored(self, session_id: str) -> bool:
        """See `RetentionPort`."""
        with self._store._lock:
            return session_id in self._store._entries

    async def trash_of(self, older_than_ms: int) -> Sequence[Trashed]:
        """See `RetentionPort`."""
        return await self._store._trash_of(older_than_ms)

    def _is_unused(self, session_id: str, entry: Entry) -> bool:
        host = entry.host
        is_kept = host.pinned or not host.archived or host.trashed_at_ms is not None
        return not is_kept and not self._store._runs.of_session(session_id)

    async def archived(self, before_ms: int) -> Sequence[Unused]:
        """See `RetentionPort`."""
        with self._store._lock:
            found = [
                (
                    entry.session.updated_at,
                    Unused(session_id, self._store._last_change(session_id)[0]),
                )
                for session_id, entry in self._entries()
                if entry.session is not None
                and self._store._last_change(session_id)[1] < before_ms
                and self._is_unused(session_id, entry)
            ]
        return [one for _, one in sorted(found, key=lambda one: (one[0], one[1].sequence))]

    async def bytes_used(self) -> int:
        """See `RetentionPort`."""
        with self._store._lock:
            return sum(one.bytes for one in sizes_of(self._store))

    async def bytes_of(self, session_id: str) -> int:
        """See `RetentionPort`."""
        with self._store._lock:
            size = size_of(session_id, self._store._entry(session_id)).bytes
            return size + self._store._streams.sizes().get(session_id, 0)

    async def delete_trashed(self, one: Unused) -> bool:
        """See `RetentionPort`."""
        return await self._store._delete_trashed(one.session_id, one.sequence)

    async def delete_archived(self, one: Unused) -> bool:
        """See `RetentionPort`."""
        with self._store._lock:
            entry = self._store._entry(one.session_id)
            last, _ = self._store._last_change(one.session_id)
            if last != one.sequence or not self._is_unused(one.session_id, entry):
                return False
            self._store._remove(one.session_id)
            return True

    async def measure(self, session_ids: Collection[str]) -> tuple[Removed, int]:
        """See `RetentionPort`."""
        with self._store._lock:
            before, after = _needed(self._entries()), _needed(self._entries(session_ids))
            of_lists = sum(sum(_lists(self._store._entry(one)).values()) for one in session_ids)
            of_streams = self._store._streams.sizes()
            of_lists += sum(of_streams.get(one, 0) for one in session_ids)
            return _difference(before, after), of_lists

    async def trim_log(self, policy: RetentionPolicy) -> int:
        """See `RetentionPort`."""
        if policy.log_rows is None and policy.log_days is None:
            return 0
        rows, days = policy.log_kept(LOG_ROWS, LOG_DAYS)
        with self._store._lock:
            log = self._store._log
            begin = log.begins(rows, days * DAY_MS)
            return begin - log.first_available if self._dry_run else log.trim(begin)

    async def bytes_free(self) -> int | None:
        """See `RetentionPort`."""
        return None

    async def remove_generations(
        self, kept: Kept, only: str | None, without: Collection[str], skipped: list[str]
    ) -> Removed:
        """See `RetentionPort`."""
        with self._store._lock:
            before = _needed(self._entries())
            doomed: dict[str, set[int]] = {}
            tips = 0
            for session_id, entry in self._entries(without):
                if only in (None, session_id):
                    doomed[session_id], stay = chosen(entry, kept)
                    tips += stay
            after = _needed(self._entries(without), doomed)
            removed = _difference(before, after)
            if not self._dry_run:
                for session_id, numbers in doomed.items():
                    for number in numbers:
                        del self._store._entries[session_id].saves[number]
                for branch in before:
                    branch.cut(after.get(branch, branch.start))
        if tips:
            skipped.append(
                f"{tips} generations with messages that no later one has: `keep_branches_days` "
                "removes them"
            )
        removed.sessions = sum(map(bool, doomed.values()))
        removed.generations = sum(map(len, doomed.values()))
        return removed


def chosen(entry: Entry, kept: Kept) -> tuple[set[int], int]:
    """Return the numbers of the generations to remove, and how many stay for their messages."""
    if kept.newest is None or not entry.saves:
        return set(), 0
    newest = max(entry.saves)

    @functools.cache
    def hashes(branch: Branch, length: int) -> list[bytes]:
        return Conversation.of(Head(branch, length)).chain_hashes

    def conversation(number: int) -> list[bytes]:
        head = entry.saves[number].head
        return [] if head is None else hashes(head.branch, head.length)

    stay: list[int] = []
    old: list[int] = []
    doomed: set[int] = set()
    numbers = sorted(entry.saves)
    for index, number in enumerate(numbers):
        save = entry.saves[number]
        if index >= len(numbers) - kept.newest or save.saved_at_ms > kept.since_ms:
            stay.append(number)
        elif kept.tips_before_ms is not None and save.saved_at_ms < kept.tips_before_ms:
            doomed.add(number)
        else:
            old.append(number)
    assert newest in stay
    tips = 0
    # The longest first: none is covered by a shorter one. Of equal ones the newest stays.
    for number in sorted(old, key=lambda one: (len(conversation(one)), one), reverse=True):
        own = conversation(number)
        if not own or any(conversation(other)[: len(own)] == own for other in stay):
            doomed.add(number)
        else:
            stay.append(number)
            tips += 1
    return doomed, tips


_Lengths = dict[Branch, int]


def _needed(
    entries: Iterable[tuple[str, Entry]], doomed: dict[str, set[int]] | None = None
) -> _Lengths:
    """Return up to which length each branch is needed by generations that are not doomed."""
    found: _Lengths = {}
    for session_id, entry in entries:
        gone = (doomed or {}).get(session_id, set())
        heads = [save.head for number, save in entry.saves.items() if number not in gone]
        for head in (entry.conversation.head, *heads):
            while head is not None:
                found[head.branch] = max(head.length, found.get(head.branch, 0))
                head = head.branch.before
    return found


def _difference(before: _Lengths, after: _Lengths) -> Removed:
    removed = Removed(branches=len(before.keys() - after.keys()))
    for branch, length in before.items():
        start = branch.start
        gone = branch.own[max(after.get(branch, 0), start) - start : length - start]
        removed.messages += len(gone)
        removed.bytes += sum(_length(message) for message in gone)
    return removed


# -- Sizes ----------------------------------------------------------------------------------------


def _length(value: Any) -> int:
    return len(compact(encode(value)))


def _lists(entry: Entry) -> dict[str, int]:
    """Return the size of each list of a session, by name."""
    found = {
        collection.name: sum(map(len, map(compact, encode_collection(collection, values))))
        for collection, values in entry.collections.items()
    }
    if entry.session is not None:
        for name in _LISTS:
            found[name] = sum(map(_length, getattr(entry.session, name)))
    return found


def size_of(session_id: str, entry: Entry) -> SessionSize:
    """Return the size of a session, without its streams."""
    size, messages = sum(_lists(entry).values()), 0
    if entry.session is not None:
        messages = len(entry.session.messages)
        size += len(compact(encode_without(entry.session, _NOT_OWN)))
        size += sum(map(_length, entry.session.messages))
    return SessionSize(session_id=session_id, bytes=size, messages=messages)


def sizes_of(store: MemorySearch) -> Iterator[SessionSize]:
    """Yield the size of each session with its streams, and of streams that are tied to no more."""
    streams = store._streams.sizes()
    for session_id, entry in store._entries.items():
        one = size_of(session_id, entry)
        yield attrs.evolve(one, bytes=one.bytes + streams.pop(session_id, 0))
    for name, size in streams.items():
        if name is not None:
            yield SessionSize(session_id=name, bytes=size, messages=0)


def stats(store: MemorySearch, clock: Callable[[], float]) -> StoreStats:
    """Measure everything; the caller holds the lock."""
    began = clock()
    entries = dict(store._entries)
    stored = _difference(_needed(entries.items()), {})
    parts = dict.fromkeys(("sessions", "messages", *_LISTS, *(one.name for one in COLLECTIONS)), 0)
    for entry in entries.values():
        for name, size in _lists(entry).items():
            parts[name] += size
        if entry.session is not None:
            parts["sessions"] += len(compact(encode_without(entry.session, _NOT_OWN)))
    parts["messages"] = stored.bytes
    parts["streams"] = sum(store._streams.sizes().values())
    largest = heapq.nlargest(_LARGEST, sizes_of(store), key=lambda one: one.bytes)
    return StoreStats(
        location=MemoryPruning.location,
        sessions=sum(entry.session is not None for entry in entries.values()),
        generations=sum(len(entry.saves) for entry in entries.values()),
        messages=stored.messages,
        blobs=0,
        commits=store._log.latest - store._log.first_available + 1,
        bytes_database=sum(parts.values()),
        bytes_wal=0,
        bytes_free_pages=0,
        bytes_by=parts,
        is_measured=False,
        largest=tuple(one for one in largest if one.bytes),
        seconds=clock() - began,
    )
