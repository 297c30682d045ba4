"""The maintenance methods of an open store.

Saves and loads go on beside all of them. `salvage`, `restore` and `resolve` are functions instead:
they need no open store.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from os import PathLike

import attrs

from a3s_store.backends.sqlite.connection import durability_note, file_facts, wal_checkpoint
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import wal_file
from a3s_store.backends.sqlite.maintenance import (
    backup,
    compact,
    erase,
    erase_copies,
    health,
    prune,
)
from a3s_store.backends.sqlite.maintenance.verify import verify
from a3s_store.backends.sqlite.read import catalog, notes
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.collections import check_id
from a3s_store.core.protocol import Health
from a3s_store.core.reports import (
    BackupReport,
    CompactReport,
    Damage,
    Depth,
    EraseReport,
    PruneReport,
    VerifyReport,
)
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.errors import InvalidArgumentError, StoreBusyError, StoreError
from a3s_store.printable import short_repr

Progress = Callable[[int, int], None]


class MaintenanceMethods(SqliteStoreBase):
    """The maintenance methods of `SqliteSessionStore`."""

    async def verify(
        self, *, depth: Depth = "quick", time_limit: float | None = None
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
        file are not checked.

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
        where = str(self._engine.settings.path)
        began = time.monotonic()
        skipped: list[str] = []
        log = await self._audit_log(where, skipped)
        if time_limit is not None:
            time_limit = max(0.0, time_limit - (time.monotonic() - began))
        report = await self._engine.aside(
            "verify",
            where,
            _repeatable(functools.partial(verify, location=where, depth=depth, seconds=time_limit)),
            lambda found: bool(found.damage),
        )
        report = attrs.evolve(
            report,
            log_frames=log.good_frames,
            damage=report.damage + _damage_of(log),
            skipped=(*skipped, *report.skipped),
        )
        await self._note_verified(where, report)
        return report

    async def _audit_log(self, where: str, skipped: list[str]) -> wal_file.WalAudit:
        writer = self._engine.writer
        wal_path = self._engine.settings.wal
        if writer is None:
            skipped.append("the WAL: the store is open for reading only")
            return wal_file.WalAudit(header="none")
        try:
            with during("verify", where):
                data = await writer.run(lambda conn: wal_checkpoint.read_wal(conn, wal_path))
        except StoreBusyError as error:
            skipped.append(f"the WAL: {error.what}")
            return wal_file.WalAudit(header="none")
        found = await asyncio.to_thread(wal_file.audit, data)
        if found.is_damaged and await writer.run(_says_normal):
            skipped.append("damage in the WAL: a power cut may have left it like this")
            return wal_file.WalAudit(header="none")
        return found

    async def _note_verified(self, where: str, report: VerifyReport) -> None:
        if self._engine.writer is None or self._engine.saves_refused is not None:
            return
        if not report.finished:
            return
        note = {"at": int(self._clock()), "depth": report.depth, "damage": len(report.damage)}

        def apply(conn: sqlite3.Connection, _: CacheTransaction) -> None:
            notes.keep(conn, notes.VERIFIED, note)

        try:
            await self._engine.write("verify", where, apply)
        except StoreError:
            # A damaged file may refuse the write; its report must reach the caller all the same.
            if report.ok:
                raise

    async def backup(
        self, target: str | PathLike[str], *, on_progress: Progress | None = None
    ) -> BackupReport:
        """Copy the store, as of one moment, into a new file (0600) that opens like any store.

        Saves and loads go on; later saves are not in the copy. `on_progress` is called on the event
        loop with the pages copied and the pages in all. The copy is verified before it gets its
        name: under `target` there is no file, or a complete one.

        Raises:
            StoreUnavailableError: `target` exists.
            CorruptionError: the store is damaged, and a backup of it would be too; see `salvage`.
            StoreFullError, StoreClosedError
        """
        self._check_open("backup")
        return await backup.run(self._engine.settings, target, on_progress)

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
        elsewhere = await erase_copies.in_copies(self._engine, ids) if copies else ()
        report = await erase.erase(self._engine, ids, self._clock, tree=tree, elsewhere=elsewhere)
        return await erase_copies.report_copies(
            report, self._engine.settings, self._clock, erase_there=copies
        )

    async def prune(
        self,
        *,
        keep_generations: int = 100,
        keep_days: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Remove old generations, and the messages that only they have.

        The newest `keep_generations` of each session stay, and all of the last day. By default no
        message is lost: an older generation is removed if one that stays begins with its
        conversation, so that `rewind` and `fork` still reach it. With `keep_days`, every generation
        saved more days ago is removed, also those of rewound, edited and compacted histories.

        Saves and loads go on: each step holds the write lock for some milliseconds. The present
        conversation, run checkpoints, drafts and other sessions lose nothing. Free pages stay in
        the file and are used again. With `dry_run` nothing is written, and the report counts the
        rows that would be removed, if no one saves meanwhile.

        Raises:
            InvalidArgumentError: a number is below 1.
            StoreBusyError, StoreReadOnlyError, StoreClosedError: generations removed before that
                stay removed; prune again to go on.
        """
        self._check_open("prune")
        keep = prune.rule(keep_generations, keep_days, self._now_ms())
        return await prune.prune(self._engine, keep, dry_run=dry_run)

    async def compact(self, *, target_free: float = 0.1, full: bool = False) -> CompactReport:
        """Give free pages back to the file system, until a share of `target_free` pages is free.

        Saves and loads go on: each step holds the write lock for some milliseconds. A file that was
        made without auto-vacuum (by an older release, or with `auto_vacuum=False`) has to be
        rewritten: only `full` does that, while other savers wait; without it the report's `advice`
        says for how long. The file is truncated by the WAL checkpoint at the end, or by a later one
        where others read from the WAL.

        Raises:
            InvalidArgumentError: `target_free` is not from 0 to below 1.
            StoreBusyError, StoreFullError, StoreReadOnlyError, StoreClosedError: nothing is lost;
                compact again to go on.
        """
        self._check_open("compact")
        return await compact.compact(self._engine, target_free, full=full)

    async def _health(self) -> Health:
        where = str(self._engine.settings.path)
        facts = await self._read_file("health_check", catalog.facts)
        if self._engine.writer is not None and self._engine.saves_refused is None:
            await self._engine.write("health_check", where, lambda conn, _: catalog.probe(conn))
        facts |= self._engine.facts()
        facts["copies"] = await asyncio.to_thread(file_facts.copies, self._engine.settings.path)
        return Health(
            backend=self.backend_name,
            location=where,
            facts=facts,
            advice=tuple(said.text for said in health.recommendations(facts, self._clock())),
        )


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


def _says_normal(conn: sqlite3.Connection) -> bool:
    with contextlib.suppress(sqlite3.Error):  # the verification reports that damage
        return durability_note.says_normal(conn)
    return False


def _damage_of(log: wal_file.WalAudit) -> tuple[Damage, ...]:
    if not log.is_damaged:
        return ()
    what = f"recovery would drop {log.commits_behind} commits that follow a damaged page"
    return (Damage(part="wal", what=what, position=log.good_frames),)
