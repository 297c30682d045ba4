"""Decode fetched rows into models and verify them against the stored digests.

This runs outside the read transaction in which the rows were fetched, so that a long decode does
not keep the WAL from being reset. Messages, which never change, are read here.
"""

from __future__ import annotations

import gc
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read.fetch import FetchedCollection, FetchedRows, FetchedSession
from a3s_store.backends.sqlite.read.messages import MessageRange
from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
from a3s_store.core.batch import LoadResult
from a3s_store.core.cache_weight import Estimate, measured
from a3s_store.core.checksums import check_checkpoint, check_collection, check_session
from a3s_store.core.collections import CheckpointKind, Collection
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import URIS, uris_digest
from a3s_store.core.session_cache import HISTORY, CacheEntry, SessionCache
from a3s_store.errors import DecodeError
from a3s_store.models import Message, SessionData
from a3s_store.wire import decode, decode_many

if TYPE_CHECKING:
    from a3s_store.core.stored_content import StoredContent

R = TypeVar("R")


def as_is(_: sqlite3.Connection, fetched: R) -> R:
    """Return fetched values unchanged, for reads that decode nothing."""
    return fetched


def to_found(conn: sqlite3.Connection, stored: FetchedRows) -> LoadResult:
    """Decode and verify the rows of a session and its collections. Raises as `with_line`."""
    return with_line(conn, stored)[0]


def with_line(
    conn: sqlite3.Connection, stored: FetchedRows, content: StoredContent | None = None
) -> tuple[LoadResult, CachedConversation | None]:
    """Decode as `to_found` does; return the conversation too, None where none was fetched.

    Without `content` all messages are decoded.

    Raises:
        StaleReadError: messages are missing, as after a deletion; it may be damage too.
        DecodeError, ValueError: a row is damaged.
    """
    if stored.record is None:
        return LoadResult(session=None, collections=dict.fromkeys(stored.collections)), None
    digest = stored.record.parts.get(URIS)
    if digest is not None and uris_digest(stored.uris) != digest:
        raise CorruptRowError(NOT_WRITTEN, URIS)
    session, line = None, None
    if stored.session is not None:
        if stored.session.messages is not None:
            line = conversation.read(conn, stored.session.messages, content)
        messages = () if line is None else line.messages
        session = _to_session(conn, stored, stored.session, messages)
    found = LoadResult(
        session=session,
        collections={
            collection: None if values is None else _to_values(conn, collection, values)
            for collection, values in stored.collections.items()
        },
        retained_artifact_uris=stored.uris,
    )
    return found, line


def _to_session(
    conn: sqlite3.Connection,
    stored: FetchedRows,
    session: FetchedSession,
    messages: tuple[Message, ...],
) -> SessionData:
    assert stored.record is not None
    found = session.known
    if found is None:
        found = decode(SessionData, {**session.tree, "messages": []})
        proven = () if _proves_digests(conn) else session.proven
        check_session(found, stored.record.parts, session.marks, proven)
    return found if found.messages is messages else found.evolve(messages=messages)


def _to_values(
    conn: sqlite3.Connection, collection: Collection, stored: FetchedCollection
) -> tuple[Any, ...]:
    if stored.known is not None:
        return stored.known
    try:
        values: tuple[Any, ...] = decode_many(collection.model, stored.trees)
    except DecodeError as error:
        error.model = collection.name
        raise
    if not stored.is_proven or _proves_digests(conn):
        check_collection(collection, values, stored.digest, stored.marks)
    return values


def _proves_digests(conn: sqlite3.Connection) -> bool:
    """Return whether row checksums are not enough: see `prove_chain`, which messages follow too."""
    return getattr(conn, "prove_chain", True)


def load(
    conn: sqlite3.Connection,
    stored: FetchedRows,
    cache: SessionCache,
    session_id: str,
    content: StoredContent | None,
    *,
    is_latest: bool = True,
) -> LoadResult:
    """Decode rows as `with_line` does; those of the latest generation are put into the cache."""
    found, line = with_line(conn, stored, content)
    if is_latest and stored.record is not None:
        cache.update(session_id, lambda known: refreshed(known, stored, found, line))
    if line is not None and stored.session is not None:
        note_origins(cache, stored.session.messages, line)
    return found


def note_origins(
    cache: SessionCache, wanted: MessageRange | None, line: CachedConversation
) -> None:
    """Give origins to messages that were read."""
    known = 0 if wanted is None else len(wanted.known)
    if wanted is not None and known < len(line.messages):
        base = cache.origins.record_of(line.messages, known, wanted.known_chain_hash)
        are_new = known == 0 or base is not None
        cache.origins.assign(
            line.messages, line.head, line.chain_hash, line.size, base, are_new=are_new
        )


def refreshed(
    known: CacheEntry, stored: FetchedRows, found: LoadResult, line: CachedConversation | None
) -> CacheEntry:
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
    known = known._replace(
        generation=stored.record.generation,
        collections=collections,
        parts=parts,
        estimates={**known.estimates, **_estimates(stored, found)},
    )
    if line is None:
        return known
    own = {name: digest for name, digest in stored.record.parts.items() if name not in collections}
    known = known.with_conversation(HISTORY, line)
    return known._replace(session=found.session, parts={**parts, **own})


def _estimates(stored: FetchedRows, found: LoadResult) -> dict[str, Estimate]:
    """Return the sizes of the lists that were read, of which the cache then encodes no sample."""
    estimates: dict[str, Estimate] = {}
    for collection, rows in stored.collections.items():
        values = found.collections[collection]
        if values is not None and rows is not None and rows.known is None:
            estimates[collection.name] = measured(collection.name, values, rows.size)
    if stored.session is not None and found.session is not None:
        for name, size in stored.session.sizes.items():
            estimates[name] = measured(name, getattr(found.session, name), size)
    return estimates


def to_checkpoint(
    conn: sqlite3.Connection, kind: CheckpointKind, stored: FetchedCheckpoint | None
) -> Any | None:
    """Decode and verify a fetched checkpoint; None when there is none. Raises as `with_line`."""
    return checkpoint_with_line(conn, kind, stored)[0]


def checkpoint_with_line(
    conn: sqlite3.Connection, kind: CheckpointKind, stored: FetchedCheckpoint | None
) -> tuple[Any | None, CachedConversation | None]:
    """Decode as `to_checkpoint` does; return the conversation too, None where it has none."""
    if stored is None:
        return None, None
    if stored.messages is None:
        value: Any = decode(kind.model, stored.tree)
        lists = None if _proves_digests(conn) else stored.lists
        check_checkpoint(kind, value, stored.digest, None, lists=lists)
        return value, None
    value = decode(kind.model, {**stored.tree, "messages": []})
    check_checkpoint(kind, value, stored.digest, stored.messages.chain_hash, stored.base_length)
    line = conversation.read(conn, stored.messages)
    return value.evolve(messages=line.messages), line


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
