"""Looking after an open store: verify it, copy it, erase from it. The methods, not the work.

What is done is in `verify`, `backup` and `erase`; all of it beside saves and loads, which go on.
Bringing something back from a damaged file, or a backup into its place, needs no open store:
`salvage` and `restore`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
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
from a3s_store.backends.sqlite.read import catalog, decode
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


class CareMethods(SqliteStoreBase):
    """What `SqliteSessionStore` has for looking after its file."""

    async def verify(
        self, *, depth: Depth = "quick", time_limit: float | None = None
    ) -> VerifyReport:
        """Hold what is in the file against what is on record of it, and report what is damaged.

        "quick" looks at SQLite's structure, at the digests of every session and at how many values
        there are; "deep" reads every message, value, blob and page of the log as well. Saves and
        loads go on meanwhile. Damage is reported, not raised, and nothing is changed but the note
        of this verification that `health_check` shows. Nobody can tell that the last saves are
        missing from a file that was copied without its log: compare `generation()` with what you
        know.

        After `time_limit` seconds the checks end, and the report is not `finished`; with None that
        is ten minutes, and a second more for each 200 KB of the file. Reading the log counts, but
        is not interrupted, nor are waits for locks (the busy timeout each) and the WAL checkpoint
        that may follow the note: beside a log of gigabytes it takes longer. Where damage is found,
        the files are read for up to ten seconds and the checks are repeated, for as long again.
        Tables of your own in the file are not looked at.

        Raises:
            InvalidArgumentError: `depth` or `time_limit` is none.
            StoreUnavailableError, StoreBusyError, StoreClosedError: nothing could be looked at.
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
            skipped.append("the log: the store is open for reading only")
            return wal_file.WalAudit(header="none")
        try:
            with during("verify", where):
                data = await writer.run(lambda conn: wal_checkpoint.read_wal(conn, wal_path))
        except StoreBusyError as error:
            skipped.append(f"the log: {error.what}")
            return wal_file.WalAudit(header="none")
        found = await asyncio.to_thread(wal_file.audit, data)
        if found.is_damaged and await writer.run(_says_normal):
            skipped.append("whether the log is whole: a power cut may leave one like it")
            return wal_file.WalAudit(header="none")
        return found

    async def _note_verified(self, where: str, report: VerifyReport) -> None:
        if self._engine.writer is None or self._engine.saves_refused is not None:
            return
        if not report.finished:
            return
        note = {"at": int(self._clock()), "depth": report.depth, "damage": len(report.damage)}

        def apply(conn: sqlite3.Connection, _: CacheTransaction) -> None:
            conn.execute(
                "INSERT INTO meta (name, value) VALUES ('last_verify', ?) "
                "ON CONFLICT DO UPDATE SET value = excluded.value",
                (json.dumps(note),),
            )

        try:
            await self._engine.write("verify", where, apply)
        except StoreError:
            # A file that cannot be written any more is what the report is wanted for.
            if report.ok:
                raise

    async def backup(
        self, target: str | PathLike[str], *, on_progress: Progress | None = None
    ) -> BackupReport:
        """Copy the store, as it is at one moment, into a new file (0600) that opens like any store.

        Saves and loads go on; what they save meanwhile is not in the copy. `on_progress` is called
        on the event loop with the pages copied and the pages in all. The copy is looked through
        before it is given its name: under `target` there is nothing, or the whole of it.

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
        """Delete sessions so that no piece of their texts is left in the file or its log.

        As `delete`, and then the file is written anew, which takes as long as copying it and as
        much space, and holds up other savers. Sessions that share messages, as forks do, are erased
        together. `tree` as in `delete`. An id under which all was deleted earlier is fine: its text
        may still be there. Copies, replicas and backups of the file are out of its reach, and so is
        what the disk itself keeps. Without ids the file is written anew and nothing is deleted.

        Copies that the store itself made beside its file, `NAME.replaced` for example, are named in
        the report. With `copies` the sessions are erased in those too that are whole stores, where
        one of an older schema is migrated; unfinished ones of dead processes are removed.

        Raises:
            SessionNotFoundError: nothing was ever saved under one of the ids, or a release before
                tombstones deleted it; nothing was written.
            SharedMessagesError: another session has some of the messages too; nothing was written.
            ErasureIncompleteError: the sessions are deleted, but pieces may be left, since a
                process kept reading for longer than the busy timeout: `readers` names it. Erase
                again when it has ended.
            StoreFullError, StoreBusyError, StoreClosedError
        """
        self._check_open("erase")
        ids: Sequence[str] = [check_id(session_id) for session_id in session_ids]
        path = self._engine.settings.path
        elsewhere = await erase_copies.in_copies(path, ids) if copies else ()
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
        message is lost: of the others those go whose conversation is the beginning of one that
        stays, where `rewind` or `fork` reaches it. With `keep_days`, those saved longer ago go
        whatever their conversation was: rewound, edited and compacted histories.

        Saves and loads go on: each step holds the write lock for some milliseconds. The present
        conversation, run checkpoints, drafts and other sessions lose nothing. Free pages stay in
        the file and are used again. With `dry_run` nothing is written, and the report is what would
        be removed, unless others save meanwhile.

        Raises:
            InvalidArgumentError: a number is below 1.
            StoreBusyError, StoreReadOnlyError, StoreClosedError: what was removed until then stays
                removed, and pruning again goes on.
        """
        self._check_open("prune")
        keep = prune.rule(keep_generations, keep_days, self._now_ms())
        return await prune.prune(self._engine, keep, dry_run=dry_run)

    async def compact(self, *, target_free: float = 0.1, full: bool = False) -> CompactReport:
        """Give free pages back to the file system, until a share of `target_free` pages is free.

        Saves and loads go on: each step holds the write lock for some milliseconds. A file that was
        made without auto-vacuum (by releases before this, or so opened first) has to be written
        anew: only `full` does that, and other savers wait meanwhile. Without it the report's
        `advice` says for how long. The file is cut by the WAL checkpoint at the end, or by a later
        one where others read in the log.

        Raises:
            InvalidArgumentError: `target_free` is not from 0 to below 1.
            StoreBusyError, StoreFullError, StoreReadOnlyError, StoreClosedError: nothing is lost,
                and compacting again goes on.
        """
        self._check_open("compact")
        return await compact.compact(self._engine, target_free, full=full)

    async def _health(self) -> Health:
        where = str(self._engine.settings.path)
        facts = await self._engine.read("health_check", where, catalog.facts, decode.as_is)
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
    """Return `check`, which may be repeated to see whether damage is there a second time.

    A repetition that did not come to its end does not say that the damage is gone: that would be
    taken for a failing disk. The report of the first one counts then.
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
    with contextlib.suppress(sqlite3.Error):  # that is damaged too, and told
        return durability_note.says_normal(conn)
    return False


def _damage_of(log: wal_file.WalAudit) -> tuple[Damage, ...]:
    if not log.is_damaged:
        return ()
    what = f"behind a damaged page there are {log.commits_behind} commits that recovery would drop"
    return (Damage(part="wal", what=what, position=log.good_frames),)
