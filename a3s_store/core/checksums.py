"""Checksums and digests of stored values: made at a save, verified at a load.

A text with a flipped bit decodes as well as the right one: only a digest tells them apart.
Messages and the values of lists have a checksum in each row, which costs a load little. What has
none (the session, a checkpoint, rows of an older schema) is encoded again at a load and verified
against its digest, after the read transaction and beside the event loop. Otherwise a damaged value
would be returned as a good one, and once it is saved again, it would have a valid digest.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Container, Mapping, Sequence
from operator import xor
from typing import Any, Final
from zlib import crc32

from a3s_store.core.batch import encode_collection
from a3s_store.core.collections import (
    CONFIG_PARTS,
    CONFIG_ROWS,
    SESSION_ROWS,
    CheckpointKind,
    Collection,
    TableLayout,
)
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import (
    EMPTY_LIST,
    ListDigest,
    digest_with,
    item_digest,
    list_digest,
    scalar_digest,
)
from a3s_store.models import SessionData
from a3s_store.wire import canonical, encode, encode_without, row_text

Tree = dict[str, Any]
_MESSAGES = frozenset({"messages"})
# Attributes of a session that the row of its configuration, or its own row, does not have.
NOT_OF_CONFIG: Final = CONFIG_ROWS.in_other_tables - {"extra"}
NOT_OF_SESSION: Final = frozenset({"messages", *SESSION_ROWS.lists, *CONFIG_PARTS})


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
    seeds = itertools.repeat(seed)
    if reasonings.count(None) == extras.count(None) == len(links):
        heads = map(crc32, roles, seeds)  # what `_head` returns, nearly always
    else:
        heads = map(_head, roles, reasonings, extras, seeds)
    found = map(crc32, contents, map(crc32, links, heads))
    return [*map(xor, found, range(start, start + len(links)))]


def message_checksum(
    seq: int,
    chain_hash: bytes,
    role: bytes,
    reasoning: bytes | None,
    extra: bytes | None,
    content: bytes,
    seed: int,
) -> int:
    """Return the row checksum of one message, as `message_checksums` does."""
    return crc32(content, crc32(chain_hash, _head(role, reasoning, extra, seed))) ^ seq


def _head(role: bytes, reasoning: bytes | None, extra: bytes | None, seed: int) -> int:
    if reasoning is None and extra is None:
        return crc32(role, seed)
    return crc32(b"\0".join((role, reasoning or b"", extra or b"")), seed)


def row_checksum(*columns: int | str | None) -> int:
    """Return the CRC-32 of columns, in order: the checksum of rows that have few of them."""
    return crc32("\0".join(map(str, columns)).encode())


def list_row_checksum(columns: tuple[Any, ...]) -> int:
    """Return the CRC-32 of a row of a list: its place, then its columns, as a JSON array.

    The array is compact and in UTF-8, bytes are in it as lower-case hex. Any program can make it.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    return crc32(row_text(columns))


def digest_prefix(digest: bytes) -> int:
    """Return the first 32 bits of a digest: rows have them, so that a damaged one can be named."""
    return int.from_bytes(digest[:4], "big")


def check_session(
    session: SessionData,
    parts: Mapping[str, ListDigest],
    marks: Mapping[str, Sequence[int]],
    proven: Container[str],
) -> None:
    """Raise CorruptRowError unless a session, without its messages, has the stored digests.

    `marks` has the digest prefixes of the rows of its lists, `proven` the lists whose rows have the
    right row checksums, which are not encoded.
    """
    check_session_fields(session, parts)
    for name, rows in SESSION_ROWS.lists.items():
        if name in proven:
            continue
        trees = [*map(encode, getattr(session, name))]
        if list_digest(trees, rows) != parts.get(name):
            raise CorruptRowError(NOT_WRITTEN, name, _first_wrong(trees, rows, marks[name]))


def check_session_fields(
    session: SessionData, parts: Mapping[str, ListDigest], *, config: bool = True
) -> None:
    """Raise CorruptRowError unless the fields of a session have the stored digests.

    Its lists are not looked at, and without `config` its configuration neither.
    """
    if scalar_digest(encode_without(session, NOT_OF_SESSION)) != parts.get("session"):
        raise CorruptRowError(NOT_WRITTEN, "session")
    if config:
        tree = encode_without(session, NOT_OF_CONFIG)
        tree = {key: tree[key] for key in CONFIG_PARTS if key in tree}
        if scalar_digest(tree) != parts.get("config"):
            raise CorruptRowError(NOT_WRITTEN, "config")


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


def check_values(
    name: str, values: tuple[Any, ...], rows: TableLayout, marks: Sequence[int], start: int
) -> None:
    """Raise CorruptRowError unless values of a list have the digest prefixes of their rows.

    `start` is the position of the first one in the list.
    """
    wrong = _first_wrong([encode(value) for value in values], rows, marks)
    if wrong is not None:
        raise CorruptRowError(NOT_WRITTEN, name, start + wrong)


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
    lists: Mapping[str, ListDigest] | None = None,
) -> None:
    """Raise CorruptRowError unless a checkpoint has its stored digest; `link` as below.

    `lists` has the digests of its lists where their rows have the right row checksums, so that
    their values are not encoded.
    """
    if lists:
        if digest_with(encode_without(value, frozenset(lists)), lists) != digest:
            raise CorruptRowError(NOT_WRITTEN, kind.name)
        return
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
