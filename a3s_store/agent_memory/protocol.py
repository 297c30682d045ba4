"""The protocol of memory stores, the order of their results, and the store in memory.

All stores use the order of this module. Invariants: 1. searches return the most relevant items
first, `get_recent` the newest, `get_important` the most important; 2. of equal items the one with
the newer timestamp comes first, then the one that was stored first; an item stored again under its
id keeps its place; 3. one reading of the clock is used for a whole result.
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
# Returns the sort key of an item, given its importance and timestamp: the smallest comes first.
Rank: TypeAlias = Callable[[float, str], tuple[Any, ...]]


@runtime_checkable
class MemoryStore(Protocol):
    """A store of agent memory. Upstream: the trait `MemoryStore` (runtime 8).

    A `limit` is the largest number of items to return. All methods also raise the errors of the
    backend; when a method raises, nothing was changed.
    """

    async def store(self, item: MemoryItem) -> None:
        """Store an item, in place of one with the same id.

        Raises:
            InvalidIdError, EncodeError: the item cannot be stored (see `check_item`).
        """

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """Return the item with this id, or None; this does not count as an access."""

    async def search(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items with `query` in their content, the most relevant first.

        Upper and lower case compare as equal, and so do composed and decomposed characters, full
        and half width, ligatures and their letters: see `a3s_store.core.folding`. The empty query
        is in every content.
        """

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """Return items with any of exactly these tags, the most relevant first."""

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """Return the newest items, by timestamp."""

    async def get_important(self, threshold: float, limit: int) -> tuple[MemoryItem, ...]:
        """Return items of at least this importance, the most important first."""

    async def delete(self, item_id: str) -> None:
        """Remove an item; success when there is none."""

    async def clear(self) -> None:
        """Remove all items."""

    async def count(self) -> int:
        """Return the number of items."""


# -- The order of results -------------------------------------------------------------------------


def by_relevance(now_ms: int) -> Rank:
    """Return the rank by relevance at a time in Unix milliseconds, the highest first."""
    return lambda importance, timestamp: (
        -score(importance, timestamp, now_ms),
        _newest_first(timestamp),
    )


def by_time(_: float, timestamp: str) -> tuple[Any, ...]:
    """Rank by timestamp, the newest first."""
    return (_newest_first(timestamp),)


def by_importance(importance: float, timestamp: str) -> tuple[Any, ...]:
    """Rank by importance, the highest first."""
    return -importance, _newest_first(timestamp)


class _Backwards(str):
    """A text that sorts in descending order."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _newest_first(timestamp: str) -> _Backwards:
    # Timestamps are in UTC without trailing zeros, so without the Z a later one is greater.
    return _Backwards(timestamp[:-1])


def first(items: Iterable[T], rank: Callable[[T], tuple[Any, ...]], limit: int) -> list[T]:
    """Return the first `limit` items by rank, equal ones in their order, in memory for `limit`."""
    return heapq.nsmallest(limit, items, key=rank)


def ranked(items: Iterable[MemoryItem], rank: Rank, limit: int) -> tuple[MemoryItem, ...]:
    """Return the first `limit` items by rank; `items` are in the stored order."""
    return tuple(first(items, lambda item: rank(item.importance, item.timestamp), limit))


# -- Queries --------------------------------------------------------------------------------------


def contains(query: str) -> Callable[[str], bool]:
    """Return a function that tests whether a content has this text in it, both `folded`."""
    wanted = folded(query)
    return lambda content: wanted in folded(content)


def has_any(tags: Sequence[str]) -> Callable[[Iterable[str]], bool]:
    """Return a function that tests whether tags have any of these."""
    wanted = frozenset(tags)
    return lambda found: not wanted.isdisjoint(found)


def check_text(name: str, value: str) -> str:
    """Return the argument `name`. Raises EncodeError when it is no text."""
    if not isinstance(value, str):
        raise EncodeError(f"expected a string, found {type(value).__name__}", path=name)
    return value


def check_tags(tags: Sequence[str]) -> Sequence[str]:
    """Return the tags. Raises EncodeError for a single text, or for a tag that is no text."""
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise EncodeError("expected an array of strings", path="tags")
    return tags


def check_threshold(threshold: float) -> float:
    """Return the threshold as a 32-bit float, as in upstream. Raises EncodeError for no number."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise EncodeError(f"expected a number, found {type(threshold).__name__}", path="threshold")
    if threshold != threshold:  # not `isnan`, for which an integer can be too large
        raise EncodeError("NaN is not a JSON number", path="threshold")
    try:
        return to_f32(float(threshold))
    except OverflowError:  # an integer beyond every float
        return math.inf if threshold > 0 else -math.inf


def check_limit(limit: int) -> int:
    """Return the limit. Raises EncodeError when it is no integer of 0 or more."""
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


# -- The store in memory --------------------------------------------------------------------------


class InMemoryMemoryStore(RankedSearches):
    """A `MemoryStore` in memory, the reference for the others; its items end with the process.

    `clock` returns Unix milliseconds. No method lets other tasks run, so each is atomic.
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
