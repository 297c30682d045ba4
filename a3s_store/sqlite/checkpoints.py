"""Checkpoints in the file: one row per run or workflow; a loop's messages are a head on the log.

Plain functions of a connection, each inside a transaction that somebody else opened.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from a3s_store.families import LOOP_CHECKPOINTS, CheckpointKind
from a3s_store.snapshot import item_digest
from a3s_store.sqlite import log, rows, sessions
from a3s_store.sqlite.log import Head
from a3s_store.sqlite.rows import Extent
from a3s_store.sqlite.seals import StoredCheckpoint, checkpoint_digest

Tree = dict[str, Any]


def put(conn: sqlite3.Connection, kind: CheckpointKind, key: str, tree: Tree) -> None:
    """Keep a checkpoint in place of the last one under its key."""
    if kind is LOOP_CHECKPOINTS:
        _put_loop(conn, key, tree)
    else:
        _put_lists(conn, kind, key, tree)


def _put_loop(conn: sqlite3.Connection, key: str, tree: Tree) -> None:
    last = _loop_head(conn, key)
    first = [last.branch] if last is not None else []
    head = sessions.write_for(conn, tree["session_id"], first, tree["messages"])
    own = {
        "head_branch": head.branch,
        "head_length": head.length,
        "digest": checkpoint_digest(tree, log.link_at(conn, head)),
    }
    rows.put_one(conn, LOOP_CHECKPOINTS.rows, LOOP_CHECKPOINTS.key, own, tree)
    grew = last is not None and last.branch == head.branch and last.length <= head.length
    if last is not None and not grew:
        log.collect(conn, [last.branch])


def _loop_head(conn: sqlite3.Connection, key: str) -> Head | None:
    row = conn.execute(
        "SELECT head_branch, head_length FROM loop_checkpoint WHERE run_id = ?", (key,)
    ).fetchone()
    return None if row is None else Head(*row)


def _put_lists(conn: sqlite3.Connection, kind: CheckpointKind, key: str, tree: Tree) -> None:
    table = kind.rows.table
    names = [f"{name}_{what}" for name in kind.rows.lists for what in ("count", "digest")]
    stored = conn.execute(
        f"SELECT {table}_key, {', '.join(names)} FROM {table} WHERE {kind.key} = ?", (key,)
    ).fetchone()
    extents: dict[str, Any] = {}
    for name, part in kind.rows.lists.items():
        extent = rows.extent_of(part, tree[name])
        extents |= {f"{name}_count": extent.count, f"{name}_digest": extent.digest}
    digest = item_digest(tree, kind.rows)
    rows.put_one(conn, kind.rows, kind.key, {"digest": digest, **extents}, tree)
    (row_key,) = conn.execute(
        f"SELECT {table}_key FROM {table} WHERE {kind.key} = ?", (key,)
    ).fetchone()
    for index, (name, part) in enumerate(kind.rows.lists.items()):
        before = None if stored is None else Extent(*stored[1 + 2 * index : 3 + 2 * index])
        rows.put_list(conn, part, f"{table}_key", row_key, tree[name], before)


def get(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> StoredCheckpoint | None:
    """The checkpoint as it lies there; None when there is none. Raises ValueError if damaged."""
    table = kind.rows.table
    also = [f"{table}_key"]
    also += ["digest"]
    also += ["head_branch", "head_length"] if kind is LOOP_CHECKPOINTS else []
    also += [f"{name}_count" for name in kind.rows.lists]
    found = rows.fetch_one(conn, kind.rows, kind.key, key, also)
    if found is None:
        return None
    tree, columns = found
    if kind is LOOP_CHECKPOINTS:
        tree["messages"], chain = log.read(conn, Head(*columns[2:4]))
        return StoredCheckpoint(tree, chain, columns[1])
    for (name, part), count in zip(kind.rows.lists.items(), columns[2:], strict=True):
        tree[name] = rows.fetch_list(conn, part, f"{table}_key", columns[0], count)
    return StoredCheckpoint(tree, None, columns[1])


def drop(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> None:
    """Remove a checkpoint, and messages nobody else needs; none is fine too."""
    head = _loop_head(conn, key) if kind is LOOP_CHECKPOINTS else None
    conn.execute(f"DELETE FROM {kind.rows.table} WHERE {kind.key} = ?", (key,))
    if head is not None:
        log.collect(conn, [head.branch])
