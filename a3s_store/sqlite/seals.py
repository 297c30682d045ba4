"""Whether what was read is what was written: values are held against what is on record of them.

A flipped bit in a text decodes as well as the right one; only a digest tells. Messages, which are
most of a file, have a checksum in each row, which costs a load little. Everything else is encoded
once more and held against its digest. That happens after the read transaction, beside the event
loop, and is the price of never handing out damage as if it were whole; and what is loaded and saved
again would otherwise get a digest that blesses it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from a3s_store.batch import encode_shelf
from a3s_store.families import CheckpointKind, Family
from a3s_store.models import SessionData
from a3s_store.snapshot import Extent, item_digest, list_extent, session_parts
from a3s_store.wire import canonical, encode_without

Tree = dict[str, Any]
_MESSAGES = frozenset({"messages"})


def seals_of(
    links: Sequence[bytes],
    roles: Sequence[bytes],
    reasonings: Sequence[bytes | None],
    extras: Sequence[bytes | None],
    contents: Sequence[bytes],
) -> list[int]:
    """The CRC-32 of each row of some messages: its role, reasoning, extra keys, chain and content.

    Rows of messages are never changed, so no stronger proof is needed that one is what was written.
    """
    heads = map(_head, roles, reasonings, extras)
    return [*map(crc32, contents, map(crc32, links, heads))]


def _head(role: bytes, reasoning: bytes | None, extra: bytes | None) -> int:
    if reasoning is None and extra is None:
        return _plain_head(role)
    return crc32(b"\0".join((role, reasoning or b"", extra or b"")))


@functools.lru_cache(64)
def _plain_head(role: bytes) -> int:
    return crc32(role)


def check_session(session: SessionData, parts: Mapping[str, Extent]) -> None:
    """Raise ValueError, naming the part, unless all but the messages is what is on record."""
    for name, extent in session_parts(encode_without(session, _MESSAGES)).items():
        _compare(name, extent, parts.get(name))


def check_shelf(family: Family, values: tuple[Any, ...], extent: Extent) -> None:
    """Raise ValueError unless the values of a shelf are what is on record."""
    _compare(family.name, list_extent(encode_shelf(family, values), family.rows), extent)


def check_checkpoint(kind: CheckpointKind, value: Any, digest: bytes, link: bytes | None) -> None:
    """Raise ValueError unless the checkpoint is what is on record of it."""
    tree = encode_without(value, frozenset() if link is None else _MESSAGES)
    _compare(kind.name, checkpoint_digest(kind, tree, link), digest)


def checkpoint_digest(kind: CheckpointKind, tree: Tree, link: bytes | None) -> bytes:
    """The digest of a checkpoint; a loop's is without its messages, whose chain is `link`."""
    if link is None:
        return item_digest(tree, kind.rows)
    return hashlib.sha256(canonical(tree) + link).digest()


def _compare(name: str, found: object, stored: object) -> None:
    if found != stored:
        raise ValueError(f"{name}: what is there is not what was written")
