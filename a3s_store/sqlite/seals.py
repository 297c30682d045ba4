"""Whether what was read is what was written: values are held against the digests on record.

A flipped bit in a text decodes as well as the right one; only the digest tells. Checking encodes
everything once more, which nearly doubles the time of a load. It happens after the read
transaction, beside the event loop, and is the price of never handing out damage as if it were
whole; and what is loaded and saved again would otherwise get a digest that blesses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from a3s_store.batch import encode_shelf
from a3s_store.families import CheckpointKind, Family
from a3s_store.models import SessionData
from a3s_store.snapshot import EMPTY_CHAIN, item_digest, session_parts, shelf_digest
from a3s_store.sqlite import log
from a3s_store.wire import canonical, encode

Tree = dict[str, Any]


@attrs.frozen
class StoredSession:
    """A session as it was fetched: its JSON object, its messages' chain, its parts' digests.

    `chain` is None when the messages were not fetched.
    """

    tree: Tree
    chain: Sequence[bytes] | None
    digests: Mapping[str, bytes]


@attrs.frozen
class StoredShelf:
    """A shelf as it was fetched: the JSON objects of its values, and its digest."""

    trees: list[Tree]
    digest: bytes


@attrs.frozen
class StoredCheckpoint:
    """A checkpoint as it was fetched: its JSON object, the chain of its messages, its digest.

    `chain` is None for a workflow's, which has no messages.
    """

    tree: Tree
    chain: Sequence[bytes] | None
    digest: bytes


def check_session(session: SessionData, stored: StoredSession) -> None:
    """Raise ValueError, naming the part, unless the session is what its digests say."""
    tree = encode(session)
    for name, digest in session_parts(tree).items():
        _compare(name, digest, stored.digests[name])
    if stored.chain is not None:
        check_messages(tree["messages"], stored.chain)


def check_messages(messages: Sequence[Tree], chain: Sequence[bytes]) -> None:
    """Raise ValueError, naming the first, unless the messages are what their chain says."""
    for index, (link, stored) in enumerate(zip(log.links_of(messages), chain, strict=True)):
        _compare(f"messages[{index}]", link, stored)


def check_shelf(family: Family, values: tuple[Any, ...], stored: StoredShelf) -> None:
    """Raise ValueError unless the values of a shelf are what its digest says."""
    digest = shelf_digest(encode_shelf(family, values), family.rows)
    _compare(family.name, digest, stored.digest)


def check_checkpoint(kind: CheckpointKind, value: Any, stored: StoredCheckpoint) -> None:
    """Raise ValueError unless the checkpoint is what is on record of it."""
    tree = encode(value)
    if stored.chain is None:
        _compare(kind.name, item_digest(tree, kind.rows), stored.digest)
        return
    check_messages(tree["messages"], stored.chain)
    last = stored.chain[-1] if stored.chain else EMPTY_CHAIN
    _compare(kind.name, checkpoint_digest(tree, last), stored.digest)


def checkpoint_digest(tree: Tree, link: bytes) -> bytes:
    """The digest of a loop's checkpoint whose messages have this chain."""
    rest = {key: item for key, item in tree.items() if key != "messages"}
    return hashlib.sha256(canonical(rest) + link).digest()


def _compare(name: str, found: bytes, stored: bytes) -> None:
    if found != stored:
        raise ValueError(f"{name}: what is there is not what was written")
