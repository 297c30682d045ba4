"""How things are timed: contenders take turns, and what is compared is from the same rounds.

A machine is never equally quick for long, so figures of two separate runs say little about each
other. In every round each contender has one turn, and the order rotates, so that what slows a
machine down slows all of them. Medians are compared.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.results import Figures

# However slow a contender is, so many of its turns are taken where there are as many rounds; but
# of one that needs all its time for a single turn, two are enough.
_FEWEST: Final = 3


@attrs.frozen
class Pace:
    """How often: `seconds` is about what one contender may take; then it sits rounds out."""

    rounds: int
    warmups: int
    seconds: float


async def _nothing(_: Any) -> None:
    return None


@attrs.frozen
class Contender:
    """One of those that take turns. Only `run` is timed, with what `prepare` answered.

    `after` is given what `run` answered, or None when it failed, and lets go of everything.
    """

    name: str
    prepare: Callable[[], Awaitable[Any]]
    run: Callable[[Any], Awaitable[Any]]
    after: Callable[[Any], Awaitable[None]] = _nothing


@attrs.define
class Samples:
    """The measurements of one contender, a value for each of its turns."""

    seconds: list[float] = attrs.field(factory=list)
    written: list[int] = attrs.field(factory=list)  # handed to the system
    dirtied: list[int] = attrs.field(factory=list)  # that the system has to bring to the disk
    error: str | None = None

    def figures(self) -> dict[str, float | int | str | None]:
        """Median, 99th percentile, smallest, number of rounds; bytes where they were counted."""
        if self.error is not None or not self.seconds:
            return {"error": self.error or "never ran"}
        return {
            "median_ms": statistics.median(self.seconds) * 1e3,
            "p99_ms": nearest_rank(self.seconds, 0.99) * 1e3,
            "min_ms": min(self.seconds) * 1e3,
            "rounds": len(self.seconds),
            "written_bytes": statistics.median(self.written) if self.written else None,
            "dirtied_bytes": statistics.median(self.dirtied) if self.dirtied else None,
        }


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def take_turns(
    contenders: Sequence[Contender], pace: Pace, *, collect: bool = False
) -> dict[str, Samples]:
    """Measure all contenders; one that fails keeps the name of its error and leaves the game.

    With `collect` the garbage of earlier contenders is collected first, untimed.
    """
    samples = {contender.name: Samples() for contender in contenders}
    stride = dict.fromkeys(samples, 1)
    for number in range(-pace.warmups, pace.rounds):
        shift = number % len(contenders) if contenders else 0
        for contender in [*contenders[shift:], *contenders[:shift]]:
            found = samples[contender.name]
            if found.error is not None or (number >= 0 and number % stride[contender.name]):
                continue
            if number < 0 and sum(found.seconds) > pace.seconds:
                continue  # it is warm
            began = time.perf_counter()
            try:
                await _turn(contender, found, collect=collect)
            except Exception as error:
                # The message of an error may name files of this machine; its class does not.
                found.error = type(error).__name__
                with contextlib.suppress(Exception):
                    await contender.after(None)
                continue
            if number < 0:
                cost = time.perf_counter() - began
                stride[contender.name] = _stride(cost, pace)
        if number < 0:
            for found in samples.values():
                found.seconds, found.written, found.dirtied = [], [], []
    return samples


def _stride(cost: float, pace: Pace) -> int:
    """Every how many rounds a contender has a turn, so that it stays within its time."""
    wanted = math.ceil(cost * pace.rounds / pace.seconds)
    fewest = _FEWEST if cost < pace.seconds else 2
    return max(1, min(wanted, math.ceil(pace.rounds / fewest)))


async def _turn(contender: Contender, found: Samples, *, collect: bool) -> None:
    prepared = await contender.prepare()
    if collect:
        gc.collect()
    before = bytes_written()
    began = time.perf_counter()
    answer = await contender.run(prepared)
    found.seconds.append(time.perf_counter() - began)
    after = bytes_written()
    if before is not None and after is not None:
        found.written.append(after[0] - before[0])
        found.dirtied.append(after[1] - before[1])
    await contender.after(answer)


_IO: Final = Path("/proc/self/io")


def bytes_written() -> tuple[int, int] | None:
    """Bytes this process handed to write calls, and dirtied, so far; None but on Linux."""
    try:
        lines = dict(line.split(b": ") for line in _IO.read_bytes().splitlines())
    except OSError:
        return None
    return int(lines[b"wchar"]), int(lines[b"write_bytes"])


@contextlib.contextmanager
def small_heap() -> Iterator[None]:
    """Keep the collector from walking what the benchmark itself holds, as if it were not there."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the collector from running, as a host may while it loads something large."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def say_what_failed(figures: Figures) -> str | None:
    """The class of the error that a contender met, None when it met none."""
    error = figures.get("error")
    return str(error) if error else None
