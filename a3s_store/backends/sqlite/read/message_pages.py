"""Read a page of a conversation, and a session without its lists: rows first, then values.

`fetch` functions are run inside a read transaction, `build` functions after it. A page is proven as
a load is: the header's digests add up to the generation's, the chain hash of the last message is in
them, and each row is verified against its checksum.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import attrs

from a3s_store.backends.sqlite.read import session_fields
from a3s_store.backends.sqlite.read.fetch import head_at
from a3s_store.backends.sqlite.read.messages import FetchedMessages, fetch_range
from a3s_store.backends.sqlite.rows import message_log, session_header, session_host
from a3s_store.core.base.appending import RangeOf
from a3s_store.core.host_data import HostData
from a3s_store.core.list_pages import MessagePage, Positioned
from a3s_store.core.revision import Position
from a3s_store.core.session_header import SessionHeader, check
from a3s_store.core.session_update import SessionHeader as PublicHeader

if TYPE_CHECKING:
    from a3s_store.core.stored_content import StoredContent


@attrs.frozen
class FetchedPage:
    """The rows of a page, and its place in the conversation."""

    parts: list[FetchedMessages]
    start: int
    stop: int
    generation: int
    end: Position


def fetch_page(
    conn: sqlite3.Connection, session_id: str, range_of: RangeOf, generation: int | None
) -> FetchedPage | None:
    """Fetch a page of messages; None when no session is stored.

    Raises:
        SessionNotFoundError, GenerationGoneError: as `fetch.head_at`.
        ValueError: a row is damaged.
    """
    header = _session(conn, session_id)
    if header is None or header.head is None:
        return None
    if generation is None or generation == header.generation:
        head, chain_hash = header.head, header.parts["messages"].digest
    else:
        head = head_at(conn, header, generation)
        chain_hash = message_log.chain_hash_at(conn, head)
    start, stop = range_of(head.length)
    return FetchedPage(
        parts=fetch_range(conn, head, start, stop),
        start=start,
        stop=stop,
        generation=header.generation if generation is None else generation,
        end=Position(head.length, chain_hash),
    )


def build_page(
    content: StoredContent | None, _: sqlite3.Connection, fetched: FetchedPage | None
) -> MessagePage | None:
    """Return the page of fetched rows. Raises ValueError and DecodeError: a row is damaged."""
    if fetched is None:
        return None
    items: list[Positioned] = []
    for part in fetched.parts:
        values = zip(part.decode(content), part.times, strict=True)
        items += (Positioned(seq, *value) for seq, value in enumerate(values, part.start))
    return MessagePage(
        items=tuple(items),
        start=fetched.start,
        stop=fetched.stop,
        length=fetched.end.length,
        generation=fetched.generation,
        end=fetched.end,
    )


FetchedHeader = tuple[SessionHeader, dict[str, Any], HostData]


def fetch_header(conn: sqlite3.Connection, session_id: str) -> FetchedHeader | None:
    """Fetch a session without its lists; None when none is stored. Raises ValueError: damaged."""
    header = _session(conn, session_id)
    if header is None:
        return None
    tree = session_fields.fetch(conn, session_id, header)
    return header, tree, session_host.find(conn, header.key)


def build_header(_: sqlite3.Connection, fetched: FetchedHeader | None) -> PublicHeader | None:
    """Return the fetched session. Raises ValueError and DecodeError: a row is damaged."""
    if fetched is None:
        return None
    header, tree, host = fetched
    messages = header.parts["messages"]
    position = Position(messages.count, messages.digest)
    session = session_fields.decoded(tree, header)
    return PublicHeader.of(session, position, header.generation, host)


def _session(conn: sqlite3.Connection, session_id: str) -> SessionHeader | None:
    """Return the verified header of a session; None when no session is stored under the id."""
    header = session_header.find(conn, session_id)
    if header is not None:
        check(header)
    return None if header is None or header.head is None else header
