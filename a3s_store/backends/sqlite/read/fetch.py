"""The rows of a session as they lie in the file, all as of one moment; `reading` makes values.

Plain functions of a connection, each inside a read transaction that somebody else opened. What is
remembered and still so is not read again.
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
    """A session as it was fetched: its JSON object without messages, or the value if it is known.

    `messages` is None when they were not asked for; `marks` tell which value of a list is damaged.
    """

    tree: Tree
    marks: Mapping[str, list[int]]
    known: SessionData | None
    messages: MessageRange | None


@attrs.frozen
class FetchedCollection:
    """A shelf as it was fetched: the JSON objects of its values, or these if they are known."""

    trees: list[Tree]
    marks: list[int]
    known: tuple[Any, ...] | None
    extent: ListDigest


@attrs.frozen
class FetchedRows:
    """What was fetched of one session id. `record` is None when nothing was saved under it.

    `session` is None when none was saved, or it was not asked for.
    """

    record: SessionHeader | None
    session: FetchedSession | None
    shelves: Mapping[Collection, FetchedCollection | None]
    uris: tuple[str, ...]


def fetch(
    conn: sqlite3.Connection,
    known: CacheEntry,
    session_id: str,
    families: Sequence[Collection],
    *,
    session: bool,
    messages: bool = True,
    generation: int | None = None,
) -> FetchedRows:
    """The session, if it is asked for, and these collections.

    With a `generation`, the conversation is the one of then.

    Raises:
        SessionNotFoundError: there is no such generation, or it has no conversation.
        GenerationGoneError: it was pruned.
        ValueError: something is damaged.
    """
    found = session_header.find(conn, session_id)
    if found is None:
        return FetchedRows(None, None, dict.fromkeys(families), ())
    check(found)
    stored = None
    if session and found.head is not None:
        head = found.head if generation is None else _head_at(conn, found, generation)
        stored = _fetch_session(conn, known, session_id, found, head if messages else None)
    collections = {
        collection: _fetch_collection(conn, known, found, collection) for collection in families
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
    assert row is not None, "the record was made from these rows"
    assert config is not None, "and from these"
    tree = {**config[0], **row[0], "id": session_id}
    marks: dict[str, list[int]] = {}
    for name, part in SESSION_ROWS.lists.items():
        digest = found.parts.get(name)
        if digest is None:
            raise CorruptRowError("there is no record of it", name)
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
