"""Give free pages back to the file system.

A file with auto-vacuum (each new one) shrinks in steps: each step moves pages from the end of the
file into free ones and holds the write lock for about 5 ms. A file without auto-vacuum has to be
rewritten (VACUUM), which is done only on request, since other savers wait for all of that time.

First the segments of each full-text index are merged into one, 32 pages in a step: old ones have
words of messages and memories that were removed since.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.maintenance import steps
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.backends.sqlite.read import decode
from a3s_store.core.reports import CompactReport
from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr

# The most pages that one step frees.
PAGES: Final = 256
# Bytes that VACUUM writes in a second: 100 MB took 2.4 s.
_VACUUMED: Final = 40_000_000


class Pages(NamedTuple):
    """The number of pages of a file, how many of them are free, and the bytes of each."""

    total: int
    free: int
    size: int
    auto_vacuum: bool

    def excess(self, target_free: float) -> int:
        """Return how many free pages to remove so that the share of free ones is `target_free`."""
        return max(0, math.ceil((self.free - target_free * self.total) / (1 - target_free)))


def pages(conn: sqlite3.Connection) -> Pages:
    """Count the pages of a file."""
    names = ("page_count", "freelist_count", "page_size", "auto_vacuum")
    count, free, size, mode = (conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return Pages(count, free, size, mode != 0)


def vacuum(conn: sqlite3.Connection) -> None:
    """Rewrite the file, outside any transaction. Its auto-vacuum setting stays as it is."""
    # VACUUM builds its copy in an attached database, in memory (temp_store).
    conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)
    try:
        transaction.lock(conn, "VACUUM")
    finally:
        conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)


def give_back(conn: sqlite3.Connection, target_free: float) -> int:
    """Remove some free pages, inside a transaction; return how many more there are to remove."""
    until = time.monotonic() + steps.SECONDS
    before = pages(conn)
    excess = before.excess(target_free)
    if not excess:
        return 0
    file_link.touch(conn)  # no row changes, and the commit needs its link all the same
    for _ in range(min(excess, PAGES)):
        # Through Python's cursor it frees one page, whatever number is given.
        conn.execute("PRAGMA incremental_vacuum(1)").close()
        if time.monotonic() > until:
            break
    after = pages(conn)
    return after.excess(target_free) if after.free < before.free else 0


async def compact(
    engine: Engine,
    target_free: float,
    *,
    full: bool,
    on_progress: Callable[[int, int], object] | None = None,
) -> CompactReport:
    """Give free pages back in steps, or with `full` by rewriting the file.

    `on_progress` is called after each step with the pages given back, and those to give back.
    Raises InvalidArgumentError, and as `Engine.write`. Pages given back before an error stay so.
    """
    if not isinstance(target_free, int | float) or not 0 <= target_free < 1:
        raise InvalidArgumentError(
            f"target_free is a number from 0 to below 1, not {short_repr(target_free)}",
            argument="target_free",
            op="compact",
            where=str(engine.settings.path),
            hint="It is a share of the file: 0.1 leaves a tenth free",
        )
    began = time.monotonic()
    where = str(engine.settings.path)
    work = Steps(engine, "compact")
    # Counted in a write transaction: a file that cannot be written is refused here.
    before = await work.run(pages)
    await _merge_indexes(work)
    merged = await work.run(pages)
    advice = None
    if full:
        await _rewrite(engine, where)
    elif before.auto_vacuum:
        total = merged.excess(target_free)
        left = total
        while left:
            left = await work.run(give_back, target_free)
            if on_progress is not None:
                on_progress(total - left, total)
        await _checkpoint(engine, where)
    elif merged.excess(target_free):
        seconds = max(1, round((merged.total - merged.free) * merged.size / _VACUUMED))
        advice = (
            "the file was made without auto-vacuum, so it has to be rewritten (VACUUM), for "
            f"about {seconds} s in which other savers wait: `full=True`, `--full`"
        )
    after = await engine.read("compact", where, pages, decode.as_is)
    return CompactReport(
        location=where,
        full=full,
        bytes_before=before.total * before.size,
        bytes_after=after.total * after.size,
        bytes_free_pages=after.free * after.size,
        seconds=time.monotonic() - began,
        advice=advice,
    )


async def _merge_indexes(work: Steps) -> None:
    from a3s_store.backends.sqlite.rows import memory_index, search_index  # for these steps alone

    for index in (search_index.INDEX, memory_index.INDEX):
        begun = False
        while await work.run(index.merge_all, begun=begun):
            begun = True


async def _rewrite(engine: Engine, where: str) -> None:
    assert engine.writer is not None, "it has just written"
    with during("compact", where):
        await engine.writer.run(vacuum)
    await _checkpoint(engine, where)


async def _checkpoint(engine: Engine, where: str) -> None:
    """Run a WAL checkpoint, which truncates the file; a later one does it if others read."""
    assert engine.writer is not None, "it has just written"
    with during("compact", where):
        await engine.writer.run(wal_checkpoint.checkpoint)
