"""From what was fetched of a session to its values: decoded, and held against what is on record.

Fetching needs the read transaction, this does not, so that a long decode pins no log: messages,
which never change, are read meanwhile.
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
from a3s_store.core.session_cache import HISTORY, CacheEntry
from a3s_store.errors import DecodeError
from a3s_store.models import SessionData
from a3s_store.wire import decode, decode_many

R = TypeVar("R")


def as_is(_: sqlite3.Connection, fetched: R) -> R:
    """What was fetched is the answer."""
    return fetched


def to_found(conn: sqlite3.Connection, stored: FetchedRows) -> LoadResult:
    """The values of what was fetched.

    Raises:
        StaleReadError: a message is not there any more, or damaged.
        DecodeError, ValueError: something is damaged.
    """
    if stored.record is None:
        return LoadResult(session=None, collections=dict.fromkeys(stored.shelves))
    digest = stored.record.parts.get(URIS)
    if digest is not None and uris_digest(stored.uris) != digest:
        raise CorruptRowError(NOT_WRITTEN, URIS)
    return LoadResult(
        session=None if stored.session is None else _to_session(conn, stored, stored.session),
        collections={
            collection: None if values is None else _to_values(collection, values)
            for collection, values in stored.shelves.items()
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
    check_collection(collection, values, stored.extent, stored.marks)
    return values


def refreshed(known: CacheEntry, stored: FetchedRows, found: LoadResult) -> CacheEntry:
    """What is known once this was read: the values and what stands for them.

    A save that was committed meanwhile has taught something newer, which stays.
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
    """What is known of a conversation once it was read."""
    return CachedConversation(messages, stored.head, stored.link)


def to_checkpoint(
    conn: sqlite3.Connection, kind: CheckpointKind, stored: FetchedCheckpoint | None
) -> Any | None:
    """The checkpoint that was fetched. Raises as `to_found`."""
    if stored is None:
        return None
    if stored.messages is None:
        value: Any = decode(kind.model, stored.tree)
        check_checkpoint(kind, value, stored.digest, None)
        return value
    value = decode(kind.model, {**stored.tree, "messages": []})
    check_checkpoint(kind, value, stored.digest, stored.messages.link, stored.base_length)
    return value.evolve(messages=conversation.read(conn, stored.messages))


class CollectorPause:
    """Keeps the garbage collector from walking the heap while many objects are made.

    The collector is the whole process's, so pauses are counted, and it is left as it was found.
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
