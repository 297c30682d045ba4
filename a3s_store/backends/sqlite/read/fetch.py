"""Fetch the rows of a session, all as of one moment; `decode` makes values of them.

Plain functions of a connection, each inside a read transaction that the caller opened. Values in
the session cache that are still current are not read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read.messages import MessageRange
from a3s_store.backends.sqlite.rows import pruned_generations, session_header, statements
from a3s_store.core.collections import CONFIG_ROWS, SESSION_ROWS, Collection
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import URIS, ListDigest
from a3s_store.core.session_cache import CacheEntry
from a3s_store.core.session_header import SessionHeader, check
from a3s_store.models import SessionData

Tree = dict[str, Any]


@attrs.frozen
class FetchedSession:
    """The fetched rows of a session: its JSON object without messages, or the cached value.

    `marks` are the digest prefixes of each list, by which a damaged value of it is found.
    `messages` is None when they were not asked for.
    """

    tree: Tree
    marks: Mapping[str, list[int]]
    known: SessionData | None
    messages: MessageRange | None


@attrs.frozen
class FetchedCollection:
    """The fetched rows of a collection: JSON objects with their digest prefixes, or cached values.

    `digest` is the stored list digest.
    """

    trees: list[Tree]
    marks: list[int]
    known: tuple[Any, ...] | None
    digest: ListDigest


@attrs.frozen
class FetchedRows:
    """The fetched rows of one session id.

    `record` is the session header, None when nothing was saved under the id. `session` is None when
    none was saved, or when it was not asked for. A collection is None when it was never saved.
    """

    record: SessionHeader | None
    session: FetchedSession | None
    collections: Mapping[Collection, FetchedCollection | None]
    uris: tuple[str, ...]


def fetch(
    conn: sqlite3.Connection,
    known: CacheEntry,
    session_id: str,
    wanted: Sequence[Collection],
    *,
    session: bool,
    messages: bool = True,
    generation: int | None = None,
) -> FetchedRows:
    """Fetch the session, if asked for, and the wanted collections.

    With a `generation`, the conversation is the one of that generation. With `messages=False` the
    conversation is left out.

    Raises:
        SessionNotFoundError: there is no such generation, or it has no conversation.
        GenerationGoneError: it was pruned.
        ValueError: a row is damaged.
    """
    found = session_header.find(conn, session_id)
    if found is None:
        return FetchedRows(None, None, dict.fromkeys(wanted), ())
    check(found)
    stored = None
    if session and found.head is not None:
        head = found.head if generation is None else _head_at(conn, found, generation)
        stored = _fetch_session(conn, known, session_id, found, head if messages else None)
    collections = {
        collection: _fetch_collection(conn, known, found, collection) for collection in wanted
    }
    return FetchedRows(found, stored, collections, _fetch_uris(conn, found))


def _fetch_session(
    conn: sqlite3.Connection,
    known: CacheEntry,
    session_id: str,
    found: SessionHeader,
    head: Head | None,
) -> FetchedSession:
    messages = None if head is None else conversation.find(conn, head, known.conversations.values())
    own = ("session", "config", *SESSION_ROWS.lists)
    if known.session is not None and all(known.has(name, found.parts) for name in own):
        return FetchedSession({}, {}, known.session, messages)
    row = statements.fetch_one(conn, SESSION_ROWS, "owner_key", found.key)
    config = statements.fetch_one(conn, CONFIG_ROWS, "owner_key", found.key)
    assert row is not None, "the session header was made from this row"
    assert config is not None, "the session header was made from this row"
    tree = {**config[0], **row[0], "id": session_id}
    marks: dict[str, list[int]] = {}
    for name, part in SESSION_ROWS.lists.items():
        digest = found.parts.get(name)
        if digest is None:
            raise CorruptRowError("its count and digest are missing", name)
        tree[name], marks[name] = statements.fetch_list(
            conn, name, part, "owner_key", found.key, digest.count
        )
    return FetchedSession(tree, marks, None, messages)


def _head_at(conn: sqlite3.Connection, found: SessionHeader, generation: int) -> Head:
    head = next((save.head for save in session_header.saves(conn, found.key, generation)), None)
    if head is None:
        raise pruned_generations.not_there(conn, found.key, generation)
    return head


def _fetch_collection(
    conn: sqlite3.Connection, known: CacheEntry, found: SessionHeader, collection: Collection
) -> FetchedCollection | None:
    digest = found.parts.get(collection.name)
    if digest is None:
        return None
    values = known.values(collection.name, found.parts)
    if values is not None:
        return FetchedCollection([], [], values, digest)
    fetched = statements.fetch_list(
        conn, collection.name, collection.rows, "owner_key", found.key, digest.count
    )
    return FetchedCollection(*fetched, None, digest)


def _fetch_uris(conn: sqlite3.Connection, found: SessionHeader) -> tuple[str, ...]:
    if URIS not in found.parts:
        return ()
    uris = conn.execute(
        "SELECT uri FROM retained_artifact_uri WHERE owner_key = ? ORDER BY seq", (found.key,)
    ).fetchall()
    return tuple(row[0] for row in uris)
