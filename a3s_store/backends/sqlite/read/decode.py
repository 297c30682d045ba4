"""Decode fetched rows into models and verify them against the stored digests.

This runs outside the read transaction in which the rows were fetched, so that a long decode does
not keep the WAL from being reset. Messages, which never change, are read here.
"""

from __future__ import annotations

import gc
import sqlite3
import threading
from typing import Any, Final, TypeVar

import attrs

from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read.fetch import FetchedCollection, FetchedRows, FetchedSession
from a3s_store.backends.sqlite.read.messages import MessageRange
from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
from a3s_store.core.batch import LoadResult
from a3s_store.core.checksums import check_checkpoint, check_collection, check_session
from a3s_store.core.collections import CheckpointKind, Collection
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import URIS, uris_digest
from a3s_store.core.session_cache import HISTORY, CacheEntry, SessionCache
from a3s_store.errors import DecodeError
from a3s_store.models import SessionData
from a3s_store.wire import decode, decode_many

R = TypeVar("R")


def as_is(_: sqlite3.Connection, fetched: R) -> R:
    """Return fetched values unchanged, for reads that decode nothing."""
    return fetched


def to_found(conn: sqlite3.Connection, stored: FetchedRows) -> LoadResult:
    """Decode and verify the rows of a session and its collections.

    Raises:
        StaleReadError: messages are missing, as after a deletion; it may be damage too.
        DecodeError, ValueError: a row is damaged.
    """
    if stored.record is None:
        return LoadResult(session=None, collections=dict.fromkeys(stored.collections))
    digest = stored.record.parts.get(URIS)
    if digest is not None and uris_digest(stored.uris) != digest:
        raise CorruptRowError(NOT_WRITTEN, URIS)
    return LoadResult(
        session=None if stored.session is None else _to_session(conn, stored, stored.session),
        collections={
            collection: None if values is None else _to_values(collection, values)
            for collection, values in stored.collections.items()
        },
        retained_artifact_uris=stored.uris,
    )


def _to_session(
    conn: sqlite3.Connection, stored: FetchedRows, session: FetchedSession
) -> SessionData:
    assert stored.record is not None
    messages = () if session.messages is None else conversation.read(conn, session.messages)
    found = session.known
    if found is None:
        found = decode(SessionData, {**session.tree, "messages": []})
        check_session(found, stored.record.parts, session.marks)
    return found if found.messages is messages else found.evolve(messages=messages)


def _to_values(collection: Collection, stored: FetchedCollection) -> tuple[Any, ...]:
    if stored.known is not None:
        return stored.known
    try:
        values: tuple[Any, ...] = decode_many(collection.model, stored.trees)
    except DecodeError as error:
        error.model = collection.name
        raise
    check_collection(collection, values, stored.digest, stored.marks)
    return values


def load(
    conn: sqlite3.Connection, stored: FetchedRows, cache: SessionCache, session_id: str
) -> LoadResult:
    """Decode rows as `to_found` does, and put the values into the session cache."""
    found = to_found(conn, stored)
    if stored.record is not None:
        cache.update(session_id, lambda known: refreshed(known, stored, found))
    return found


def refreshed(known: CacheEntry, stored: FetchedRows, found: LoadResult) -> CacheEntry:
    """Return the cache entry with the values that were loaded, and their digests.

    Returns the entry unchanged if a concurrent save already cached a newer generation.
    """
    assert stored.record is not None
    if known.generation > stored.record.generation:
        return known
    parts = dict(known.parts)
    collections = dict(known.collections)
    for collection, values in found.collections.items():
        if values is not None:
            collections[collection.name] = values
            parts[collection.name] = stored.record.parts[collection.name]
    generation = stored.record.generation
    known = attrs.evolve(known, generation=generation, collections=collections, parts=parts)
    if found.session is None or stored.session is None or stored.session.messages is None:
        return known
    own = {name: digest for name, digest in stored.record.parts.items() if name not in collections}
    line = line_of(found.session.messages, stored.session.messages)
    return attrs.evolve(
        known.with_conversation(HISTORY, line), session=found.session, parts={**parts, **own}
    )


def line_of(messages: tuple[Any, ...], stored: MessageRange) -> CachedConversation:
    """Return the cached form of a conversation that was read."""
    return CachedConversation(messages, stored.head, stored.chain_hash)


def to_checkpoint(
    conn: sqlite3.Connection, kind: CheckpointKind, stored: FetchedCheckpoint | None
) -> Any | None:
    """Decode and verify a fetched checkpoint; None when there is none. Raises as `to_found`."""
    if stored is None:
        return None
    if stored.messages is None:
        value: Any = decode(kind.model, stored.tree)
        check_checkpoint(kind, value, stored.digest, None)
        return value
    value = decode(kind.model, {**stored.tree, "messages": []})
    check_checkpoint(kind, value, stored.digest, stored.messages.chain_hash, stored.base_length)
    return value.evolve(messages=conversation.read(conn, stored.messages))


class CollectorPause:
    """A context manager that pauses the garbage collector while many objects are made.

    The collector belongs to the whole process: pauses are counted, and the last one to end restores
    the former setting.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._paused == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._paused += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._paused -= 1
            if self._paused == 0 and self._was_on:
                gc.enable()


COLLECTOR_PAUSE: Final = CollectorPause()
