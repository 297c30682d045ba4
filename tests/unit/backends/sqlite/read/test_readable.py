"""Readable rows of a range are read around unreadable ones, in a bounded number of steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from a3s_store.backends.sqlite.read import readable


def reader(
    present: set[int], broken: set[int], calls: list[int]
) -> Callable[[int, int], list[int]]:
    """Return a read that fails for ranges with a broken position."""

    def read(first: int, last: int) -> list[int]:
        calls.append(1)
        if any(first <= one < last for one in broken):
            raise sqlite3.DatabaseError("database disk image is malformed")
        return sorted(one for one in present if first <= one < last)

    return read


def test_all_but_what_cannot_be_read_is_read_in_order() -> None:
    read = reader(set(range(100)), {0, 17, 18, 99}, [])
    found = list(readable.in_ranges(read, 0, 100))
    assert found == [one for one in range(100) if one not in {0, 17, 18, 99}]


def test_positions_without_a_row_cost_nothing() -> None:
    calls: list[int] = []
    read = reader({1, 2**61}, {5}, calls)
    assert list(readable.in_ranges(read, 0, 2**62)) == [1, 2**61]
    assert len(calls) < 200


def test_a_range_that_can_nowhere_be_read_ends() -> None:
    def read(first: int, last: int) -> list[int]:
        raise sqlite3.DatabaseError("database disk image is malformed")

    assert list(readable.in_ranges(read, 0, 2**62)) == []


def test_an_interruption_is_no_damage() -> None:
    def read(first: int, last: int) -> list[int]:
        error = sqlite3.OperationalError("interrupted")
        error.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
        raise error

    with pytest.raises(sqlite3.OperationalError):
        list(readable.in_ranges(read, 0, 10))
