"""Commit changes on the writer's thread, and refuse changes that would be lost."""

from __future__ import annotations

import contextlib
import copy
import functools
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from a3s_store.backends.sqlite import rows
from a3s_store.backends.sqlite.connection import (
    connect,
    failing_reads,
    integrity_check,
    no_room,
    wal_checkpoint,
)
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import Afterwards
from a3s_store.backends.sqlite.rows import session_texts, unfinished
from a3s_store.backends.sqlite.write import group_commit, row_checksums
from a3s_store.backends.sqlite.write.group_commit import Change, Outcome
from a3s_store.backends.sqlite.write.session_texts import step as make_texts
from a3s_store.backends.sqlite.write.write_states import WriteStates
from a3s_store.core.commit_signal import CommitSignal
from a3s_store.core.conversation import LargeSaveError
from a3s_store.core.job_queue import Job
from a3s_store.core.session_cache import SessionCache
from a3s_store.errors import StoreError, StoreUnavailableError

# What the steps of a migration left to be done later, and whether any of it is left in a file.
Step: TypeAlias = Callable[[WorkConnection], bool]
_Ask: TypeAlias = Callable[[sqlite3.Connection], bool]
_LEFT_BY_MIGRATION: Final[Sequence[tuple[_Ask, _Ask]]] = (
    (row_checksums.is_needed, row_checksums.step),
    (session_texts.are_lacking, make_texts),
)


class Writing:
    """The commits of one writer. It refers to no store, so that a dropped store is collected."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = SessionCache(settings.cache_bytes)
        self.states = WriteStates()
        self.signal = CommitSignal()
        self.checkpointer = _checkpointer(settings)
        self.watch: FileWatch | None = None
        # Why saves are refused: the operation that met an I/O error, and the error.
        self.failure: tuple[str, BaseException] | None = None
        # Work that a migration left to an idle writer; each step returns whether there is more.
        self.left_by_migration: list[Step] = []
        self._close_by: float | None = None
        # How many large saves are being made.
        self.large_saves = 0
        # Whether an interrupted deletion or large save may have left rows.
        self.has_unfinished = False
        # Whether there was a commit since it was known that the log needs no trimming.
        self.may_trim_log = False

    def opened(self, conn: WorkConnection) -> WorkConnection:
        """Start to watch the files of this connection, the writer's; return the connection."""
        try:
            self.watch = _watch(self.settings)
            conn.log_salt = self.watch.salt
            # What cannot be read now is left to the next opening; saves and loads report why.
            with contextlib.suppress(sqlite3.Error):
                self.has_unfinished = unfinished.exists(conn)
                self.left_by_migration = [
                    step for is_left, step in _LEFT_BY_MIGRATION if is_left(conn)
                ]
                if not self.settings.search:
                    self._drop_indexes(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    def _drop_indexes(self, conn: WorkConnection) -> None:
        """Drop the full-text indexes, or leave that to the next opening if others keep the lock."""
        from a3s_store.backends.sqlite.rows import memory_index, search_index

        for index in (search_index.INDEX, memory_index.INDEX):
            if index.exists(conn):
                self.commit_step(conn, "search", index.drop)

    def commit_group(self, conn: WorkConnection, jobs: Sequence[Job]) -> Afterwards | None:
        """Commit the changes of these jobs and settle each job, but those that are to go on.

        Returns a checkpoint to run after the callers were told, or None.
        """
        if self._close_by is not None:
            self.limit_wait(conn)
        self.may_trim_log = True
        changes: list[Change] = [job.work for job in jobs]
        refusal = self._refusal(conn)
        if refusal is None:
            outcomes = self._commit(conn, changes)
        else:
            outcomes = [Outcome(cause=_own(refusal)) for _ in changes]
        # Not strict: jobs behind a large save have no outcome yet.
        for job, change, outcome in zip(jobs, changes, outcomes, strict=False):
            if outcome.cause is None and job.begun is None:
                job.settle_value(outcome.value)
                job.leftover = outcome.gone
                continue
            is_large = job.begun is not None or isinstance(outcome.cause, LargeSaveError)
            if not (is_large and self._goes_on(job, change, outcome)):
                job.settle(functools.partial(_result, change, outcome))
                job.leftover = outcome.gone
        large = jobs[0].begun
        is_due = self._is_checkpoint_due() or (large is not None and large.takes_copy())
        return self.checkpoint if is_due else None

    def _goes_on(self, job: Job, change: Change, outcome: Outcome) -> bool:
        """Return whether a large save needs further turns, and prepare the next one."""
        from a3s_store.backends.sqlite.write import large_saves  # few programs make any

        if isinstance(outcome.cause, LargeSaveError):
            if job.begun is not None:
                job.begun.refused(outcome.cause)
                return True
            limits, chunk = self.settings.limits, self.states.chunk
            if outcome.cause.conversations:
                from a3s_store.backends.sqlite.write import large_units

                begin: Any = large_units.LargeUnit
            else:
                begin = large_saves.LargeSave
            job.begun = begin(change.apply, outcome.cause, limits, chunk)
            job.work = change._replace(apply=job.begun.turn)
            self.large_saves += 1
            return True
        if outcome.value is large_saves.GOES_ON:
            return True
        job.begun.end()
        self.large_saves -= 1
        self.has_unfinished = True
        return False

    def checkpoint(self, conn: WorkConnection) -> None:
        """Copy the WAL into the database; an I/O error of it stops all later saves."""
        self.checkpointer.checkpoint(conn)
        self._note_checkpoint()

    def _is_checkpoint_due(self) -> bool:
        assert self.watch is not None, "the writer was opened"
        return self.checkpointer.is_due(self.watch.log_size)  # looked at after the commit

    def _note_checkpoint(self) -> None:
        error = self.checkpointer.error
        if error is None or self.failure is not None:
            return
        if (
            group_commit.is_io_failure(error)
            or failing_reads.is_suspect(error)
            or (isinstance(error, OSError) and not isinstance(error, StoreError))
        ):
            self.note_failure("save or checkpoint", error)

    def commit_step(
        self, conn: WorkConnection, op: str, step: Callable[[WorkConnection], bool]
    ) -> bool:
        """Commit a step of work that no caller waits for; return whether there is more.

        After an error, of another process with the write lock for example, an opening goes on.
        """
        if self._refusal(conn) is not None:
            return False
        change = Change(op, str(self.settings.path), lambda conn, _: step(conn))
        (outcome,) = self._commit(conn, [change])
        if self._is_checkpoint_due():
            self.checkpoint(conn)
        return outcome.cause is None and bool(outcome.value)

    def closing(self) -> None:
        """Limit the waiting for locks of all remaining work to that of one save, from now."""
        self._close_by = time.monotonic() + self.settings.busy_seconds

    def limit_wait(self, conn: WorkConnection) -> None:
        """Let a connection wait for locks no longer than is left, if the store is being closed."""
        if self._close_by is not None:
            left = max(0.0, self._close_by - time.monotonic())
            conn.set_busy_timeout(int(left * 1000))

    def reads(self) -> failing_reads.ReadRetry:
        """Return what retries the store's reads, and has saves refused when the disk fails."""
        if self.settings.in_memory:
            from a3s_store.backends.sqlite.connection.in_memory import NoRetries

            return NoRetries()
        return failing_reads.ReadRetry(
            self.settings.path,
            lambda: connect.open_reader(self.settings),
            lambda error: self.note_failure("read", error),
        )

    # -- Committing -------------------------------------------------------------------------------

    def _commit(self, conn: WorkConnection, changes: Sequence[Change]) -> list[Outcome]:
        repeated: list[BaseException] = []
        before = conn.total_changes
        done = group_commit.commit(conn, self.cache, self.states, changes, repeated.append)
        failed = [outcome for outcome in done if outcome.cause is not None]
        outcomes = self._settled(conn, changes, done) if failed else done
        read = next(filter(failing_reads.is_suspect, repeated), None)
        if read is not None and not failed:
            self.note_failure("read", read)  # the retry of each change alone worked
        if conn.total_changes == before or len(failed) == len(outcomes):
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
            self.checkpoint(conn)
            try:
                self.watch.look_at_database()
            except OSError as error:
                self.note_failure("read", error)
        self._tell_watches(conn)
        return outcomes

    def _tell_watches(self, conn: WorkConnection) -> None:
        """Wake the watches of this process, if there are any and the log has a new row."""
        if self.signal.is_used:
            with contextlib.suppress(sqlite3.Error):  # the next look of the reader tells them
                self.signal.tell(self.states.sequence or rows.commit_log.latest(conn))

    def _settled(
        self, conn: WorkConnection, changes: Sequence[Change], outcomes: Sequence[Outcome]
    ) -> list[Outcome]:
        """Return the outcomes with disk errors identified; these stop all later saves."""
        known: dict[int, BaseException] = {}  # several changes may have the same error
        settled = []
        for change, outcome in zip(changes, outcomes, strict=False):
            cause = outcome.cause
            if cause is not None and not isinstance(cause, LargeSaveError):
                if id(cause) not in known:
                    known[id(cause)] = self._settle(conn, change, cause)
                outcome = outcome._replace(cause=known[id(cause)])
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
        self._note_checkpoint()
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


def _checkpointer(settings: Settings) -> wal_checkpoint.WalCheckpointer:
    if settings.in_memory:
        from a3s_store.backends.sqlite.connection.in_memory import NoCheckpoints

        return NoCheckpoints()
    return wal_checkpoint.WalCheckpointer(settings.path)


def _watch(settings: Settings) -> FileWatch:
    if settings.in_memory:
        from a3s_store.backends.sqlite.connection.in_memory import NoFiles

        return NoFiles()
    return FileWatch(settings.path)


def _own(error: Exception) -> Exception:
    """Return a copy for one caller, since its session is noted in it."""
    return copy.copy(error) if isinstance(error, StoreError) else error


def _result(change: Change, outcome: Outcome) -> Any:
    if outcome.cause is not None:
        raise change.named(outcome.cause)
    return outcome.value
