"""Values within a bound on their total weight; which are evicted is decided by 2Q.

An entry that is put for the first time joins a queue of newcomers and leaves it in the order in
which it came. One that is put again soon after that joins the main entries, of which the one used
longest ago is evicted. So a scan over many keys evicts newcomers only, and a cycle over a few
keys more than fit keeps most of them, where LRU would keep none.

Source: T. Johnson, D. Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement
Algorithm", VLDB 1994 (the full version, with newcomers bounded by weight).
"""

from __future__ import annotations

import collections
from typing import Final, Generic, NamedTuple, TypeVar

V = TypeVar("V")

# The part of the bound that newcomers may fill before older ones of them are evicted.
_NEWCOMERS: Final = 4
# Keys of evicted newcomers that are kept for each entry.
_KEYS_KEPT: Final = 2


class _Held(NamedTuple, Generic[V]):
    value: V
    weight: int


class TwoQueues(Generic[V]):
    """A mapping of texts to values, whose total weight never exceeds `bound`.

    Not safe for use by several threads at once.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.weight = 0
        self._newcomers: collections.OrderedDict[str, _Held[V]] = collections.OrderedDict()
        self._newcomers_weight = 0
        self._main: collections.OrderedDict[str, _Held[V]] = collections.OrderedDict()
        self._evicted: collections.OrderedDict[str, None] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._newcomers) + len(self._main)

    def get(self, key: str) -> V | None:
        """Return the value under a key, which counts as a use of it; None when there is none."""
        held = self._main.get(key)
        if held is not None:
            self._main.move_to_end(key)
        else:
            held = self._newcomers.get(key)
        return None if held is None else held.value

    def put(self, key: str, value: V, weight: int) -> list[V]:
        """Put a value under a key, in place of an earlier one; return the values that are gone.

        A value heavier than the bound is not kept, and evicts no other.
        """
        if weight > self.bound:
            return self.drop(key)
        gone: list[V] = []
        queue = self._queue_of(key)
        last = queue.get(key)
        if last is not None:
            gone.append(last.value)
            self._count(queue, -last.weight)
        queue[key] = _Held(value, weight)  # a newcomer keeps its place
        self._count(queue, weight)
        while self.weight > self.bound:
            gone.append(self._evict())
        return gone

    def drop(self, key: str) -> list[V]:
        """Remove the value under a key; return it if there was one."""
        for queue in (self._newcomers, self._main):
            held = queue.pop(key, None)
            if held is not None:
                self._count(queue, -held.weight)
                return [held.value]
        return []

    def clear(self) -> None:
        """Remove every value, and the keys of those that were evicted."""
        for kept in (self._newcomers, self._main, self._evicted):
            kept.clear()
        self.weight = self._newcomers_weight = 0

    def _queue_of(self, key: str) -> collections.OrderedDict[str, _Held[V]]:
        """Return the queue that a value under this key belongs to."""
        if key in self._newcomers:
            return self._newcomers
        if key in self._main:
            self._main.move_to_end(key)
            return self._main
        if key in self._evicted:
            del self._evicted[key]
            return self._main
        return self._newcomers

    def _count(self, queue: object, weight: int) -> None:
        self.weight += weight
        if queue is self._newcomers:
            self._newcomers_weight += weight

    def _evict(self) -> V:
        is_crowded = self._newcomers_weight > self.bound // _NEWCOMERS
        if self._newcomers and (is_crowded or not self._main):
            key, held = self._newcomers.popitem(last=False)
            self._count(self._newcomers, -held.weight)
            self._evicted[key] = None
            while len(self._evicted) > _KEYS_KEPT * (len(self) + 1):
                self._evicted.popitem(last=False)
        else:
            _, held = self._main.popitem(last=False)
            self._count(self._main, -held.weight)
        return held.value
