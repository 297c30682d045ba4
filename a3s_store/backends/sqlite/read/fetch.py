"""Fetch the rows of a session, all as of one moment; `decode` makes values of them.

Plain functions of a connection, each inside a read transaction that the caller opened. Values in
the session cache that are still current are not read again.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read.messages import MessageRange
from a3s_store.backends.sqlite.rows import (
    bounds,
    list_rows,
    pruned_generations,
    session_header,
    statements,
)
from a3s_store.backends.sqlite.rows.list_rows import FetchedList
from a3s_store.core.collections import (
    COLLECTIONS,
    CONFIG_ROWS,
    SESSION_ROWS,
    Collection,
    TableLayout,
)
from a3s_store.core.columns import shape
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import EMPTY_LIST, URIS, ListDigest
from a3s_store.core.session_cache import CacheEntry
from a3s_store.core.session_header import SessionHeader, check
from a3s_store.models import SessionData

Tree = dict[str, Any]

_LISTS: Final = {
    **SESSION_ROWS.lists,
    **{collection.name: collection.rows for collection in COLLECTIONS},
}


@attrs.frozen
class FetchedSession:
    """The fetched rows of a session: its JSON object without messages, or the cached value.

    `marks` are the digest prefixes of each list, by which a damaged value of it is found; `proven`
    has the lists whose rows all have the right checksum, `sizes` the bytes of the rows of each.
    `messages` is None when they were not asked for.
    """

    tree: Tree
    marks: Mapping[str, list[int]]
    proven: frozenset[str]
    sizes: Mapping[str, int]
    known: SessionData | None
    messages: MessageRange | None


@attrs.frozen
class FetchedCollection:
    """The fetched rows of a collection: JSON objects with their digest prefixes, or cached values.

    `is_proven`: all rows have the right checksum. `size` is the bytes of the rows, `digest` the
    stored list digest.
    """

    trees: list[Tree]
    marks: list[int]
    is_proven: bool
    size: int
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
    lists = tuple(collection.name for collection in wanted)
    names = (*SESSION_ROWS.lists, *lists) if session else lists
    with_rows = session and known.session is None
    row = session_header.find_with(conn, session_id, _more(names, with_rows))
    if row is None:
        return FetchedRows(None, None, dict.fromkeys(wanted), ())
    found, others = row
    check(found)
    bounds.check_parent(found.key)
    there = dict(zip(names, others[: len(names)], strict=True))
    for name in names:
        # Lists without values are not read.
        if there[name] and found.parts.get(name, EMPTY_LIST).count == 0:
            raise CorruptRowError("expected no rows, found some", name)
    stored = None
    if session and found.head is not None:
        head = found.head if generation is None else head_at(conn, found, generation)
        rows = others[len(names) :] if with_rows else None
        stored = _fetch_session(conn, known, session_id, found, head if messages else None, rows)
    collections = {
        collection: _fetch_collection(conn, known, found, collection) for collection in wanted
    }
    return FetchedRows(found, stored, collections, _fetch_uris(conn, found))


@functools.cache
def _more(lists: tuple[str, ...], with_rows: bool) -> str:
    """Return what is read with the header: whether each list has values, and the session's rows."""
    more = [statements.statements(_LISTS[name], "owner_key").is_there("o") for name in lists]
    if with_rows:
        more += [f"s.{name}" for name in shape(SESSION_ROWS).names]
        more += [f"c.{name}" for name in shape(CONFIG_ROWS).names]
    return "".join(f", {one}" for one in more)


def _own_rows(
    conn: sqlite3.Connection, key: int, rows: tuple[Any, ...] | None
) -> tuple[Tree, Tree]:
    """Return the JSON objects of the rows of a session and its configuration.

    `rows` has the columns of both; None: they are read.
    """
    session, config = shape(SESSION_ROWS), shape(CONFIG_ROWS)
    if rows is not None:
        return session.tree(rows[: len(session.names)]), config.tree(rows[len(session.names) :])
    own = statements.fetch_one(conn, SESSION_ROWS, "owner_key", key)
    other = statements.fetch_one(conn, CONFIG_ROWS, "owner_key", key)
    assert own is not None, "the session header was made from this row"
    assert other is not None, "the session header was made from this row"
    return own[0], other[0]


def _fetch_session(
    conn: sqlite3.Connection,
    known: CacheEntry,
    session_id: str,
    found: SessionHeader,
    head: Head | None,
    rows: tuple[Any, ...] | None,
) -> FetchedSession:
    messages = None if head is None else conversation.find(conn, head, known.conversations.values())
    own = ("session", "config", *SESSION_ROWS.lists)
    if known.session is not None and all(known.has(name, found.parts) for name in own):
        return FetchedSession({}, {}, frozenset(), {}, known.session, messages)
    session, config = _own_rows(conn, found.key, rows)
    tree = {**config, **session, "id": session_id}
    marks: dict[str, list[int]] = {}
    proven: set[str] = set()
    sizes: dict[str, int] = {}
    for name, part in SESSION_ROWS.lists.items():
        digest = found.parts.get(name)
        if digest is None:
            raise CorruptRowError("its count and digest are missing", name)
        fetched = _fetch_list(conn, name, part, found.key, digest)
        tree[name], marks[name], sizes[name] = fetched.trees, fetched.marks, fetched.size
        if fetched.is_proven:
            proven.add(name)
    return FetchedSession(tree, marks, frozenset(proven), sizes, None, messages)


def _fetch_list(
    conn: sqlite3.Connection, name: str, rows: TableLayout, key: int, digest: ListDigest
) -> FetchedList:
    if digest == EMPTY_LIST:
        return FetchedList([], [], is_proven=True)
    return list_rows.fetch_list(conn, name, rows, "owner_key", key, digest.count)


def head_at(conn: sqlite3.Connection, found: SessionHeader, generation: int) -> Head:
    """Return the head of a generation of a session.

    Raises:
        SessionNotFoundError: there is no such generation, or it has no conversation.
        GenerationGoneError: it was pruned.
    """
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
        return FetchedCollection([], [], True, 0, values, digest)
    fetched = _fetch_list(conn, collection.name, collection.rows, found.key, digest)
    return FetchedCollection(*fetched, None, digest)


def _fetch_uris(conn: sqlite3.Connection, found: SessionHeader) -> tuple[str, ...]:
    if URIS not in found.parts:
        return ()
    uris = conn.execute(
        "SELECT uri FROM retained_artifact_uri WHERE owner_key = ? ORDER BY seq", (found.key,)
    ).fetchall()
    return tuple(row[0] for row in uris)
