"""Read the rows of a session without its lists, and verify them.

The session's own row is not read where its header has the canonical JSON of it. Plain functions of
a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import functools
import sqlite3
from typing import Any, Final

from a3s_store.backends.sqlite.rows import statements
from a3s_store.core import session_header
from a3s_store.core.checksums import NOT_OF_SESSION, check_session_fields
from a3s_store.core.collections import CONFIG_ROWS, SESSION_ROWS
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.session_header import SessionHeader
from a3s_store.models import SessionConfig, SessionData
from a3s_store.wire import canonical, compact, decode, encode, encode_without, parse

Tree = dict[str, Any]
_NO_LISTS: Final[Tree] = {"messages": [], **{name: [] for name in SESSION_ROWS.lists}}


def fetch(
    conn: sqlite3.Connection, session_id: str, header: SessionHeader, *, config: bool = True
) -> Tree:
    """Return the JSON object of a session with empty lists; without `config` that is empty too."""
    own = _own_row(conn, header) if header.fields is None else parse(header.fields)
    found = _no_config()
    if config:
        row = statements.fetch_one(conn, CONFIG_ROWS, "owner_key", header.key)
        if row is None:
            raise CorruptRowError("it is missing", "config")
        found = row[0]
    return {**found, **own, **_NO_LISTS, "id": session_id}


def _own_row(conn: sqlite3.Connection, header: SessionHeader) -> Tree:
    row = statements.fetch_one(conn, SESSION_ROWS, "owner_key", header.key)
    if row is None:
        raise CorruptRowError("it is missing", "session")
    return row[0]


@functools.cache
def _no_config() -> Tree:
    """Return what a session has of an empty configuration, which decoding expects."""
    return {"config": parse(compact(encode(SessionConfig()))), "tool_names": []}


def decoded(tree: Tree, header: SessionHeader, *, config: bool = True) -> SessionData:
    """Return the session of a fetched object. Raises CorruptRowError and DecodeError: damaged."""
    session = decode(SessionData, tree)
    check_session_fields(session, header.parts, config=config)
    return session


def text_of(conn: sqlite3.Connection, session_id: str, header: SessionHeader) -> bytes:
    """Return the canonical JSON of a session's own row.

    Raises CorruptRowError and DecodeError where the row is damaged.
    """
    if header.fields is not None:
        return header.fields
    # The object that columns give is not the canonical one.
    return _text(decoded(fetch(conn, session_id, header, config=False), header, config=False))


def updated_at_of(text: bytes) -> int:
    """Return when the session of this text was updated."""
    found = session_header.updated_at_in(text)
    return _session_of(text).updated_at if found is None else found


def with_updated_at(text: bytes, updated_at: int) -> bytes:
    """Return the text of a session's own row with another time. Raises EncodeError."""
    if session_header.updated_at_in(text) is None:
        return _text(_session_of(text).evolve(updated_at=updated_at))
    return session_header.with_updated_at(text, updated_at)


def _session_of(text: bytes) -> SessionData:
    return decode(SessionData, {**_no_config(), **parse(text), **_NO_LISTS})


def _text(session: SessionData) -> bytes:
    return canonical(encode_without(session, NOT_OF_SESSION))
