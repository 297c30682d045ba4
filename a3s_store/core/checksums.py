"""Checksums and digests of stored values: made at a save, verified at a load.

A text with a flipped bit decodes as well as the right one: only a digest tells them apart.
Messages, which are most of a file, have a checksum in each row, which costs a load little.
Everything else is encoded again at a load and verified against its digest, after the read
transaction and beside the event loop. Otherwise a damaged value would be returned as a good one,
and once it is saved again, it would have a valid digest.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from operator import xor
from typing import Any
from zlib import crc32

from a3s_store.core.batch import encode_collection
from a3s_store.core.collections import SESSION_ROWS, CheckpointKind, Collection, TableLayout
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import EMPTY_LIST, ListDigest, item_digest, session_parts
from a3s_store.models import SessionData
from a3s_store.wire import canonical, encode_without

Tree = dict[str, Any]
_MESSAGES = frozenset({"messages"})


def message_checksums(
    start: int,
    links: Sequence[bytes],
    roles: Sequence[bytes],
    reasonings: Sequence[bytes | None],
    extras: Sequence[bytes | None],
    contents: Sequence[bytes],
    seed: int,
) -> list[int]:
    """Return the row checksums of messages that follow each other from position `start`.

    A checksum is the CRC-32 of role, reasoning, extra keys, chain hash and content, with the
    position in it: an intact row in the place of another is damage, too. `seed`, which the CRC
    begins with, is made of the file and the branch (0 in rows of files of schema 1 to 5). Rows of
    messages never change, so a CRC is enough.
    """
    heads = map(_head, roles, reasonings, extras, itertools.repeat(seed))
    found = map(crc32, contents, map(crc32, links, heads))
    return [*map(xor, found, range(start, start + len(links)))]


def _head(role: bytes, reasoning: bytes | None, extra: bytes | None, seed: int) -> int:
    if reasoning is None and extra is None:
        return crc32(role, seed)
    return crc32(b"\0".join((role, reasoning or b"", extra or b"")), seed)


def row_checksum(*columns: int | str | None) -> int:
    """Return the CRC-32 of columns, in order: the checksum of rows that have few of them."""
    return crc32("\0".join(map(str, columns)).encode())


def digest_prefix(digest: bytes) -> int:
    """Return the first 32 bits of a digest: rows have them, so that a damaged one can be named."""
    return int.from_bytes(digest[:4], "big")


def check_session(
    session: SessionData, parts: Mapping[str, ListDigest], marks: Mapping[str, Sequence[int]]
) -> None:
    """Raise CorruptRowError unless a session, without its messages, has the stored digests.

    `marks` has the digest prefixes of the rows of its lists.
    """
    tree = encode_without(session, _MESSAGES)
    for name, digest in session_parts(tree).items():
        if digest == parts.get(name):
            continue
        rows = SESSION_ROWS.lists.get(name)
        if rows is None:
            raise CorruptRowError(NOT_WRITTEN, name)
        raise CorruptRowError(NOT_WRITTEN, name, _first_wrong(tree[name], rows, marks[name]))


def check_collection(
    collection: Collection, values: tuple[Any, ...], digest: ListDigest, marks: Sequence[int]
) -> None:
    """Raise CorruptRowError unless the values of a collection have the stored digest.

    `marks` are the digest prefixes of its rows.
    """
    trees = encode_collection(collection, values)
    if EMPTY_LIST.appended([item_digest(tree, collection.rows) for tree in trees]) != digest:
        raise CorruptRowError(
            NOT_WRITTEN, collection.name, _first_wrong(trees, collection.rows, marks)
        )


def _first_wrong(trees: Sequence[Tree], rows: TableLayout, marks: Sequence[int]) -> int | None:
    """Return the position of the first value whose digest prefix is another; None without one."""
    wrong = (
        position
        for position, (tree, mark) in enumerate(zip(trees, marks, strict=True))
        if digest_prefix(item_digest(tree, rows)) != mark
    )
    return next(wrong, None)


def check_checkpoint(
    kind: CheckpointKind,
    value: Any,
    digest: bytes,
    link: bytes | None,
    base_length: int | None = None,
) -> None:
    """Raise CorruptRowError unless a checkpoint has its stored digest; `link` as below."""
    tree = encode_without(value, frozenset() if link is None else _MESSAGES)
    if checkpoint_digest(kind, tree, link, base_length) != digest:
        raise CorruptRowError(NOT_WRITTEN, kind.name)


def checkpoint_digest(
    kind: CheckpointKind, tree: Tree, link: bytes | None, base_length: int | None = None
) -> bytes:
    """Return the digest of a checkpoint, given its JSON object.

    `link` is the chain hash of the messages of a run checkpoint, which are not in the object; None
    for a workflow's. Its `base_length` is part of the digest where it is known.
    """
    if link is None:
        return item_digest(tree, kind.rows)
    base = b"" if base_length is None else base_length.to_bytes(8, "big")
    return hashlib.sha256(canonical(tree) + link + base).digest()
