"""The digests of the parts of a snapshot, in the bytes that the digest of the snapshot is made of.

A save replaces the digests of a few parts. As one value of bytes the others are copied at once, and
the writer can keep those of ten thousand sessions.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from a3s_store.core.collections import COLLECTIONS, SESSION_ROWS
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import URIS, ListDigest

_DOMAIN: Final = b"a3s_store.session-snapshot.v1\0"
# The parts of every snapshot: one that is absent enters by its name. Collections of later schemas
# enter only where they are present: else each would change the digest of every stored session.
_ALWAYS: Final = frozenset(
    {
        "messages",
        "session",
        "config",
        *SESSION_ROWS.lists,
        *(collection.name for collection in COLLECTIONS if collection.since == 1),
        URIS,
    }
)
_COUNT: Final = 8
_DIGEST: Final = 32
_SIZE: Final = _COUNT + _DIGEST


class _Layout(NamedTuple):
    """Where the digests of these parts lie: the bytes without digests, and the place of each."""

    empty: bytes
    places: Mapping[str, int]


class Parts(Mapping[str, ListDigest]):
    """The digest of each part of a snapshot; a part that is absent is not among them."""

    __slots__ = ("_places", "packed")

    def __init__(self, packed: bytes, places: Mapping[str, int]) -> None:
        """Use `Parts.of` instead."""
        self.packed = packed
        self._places = places

    @classmethod
    def of(cls, parts: Mapping[str, ListDigest]) -> Parts:
        """Return these digests, the same object where they are `Parts` already.

        Raises CorruptRowError for a digest or a count that no part has.
        """
        if type(parts) is Parts:
            return parts
        layout = _layout(frozenset(parts))
        packed = bytearray(layout.empty)
        for name, place in layout.places.items():
            part = parts[name]
            if len(part.digest) != _DIGEST or not 0 <= part.count < 2**63:
                raise CorruptRowError("its stored digest is damaged", name)
            packed[place : place + _SIZE] = _packed(part)
        return cls(bytes(packed), layout.places)

    def changed(self, changes: Mapping[str, ListDigest], removed: Iterable[str] = ()) -> Parts:
        """Return the digests after these parts changed, and then some were removed."""
        places, packed = self._places, self.packed
        if removed or not changes.keys() <= places.keys():
            left = {**self, **changes}
            for name in removed:
                left.pop(name, None)
            return Parts.of(left)
        for name, part in changes.items():
            place = places[name]
            packed = packed[:place] + _packed(part) + packed[place + _SIZE :]
        return Parts(packed, places)

    def differing(self, other: Parts) -> list[str]:
        """Return the parts of these that the others lack, or have with another digest."""
        mine, theirs = self.packed, other.packed
        found = []
        for name, place in self._places.items():
            there = other._places.get(name)
            if there is None or mine[place : place + _SIZE] != theirs[there : there + _SIZE]:
                found.append(name)
        return found

    def lacking(self, other: Parts) -> list[str]:
        """Return the parts of these that the others lack."""
        theirs = other._places
        return [] if self._places is theirs else [one for one in self._places if one not in theirs]

    def digest(self) -> str:
        """Return the digest of the snapshot."""
        return "sha256:" + hashlib.sha256(self.packed).hexdigest()

    def get(self, name: str, default: Any = None) -> Any:
        place = self._places.get(name)
        return default if place is None else self._at(place)

    def _at(self, place: int) -> ListDigest:
        packed = self.packed
        middle = place + _COUNT
        return ListDigest(
            int.from_bytes(packed[place:middle], "big"), packed[middle : place + _SIZE]
        )

    def __getitem__(self, name: str) -> ListDigest:
        return self._at(self._places[name])

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        if type(other) is Parts:
            return self.packed == other.packed and self._places == other._places
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


def parts_of(parts: Mapping[str, ListDigest]) -> Parts:
    """Return these digests as `Parts`. Raises as `Parts.of`."""
    return Parts.of(parts)


def snapshot_digest_of_parts(parts: Mapping[str, ListDigest]) -> str:
    """Return the digest of a snapshot, given the digest of each of its parts.

    A collection that is not among them is absent; without URIs there are none.
    """
    return Parts.of(parts).digest()


def _packed(part: ListDigest) -> bytes:
    return part.count.to_bytes(_COUNT, "big") + part.digest


@functools.lru_cache(256)
def _layout(names: frozenset[str]) -> _Layout:
    empty = bytearray(_DOMAIN)
    places = {}
    for name in sorted(_ALWAYS | names):
        empty += name.encode() + b"\0"
        if name in names:
            empty += b"\1"
            places[name] = len(empty)
            empty += bytes(_SIZE)
        else:
            empty += b"\0"
    return _Layout(bytes(empty), places)
