"""How much a run of ratios does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from benchmarks.ratios.blocks import Row


@attrs.frozen(kw_only=True)
class Scale:
    """The numbers of one form of the run; all lengths are numbers of messages."""

    blocks: int = 3
    rounds: int = 12
    length: int = 1000  # of the session that a turn is added to
    sizes: tuple[int, ...] = (300, 1000, 8000)  # characters of a message
    lengths: tuple[int, ...] = (100, 10_000, 101_000)  # of sessions that are appended to
    long_rounds: int = 2  # of each block at lengths above 20 000
    rebuilt: tuple[int, ...] = (1000, 10_000)
    sessions: tuple[int, ...] = (33, 1000)  # saved in turn
    each: int = 30  # messages of each of those
    imported: int = 64  # sessions of an import
    savers: int = 16
    saver_turns: int = 12
    big: int = 20_000  # of the session of the big operations
    processes: tuple[int, ...] = (2, 8)
    process_saves: int = 40
    loaded: int = 10_000
    starts: int = 5  # fresh processes of each kind


SHORT: Final = Scale()
LONG: Final = Scale(
    blocks=7,
    rounds=40,
    lengths=(100, 10_000, 101_000, 1_000_000),
    long_rounds=6,
    sessions=(33, 1000, 10_000),
    each=300,
    imported=512,
    saver_turns=40,
    process_saves=200,
    starts=20,
)

# A part of the run: it yields its lines as it finds them.
Part: TypeAlias = Callable[[Path, Scale], AsyncIterator[Row]]
