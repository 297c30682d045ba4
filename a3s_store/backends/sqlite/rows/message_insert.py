"""Write encoded messages as rows of a branch: a plain function inside a transaction."""

from __future__ import annotations

import itertools
import sqlite3
from typing import Any, Final

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.rows import blobs
from a3s_store.core.checksums import message_checksum
from a3s_store.core.collections import MESSAGE_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.conversation import ChainHashes
from a3s_store.core.digests import linked
from a3s_store.wire.orjson_memory import SMALL
from a3s_store.wire.text import small_text

_SHAPE: Final = shape(MESSAGE_ROWS)
_INSERT: Final = (
    f"INSERT INTO message (branch_key, seq, {', '.join(_SHAPE.names)}, "
    "chain_hash, checksum, added_at_ms) "
    f"VALUES (?, ?, {', '.join('?' * len(_SHAPE.names))}, ?, ?, ?)"
)
assert _SHAPE.names == ("role", "content", "reasoning_content", "extra"), "columns are named here"
# How many keys a message has that has only the first two.
_PLAIN: Final = 2
_NO_KEYS: Final[list[int]] = []


def insert_messages(
    conn: sqlite3.Connection,
    branch: int,
    offset: int,
    hashes: ChainHashes,
    positions: range,
    now_ms: int,
    before: bytes | None = None,
    at_ms: tuple[int, ...] = (),
) -> None:
    """Write messages as rows, each at its position plus `offset`.

    `before` is the chain hash that their own go on from; None: that of this conversation. `at_ms`
    are their times, () where all have `now_ms`.
    """
    rows: list[tuple[Any, ...]] = []
    seed = row_salt.read(conn).seed(branch) if positions else 0
    times = at_ms or itertools.repeat(now_ms)
    chain_hash = hashes.at(positions.start) if before is None else before
    encoded = hashes.encoded(positions)
    for seq, one, added_at_ms in zip(itertools.count(positions.start + offset), encoded, times):
        chain_hash = linked(chain_hash, one.digest)
        tree, keys = one.tree, _NO_KEYS
        if one.size >= blobs.THRESHOLD:
            tree, keys = blobs.detach(conn, tree)
        columns = _columns(tree, one.size)
        role, content, reasoning, extra = columns
        checksum = message_checksum(
            seq,
            chain_hash,
            role.encode(),
            None if reasoning is None else reasoning.encode(),
            None if extra is None else extra.encode(),
            content.encode(),
            seed,
        )
        row = (branch, seq, *columns, chain_hash, checksum, added_at_ms)
        if not keys:
            rows.append(row)
            continue
        message_key = conn.execute(_INSERT, row).lastrowid
        conn.executemany(
            "INSERT OR IGNORE INTO message_blob (message_key, blob_key) VALUES (?, ?)",
            [(message_key, key) for key in keys],
        )
    if before is None:
        hashes.note(positions.stop, chain_hash)
    conn.executemany(_INSERT, rows)


def _columns(tree: dict[str, Any], size: int) -> tuple[Any, ...]:
    """Return the columns of a message whose canonical JSON has so many bytes."""
    if size <= SMALL and len(tree) == _PLAIN:
        content = small_text(tree["content"])
        if content is not None:
            return tree["role"], content, None, None
    return _SHAPE.row(tree)
