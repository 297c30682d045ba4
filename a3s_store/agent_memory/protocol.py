"""What a store of memories is, the orders in which it answers, and the one that is a dict.

Order is decided here for all stores. Invariants: 1. what is searched is answered by relevance,
highest first; recent ones by timestamp, newest first; important ones by importance, highest first;
2. where that is equal, the newer timestamp goes first, then what was stored first; an item stored
again under its id keeps its place; 3. one moment of the clock is used for a whole answer.
"""

from __future__ import annotations

import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from a3s_store.agent_memory.item import MemoryItem, check_item, score
from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.collections import check_id
from a3s_store.core.folding import folded
from a3s_store.errors import EncodeError
from a3s_store.wire.numbers import to_f32

T = TypeVar("T")
# Tells items apart by rank: the least goes first. Takes importance and timestamp.
Rank: TypeAlias = Callable[[float, str], tuple[Any, ...]]


@runtime_checkable
class MemoryStore(Protocol):
    """Keeps what an agent remembers. Upstream: the trait `MemoryStore` (runtime 8).

    A `limit` is the most items to answer. All methods raise what the backend's storage raises; when
    one raises, nothing was changed.
    """

    async def store(self, item: MemoryItem) -> None:
        """Keep an item, in place of the one with its id if there is one.

        Raises:
            InvalidIdError, EncodeError: it cannot be kept.
        """

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """The item with this id; None if there is none. That is no access: nothing is counted."""

    async def search(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Items whose content has `query` in it, by relevance.

        Upper and lower case are the same, and so are composed and decomposed characters, full and
        half width, ligatures and their letters: see `a3s_store.core.folding`. Every content has the
        empty text in it.
        """

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """Items that have any of these tags, exactly so, by relevance."""

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """The newest items, by timestamp."""

    async def get_important(self, threshold: float, limit: int) -> tuple[MemoryItem, ...]:
        """Items of at least this importance, the most important first."""

    async def delete(self, item_id: str) -> None:
        """Remove an item; that there is none is success."""

    async def clear(self) -> None:
        """Remove all items."""

    async def count(self) -> int:
        """How many items there are."""


# -- The orders -----------------------------------------------------------------------------------


def by_relevance(now_ms: int) -> Rank:
    """What matters most at this moment first."""
    return lambda importance, timestamp: (
        -score(importance, timestamp, now_ms),
        _newest_first(timestamp),
    )


def by_time(_: float, timestamp: str) -> tuple[Any, ...]:
    """What is newest first."""
    return (_newest_first(timestamp),)


def by_importance(importance: float, timestamp: str) -> tuple[Any, ...]:
    """What is most important first."""
    return -importance, _newest_first(timestamp)


class _Backwards(str):
    """A text that goes before those it would follow."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _newest_first(timestamp: str) -> _Backwards:
    # Kept in UTC and without trailing zeros, so that without its Z the later one is the greater.
    return _Backwards(timestamp[:-1])


def first(items: Iterable[T], rank: Callable[[T], tuple[Any, ...]], limit: int) -> list[T]:
    """The first `limit` by rank; of equals the one that came first. Holds no more than those."""
    return heapq.nsmallest(limit, items, key=rank)


def ranked(items: Iterable[MemoryItem], rank: Rank, limit: int) -> tuple[MemoryItem, ...]:
    """The first `limit` of these items, which come in the order in which they were stored."""
    return tuple(first(items, lambda item: rank(item.importance, item.timestamp), limit))


# -- What is asked --------------------------------------------------------------------------------


def contains(query: str) -> Callable[[str], bool]:
    """Whether a content has this text in it, both as `folded` makes them."""
    wanted = folded(query)
    return lambda content: wanted in folded(content)


def has_any(tags: Sequence[str]) -> Callable[[Iterable[str]], bool]:
    """Whether one of an item's tags is one of these."""
    wanted = frozenset(tags)
    return lambda found: not wanted.isdisjoint(found)


def check_text(name: str, value: str) -> str:
    """Refuse what is no text. Raises EncodeError."""
    if not isinstance(value, str):
        raise EncodeError(f"expected a string, found {type(value).__name__}", path=name)
    return value


def check_tags(tags: Sequence[str]) -> Sequence[str]:
    """Refuse what are no tags, a single text among them. Raises EncodeError."""
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise EncodeError("expected an array of strings", path="tags")
    return tags


def check_threshold(threshold: float) -> float:
    """The 32-bit float that importances are compared with, as upstream. Raises EncodeError."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise EncodeError(f"expected a number, found {type(threshold).__name__}", path="threshold")
    if threshold != threshold:  # not `isnan`, for which an integer can be too large
        raise EncodeError("NaN is not a JSON number", path="threshold")
    try:
        return to_f32(float(threshold))
    except OverflowError:  # an integer beyond every float
        return math.inf if threshold > 0 else -math.inf


def check_limit(limit: int) -> int:
    """Refuse what is no number of items. Raises EncodeError."""
    if type(limit) is not int:
        raise EncodeError(f"expected an integer, found {type(limit).__name__}", path="limit")
    if limit < 0:
        raise EncodeError("expected a number of items", path="limit")
    return limit


# -- Searches over one method ---------------------------------------------------------------------


class Searchable(Protocol):
    """The fields of an item by which it is searched for."""

    @property
    def content(self) -> str:
        """See `MemoryItem`."""

    @property
    def tags(self) -> Sequence[str]:
        """See `MemoryItem`."""

    @property
    def importance(self) -> float:
        """See `MemoryItem`."""


class RankedSearches(ABC):
    """Implements the searches of `MemoryStore` over one method that filters, sorts and cuts."""

    @abstractmethod
    async def _best(
        self, fits: Callable[[Searchable], bool], rank: Rank, limit: int
    ) -> tuple[MemoryItem, ...]:
        """Return the first `limit` items that fit: by rank, then as they were first stored."""

    @abstractmethod
    def _now_ms(self) -> int:
        """Return the Unix milliseconds for which relevance is computed."""

    async def search(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.search`."""
        fits = contains(check_text("query", query))
        return await self._relevant(lambda one: fits(one.content), limit)

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.search_by_tags`."""
        fits = has_any(check_tags(tags))
        return await self._relevant(lambda one: fits(one.tags), limit)

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.get_recent`."""
        return await self._best(lambda _: True, by_time, check_limit(limit))

    async def get_important(self, threshold: float, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.get_important`."""
        least = check_threshold(threshold)
        return await self._best(
            lambda one: one.importance >= least, by_importance, check_limit(limit)
        )

    async def _relevant(
        self, fits: Callable[[Searchable], bool], limit: int
    ) -> tuple[MemoryItem, ...]:
        return await self._best(fits, by_relevance(self._now_ms()), check_limit(limit))


# -- The store on a dict --------------------------------------------------------------------------


class InMemoryMemoryStore(RankedSearches):
    """A `MemoryStore` that forgets everything when the process ends, and the model of the others.

    `clock` gives Unix milliseconds. No method lets other tasks of the loop run, so each is atomic.
    """

    def __init__(self, items: Iterable[MemoryItem] = (), *, clock: Clock = system_clock) -> None:
        self._items = {item.id: item for item in items}
        self._clock = clock

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._items)} items>"

    @property
    def items(self) -> tuple[MemoryItem, ...]:
        """All items, in the order in which they were first stored."""
        return tuple(self._items.values())

    async def store(self, item: MemoryItem) -> None:
        """See `MemoryStore.store`."""
        check_item(item)
        self._items[item.id] = item

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """See `MemoryStore.retrieve`."""
        return self._items.get(check_id(item_id, "memory id"))

    async def delete(self, item_id: str) -> None:
        """See `MemoryStore.delete`."""
        self._items.pop(check_id(item_id, "memory id"), None)

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        self._items.clear()

    async def count(self) -> int:
        """See `MemoryStore.count`."""
        return len(self._items)

    async def _best(
        self, fits: Callable[[Searchable], bool], rank: Rank, limit: int
    ) -> tuple[MemoryItem, ...]:
        return ranked(filter(fits, self._items.values()), rank, limit)

    def _now_ms(self) -> int:
        return self._clock()
