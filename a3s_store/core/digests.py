"""Digests of values, lists, conversations and snapshots: pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from a3s_store.core.collections import CONFIG_PARTS, SESSION_ROWS, TableLayout
from a3s_store.wire import canonical

_PRIME: Final = 2**255 - 19


_BASE: Final = int.from_bytes(hashlib.sha256(b"a3s_store.rolling.v1").digest(), "big") % _PRIME


EMPTY_CHAIN: Final = bytes(32)


# The name of the retained artifact URIs among the parts of a snapshot.
URIS: Final = "retained_artifact_uris"


class ListDigest(NamedTuple):
    """The length and the digest of a list; a value that is no list has length 1.

    The digest of a collection is rolling, that of a conversation is its chain hash. The methods
    below are for rolling digests.
    """

    count: int  # type: ignore[assignment] # not the method of tuples
    digest: bytes

    def appended(self, hashes: Sequence[bytes]) -> ListDigest:
        """Return the digest of the list with values of these digests at its end."""
        total = int.from_bytes(self.digest, "big")
        for item in hashes:
            total = (total * _BASE + int.from_bytes(item, "big")) % _PRIME
        return ListDigest(self.count + len(hashes), total.to_bytes(32, "big"))

    def without_first(self, hashes: Sequence[bytes]) -> ListDigest:
        """Return the digest of the list without its first values, which have these digests."""
        total = int.from_bytes(self.digest, "big")
        for place, item in enumerate(hashes):
            total -= int.from_bytes(item, "big") * pow(_BASE, self.count - 1 - place, _PRIME)
        return ListDigest(self.count - len(hashes), (total % _PRIME).to_bytes(32, "big"))

    def without_last(self, hashes: Sequence[bytes]) -> ListDigest:
        """Return the digest of the list without its last values, which have these digests."""
        last = int.from_bytes(EMPTY_LIST.appended(hashes).digest, "big")
        total = (int.from_bytes(self.digest, "big") - last) * pow(_BASE, -len(hashes), _PRIME)
        return ListDigest(self.count - len(hashes), (total % _PRIME).to_bytes(32, "big"))

    def replaced(self, position: int, old: bytes, new: bytes) -> ListDigest:
        """Return the digest of the list with a value of digest `old` replaced by one of `new`."""
        change = int.from_bytes(new, "big") - int.from_bytes(old, "big")
        total = int.from_bytes(self.digest, "big")
        total += change * pow(_BASE, self.count - 1 - position, _PRIME)
        return ListDigest(self.count, (total % _PRIME).to_bytes(32, "big"))


EMPTY_LIST: Final = ListDigest(0, bytes(32))


def message_digest(tree: Mapping[str, Any]) -> bytes:
    """Return the digest of a message, given its JSON object: chain hashes are made of these."""
    return sized_digest(tree)[0]


def sized_digest(tree: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the digest of a message as `message_digest` does, and the bytes it was made of."""
    text = canonical(tree)
    return hashlib.sha256(text).digest(), len(text)


def item_digest(tree: Mapping[str, Any], rows: TableLayout) -> bytes:
    """Return the digest of a value, given its JSON object.

    Lists that are rows of their own enter by their rolling digest.
    """
    if not rows.lists:
        return hashlib.sha256(canonical(tree)).digest()
    rest = {key: item for key, item in tree.items() if key not in rows.lists}
    return digest_with(
        rest, {key: list_digest(tree.get(key, ()), part) for key, part in rows.lists.items()}
    )


def digest_with(rest: Mapping[str, Any], lists: Mapping[str, ListDigest]) -> bytes:
    """Return the digest of a value, given it without its lists, and their digests in order."""
    whole = hashlib.sha256(canonical(rest))
    for digest in lists.values():
        whole.update(digest.count.to_bytes(8, "big") + digest.digest)
    return whole.digest()


def list_digest(trees: Iterable[Mapping[str, Any]], rows: TableLayout) -> ListDigest:
    """Return the digest of a list, given the JSON objects of its values."""
    return EMPTY_LIST.appended([item_digest(tree, rows) for tree in trees])


def chain(hashes: Iterable[bytes], onto: bytes = EMPTY_CHAIN) -> list[bytes]:
    """Return the chain hash at each further length, for messages with these digests."""
    found: list[bytes] = []
    for item in hashes:
        onto = linked(onto, item)
        found.append(onto)
    return found


def linked(before: bytes, digest: bytes) -> bytes:
    """Return the chain hash of a message with this digest, given the one before it."""
    return hashlib.sha256(before + digest).digest()


def session_parts(tree: Mapping[str, Any]) -> dict[str, ListDigest]:
    """Return the digest of each part of a session but its messages, given its JSON object.

    Configuration, which a turn does not change, is a part of its own: a turn need not hash it.
    """
    config = {key: tree[key] for key in CONFIG_PARTS if key in tree}
    apart = {"messages", *CONFIG_PARTS, *SESSION_ROWS.lists}
    rest = {key: item for key, item in tree.items() if key not in apart}
    parts = {"session": scalar_digest(rest), "config": scalar_digest(config)}
    for key, rows in SESSION_ROWS.lists.items():
        parts[key] = list_digest(tree.get(key, ()), rows)
    return parts


def scalar_digest(tree: Any) -> ListDigest:
    """Return the digest of a value that is no list, given its JSON object."""
    return text_digest(canonical(tree))


def text_digest(text: bytes) -> ListDigest:
    """Return the digest of a value that is no list, given its canonical JSON."""
    return ListDigest(1, hashlib.sha256(text).digest())


def uris_digest(uris: Iterable[str]) -> ListDigest:
    """Return the digest of the retained artifact URIs."""
    listed = list(uris)
    return ListDigest(len(listed), hashlib.sha256(canonical(listed)).digest())
