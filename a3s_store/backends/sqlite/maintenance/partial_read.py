"""Read a damaged session or checkpoint: every value that verifies, and a list of the damage.

An ordinary load refuses a session of which one byte is wrong. Here `RowChecker` reads each message
and value by itself; those that cannot be read or do not verify are left out and listed. Where every
value of a list verifies and the list does not, all are returned and the list is reported: which of
them is of an earlier save cannot be known.

Plain functions of a connection, each inside a read transaction that the caller opened. Nothing is
raised for damage.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.rows import (
    message_log,
    pruned_generations,
    session_header,
    statements,
)
from a3s_store.core.checksums import checkpoint_digest
from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    CONFIG_ROWS,
    LOOP_CHECKPOINTS,
    SESSION_ROWS,
    CheckpointKind,
    Collection,
)
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import URIS, ListDigest, digest_with, session_parts, uris_digest
from a3s_store.core.parts import snapshot_digest_of_parts
from a3s_store.core.reports import Recovered
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import Message, SessionData
from a3s_store.wire import compact, decode, encode, encode_without, parse

Tree = dict[str, Any]


def recover(
    conn: sqlite3.Connection,
    session_id: str,
    wanted: Sequence[Collection] = COLLECTIONS,
    generation: int | None = None,
) -> Recovered[SessionSnapshot]:
    """Read as much of a session and these collections as verifies; see `Recovered`.

    With a `generation`, the conversation is the one of that generation. `value` is None when no
    session was saved under the id, or when every row that would show it is lost.

    Raises:
        SessionNotFoundError, GenerationGoneError: there is no such generation.
    """
    checker = RowChecker(conn, session_id=session_id)
    checker.attempt("file", lambda: row_salt.read(conn))
    return Recovered(
        value=session(checker, session_id, wanted, generation), damage=tuple(checker.damage)
    )


def session(
    checker: RowChecker,
    session_id: str,
    wanted: Sequence[Collection] = COLLECTIONS,
    generation: int | None = None,
    *,
    messages: bool = True,
) -> SessionSnapshot | None:
    """Read as `recover` does; with `messages=False` only the head of the conversation is read."""
    key = checker.attempt("session", lambda: _owner(checker.conn, session_id))
    if key is None:
        return None
    parts = list_digests(checker, key)
    own = _own_rows(checker, session_id, key, parts)
    head = _head(checker, key, parts) if generation is None else _head_at(checker, key, generation)
    history: tuple[Message, ...] = ()
    if head is not None and messages:
        history = tuple(message for _, message in checker.messages(head))
    lists: Any = {
        name: checker.values(name, statements.statements(part, "owner_key"), key, parts.get(name))
        for name, part in SESSION_ROWS.lists.items()
    }
    uris = _uris(checker, key, parts)
    found = collections(checker, key, parts, wanted)
    if uris and ARTIFACTS in found and found[ARTIFACTS] is None:
        found[ARTIFACTS] = ()
    if own is None and head is None:
        return None  # its collections were saved without it
    if own is None:
        checker.note("session", "only its lists and messages are left")
        own = _blank(session_id)
    return SessionSnapshot.of(own.evolve(messages=history, **lists), found, uris)


def _owner(conn: sqlite3.Connection, session_id: str) -> int | None:
    row = conn.execute("SELECT owner_key FROM owner WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        # The index may be what is damaged.
        row = conn.execute(
            "SELECT owner_key FROM owner NOT INDEXED WHERE id = ?", (session_id,)
        ).fetchone()
    return None if row is None else row[0]


def list_digests(checker: RowChecker, key: int) -> dict[str, ListDigest]:
    """Read the stored list digest of each saved list of an owner, by name."""
    found = checker.attempt(
        "session",
        lambda: checker.conn.execute(
            "SELECT name, count, digest FROM collection WHERE owner_key = ?", (key,)
        ).fetchall(),
    )
    return {name: ListDigest(count, digest) for name, count, digest in found or ()}


def collections(
    checker: RowChecker,
    key: int,
    parts: Mapping[str, ListDigest],
    wanted: Iterable[Collection] = COLLECTIONS,
) -> dict[Collection, tuple[Any, ...] | None]:
    """Read the values of each collection that verify; None for one that was never saved.

    `parts` are the `list_digests` of the owner, whose key is `key`.
    """
    found: dict[Collection, tuple[Any, ...] | None] = {}
    for collection in wanted:
        digest = parts.get(collection.name)
        sql = statements.statements(collection.rows, "owner_key")
        values = checker.values(collection.name, sql, key, digest)
        found[collection] = values if values or digest is not None else None
    return found


def _blank(session_id: str) -> SessionData:
    """Return a session with default values, for one whose own rows are lost."""
    return SessionData(id=session_id, created_at=0, updated_at=0)


def _own_rows(
    checker: RowChecker, session_id: str, key: int, parts: dict[str, ListDigest]
) -> SessionData | None:
    """Return the session without its lists, from those of its two rows that verify; None: no rows.

    The digests stored in these rows are added to `parts`.
    """
    blank: Tree = parse(compact(encode(_blank(session_id))))
    tree = blank
    there = False
    for name, table in (("session", SESSION_ROWS), ("config", CONFIG_ROWS)):
        row = checker.attempt(
            name,
            functools.partial(
                statements.fetch_one, checker.conn, table, "owner_key", key, ("digest",)
            ),
        )
        if row is None:
            continue
        there = True
        found, (digest,) = row
        parts[name] = ListDigest(1, digest)
        whole = {**blank, **found, "id": session_id}
        if checker.attempt(name, functools.partial(_prove, name, whole, parts)):
            tree = {**tree, **found}
    if there and not {"session", "config"} <= parts.keys():
        missing = "config" if "session" in parts else "session"
        if not any(damage.part == missing for damage in checker.damage):
            checker.note(missing, "it is missing")
    return decode(SessionData, tree) if there else None


def _prove(name: str, tree: Tree, parts: Mapping[str, ListDigest]) -> bool:
    found = session_parts(encode_without(decode(SessionData, tree), frozenset({"messages"})))
    if found[name] != parts[name]:
        raise CorruptRowError(NOT_WRITTEN)
    return True


_HEADS = """
SELECT head_branch, head_length, NULL FROM session WHERE owner_key = :key
UNION ALL
SELECT * FROM (
    SELECT head_branch, head_length, digest FROM generation
    WHERE owner_key = :key ORDER BY generation DESC LIMIT 1
)
"""

# Whether any stored save has all messages of the head in the session's row.
_REACHED: Final = """
SELECT EXISTS (
    SELECT 1 FROM generation AS g
    WHERE g.owner_key = s.owner_key AND g.head_branch = s.head_branch
    AND g.head_length >= s.head_length
)
FROM session AS s WHERE owner_key = :key
"""


def _head(checker: RowChecker, key: int, parts: Mapping[str, ListDigest]) -> Head | None:
    """Return the head with which the parts match the stored digest, else the longest stored one."""
    # The heads stored in the session's row and in its last generation, and that one's digest.
    stored = checker.attempt(
        "generation", lambda: checker.conn.execute(_HEADS, {"key": key}).fetchall()
    )
    # Damaged trees return rows of other tables, with values of other types.
    heads = [
        Head(branch, length)
        for branch, length, _ in stored or ()
        if type(branch) is int and type(length) is int
    ]
    digests = {digest for *_, digest in stored or ()} - {None}
    if stored and stored[0][:2] != stored[-1][:2]:
        checker.note("session", "its conversation is not that of its last save")
    # Where no stored save has all messages of the session, its last save is lost; an earlier one
    # would match with fewer messages.
    reached = checker.attempt(
        "generation", lambda: checker.conn.execute(_REACHED, {"key": key}).fetchone()
    )
    if reached == (0,):
        digests.clear()
    for head in heads:
        link = checker.attempt(
            "messages", functools.partial(message_log.chain_hash_at, checker.conn, head)
        )
        if link is None:
            continue
        whole = {**parts, "messages": ListDigest(head.length, link)}
        # In a damaged row a digest may be a value of another type.
        if (
            checker.attempt("generation", functools.partial(snapshot_digest_of_parts, whole))
            in digests
        ):
            return head
    if heads or digests:
        checker.note("generation", "the stored digests of its parts do not match its digest")
    return max(heads, key=lambda head: head.length, default=None)


def _head_at(checker: RowChecker, key: int, generation: int) -> Head | None:
    saves = checker.attempt(
        "generation", lambda: [*session_header.saves(checker.conn, key, generation)]
    )
    if saves is None:
        return None
    if saves and saves[0].head is not None:
        return saves[0].head
    error = pruned_generations.not_there(checker.conn, key, generation)
    if not isinstance(error, CorruptRowError):
        raise error
    checker.note("generation", error.what, error.position)
    return None


def _uris(checker: RowChecker, key: int, parts: Mapping[str, ListDigest]) -> tuple[str, ...]:
    stored = checker.attempt(
        URIS,
        lambda: checker.conn.execute(
            "SELECT uri, seq FROM retained_artifact_uri WHERE owner_key = ? ORDER BY seq", (key,)
        ).fetchall(),
    )
    uris = tuple(row[0] for row in stored or ())
    numbered = [row[1] for row in stored or ()] == [*range(len(uris))]
    if not numbered or uris_digest(uris) != parts.get(URIS, uris_digest(())):
        checker.note(URIS, NOT_WRITTEN)
        return ()
    return uris


def checkpoint(
    checker: RowChecker, kind: CheckpointKind, key: str, *, messages: bool = True
) -> Any | None:
    """Read a checkpoint without the messages or steps that do not verify.

    None when there is none, or when its own row does not verify. With `messages=False` only the
    head of a run checkpoint's conversation is read.
    """
    also = [f"{kind.rows.table}_key", "digest"]
    also += [f"{name}_{what}" for name in kind.rows.lists for what in ("count", "digest")]
    also += ["head_branch", "head_length", "base_length"] if kind is LOOP_CHECKPOINTS else []
    row = checker.attempt(
        kind.name, lambda: statements.fetch_one(checker.conn, kind.rows, kind.key, key, also)
    )
    if row is None:
        return None
    tree, (row_key, digest, *rest) = row
    if kind is LOOP_CHECKPOINTS:
        *head, base_length = rest
        return _loop(checker, tree, digest, Head(*head), base_length, messages=messages)
    digests = {
        name: ListDigest(*rest[2 * index : 2 * index + 2])
        for index, name in enumerate(kind.rows.lists)
    }

    def prove() -> Any:
        value: Any = decode(kind.model, {**tree, **{name: [] for name in digests}})
        if digest_with(encode_without(value, frozenset(digests)), digests) != digest:
            raise CorruptRowError(NOT_WRITTEN)
        return value

    value = checker.attempt(kind.name, prove)
    if value is None:
        return None
    lists = {
        name: checker.values(
            name, statements.statements(part, f"{kind.rows.table}_key"), row_key, digests[name]
        )
        for name, part in kind.rows.lists.items()
    }
    return value.evolve(**lists)


def _loop(
    checker: RowChecker,
    tree: Tree,
    digest: bytes,
    head: Head,
    base_length: int | None,
    *,
    messages: bool,
) -> Any | None:
    def prove() -> Any:
        value: Any = decode(LOOP_CHECKPOINTS.model, {**tree, "messages": []})
        bare = encode_without(value, frozenset({"messages"}))
        link = message_log.chain_hash_at(checker.conn, head)
        if checkpoint_digest(LOOP_CHECKPOINTS, bare, link, base_length) != digest:
            raise CorruptRowError(NOT_WRITTEN)
        return value

    value = checker.attempt(LOOP_CHECKPOINTS.name, prove)
    if value is None or not messages:
        return value
    return value.evolve(messages=tuple(message for _, message in checker.messages(head)))
