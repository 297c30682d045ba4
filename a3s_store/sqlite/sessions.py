"""One session in the file: how a batch is committed, read back, forked, rewound and deleted.

Plain functions of a connection, each inside a transaction that somebody else opened. A save is read
from top to bottom in `commit`: conditions, history, session row, lists, families, generation.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs

from a3s_store.batch import Batch, Trees
from a3s_store.errors import SessionNotFoundError, StaleGenerationError
from a3s_store.families import CONFIG_ROWS, FAMILIES, SESSION_ROWS, Family
from a3s_store.snapshot import combine, session_parts, uris_digest
from a3s_store.sqlite import blobs, log, rows
from a3s_store.sqlite.log import Head
from a3s_store.sqlite.rows import Extent
from a3s_store.sqlite.seals import StoredSession, StoredShelf
from a3s_store.sqlite.shape import shape

Tree = dict[str, Any]

_URIS = "retained_artifact_uris"
# How many branches are searched for messages already written, of checkpoints and of old histories.
_RECENT_BRANCHES = 8


@attrs.frozen
class _Owner:
    key: int
    generation: int


def find_owner(conn: sqlite3.Connection, session_id: str) -> _Owner | None:
    """The row that stands for a session id, if anything was saved under it."""
    row = conn.execute(
        "SELECT owner_key, generation FROM owner WHERE id = ?", (session_id,)
    ).fetchone()
    return None if row is None else _Owner(*row)


def commit(
    conn: sqlite3.Connection, batch: Batch, trees: Trees, now_ms: int, head: Head | None = None
) -> bool:
    """Apply a batch. False, with nothing written, when its digest does not match.

    With a `head`, that is the session's history, and the messages in `trees` are not looked at.

    Raises:
        StaleGenerationError: the session is not at `batch.expected_generation`.
    """
    owner = find_owner(conn, batch.session_id)
    if not _conditions_hold(conn, batch, owner):
        return False
    if owner is None:
        owner = _add_owner(conn, batch.session_id)
    if trees.session is not None:
        _put_session(conn, owner, trees.session, head)
    for family, values in trees.shelves.items():
        _put_shelf(conn, owner, family, values)
    if batch.retained_artifact_uris is not None:
        _put_uris(conn, owner, batch.retained_artifact_uris)
    _add_generation(conn, owner, now_ms)
    return True


def _conditions_hold(conn: sqlite3.Connection, batch: Batch, owner: _Owner | None) -> bool:
    generation = owner.generation if owner is not None else 0
    expected = batch.expected_generation
    if expected is not None and expected != generation:
        raise StaleGenerationError(
            f"the session is at generation {generation}, not {expected}",
            expected=expected,
            actual=generation,
            hint="Load it again, apply the change to what is there, and save that",
        )
    if batch.expected_digest is None:
        return True
    return owner is not None and current_digest(conn, owner) == batch.expected_digest


def current_digest(conn: sqlite3.Connection, owner: _Owner) -> str | None:
    """The digest of the snapshot as it is now; None when no session was saved."""
    row = conn.execute(
        "SELECT digest FROM generation WHERE owner_key = ? AND generation = ?",
        (owner.key, owner.generation),
    ).fetchone()
    return None if row is None else row[0]


def _add_owner(conn: sqlite3.Connection, session_id: str) -> _Owner:
    key = conn.execute("INSERT INTO owner (id, generation) VALUES (?, 0)", (session_id,)).lastrowid
    assert key is not None
    return _Owner(key, 0)


# -- The session itself ---------------------------------------------------------------------------


def _put_session(conn: sqlite3.Connection, owner: _Owner, tree: Tree, head: Head | None) -> None:
    if head is None:
        likely = _likely_branches(conn, owner, tree["id"])
        head = log.write(conn, likely, lambda: _older_branches(conn, owner), tree["messages"])
    parts = session_parts(tree)
    stored = conn.execute(
        "SELECT digest, head_branch, head_length FROM session WHERE owner_key = ?", (owner.key,)
    ).fetchone()
    if stored != (parts["session"], head.branch, head.length):
        _put_rows(conn, owner, tree, head, parts["session"])
    for name, part in SESSION_ROWS.lists.items():
        before = _extent(conn, owner, name)
        after = rows.put_list(conn, part, "owner_key", owner.key, tree[name], before)
        _set_extent(conn, owner, name, before, after)


def _put_rows(
    conn: sqlite3.Connection, owner: _Owner, tree: Tree, head: Head, digest: bytes
) -> None:
    config = shape(CONFIG_ROWS).row(tree)
    names = ", ".join(shape(CONFIG_ROWS).names)
    stored = conn.execute(
        f"SELECT {names} FROM session_config WHERE owner_key = ?", (owner.key,)
    ).fetchone()
    if stored != config:
        # Apart, and only when it changed: a turn must not rewrite the system prompt.
        rows.put_one(conn, CONFIG_ROWS, "owner_key", {"owner_key": owner.key}, tree)
    own = {
        "owner_key": owner.key,
        "head_branch": head.branch,
        "head_length": head.length,
        "digest": digest,
    }
    rows.put_one(conn, SESSION_ROWS, "owner_key", own, tree)


def write_for(
    conn: sqlite3.Connection, session_id: str, first: list[int], messages: Sequence[Tree]
) -> Head:
    """A head for messages that belong to a session without being its history: a checkpoint's.

    `first` are the branches to look at before the session's own.
    """
    owner = find_owner(conn, session_id) or _Owner(-1, 0)
    likely = [*first, *_likely_branches(conn, owner, session_id)]
    return log.write(conn, likely, lambda: _older_branches(conn, owner), messages)


def _likely_branches(conn: sqlite3.Connection, owner: _Owner, session_id: str) -> list[int]:
    """The branch of a session's history, and those of the checkpoints of its runs."""
    found = conn.execute(
        "SELECT head_branch FROM session WHERE owner_key = ?", (owner.key,)
    ).fetchall()
    found += conn.execute(
        "SELECT head_branch FROM loop_checkpoint WHERE session_id = ? "
        "ORDER BY loop_checkpoint_key DESC LIMIT ?",
        (session_id, _RECENT_BRANCHES),
    ).fetchall()
    return list(dict.fromkeys(row[0] for row in found))


def _older_branches(conn: sqlite3.Connection, owner: _Owner) -> list[int]:
    """The branches of a session's earlier histories, the last first."""
    found = conn.execute(
        "SELECT head_branch FROM generation WHERE owner_key = ? AND head_branch IS NOT NULL "
        "GROUP BY head_branch ORDER BY max(generation) DESC LIMIT ?",
        (owner.key, _RECENT_BRANCHES),
    ).fetchall()
    return [row[0] for row in found]


def head_of(conn: sqlite3.Connection, owner: _Owner) -> Head | None:
    """Where a session's history is; None when no session was saved."""
    row = conn.execute(
        "SELECT head_branch, head_length FROM session WHERE owner_key = ?", (owner.key,)
    ).fetchone()
    return None if row is None else Head(*row)


# -- Shelves --------------------------------------------------------------------------------------


def _extent(conn: sqlite3.Connection, owner: _Owner, name: str) -> Extent | None:
    row = conn.execute(
        "SELECT count, digest FROM shelf WHERE owner_key = ? AND family = ?", (owner.key, name)
    ).fetchone()
    return None if row is None else Extent(*row)


def _set_extent(
    conn: sqlite3.Connection, owner: _Owner, name: str, before: Extent | None, after: Extent
) -> None:
    if before != after:
        conn.execute(
            "INSERT INTO shelf (owner_key, family, count, digest) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = excluded.count, digest = excluded.digest",
            (owner.key, name, after.count, after.digest),
        )


def _put_shelf(
    conn: sqlite3.Connection, owner: _Owner, family: Family, values: list[Tree] | None
) -> None:
    before = _extent(conn, owner, family.name)
    if values is None and before is None:
        return
    after = rows.put_list(conn, family.rows, "owner_key", owner.key, values or [], before)
    if values is None:
        conn.execute(
            "DELETE FROM shelf WHERE owner_key = ? AND family = ?", (owner.key, family.name)
        )
    else:
        _set_extent(conn, owner, family.name, before, after)


def _put_uris(conn: sqlite3.Connection, owner: _Owner, uris: tuple[str, ...]) -> None:
    if _uris(conn, owner) == uris:
        return
    conn.execute("DELETE FROM retained_artifact_uri WHERE owner_key = ?", (owner.key,))
    conn.executemany(
        "INSERT INTO retained_artifact_uri (owner_key, seq, uri) VALUES (?, ?, ?)",
        [(owner.key, seq, uri) for seq, uri in enumerate(uris)],
    )


def _uris(conn: sqlite3.Connection, owner: _Owner) -> tuple[str, ...]:
    found = conn.execute(
        "SELECT uri FROM retained_artifact_uri WHERE owner_key = ? ORDER BY seq", (owner.key,)
    ).fetchall()
    return tuple(row[0] for row in found)


# -- Generations ----------------------------------------------------------------------------------


def _add_generation(conn: sqlite3.Connection, owner: _Owner, now_ms: int) -> int:
    number = owner.generation + 1
    head = head_of(conn, owner)
    conn.execute("UPDATE owner SET generation = ? WHERE owner_key = ?", (number, owner.key))
    conn.execute(
        "INSERT INTO generation "
        "(owner_key, generation, head_branch, head_length, digest, saved_at_ms) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            owner.key,
            number,
            head and head.branch,
            head and head.length,
            _digest(conn, owner, head) if head is not None else None,
            now_ms,
        ),
    )
    return number


def _digest(conn: sqlite3.Connection, owner: _Owner, head: Head) -> str:
    """The snapshot's digest from what is on record: no history is read."""
    parts: dict[str, tuple[int, bytes] | None] = {family.name: None for family in FAMILIES}
    parts["messages"] = (head.length, log.link_at(conn, head))
    session = conn.execute(
        "SELECT digest FROM session WHERE owner_key = ?", (owner.key,)
    ).fetchone()
    parts["session"] = (1, session[0])
    for name, count, digest in conn.execute(
        "SELECT family, count, digest FROM shelf WHERE owner_key = ?", (owner.key,)
    ).fetchall():
        parts[name] = (count, digest)
    uris = _uris(conn, owner)
    parts[_URIS] = (len(uris), uris_digest(uris))
    return combine(parts)


# -- Reading --------------------------------------------------------------------------------------


def fetch_session(
    conn: sqlite3.Connection,
    session_id: str,
    *,
    generation: int | None = None,
    messages: bool = True,
) -> StoredSession | None:
    """A session with the conversation of a generation or the current one.

    None when no session was saved. Without `messages` the list of them is empty.

    Raises:
        SessionNotFoundError: there is no such generation, or it has no conversation.
        ValueError: something is damaged.
    """
    owner = find_owner(conn, session_id)
    head = None if owner is None else head_of(conn, owner)
    if owner is None or head is None:
        return None
    _check_record(conn, owner, head)
    if generation is not None:
        head = _head_at(conn, owner, generation)
    found = rows.fetch_one(conn, SESSION_ROWS, "owner_key", owner.key, ["digest"])
    config = rows.fetch_one(conn, CONFIG_ROWS, "owner_key", owner.key)
    if found is None or config is None:
        raise ValueError("the session's configuration is missing")
    tree = {**config[0], **found[0], "id": session_id}
    tree["messages"], chain = log.read(conn, head) if messages else ([], None)
    digests: dict[str, bytes] = {"session": found[1][0]}
    for name, part in SESSION_ROWS.lists.items():
        extent = _extent(conn, owner, name)
        if extent is None:
            raise ValueError(f"{name}: no record of it")
        tree[name] = rows.fetch_list(conn, part, "owner_key", owner.key, extent.count)
        digests[name] = extent.digest
    return StoredSession(tree, chain, digests)


def check_record(conn: sqlite3.Connection, session_id: str) -> None:
    """Raise ValueError unless lengths and digests on record add up to the last generation's.

    `fetch_session` does so by itself.
    """
    owner = find_owner(conn, session_id)
    head = None if owner is None else head_of(conn, owner)
    if owner is not None and head is not None:
        _check_record(conn, owner, head)


def _check_record(conn: sqlite3.Connection, owner: _Owner, head: Head) -> None:
    if _digest(conn, owner, head) != current_digest(conn, owner):
        raise ValueError("what is on record of the session does not add up to its digest")


def _head_at(conn: sqlite3.Connection, owner: _Owner, generation: int) -> Head:
    row = conn.execute(
        "SELECT head_branch, head_length FROM generation WHERE owner_key = ? AND generation = ?",
        (owner.key, generation),
    ).fetchone()
    if row is None or row[0] is None:
        raise SessionNotFoundError(
            f"there is no conversation of generation {generation}",
            hint=f"The session is at generation {owner.generation}",
        )
    return Head(*row)


def fetch_shelves(
    conn: sqlite3.Connection, session_id: str, families: Sequence[Family]
) -> tuple[dict[Family, StoredShelf | None], tuple[str, ...]]:
    """These shelves, None where never saved, and the retained URIs."""
    owner = find_owner(conn, session_id)
    if owner is None:
        return dict.fromkeys(families), ()
    found: dict[Family, StoredShelf | None] = {}
    for family in families:
        extent = _extent(conn, owner, family.name)
        if extent is None:
            found[family] = None
        else:
            trees = rows.fetch_list(conn, family.rows, "owner_key", owner.key, extent.count)
            found[family] = StoredShelf(trees, extent.digest)
    return found, _uris(conn, owner)


# -- Other ways to change a session ---------------------------------------------------------------


def rewind(conn: sqlite3.Connection, session_id: str, length: int, now_ms: int) -> int:
    """Make the first `length` messages the history: a new generation, no message written.

    Raises:
        SessionNotFoundError: no session was saved, or it is not that long.
    """
    owner, _ = _saved(conn, session_id, length)
    conn.execute("UPDATE session SET head_length = ? WHERE owner_key = ?", (length, owner.key))
    return _add_generation(conn, owner, now_ms)


def _saved(conn: sqlite3.Connection, session_id: str, length: int | None) -> tuple[_Owner, Head]:
    owner = find_owner(conn, session_id)
    head = None if owner is None else head_of(conn, owner)
    if owner is None or head is None:
        raise SessionNotFoundError("no session was saved under this id", hint="list() names all")
    if length is not None and not 0 <= length <= head.length:
        raise SessionNotFoundError(
            f"the conversation has {head.length} messages, not {length}",
            hint="Name a length from 0 to that",
        )
    return owner, head


def fork(
    conn: sqlite3.Connection,
    session_id: str,
    batch: Batch,
    trees: Trees,
    at: int | None,
    now_ms: int,
) -> None:
    """Commit a batch under another id with a head on the first `at` messages of a session.

    No message is read and none is written; None means all of them.

    Raises:
        SessionNotFoundError: there is no such session, or it is not that long.
    """
    _, head = _saved(conn, session_id, at)
    length = head.length if at is None else at
    commit(conn, batch, trees, now_ms, Head(head.branch, length))


def delete(conn: sqlite3.Connection, session_id: str) -> None:
    """Remove everything under an id, and the loop checkpoints of its runs; nothing is fine too."""
    owner = find_owner(conn, session_id)
    branches = [
        row[0]
        for row in conn.execute(
            "DELETE FROM loop_checkpoint WHERE session_id = ? RETURNING head_branch", (session_id,)
        ).fetchall()
    ]
    blob_keys: list[int] = []
    if owner is not None:
        branches += [
            row[0]
            for row in conn.execute(
                "SELECT head_branch FROM session WHERE owner_key = :owner "
                "UNION SELECT head_branch FROM generation WHERE owner_key = :owner "
                "AND head_branch IS NOT NULL",
                {"owner": owner.key},
            ).fetchall()
        ]
        blob_keys = [
            row[0]
            for row in conn.execute(
                "SELECT blob_key FROM artifact WHERE owner_key = ? AND blob_key IS NOT NULL",
                (owner.key,),
            ).fetchall()
        ]
        # Everything else hangs on this row and goes with it.
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (owner.key,))
    log.collect(conn, branches)
    blobs.reclaim(conn, blob_keys)
