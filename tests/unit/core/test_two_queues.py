"""Eviction by 2Q: bounds, what is kept in cycles and scans, and no value under a wrong key."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from a3s_store.core.two_queues import TwoQueues

_KEYS = st.sampled_from("abcdefgh")
_WEIGHT = 100
_FITTING = 32


class QueuesAgainstAPlainMapping(RuleBasedStateMachine):
    """The model has every value that was put last; the queues have some of those, and no other."""

    def __init__(self) -> None:
        super().__init__()
        self.queues: TwoQueues[tuple[str, int]] = TwoQueues(20)
        self.last: dict[str, tuple[tuple[str, int], int]] = {}
        self.number = 0

    @rule(key=_KEYS, weight=st.integers(0, 24))
    def put(self, key: str, weight: int) -> None:
        before = self.present()
        self.number += 1
        value = key, self.number
        gone = self.queues.put(key, value, weight)
        now = self.present()
        if weight <= 20:
            self.last[key] = value, weight
        else:
            self.last.pop(key, None)
            assert now == before - {value for value in before if value[0] == key}
        # Each value that is gone is returned, once.
        assert len(gone) == len(set(gone))
        put = {value} if weight <= 20 else set()
        assert set(gone) == (before | put) - now

    @rule(key=_KEYS)
    def get(self, key: str) -> None:
        found = self.queues.get(key)
        assert found is None or found == self.last[key][0]

    @rule(key=_KEYS)
    def drop(self, key: str) -> None:
        before = self.present()
        gone = self.queues.drop(key)
        assert set(gone) == {value for value in before if value[0] == key}
        assert self.queues.get(key) is None
        self.last.pop(key, None)

    @rule()
    def clear(self) -> None:
        self.queues.clear()
        assert len(self.queues) == 0
        self.last = {}

    def present(self) -> set[tuple[str, int]]:
        # Not by `get`, which counts as a use.
        queues = self.queues._newcomers, self.queues._main
        return {held.value for queue in queues for held in queue.values()}

    @invariant()
    def the_weight_is_that_of_the_values_and_within_the_bound(self) -> None:
        present = self.present()
        assert present <= {value for value, _ in self.last.values()}
        weight = sum(self.last[key][1] for key, _ in present)
        assert self.queues.weight == weight <= self.queues.bound
        assert len(self.queues) == len(present)
        assert len(self.queues._evicted) <= 2 * (len("abcdefgh") + 1)


TestQueuesAgainstAPlainMapping = QueuesAgainstAPlainMapping.TestCase


def hit_rate(keys: Iterable[int]) -> float:
    """Return the part of the uses that found their value, after a quarter of them."""
    queues: TwoQueues[int] = TwoQueues(_FITTING * _WEIGHT)
    hits = []
    for key in keys:
        found = queues.get(f"{key}")
        assert found in (None, key)
        hits.append(found is not None)
        queues.put(f"{key}", key, _WEIGHT)
    counted = hits[len(hits) // 4 :]
    return sum(counted) / len(counted)


@pytest.mark.parametrize(("sessions", "least"), [(32, 1.0), (33, 0.9), (40, 0.6), (64, 0.3)])
def test_a_cycle_over_more_keys_than_fit_finds_most(sessions: int, least: float) -> None:
    """LRU finds none from 33 on."""
    assert hit_rate(number % sessions for number in range(50 * sessions)) >= least


def test_a_scan_does_not_evict_what_is_in_use() -> None:
    chance = random.Random(4)
    busy = [(chance.randrange(16) for _ in range(4)) for _ in range(1000)]
    keys = [key for scanned, used in enumerate(busy) for key in (*used, 100 + scanned)]
    # Four of five uses are of a busy one; a scanned one is never used again.
    assert hit_rate(keys) >= 0.78


def test_a_set_in_use_that_moves_on_is_followed() -> None:
    chance = random.Random(5)
    assert hit_rate(number // 50 + chance.randrange(24) for number in range(10_000)) >= 0.95
