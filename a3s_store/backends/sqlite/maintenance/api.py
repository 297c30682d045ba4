"""The maintenance methods of an open store.

Saves and loads go on beside all of them. `salvage`, `restore` and `resolve` are functions instead:
they need no open store. Each method imports what it runs, which few programs call.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING

import attrs

from a3s_store.backends.sqlite import read
from a3s_store.backends.sqlite.listing_methods import SessionLists
from a3s_store.core.collections import check_id
from a3s_store.core.protocol import Health
from a3s_store.errors import InvalidArgumentError, SearchUnavailableError, StoreError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    import sqlite3

    from a3s_store.core.reports import (
        BackupReport,
        CompactReport,
        Depth,
        EraseReport,
        PruneReport,
        StoreStats,
        VerifyReport,
    )
    from a3s_store.core.retention import RetentionPolicy
    from a3s_store.core.session_cache import CacheTransaction

Progress = Callable[[int, int], object]


class MaintenanceMethods(SessionLists):
    """The maintenance methods of `SqliteSessionStore`."""

    async def verify(
        self,
        *,
        depth: Depth = "quick",
        time_limit: float | None = None,
        on_progress: Progress | None = None,
    ) -> VerifyReport:
        """Verify the file against its stored checksums and digests, and report the damage.

        "quick" checks SQLite's structure, the digests of every session and the number of values;
        "deep" also reads every message, value, blob and page of the WAL. Saves and loads go on
        meanwhile. Damage is reported, not raised, and nothing is written but the date and result of
        this verification, which `health_check` shows. A file that was copied without its WAL
        verifies although its last saves are missing: compare `generation()` with the number you
        expect.

        After `time_limit` seconds the checks end, and the report is not `finished`; None allows ten
        minutes, and one second more for each 200 KB of the file. Reading the WAL counts, but is not
        interrupted, nor are waits for locks (the busy timeout each) and a WAL checkpoint at the
        end: with a WAL of gigabytes it takes longer. Where damage is found, the files are read for
        up to ten seconds and the checks are repeated, for as long again. Tables of your own in the
        file are not checked. `on_progress` is called on the event loop with how much is verified of
        sessions, messages, checkpoints and blobs together, and their number; some times a second.

        Raises:
            InvalidArgumentError: `depth` or `time_limit` is no valid value.
            StoreUnavailableError, StoreBusyError, StoreClosedError: nothing could be checked.
        """
        if depth not in ("quick", "deep"):
            raise InvalidArgumentError(
                f"depth is 'quick' or 'deep', not {short_repr(depth)}",
                argument="depth",
                op="verify",
            )
        if time_limit is not None and not (
            type(time_limit) in (int, float) and 0 <= time_limit < 2**31
        ):
            raise InvalidArgumentError(
                f"time_limit is a number of seconds from 0 on, not {short_repr(time_limit)}",
                argument="time_limit",
                op="verify",
            )
        self._check_open("verify")
        from a3s_store.backends.sqlite.maintenance import wal_check
        from a3s_store.backends.sqlite.maintenance.verify import verify

        where = str(self._engine.settings.path)
        began = time.monotonic()
        skipped: list[str] = []
        log = await wal_check.audit(self._engine, where, skipped)
        if time_limit is not None:
            time_limit = max(0.0, time_limit - (time.monotonic() - began))
        report = await self._engine.aside(
            "verify",
            where,
            _repeatable(
                functools.partial(
                    verify,
                    location=where,
                    depth=depth,
                    seconds=time_limit,
                    on_progress=_on_loop(on_progress),
                )
            ),
            lambda found: bool(found.damage),
        )
        report = attrs.evolve(
            report,
            log_frames=log.good_frames,
            damage=report.damage + wal_check.damage_of(log),
            skipped=(*skipped, *report.skipped),
        )
        await self._note_verified(where, report)
        return report

    async def _note_verified(self, where: str, report: VerifyReport) -> None:
        if self._engine.writer is None or self._engine.saves_refused is not None:
            return
        if not report.finished:
            return
        note = {"at": int(self._clock()), "depth": report.depth, "damage": len(report.damage)}

        def apply(conn: sqlite3.Connection, _: CacheTransaction) -> None:
            read.notes.keep(conn, read.notes.VERIFIED, note)

        try:
            await self._engine.write("verify", where, apply, "verify\0")
        except StoreError:
            # A damaged file may refuse the write; its report must reach the caller all the same.
            if report.ok:
                raise

    async def backup(
        self,
        target: str | PathLike[str],
        *,
        search: bool = True,
        on_progress: Progress | None = None,
    ) -> BackupReport:
        """Copy the store, as of one moment, into a new file (0600) that opens like any store.

        Saves and loads go on; later saves are not in the copy. `on_progress` is called on the event
        loop with the pages copied and the pages in all. The copy is verified before it gets its
        name: under `target` there is no file, or a complete one. `search=False` leaves out the
        full-text indexes, about a quarter of the file; a store that opens the copy makes them.

        Raises:
            InvalidArgumentError: `search` is neither True nor False.
            StoreUnavailableError: `target` exists.
            CorruptionError: the store is damaged, and a backup of it would be too; see `salvage`.
            StoreFullError, StoreClosedError
        """
        self._check_open("backup")
        if self._engine.settings.in_memory:
            from a3s_store.backends.sqlite.connection import in_memory

            in_memory.refuse("backup")
        from a3s_store.backends.sqlite.connection.settings import check_search
        from a3s_store.backends.sqlite.maintenance import backup

        check_search("backup", search, str(self._engine.settings.path))
        return await backup.run(self._engine.settings, target, on_progress, search=search)

    async def erase(
        self, *session_ids: str, tree: bool = False, copies: bool = False
    ) -> EraseReport:
        """Delete sessions so that no piece of their texts is left in the file or its WAL.

        Deletes as `delete` does, then rewrites the file, which takes the time and the space of a
        copy; other savers wait meanwhile. Sessions that share messages, as forks do, have to be
        erased in one call. `tree` as in `delete`. The id of a session that was deleted earlier is
        accepted, since pieces of its texts may be left. Replicas and backups of the file are not
        reached, nor blocks that the disk itself keeps. Without ids the file is only rewritten.

        Copies that the store itself made beside its file, as `NAME.replaced`, are listed in the
        report. With `copies` the sessions are erased in those that are complete stores too; a copy
        of an older schema is migrated, and unfinished copies of ended processes are removed.

        Raises:
            SessionNotFoundError: nothing was ever saved under one of the ids, or a release without
                tombstones deleted it; nothing was written.
            SharedMessagesError: another session shares messages with one; nothing was written.
            ErasureIncompleteError: the sessions are deleted, but pieces may be left, since a
                process kept reading for longer than the busy timeout: `readers` names it. Erase
                again when it has ended.
            StoreFullError, StoreBusyError, StoreClosedError
        """
        self._check_open("erase")
        ids: Sequence[str] = [check_id(session_id) for session_id in session_ids]
        from a3s_store.backends.sqlite.maintenance import erase, erase_copies

        if self._engine.settings.in_memory:  # no copies lie beside it
            return await erase.erase(self._engine, ids, self._clock, tree=tree)
        elsewhere = await erase_copies.in_copies(self._engine, ids) if copies else ()
        report = await erase.erase(self._engine, ids, self._clock, tree=tree, elsewhere=elsewhere)
        return await erase_copies.report_copies(
            report, self._engine.settings, self._clock, erase_there=copies
        )

    async def rebuild_search(self) -> int:
        """Make the search indexes again; return how many messages and memories they have.

        They are made by themselves, and again where damage in one was noticed. This is for damage
        that `verify(depth="deep")` found. In steps of 64 messages or memories, between which others
        save: about 90 microseconds for each. Searches meanwhile compare them one by one.

        Raises:
            SearchUnavailableError: this Python's SQLite has no full-text search, or the store was
                opened with `search=False`.
        """
        self._check_open("rebuild_search")
        from a3s_store.backends.sqlite.maintenance.steps import Steps
        from a3s_store.backends.sqlite.rows import memory_index, search_index, word_index

        if not self._engine.settings.search:
            raise SearchUnavailableError(
                "the store was opened with search=False, so it has no search index",
                op="rebuild_search",
                where=str(self._engine.settings.path),
                hint="Open it with search=True",
            )
        await self._read_file("rebuild_search", word_index.require)
        steps = Steps(self._engine, "rebuild_search")
        found = 0
        for one in (search_index, memory_index):
            await steps.run(one.INDEX.drop)
            while await steps.run(one.step):
                pass
            found += await self._read_file("rebuild_search", one.INDEX.count)
        return found

    async def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> PruneReport:
        """See `RetentionStore.prune`.

        Saves and loads go on: each step removes at most 256 rows, in some milliseconds with the
        write lock. Free pages stay in the file and are used again: see `compact`. `on_progress` is
        called on the event loop with how much is done, and how much there is to do.
        """
        from a3s_store.backends.sqlite.maintenance.prune import Pruning
        from a3s_store.backends.sqlite.maintenance.steps import Steps
        from a3s_store.core.base import retention
        from a3s_store.core.retention import LOSSLESS, policy_of

        self._check_open("prune")
        own = self._engine.settings.retention or LOSSLESS
        policy = policy_of("prune", "policy", policy, own)
        steps = Steps(self._engine, "prune")
        port = Pruning(self, steps, dry_run=dry_run, on_progress=on_progress)
        return await retention.prune(port, policy, session, dry_run=dry_run)

    async def stats(self) -> StoreStats:
        """See `RetentionStore.stats`. It reads the whole file, on a connection of its own."""
        self._check_open("stats")
        from a3s_store.backends.sqlite.maintenance import stats

        settings = self._engine.settings
        return await self._engine.aside(
            "stats", str(settings.path), lambda conn: stats.stats(conn, settings), lambda _: False
        )

    async def compact(
        self,
        *,
        target_free: float = 0.1,
        full: bool = False,
        on_progress: Progress | None = None,
    ) -> CompactReport:
        """Give free pages back to the file system, until a share of `target_free` pages is free.

        First the segments of the full-text indexes are merged, until they have no words of removed
        messages and memories.

        Saves and loads go on: each step holds the write lock for some milliseconds. A file that was
        made without auto-vacuum (by an older release, or with `auto_vacuum=False`) has to be
        rewritten: only `full` does that, while other savers wait; without it the report's `advice`
        says for how long. The file is truncated by the WAL checkpoint at the end, or by a later one
        where others read from the WAL. `on_progress` is called on the event loop with the pages
        given back, and those to give back.

        Raises:
            InvalidArgumentError: `target_free` is not from 0 to below 1.
            StoreBusyError, StoreFullError, StoreReadOnlyError, StoreClosedError: nothing is lost;
                compact again to go on.
        """
        self._check_open("compact")
        from a3s_store.backends.sqlite.maintenance import compact

        return await compact.compact(self._engine, target_free, full=full, on_progress=on_progress)

    async def _health(self) -> Health:
        from a3s_store.backends.sqlite.connection import file_facts
        from a3s_store.backends.sqlite.maintenance import health

        where = str(self._engine.settings.path)
        facts = await self._read_file("health_check", read.catalog.facts)
        if self._engine.writer is not None and self._engine.saves_refused is None:
            await self._engine.write(
                "health_check",
                where,
                lambda conn, _: read.catalog.probe(conn),
                "health_check\0",
            )
        facts |= self._engine.facts()
        if not self._engine.settings.in_memory:
            facts["copies"] = await asyncio.to_thread(file_facts.copies, self._engine.settings.path)
        return Health(
            backend=self.backend_name,
            location=where,
            facts=facts,
            advice=tuple(said.text for said in health.recommendations(facts, self._clock())),
        )


def _on_loop(on_progress: Progress | None) -> Progress | None:
    """Return a function for other threads, which has this one called on the running loop."""
    if on_progress is None:
        return None
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no one waits
            loop.call_soon_threadsafe(on_progress, done, total)

    return tell


def _repeatable(
    check: Callable[[sqlite3.Connection], VerifyReport],
) -> Callable[[sqlite3.Connection], VerifyReport]:
    """Return a check that the engine can repeat to see whether the disk returns other bytes.

    A repetition that ran out of time does not show that the damage is gone, which would be taken
    for a failing disk: it returns the first report.
    """
    damaged: list[VerifyReport] = []

    def checked(conn: sqlite3.Connection) -> VerifyReport:
        found = check(conn)
        if damaged and not found.finished and not found.damage:
            return damaged[0]
        if found.damage:
            damaged.append(found)
        return found

    return checked
