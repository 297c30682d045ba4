"""Timing of contenders in turn, and the ratios between two of them.

A run is a few blocks of rounds. In each round every contender makes one call, in an order that
rotates, at least 3 ms after the one before: saves back to back find warm caches and look twice as
fast as those of a program that saves once in a while. A block gives one ratio of medians; the
blocks' median, smallest and largest are shown.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import attrs

from benchmarks.measuring import small_heap

# Seconds between two calls.
PAUSE: Final = 0.003


@attrs.frozen
class Call:
    """What one call took, in seconds; `cpu` is that of all threads of this process."""

    wall: float
    cpu: float


@attrs.frozen
class Contender:
    """One of those that take turns; only `run` is timed, with what `prepare` returned."""

    name: str
    run: Callable[[Any], Awaitable[Any]]
    prepare: Callable[[], Any] = lambda: None


# The calls of each contender, block by block.
Blocks = dict[str, list[list[Call]]]


async def timed(run: Callable[[Any], Awaitable[Any]], prepared: Any = None) -> Call:
    """Make one call after the pause."""
    await asyncio.sleep(PAUSE)
    cpu, wall = time.process_time(), time.perf_counter()
    await run(prepared)
    return Call(time.perf_counter() - wall, time.process_time() - cpu)


async def in_turn(
    contenders: Sequence[Contender], *, blocks: int, rounds: int, warmups: int = 3
) -> Blocks:
    """Have all contenders make their calls in turn."""
    found: Blocks = defaultdict(list)
    for contender in contenders:
        for _ in range(warmups):
            await timed(contender.run, contender.prepare())
    with small_heap():
        for _ in range(blocks):
            calls: dict[str, list[Call]] = defaultdict(list)
            for number in range(rounds):
                shift = number % len(contenders)
                for one in [*contenders[shift:], *contenders[:shift]]:
                    prepared = one.prepare()
                    calls[one.name].append(await timed(one.run, prepared))
            for name, made in calls.items():
                found[name].append(made)
    return found


@attrs.frozen
class Ratio:
    """The median of the ratios of all blocks, and the smallest and the largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Ratio:
        """Return the ratio of these blocks."""
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}..{self.high:.2f})"


def ratio(blocks: Blocks, name: str, other: str, what: str) -> Ratio:
    """Return how much more `what` ("cpu" or "wall") one contender took than another."""
    return Ratio.of(
        [
            _median(mine, what) / _median(theirs, what)
            for mine, theirs in zip(blocks[name], blocks[other], strict=True)
        ]
    )


def _median(calls: Sequence[Call], what: str) -> float:
    return float(statistics.median(getattr(call, what) for call in calls))


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table.

    `figures` are those of our own call, for orientation only: they are this machine's. `skipped` is
    the reason why nothing was measured.
    """

    what: str
    against: str
    cpu: Ratio | None = None
    wall: Ratio | None = None
    figures: str = ""
    asked: str = ""
    skipped: str = ""


def row(blocks: Blocks, name: str, other: str, *, what: str, against: str, asked: str = "") -> Row:
    """Return the line that compares two contenders."""
    calls = [call for block in blocks[name] for call in block]
    cpu, wall = _median(calls, "cpu") * 1e6, _median(calls, "wall") * 1e6
    return Row(
        what=what,
        against=against,
        cpu=ratio(blocks, name, other, "cpu"),
        wall=ratio(blocks, name, other, "wall"),
        figures=f"{cpu:,.0f} µs CPU, {wall:,.0f} µs",
        asked=asked,
    )
