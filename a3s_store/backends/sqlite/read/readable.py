"""Read the readable rows of a range, skipping damaged pages, in a bounded number of steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

R = TypeVar("R")

# The most reads for one range: a damaged page has a few hundred rows, each of which is tried alone.
MOST_STEPS: Final = 50_000
# Error codes that end the reading, since they say nothing about the file.
NOT_DAMAGE: Final = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM})


def in_ranges(read: Callable[[int, int], list[R]], start: int, end: int) -> Iterator[R]:
    """Yield the results of `read` for positions from `start` to below `end`, in order.

    A range for which `read` raises sqlite3.Error is halved, down to single positions, which are
    left out. Positions without a row cost nothing, however many they are.
    """
    waiting = [(start, end)]
    for _ in range(MOST_STEPS):
        if not waiting:
            return
        first, last = waiting.pop()
        if first >= last:
            continue
        try:
            found = read(first, last)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in NOT_DAMAGE:
                raise
            middle = (first + last) // 2
            if first < middle:
                waiting += [(middle, last), (first, middle)]
            continue
        yield from found
