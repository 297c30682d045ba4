"""One session in the file: how a batch is committed, forked, rewound and deleted.

Plain functions of a connection, each inside a transaction that somebody else opened. A save is read
from top to bottom in `commit`: what is on record, conditions, history, session row, lists,
collections, generation.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.rows import (
    agent_memory,
    blobs,
    message_log,
    session_header,
    statements,
    tombstones,
)
from a3s_store.backends.sqlite.rows.session_header import SessionHeader
from a3s_store.backends.sqlite.write import conversations, list_writer
from a3s_store.backends.sqlite.write.list_writer import Place
from a3s_store.core.base.generational import (
    not_saved,
    refuse_beyond,
    refuse_other,
    refuse_used,
)
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.batch import Batch
from a3s_store.core.collections import (
    CONFIG_PARTS,
    CONFIG_ROWS,
    SESSION_ROWS,
    Collection,
)
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.digests import URIS, ListDigest, scalar_digest, uris_digest
from a3s_store.core.session_cache import HISTORY, CacheEntry, CacheTransaction
from a3s_store.errors import EncodeError
from a3s_store.models import SessionData
from a3s_store.wire import encode_without

# How many branches are searched for messages already written, of checkpoints and of old histories.
_RECENT_BRANCHES: Final = 8
# What is encoded apart: the log, lists that are rows, and what a turn does not change.
_BESIDE_CONFIG: Final = CONFIG_ROWS.elsewhere - {"extra"}
_BESIDE_SESSION: Final = frozenset({"messages", *SESSION_ROWS.lists, *CONFIG_PARTS})


class _Save:
    """A batch on its way into the file: what is on record, what is known, what comes of it."""

    def __init__(
        self, conn: sqlite3.Connection, batch: Batch, before: SessionHeader, known: CacheEntry
    ):
        self.conn = conn
        self.batch = batch
        self.before = before
        self.known = known
        self.head = before.head
        self.parts = dict(before.parts)
        self.line: CachedConversation | None = None

    def put_session(self, session: SessionData, head: Head | None) -> None:
        """With a `head`, that is its history, and its messages are not looked at."""
        if head is None:
            line = self._put_messages(session)
            self.head = line.head
            self.parts["messages"] = ListDigest(line.head.length, line.chain_hash)
            self.line = line
        else:
            self.head = head
            self.parts["messages"] = ListDigest(
                head.length, conversations.head_chain_hash(self.conn, head)
            )
        self._put_config(session)
        self._put_name_source()
        self._put_row(session, self.head)
        for name, part in SESSION_ROWS.lists.items():
            values = array(getattr(session, name), "SessionData", name)
            to = list_writer.target(part, "owner_key", self.before.key, Place("SessionData", name))
            self._put_list(name, to, values)

    def _put_messages(self, session: SessionData) -> CachedConversation:
        messages = array(session.messages, "SessionData", "messages")
        lines = self.known.conversations.values()
        return conversations.write(self.conn, lines, self.before, session.id, [], messages)

    def _put_config(self, session: SessionData) -> None:
        known = self.known.session
        if (
            known is not None
            and self.known.has("config", self.before.parts)
            and all(getattr(known, name) is getattr(session, name) for name in CONFIG_PARTS)
        ):
            return
        tree = encode_without(session, _BESIDE_CONFIG)
        digest = scalar_digest({key: tree[key] for key in CONFIG_PARTS if key in tree})
        if digest != self.before.parts.get("config"):
            own = {"owner_key": self.before.key, "digest": digest.digest}
            if self.before.name_source is not None and self.batch.save_id is None:
                # Not a live session's: another name is a person's.
                self.conn.execute(
                    "UPDATE session_config SET name_source = NULL "
                    "WHERE owner_key = ? AND name <> ?",
                    (self.before.key, session.config.name),
                )
            statements.put_one(self.conn, CONFIG_ROWS, "owner_key", own, tree)
        self.parts["config"] = digest

    def _put_name_source(self) -> None:
        """A live session says who gave the name, whether or not it is another one."""
        source = self.batch.name_source
        if self.batch.save_id is not None and source != self.before.name_source:
            self.conn.execute(
                "UPDATE session_config SET name_source = ? WHERE owner_key = ?",
                (source, self.before.key),
            )

    def _put_row(self, session: SessionData, head: Head) -> None:
        tree = encode_without(session, _BESIDE_SESSION)
        digest = scalar_digest(tree)
        if digest != self.before.parts.get("session") or head != self.before.head:
            own = {
                "owner_key": self.before.key,
                "head_branch": head.branch,
                "head_length": head.length,
                "digest": digest.digest,
            }
            statements.put_one(self.conn, SESSION_ROWS, "owner_key", own, tree)
        self.parts["session"] = digest

    def put_collection(self, collection: Collection, values: tuple[Any, ...] | None) -> None:
        """None takes the collection away."""
        to = list_writer.target(
            collection.rows, "owner_key", self.before.key, Place("", collection.name)
        )
        if values is not None:
            self._put_list(collection.name, to, values)
        elif self.parts.pop(collection.name, None) is not None:
            list_writer.put_list(self.conn, to, (), None, self.before.parts[collection.name])

    def _put_list(self, name: str, to: list_writer.Target, values: tuple[Any, ...]) -> None:
        before = self.before.parts.get(name)
        known = self.known.values(name, self.before.parts)
        self.parts[name] = list_writer.put_list(self.conn, to, values, known, before)

    def put_uris(self, uris: tuple[str, ...]) -> None:
        """Make these the retained URIs."""
        digest = uris_digest(uris)
        if digest != self.before.parts.get(URIS, uris_digest(())):
            key = self.before.key
            self.conn.execute("DELETE FROM retained_artifact_uri WHERE owner_key = ?", (key,))
            self.conn.executemany(
                "INSERT INTO retained_artifact_uri (owner_key, seq, uri) VALUES (?, ?, ?)",
                [(key, seq, uri) for seq, uri in enumerate(uris)],
            )
        self.parts[URIS] = digest
        if not uris:
            del self.parts[URIS]

    def cache_entry(self, generation: int) -> CacheEntry:
        """What is known of the session once this is committed."""
        batch, known = self.batch, self.known
        mine = {collection.name for collection in batch.collections}
        session = known.session
        if batch.session is not None:
            mine |= {"session", "config", "messages", *SESSION_ROWS.lists}
            # Messages that were not looked at are not known.
            session = batch.session if self.line is not None else None
        if self.line is not None:
            known = known.with_conversation(HISTORY, self.line)
        saved = {collection.name: values for collection, values in batch.collections.items()}
        collections = {**known.collections, **saved}
        parts = {name: digest for name, digest in known.parts.items() if name not in mine}
        parts |= {name: digest for name, digest in self.parts.items() if name in mine}
        return attrs.evolve(
            known,
            generation=generation,
            session=session,
            collections={
                name: values for name, values in collections.items() if values is not None
            },
            parts=parts,
        )


def commit(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    batch: Batch,
    now_ms: int,
    head: Head | None = None,
) -> bool:
    """Apply a batch. False, with nothing written, when its digest does not match.

    With a `head`, that is the session's history, and the messages in the batch are not looked at.

    Raises:
        StaleGenerationError: the session is not at `batch.expected_generation`.
        EncodeError: a value breaks its rules.
    """
    before = session_header.find(conn, batch.session_id)
    if not _conditions_hold(batch, before):
        return False
    apply(conn, cache, batch, before, now_ms, head)
    return True


def apply(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    batch: Batch,
    before: SessionHeader | None,
    now_ms: int,
    head: Head | None = None,
) -> SessionHeader:
    """Apply a batch, whose conditions hold, to a session that is at `before`; `head` as above.

    Raises EncodeError for a value that breaks its rules.
    """
    if before is None:
        before = session_header.add_owner(conn, batch.session_id)
    else:
        # A save upon damage would hide it: the next digest adds up again.
        session_header.check(before)
    save = _Save(conn, batch, before, cache.get(batch.session_id))
    if batch.session is not None:
        save.put_session(batch.session, head)
    for collection, values in batch.collections.items():
        save.put_collection(collection, values)
    if batch.retained_artifact_uris is not None:
        save.put_uris(batch.retained_artifact_uris)
    after = session_header.write(conn, before, save.head, save.parts, now_ms, batch.save_id)
    cache.put(batch.session_id, save.cache_entry(after.generation))
    return after


def _conditions_hold(batch: Batch, before: SessionHeader | None) -> bool:
    refuse_other(batch.expected_generation, 0 if before is None else before.generation)
    if batch.expected_digest is None:
        return True
    return before is not None and before.digest == batch.expected_digest


def array(values: Any, model: str, name: str) -> tuple[Any, ...]:
    """The values of an attribute that nothing encodes whole. Raises EncodeError for no tuple."""
    if type(values) is not tuple:
        what = f"expected an array, found {type(values).__name__}"
        raise EncodeError(what, model=model, path=name)
    return values


# -- Other ways to change a session ---------------------------------------------------------------


def rewind(
    conn: sqlite3.Connection,
    session_id: str,
    length: int,
    now_ms: int,
    expected_generation: int | None = None,
) -> int:
    """Make the first `length` messages the history: a new generation, no message written.

    Raises:
        SessionNotFoundError: no session was saved, or it is not that long.
        StaleGenerationError: the session is not at `expected_generation`.
    """
    refuse_other(expected_generation, session_header.generation_of(conn, session_id))
    before, head = _saved(conn, session_id, length)
    after = Head(head.branch, length)
    conn.execute("UPDATE session SET head_length = ? WHERE owner_key = ?", (length, before.key))
    parts = {
        **before.parts,
        "messages": ListDigest(length, conversations.head_chain_hash(conn, after)),
    }
    return session_header.write(conn, before, after, parts, now_ms).generation


def _saved(
    conn: sqlite3.Connection, session_id: str, length: int | None
) -> tuple[SessionHeader, Head]:
    found = session_header.find(conn, session_id)
    if found is not None:
        session_header.check(found)
    if found is None or found.head is None:
        raise not_saved()
    refuse_beyond(length, found.head.length)
    return found, found.head


def fork(
    conn: sqlite3.Connection,
    memory: CacheTransaction,
    session_id: str,
    batch: Batch,
    at: int | None,
    now_ms: int,
) -> None:
    """Commit a batch under another id with a head on the first `at` messages of a session.

    No message is read and none is written; None means all of them.

    Raises:
        SessionNotFoundError: there is no such session, or it is not that long.
        StaleGenerationError: something is stored under the other id.
    """
    refuse_used(batch.session_id, session_header.generation_of(conn, batch.session_id))
    _, head = _saved(conn, session_id, at)
    length = head.length if at is None else at
    commit(conn, memory, batch, now_ms, Head(head.branch, length))


def delete(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    session_id: str,
    expected_generation: int | None = None,
) -> None:
    """Remove everything under an id, and the loop checkpoints of its runs; nothing is fine too.

    Its agent memory goes too, and a queue that an older release kept in a workflow checkpoint. The
    deletion takes a number, which is all that is left, with a hash.

    Raises:
        StaleGenerationError: the session is not at `expected_generation`.
    """
    generation = session_header.last_number(conn, session_id)
    refuse_other(expected_generation, generation)
    cache.evict(session_id)
    agent_memory.clear(conn, session_id)
    queues = conn.execute(
        "DELETE FROM workflow_checkpoint WHERE workflow_id = ?", (WORKFLOW_PREFIX + session_id,)
    ).rowcount
    branches = _column(
        conn, "DELETE FROM loop_checkpoint WHERE session_id = ? RETURNING head_branch", session_id
    )
    blob_keys: list[int] = []
    owner = conn.execute("SELECT owner_key, life FROM owner WHERE id = ?", (session_id,)).fetchone()
    if owner is not None:
        key, life = owner
        tombstones.put(conn, session_id, max(generation, life - 1) + 1)
        branches += _column(conn, "SELECT branch_key FROM branch_owner WHERE owner_key = ?", key)
        # Which blobs do its artifacts refer to?
        blob_keys = _column(
            conn,
            "SELECT blob_key FROM artifact WHERE owner_key = ? AND blob_key IS NOT NULL",
            key,
        )
        # Everything else hangs on this row and goes with it.
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (key,))
    elif branches or queues:
        tombstones.remember(conn, session_id)
    message_log.collect(conn, branches)
    blobs.reclaim(conn, blob_keys)


def _column(conn: sqlite3.Connection, sql: str, value: object) -> list[int]:
    return [row[0] for row in conn.execute(sql, (value,)).fetchall()]
