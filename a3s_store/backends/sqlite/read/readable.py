"""Read what can be read of a range of rows over pages that cannot, in a bounded number of steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

R = TypeVar("R")

# So many reads are made of one range: a page has a few hundred rows, each of them asked for alone.
MOST_STEPS: Final = 50_000
# What stops the reading and says nothing about the file.
NOT_DAMAGE: Final = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM})


def in_ranges(read: Callable[[int, int], list[R]], start: int, end: int) -> Iterator[R]:
    """What `read` returns of positions from `start` up to `end`, in order.

    Where it raises sqlite3.Error the range is halved, down to single positions, which are left out.
    Positions that no row has cost nothing, however many they are.
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
