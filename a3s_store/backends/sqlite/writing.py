"""Commit changes on the writer's thread, and refuse changes that would be lost."""

from __future__ import annotations

import copy
import functools
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import attrs

from a3s_store.backends.sqlite.connection import (
    failing_reads,
    integrity_check,
    no_room,
    wal_checkpoint,
)
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import Afterwards
from a3s_store.backends.sqlite.write import group_commit
from a3s_store.backends.sqlite.write.group_commit import Change, Outcome
from a3s_store.core.job_queue import Job
from a3s_store.core.session_cache import SessionCache
from a3s_store.errors import StoreError, StoreUnavailableError


class Writing:
    """The commits of one writer. It refers to no store, so that a dropped store is collected."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = SessionCache(settings.cache_max_sessions, settings.cache_max_items)
        self.checkpointer = wal_checkpoint.WalCheckpointer(settings.path)
        self.watch: FileWatch | None = None
        # Why saves are refused: the operation that met an I/O error, and the error.
        self.failure: tuple[str, BaseException] | None = None
        self._close_by: float | None = None

    def opened(self, conn: WorkConnection) -> WorkConnection:
        """Start to watch the files of this connection, the writer's; return the connection."""
        try:
            self.watch = FileWatch(self.settings.path)
            conn.log_salt = self.watch.salt
        except BaseException:
            conn.close()
            raise
        return conn

    def commit_group(self, conn: WorkConnection, jobs: Sequence[Job]) -> Afterwards | None:
        """Commit the changes of these jobs and settle each job.

        Returns a checkpoint to run after the callers were told, or None.
        """
        self._limit_wait(conn)
        changes: list[Change] = [job.work for job in jobs]
        refusal = self._refusal(conn)
        if refusal is None:
            outcomes = self._commit(conn, changes)
        else:
            outcomes = [Outcome(cause=_own(refusal)) for _ in changes]
        for job, change, outcome in zip(jobs, changes, outcomes, strict=True):
            job.settle(functools.partial(_result, change, outcome))
            job.leftover = outcome.gone
        return self.checkpointer.checkpoint if self.checkpointer.is_due() else None

    def closing(self) -> None:
        """Limit the waiting for locks of all remaining work to that of one save, from now."""
        self._close_by = time.monotonic() + self.settings.busy_seconds

    def _limit_wait(self, conn: WorkConnection) -> None:
        if self._close_by is not None:
            left = max(0.0, self._close_by - time.monotonic())
            conn.set_busy_timeout(int(left * 1000))

    # -- Committing -------------------------------------------------------------------------------

    def _commit(self, conn: WorkConnection, changes: Sequence[Change]) -> list[Outcome]:
        repeated: list[BaseException] = []
        before = conn.total_changes
        done = group_commit.commit(conn, self.cache, changes, repeated.append)
        outcomes = self._settled(conn, changes, done)
        read = next(filter(failing_reads.is_suspect, repeated), None)
        if read is not None and all(outcome.cause is None for outcome in outcomes):
            self.note_failure("read", read)  # the retry of each change alone worked
        if conn.total_changes == before or all(outcome.cause for outcome in outcomes):
            return outcomes
        return self._before_telling(conn, outcomes)

    def _before_telling(self, conn: WorkConnection, outcomes: list[Outcome]) -> list[Outcome]:
        """Verify that the committed changes will be found, before the callers are told.

        The files at the path must be the opened ones, and the database gets the open mark. Readers
        of other processes may keep the mark from being copied: then the save is acknowledged
        without it, since otherwise any reader could block saves.
        """
        replaced = self._replaced(conn)
        if replaced is not None:
            return [
                outcome if outcome.cause is not None else Outcome(cause=_own(replaced))
                for outcome in outcomes
            ]
        assert self.watch is not None, "the writer was opened"
        if not self.watch.is_marked:
            self.checkpointer.checkpoint(conn)
            try:
                self.watch.look_at_database()
            except OSError as error:
                self.note_failure("read", error)
        return outcomes

    def _settled(
        self, conn: WorkConnection, changes: Sequence[Change], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        """Return the outcomes with disk errors identified; these stop all later saves."""
        known: dict[int, BaseException] = {}  # several changes may have the same error
        settled = []
        for change, outcome in zip(changes, outcomes, strict=True):
            cause = outcome.cause
            if cause is not None:
                if id(cause) not in known:
                    known[id(cause)] = self._settle(conn, change, cause)
                outcome = attrs.evolve(outcome, cause=known[id(cause)])
            settled.append(outcome)
        return settled

    def _settle(self, conn: WorkConnection, change: Change, cause: BaseException) -> BaseException:
        full = no_room.explain(cause, self.settings.path)
        if full is not None:
            return full
        if failing_reads.is_suspect(cause):
            return self._settle_read(conn, change, cause)
        if isinstance(cause, OSError):  # from reading the WAL's salt
            self.note_failure("read", cause)
            return failing_reads.unavailable(cause)
        if group_commit.is_io_failure(cause):
            self.note_failure("save or checkpoint", cause)
        return cause

    def _settle_read(
        self, conn: WorkConnection, change: Change, cause: BaseException
    ) -> BaseException:
        """Return the error of a save that met damage or an unreadable disk."""
        found = failing_reads.read_through(self.settings.path)
        error: StoreUnavailableError | None = None
        if found.error is not None:
            error = failing_reads.unavailable(found.error)
        elif group_commit.would_succeed(conn, self.cache, change):
            error = StoreUnavailableError(
                "a read of the disk failed, and worked when repeated",
                hint="Check the disk, then close the store and open it again",
            )
        if error is None and not group_commit.is_io_failure(cause):
            return (None if found.finished else failing_reads.unsettled(cause)) or cause
        self.note_failure("read", error or cause)
        return error or cause

    def note_failure(self, what: str, error: BaseException) -> None:
        """Refuse all later saves, since operation `what` met an I/O error; from any thread."""
        self.failure = what, error
        integrity_check.require(self.settings.path)

    def _refusal(self, conn: WorkConnection) -> Exception | None:
        """Return why saves are refused, or None: the files were replaced, or an I/O error occurred.

        After an I/O error the content of the disk is unknown.
        """
        error = self.checkpointer.error
        if self.failure is None and (
            group_commit.is_io_failure(error)
            or failing_reads.is_suspect(error)
            or (isinstance(error, OSError) and not isinstance(error, StoreError))
        ):
            assert error is not None, "there was a failure"
            self.note_failure("save or checkpoint", error)
        if self.failure is not None:
            what, cause = self.failure
            refusal = StoreUnavailableError(
                f"an earlier {what} met an I/O error",
                hint="Check the disk, then close the store and open it again",
            )
            refusal.__cause__ = StoreUnavailableError(str(cause))
            return refusal
        return self._replaced(conn)

    def _replaced(self, conn: WorkConnection) -> Exception | None:
        assert self.watch is not None, "the writer was opened"
        try:
            return self.watch.look(conn)
        except OSError as error:
            self.note_failure("read", error)
            return failing_reads.unavailable(error)
        except sqlite3.Error as error:
            return error


def _own(error: Exception) -> Exception:
    """Return a copy for one caller, since its session is noted in it."""
    return copy.copy(error) if isinstance(error, StoreError) else error


def _result(change: Change, outcome: Outcome) -> Any:
    if outcome.cause is not None:
        raise change.named(outcome.cause)
    return outcome.answer
