"""The blocking twins of the SQLite store and its objects. Generated; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

import builtins
import time
from typing import TYPE_CHECKING, Any, Self, overload

from a3s_store.backends.sqlite.store import SqliteSessionStore
from a3s_store.connecting import path_of
from a3s_store.core.arguments import BATCH_BYTES
from a3s_store.core.redaction.redactor import BUILT_IN
from a3s_store.sync.base import SyncObject, SyncStore
from a3s_store.wire import DEFAULT_LIMITS
from a3s_store.wire.values import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, timedelta
    from os import PathLike
    from pathlib import Path
    from types import TracebackType
    from typing import Literal, Unpack

    from a3s_store.agent_memory.item import MemoryItem
    from a3s_store.backends.sqlite.agent_memory_store import SqliteMemoryStore
    from a3s_store.backends.sqlite.connection.settings import Durability
    from a3s_store.backends.sqlite.maintenance.api import Progress
    from a3s_store.core.base.queue_entries import EntryKey, MayTake, QueueEntry
    from a3s_store.core.base.store import T
    from a3s_store.core.base.transactions import R
    from a3s_store.core.base.watch import CommitWatch
    from a3s_store.core.branches import Branch
    from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges
    from a3s_store.core.commit_log import Commit, CommitGap, CommitPage, LogPosition
    from a3s_store.core.drafts import Draft
    from a3s_store.core.list_pages import Appended, ListPage, MessagePage, Positioned, RunEventPage
    from a3s_store.core.listing.values import Page, SessionFilter, SessionOrder, SessionSummary
    from a3s_store.core.protocol import Capabilities, Generation, Health, Inventory
    from a3s_store.core.protocol.transactional import Transaction
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.core.redaction.redactor import Redact
    from a3s_store.core.reports import (
        BackupReport,
        CompactReport,
        Depth,
        EraseReport,
        ImportReport,
        PruneReport,
        Recovered,
        StoreStats,
        TrashReport,
        VerifyReport,
    )
    from a3s_store.core.retention import RetentionPolicy
    from a3s_store.core.revision import Position, Revision, Versioned
    from a3s_store.core.search.values import SearchHit, SearchOrder, SearchSyntax
    from a3s_store.core.session_update import SessionHeader, SessionUpdate
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.core.streams.byte_artifacts import ByteArtifact, BytesReader
    from a3s_store.core.streams.handle import Change, Stream
    from a3s_store.core.streams.recording import TransactionStream
    from a3s_store.core.streams.requests import Append, Copy, Delete, Truncate
    from a3s_store.core.streams.values import (
        Item,
        ItemOrder,
        OnConflict,
        StreamAppended,
        StreamInfo,
    )
    from a3s_store.core.turns import Turn
    from a3s_store.core.usage import UsageRow
    from a3s_store.models import (
        LoopCheckpoint,
        Message,
        ReviewFinding,
        RunEventRecord,
        RunRecord,
        SessionData,
        SubagentTaskSnapshot,
        ToolArtifact,
        TraceEvent,
        VerificationReport,
        WorkflowCheckpoint,
    )
    from a3s_store.wire import Limits


class SyncBytesReader(SyncObject["BytesReader"]):
    """Blocking methods in place of the async ones of `BytesReader`."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes that are left, up to 256 KiB at a time."""
        return self._iterate(self._async.__aiter__())

    @property
    def artifact(self) -> ByteArtifact:
        """See `BytesReader.artifact`."""
        return self._async.artifact

    @property
    def digest(self) -> str:
        """The hash of all bytes: `sha256:` and hex digits."""
        return self._async.digest

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, up to `size`; all that are left with -1; empty at the end."""
        return self._run(lambda: self._async.read(size))

    def seek(self, position: int) -> None:
        """Go to a byte, counted from 0; behind the end nothing is read.

        Raises:
            InvalidArgumentError: it is no integer of 0 or more.
        """
        self._async.seek(position)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._async.size


class SyncCommitWatch(SyncObject["CommitWatch"]):
    """Blocking methods in place of the async ones of `CommitWatch`."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Commit | CommitGap:
        return self._next(self._async.__anext__)

    @property
    def position(self) -> LogPosition | None:
        """Where to go on: `watch(after=position)`; None before the first step.

        All wanted commits up to it were returned.
        """
        return self._async.position


class SyncMemoryStore(SyncObject["SqliteMemoryStore"]):
    """Blocking methods in place of the async ones of `SqliteMemoryStore`."""

    def clear(self) -> None:
        """Remove all items.

        Damaged items are removed too.
        """
        self._run(lambda: self._async.clear())

    def count(self) -> int:
        """Return the number of items."""
        return self._run(lambda: self._async.count())

    def delete(self, item_id: str) -> None:
        """Remove an item; success when there is none.

        Pieces of the text may be left in the file; see `erase`.
        """
        self._run(lambda: self._async.delete(item_id))

    def get_important(self, threshold: float, limit: int) -> tuple[MemoryItem, ...]:
        """Return items of at least this importance, the most important first."""
        return self._run(lambda: self._async.get_important(threshold, limit))

    def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """Return the newest items, by timestamp."""
        return self._run(lambda: self._async.get_recent(limit))

    def items(self) -> tuple[MemoryItem, ...]:
        """Return all items, in the order in which they were first stored."""
        return self._run(lambda: self._async.items())

    def of_session(self, life: int | None = None) -> Self:
        """Return the same memories, which can be changed only while the session is stored.

        With `life` (see `Revision`; for stores with `conditional_writes`), a session that was
        deleted and created again since counts as deleted. Check and change are one transaction.
        After the deletion `store`, `store_all`, `delete` and `clear` raise SessionDeletedError and
        change nothing.
        """
        return type(self)(self._async.of_session(life), self._loop)

    @property
    def owner(self) -> str:
        """The id of the owner."""
        return self._async.owner

    def retrieve(self, item_id: str) -> MemoryItem | None:
        """Return the item with this id, or None; this does not count as an access.

        Where there is none, it takes as long as a search.
        """
        return self._run(lambda: self._async.retrieve(item_id))

    def search(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items with `query` in their content, the most relevant first.

        Upper and lower case compare as equal, and so do composed and decomposed characters, full
        and half width, ligatures and their letters: see `a3s_store.core.folding`. The empty query
        is in every content.
        """
        return self._run(lambda: self._async.search(query, limit))

    def search_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """Return items with any of exactly these tags, the most relevant first."""
        return self._run(lambda: self._async.search_by_tags(tags, limit))

    def search_ranked(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items whose content has any of the words of `query`, best match first (BM25).

        Whole words match, compared as in `search` and without accents; the first 64 different words
        count, and parts of identifiers (`bar` in `fooBar`) as half a word. A word in a script
        without spaces, as Chinese, matches anywhere. A query is never parsed as FTS5 syntax. Where
        more than 256 items match, those with the rarest words are compared. How rare a word is
        follows from the memories of the owner alone.

        From 256 memories on, the file has an index of their words; the few that are not in it yet
        are compared one by one.

        Raises:
            EncodeError: `query` is no text, or `limit` no number of items.
            StoreUnavailableError: this Python's SQLite has no FTS5; everything else works.
        """
        return self._run(lambda: self._async.search_ranked(query, limit))

    def store(self, item: MemoryItem) -> None:
        """Store an item, in place of one with the same id.

        Raises:
            InvalidIdError, EncodeError: the item cannot be stored (see `check_item`).

        As durable as a save of a session.
        """
        self._run(lambda: self._async.store(item))

    def store_all(self, items: Iterable[MemoryItem]) -> None:
        """Store many items, in their order: all of them, or none when this raises.

        Raises:
            EncodeError, InvalidIdError: as `store`.
        """
        self._run(lambda: self._async.store_all(items))


class SyncSessionStore(SyncStore[SqliteSessionStore]):
    """Blocking methods in place of the async ones of `SqliteSessionStore`."""

    def append(
        self,
        session_id: str,
        messages: Sequence[Message],
        *,
        after: Position | None = None,
        expected_generation: int | None = None,
        create: SessionData | None = None,
        at_ms: Sequence[int] | None = None,
        updated_at: int | None = None,
        save_id: bytes | None = None,
    ) -> Appended:
        """Add messages at the end of the conversation, and change nothing else.

        Without a condition they go to the end of whatever is stored, so several writers may append
        to one session and nothing is lost. `after` is where the conversation must end;
        `expected_generation` as in `GenerationalStore.save`. `create` is a session without
        messages, which is saved in the same commit if none is stored; otherwise it is ignored.

        A call may be repeated when its result is unknown. With a `save_id` (16 random bytes) a call
        that was committed is recognised by it, whatever was appended since, in stores that promise
        `conditional_writes`. Without one, a call with `after` is recognised if the conversation
        goes on after `after` with equal messages: enough for one writer, not for two that may
        append equal messages. Without both, a repeated call appends twice. A recognised call
        returns the first one's positions with `already`, whatever `expected_generation` is.

        `at_ms` has one time for each message, in Unix milliseconds; None: the time of the store's
        clock. `updated_at` is the session's; None: the clock's, unless the stored one is later. No
        messages: the conditions are checked, nothing is written, and no session is created.

        Raises:
            SessionNotFoundError: no session is stored, and `create` is None.
            StaleGenerationError: a condition does not hold; `current` is the stored position or
                generation. Nothing was written.
            EncodeError: a message cannot be stored.
            InvalidArgumentError: another argument has a wrong value, or `save_id` belongs to a save
                of other messages.
        """
        return self._run(
            lambda: self._async.append(
                session_id,
                messages,
                after=after,
                expected_generation=expected_generation,
                create=create,
                at_ms=at_ms,
                updated_at=updated_at,
                save_id=save_id,
            )
        )

    def append_artifacts(
        self,
        session_id: str,
        values: Sequence[ToolArtifact],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add artifacts at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_artifacts`.
        """
        return self._run(
            lambda: self._async.append_artifacts(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def append_review_findings(
        self,
        session_id: str,
        values: Sequence[ReviewFinding],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add review findings at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_review_findings`.
        """
        return self._run(
            lambda: self._async.append_review_findings(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def append_run_events(
        self,
        session_id: str,
        run_id: str,
        events: Sequence[RunEventRecord],
        *,
        after_sequence: int | None = None,
    ) -> int:
        """Add events at the end of a run; return the generation of the session afterwards.

        `after_sequence` is the sequence that the last event of the run must have (without events
        one less than their count, so -1 at first); None: any. In the run's snapshot `event_count`
        rises, and `updated_at_ms` becomes the time of the latest event.

        Raises:
            SessionNotFoundError: no such run is stored under the id.
            StaleGenerationError: the last event has another sequence, which is `current`.
            EncodeError: an event cannot be stored.
        """
        return self._run(
            lambda: self._async.append_run_events(
                session_id, run_id, events, after_sequence=after_sequence
            )
        )

    def append_run_records(
        self,
        session_id: str,
        values: Sequence[RunRecord],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add run records at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_run_records`.
        """
        return self._run(
            lambda: self._async.append_run_records(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def append_subagent_tasks(
        self,
        session_id: str,
        values: Sequence[SubagentTaskSnapshot],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add subagent tasks at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_subagent_tasks`.
        """
        return self._run(
            lambda: self._async.append_subagent_tasks(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def append_trace_events(
        self,
        session_id: str,
        values: Sequence[TraceEvent],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add trace events at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_trace_events`.
        """
        return self._run(
            lambda: self._async.append_trace_events(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def append_verification_reports(
        self,
        session_id: str,
        values: Sequence[VerificationReport],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add verification reports at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_verification_reports`.
        """
        return self._run(
            lambda: self._async.append_verification_reports(
                session_id, values, expected_generation=expected_generation, keep_last=keep_last
            )
        )

    def artifacts_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ToolArtifact] | None:
        """Return some artifacts; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.artifacts_page(session_id, start=start, stop=stop, last=last)
        )

    @property
    def backend_name(self) -> str:
        """See `SqliteSessionStore.backend_name`."""
        return self._async.backend_name

    def backup(
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
        return self._run(lambda: self._async.backup(target, search=search, on_progress=on_progress))

    def branches(self, session_id: str) -> tuple[Branch, ...]:
        """Return the branches of a session, oldest first; none when no session is stored.

        A branch is a conversation that no later save continues: the present one, and those that a
        rewind, an edit or a compaction left. Pruned generations are none.
        """
        return self._run(lambda: self._async.branches(session_id))

    def capabilities(self) -> Capabilities:
        """Return the capabilities of this store.

        It is `durable` with `durability="full"`, but not in memory.
        """
        return self._async.capabilities()

    def claim_queue_entries(
        self, session_id: str, *, by: str, may_take: MayTake, life: int | None = None
    ) -> tuple[QueueEntry, ...]:
        """Claim the entries that `may_take` allows; return all entries that `by` has claimed.

        The oldest comes first; the result is empty for a session that is not stored. Entries that
        an older release stored in a workflow checkpoint become entries of the session, and the
        checkpoint is removed. `may_take` may be called in another thread, once for each claim.
        `life` as in `save_queue_entries`.
        """
        return self._run(
            lambda: self._async.claim_queue_entries(session_id, by=by, may_take=may_take, life=life)
        )

    def claim_run(self, run_id: str, *, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run for the live session with the token `by`, if `seen` still has the claim.

        Only one of several concurrent callers succeeds.

        Raises:
            RunClaimedError: it was claimed or ended meanwhile, or there is no checkpoint.
        """
        return self._run(lambda: self._async.claim_run(run_id, seen=seen, by=by))

    def commits(
        self,
        *,
        after: int | LogPosition = 0,
        limit: int = 100,
        subjects: Collection[str] | None = None,
    ) -> CommitPage:
        """Return up to `limit` commits after a place, in order; with `subjects` only of those ids.

        Pass `CommitPage.position` of the last page: a number alone is taken for one of this store,
        also after its file was replaced by another.

        Raises:
            InvalidArgumentError: `limit` is not a number from 1 to 1000, or another argument is not
                of its type.
        """
        return self._run(lambda: self._async.commits(after=after, limit=limit, subjects=subjects))

    def compact(
        self, *, target_free: float = 0.1, full: bool = False, on_progress: Progress | None = None
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
        return self._run(
            lambda: self._async.compact(target_free=target_free, full=full, on_progress=on_progress)
        )

    def count_sessions(self, where: SessionFilter | None = None) -> int:
        """Return the number of sessions that `sessions` has with this filter; raises as it does."""
        return self._run(lambda: self._async.count_sessions(where))

    @property
    def credentials(self) -> CredentialNames | None:
        """The names of configuration values that are not stored; None: all are stored."""
        return self._async.credentials

    def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """Delete as `SessionStore.delete` does, with the generations of the session.

        `expected_generation` as in `save`; with `tree` it applies to this session alone.
        """
        self._run(
            lambda: self._async.delete(
                session_id, tree=tree, expected_generation=expected_generation
            )
        )

    def delete_bytes(self, session_id: str, name: str, version: int | None = None) -> int:
        """Remove a version, by default all, in one commit; return how many there were."""
        return self._run(lambda: self._async.delete_bytes(session_id, name, version))

    def delete_draft(self, run_id: str, *, claimed_by: str | None = None) -> None:
        """Remove the draft of a run; success when there is none.

        With `claimed_by`, only if no other live session has claimed the run.

        Raises:
            RunClaimedError: another one has claimed it; nothing was removed.
        """
        self._run(lambda: self._async.delete_draft(run_id, claimed_by=claimed_by))

    def delete_loop_checkpoint(self, run_id: str) -> None:
        """Remove the run's checkpoint; success when there is none."""
        self._run(lambda: self._async.delete_loop_checkpoint(run_id))

    def delete_streams(self, prefix: str, *, dry_run: bool = False) -> int:
        """Remove the streams whose names begin with `prefix`; return how many.

        The empty text removes all. With `dry_run` they are only counted. A store may remove many
        streams in several commits: each stream is removed completely or not at all.
        """
        return self._run(lambda: self._async.delete_streams(prefix, dry_run=dry_run))

    def delete_workflow_checkpoint(self, workflow_id: str) -> None:
        """Remove the workflow's checkpoint; success when there is none."""
        self._run(lambda: self._async.delete_workflow_checkpoint(workflow_id))

    def empty_trash(
        self, *, older_than: timedelta | None = None, dry_run: bool = False
    ) -> TrashReport:
        """Delete the sessions that were put in the trash at least `older_than` ago; None: all.

        A session that was changed since then stays, and the report names it. Each is deleted by
        itself: after an error or a crash some are left, and the next call deletes them.

        Raises:
            InvalidArgumentError: `older_than` is no timedelta, or negative.
        """
        return self._run(lambda: self._async.empty_trash(older_than=older_than, dry_run=dry_run))

    def erase(self, *session_ids: str, tree: bool = False, copies: bool = False) -> EraseReport:
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
        return self._run(lambda: self._async.erase(*session_ids, tree=tree, copies=copies))

    def event_page(
        self, session_id: str, run_id: str, *, after: int | None = None, limit: int = 100
    ) -> RunEventPage | None:
        """Return up to `limit` events of a run with a sequence above `after`, None for the first.

        Returns None when no such run is stored.
        """
        return self._run(
            lambda: self._async.event_page(session_id, run_id, after=after, limit=limit)
        )

    def exists(self, session_id: str) -> bool:
        """Return whether a session was saved under this id; collections alone do not count."""
        return self._run(lambda: self._async.exists(session_id))

    def find_items(
        self,
        labels: Mapping[str, str],
        *,
        prefix: str = "",
        limit: int = 100,
        after: str | None = None,
    ) -> Page[tuple[str, Item]]:
        """Return a page of the items that have all these labels, each with its stream's name.

        Of streams whose names begin with `prefix`; in the order of names, then of `seq`.

        Raises:
            InvalidArgumentError: there is no label, or an argument has a wrong value.
            InvalidCursorError: `after` is damaged, or of another list or store.
        """
        return self._run(
            lambda: self._async.find_items(labels, prefix=prefix, limit=limit, after=after)
        )

    def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """Save a copy of a session under `new_id` with its first `at` messages; None: all of them.

        No message is copied: both sessions share them. Collections are copied, with runs and
        subagent tasks bound to the new id as upstream's `fork_for_session` does. Runs that have not
        ended are cancelled in the copy, since it would never see their end. Its cost records name
        the session that they were made for.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: the session is not at `expected_generation`, which is checked
                first; or something is stored under `new_id` already.
        """
        self._run(
            lambda: self._async.fork(
                session_id, new_id, at, expected_generation=expected_generation
            )
        )

    def generation(self, session_id: str) -> int:
        """Return the number of the last save under this id, 0 when nothing is stored under it."""
        return self._run(lambda: self._async.generation(session_id))

    def generations(self, session_id: str) -> tuple[Generation, ...]:
        """Return every stored generation of this id, the oldest first.

        Numbers begin with 1. Each save of the session or of a collection, fork and rewind takes the
        next number; so does the deletion, so that no number is used twice under an id.
        """
        return self._run(lambda: self._async.generations(session_id))

    def health_check(self) -> Health:
        """Check that the store can be read and written now.

        Raises:
            StoreUnavailableError: it cannot.
        """
        return self._run(lambda: self._async.health_check())

    def import_many(
        self, snapshots: Iterable[SessionSnapshot], *, batch_bytes: int = BATCH_BYTES
    ) -> ImportReport:
        """Save many snapshots, as `save_snapshot` does, several in one commit.

        A commit has sessions of about `batch_bytes` bytes in all, and at most 256; a larger session
        is saved by itself. Each session is stored completely or not at all. An equal session is not
        written. The snapshots are read as they are needed.

        Raises:
            EncodeError: a snapshot cannot be stored; it is named. Nothing of its commit was
                written; all commits before it stay, so the import can be run again.
            InvalidArgumentError: `batch_bytes` is no number of 1 or more.
        """
        return self._run(
            lambda: self._async.import_many(self._items(snapshots), batch_bytes=batch_bytes)
        )

    def inventory(self) -> Inventory:
        """Return the ids of everything in the store."""
        return self._run(lambda: self._async.inventory())

    def iter_messages(
        self,
        session_id: str,
        *,
        start: int = 0,
        stop: int | None = None,
        reverse: bool = False,
        page: int = 500,
        generation: int | None = None,
    ) -> Iterator[Positioned]:
        """Yield the messages of one conversation, `page` of them read at a time.

        It is the conversation of the moment of the first read, whatever others write meanwhile.
        `reverse` yields the last one first.

        Raises:
            SessionNotFoundError: no session is stored, or it was deleted meanwhile.
            GenerationGoneError: the generation was pruned meanwhile.
            InvalidArgumentError: an argument has a wrong value.
        """
        return self._iterate(
            self._async.iter_messages(
                session_id,
                start=start,
                stop=stop,
                reverse=reverse,
                page=page,
                generation=generation,
            ),
            page,
        )

    def landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """Return the revision that the save with this id made; None when it was not made."""
        return self._run(lambda: self._async.landed(session_id, save_id))

    def latest_sequence(self) -> int:
        """Return the sequence of the newest commit, 0 while there is none."""
        return self._run(lambda: self._async.latest_sequence())

    def list(self) -> builtins.list[str]:
        """Return the ids of all saved sessions, sorted; ids with collections only do not count."""
        return self._run(lambda: self._async.list())

    def list_bytes(self, session_id: str, name: str | None = None) -> tuple[ByteArtifact, ...]:
        """Return all versions of the byte artifacts of a session, by name, then by version."""
        return self._run(lambda: self._async.list_bytes(session_id, name))

    @overload
    def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise"] = "raise",
    ) -> SessionData | None: ...

    @overload
    def load(
        self, session_id: str, *, generation: int | None = None, on_damage: Literal["report"]
    ) -> Recovered[SessionData]: ...

    def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise", "report"] = "raise",
    ) -> SessionData | Recovered[SessionData] | None:
        """Return the session, with the conversation of a generation if one is given.

        Everything except the conversation is that of today. None when no session is stored now.

        Raises:
            SessionNotFoundError: the session has no such generation, or none with a conversation.
            GenerationGoneError: the generation was pruned.

        With `on_damage="report"` damage is not raised: the result has every value that verifies,
        and lists the damage.
        """
        method: Any = self._async.load
        result: SessionData | Recovered[SessionData] | None = self._run(
            lambda: method(session_id, generation=generation, on_damage=on_damage)
        )
        return result

    def load_artifacts(self, session_id: str) -> tuple[ToolArtifact, ...] | None:
        """Return the artifacts in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_artifacts(session_id))

    def load_draft(self, run_id: str) -> Draft | None:
        """Return the draft of a run, or None."""
        return self._run(lambda: self._async.load_draft(run_id))

    def load_header(self, session_id: str) -> SessionHeader | None:
        """Return a session without its lists; None when none is stored."""
        return self._run(lambda: self._async.load_header(session_id))

    def load_loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """Return the checkpoint of a run, or None.

        Raises:
            InvalidSnapshotError: its schema version is newer than 1.
        """
        return self._run(lambda: self._async.load_loop_checkpoint(run_id))

    def load_review_findings(self, session_id: str) -> tuple[ReviewFinding, ...] | None:
        """Return the review findings in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_review_findings(session_id))

    def load_run_records(self, session_id: str) -> tuple[RunRecord, ...] | None:
        """Return the run records in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_run_records(session_id))

    @overload
    def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise"] = "raise"
    ) -> SessionSnapshot | None: ...

    @overload
    def load_snapshot(
        self, session_id: str, *, on_damage: Literal["report"]
    ) -> Recovered[SessionSnapshot]: ...

    def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise", "report"] = "raise"
    ) -> SessionSnapshot | Recovered[SessionSnapshot] | None:
        """Return a session and all its collections, read at one moment; None without a session.

        `on_damage` as in `load`.
        """
        method: Any = self._async.load_snapshot
        result: SessionSnapshot | Recovered[SessionSnapshot] | None = self._run(
            lambda: method(session_id, on_damage=on_damage)
        )
        return result

    def load_subagent_tasks(self, session_id: str) -> tuple[SubagentTaskSnapshot, ...] | None:
        """Return the subagent tasks in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_subagent_tasks(session_id))

    def load_trace_events(self, session_id: str) -> tuple[TraceEvent, ...] | None:
        """Return the trace events in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_trace_events(session_id))

    def load_verification_reports(self, session_id: str) -> tuple[VerificationReport, ...] | None:
        """Return the verification reports in their order; None when they were never saved."""
        return self._run(lambda: self._async.load_verification_reports(session_id))

    @overload
    def load_versioned(
        self, session_id: str, *, snapshot: Literal[False] = False
    ) -> Versioned[SessionData] | None: ...

    @overload
    def load_versioned(
        self, session_id: str, *, snapshot: Literal[True]
    ) -> Versioned[SessionSnapshot] | None: ...

    def load_versioned(
        self, session_id: str, *, snapshot: bool = False
    ) -> Versioned[SessionData] | Versioned[SessionSnapshot] | None:
        """Return the session and its revision, read at one moment; None when there is no session.

        With `snapshot` the value is the whole snapshot. Calling `load` and `revision` is no
        substitute: others may save between the two.
        """
        method: Any = self._async.load_versioned
        result: Versioned[SessionData] | Versioned[SessionSnapshot] | None = self._run(
            lambda: method(session_id, snapshot=snapshot)
        )
        return result

    def load_workflow_checkpoint(self, workflow_id: str) -> WorkflowCheckpoint | None:
        """Return the checkpoint of a workflow, or None; raises as `load_loop_checkpoint` does."""
        return self._run(lambda: self._async.load_workflow_checkpoint(workflow_id))

    def memories(self, owner: str) -> SyncMemoryStore:
        """Return the memories of an owner; there need not be any.

        Raises:
            InvalidIdError: the owner is not valid as an id.

        `erase` removes those of a session too.
        """
        return SyncMemoryStore(self._async.memories(owner), self._loop)

    def memory_owners(self) -> tuple[str, ...]:
        """Return the owners of at least one item, sorted."""
        return self._run(lambda: self._async.memory_owners())

    def messages(
        self,
        session_id: str,
        *,
        last: int | None = None,
        start: int = 0,
        stop: int | None = None,
        generation: int | None = None,
    ) -> MessagePage | None:
        """Return some messages of the conversation; None when no session is stored.

        `start` and `stop` are as in a slice of Python: negative ones count from the end. `last` is
        a number of messages at the end. `generation` chooses the conversation of an older save.

        Raises:
            SessionNotFoundError, GenerationGoneError: as `GenerationalStore.load`.
            InvalidArgumentError: `last` is negative, or given together with another one.
        """
        return self._run(
            lambda: self._async.messages(
                session_id, last=last, start=start, stop=stop, generation=generation
            )
        )

    @classmethod
    def open(
        cls,
        path_or_url: str | PathLike[str],
        *,
        durability: Durability = "full",
        busy_timeout_ms: int = 10000,
        cache_bytes: int = 64 << 20,
        pause_gc: bool = False,
        clock: Callable[[], float] = time.time,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        network_mount: bool = False,
        read_only: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        auto_vacuum: bool = True,
        prove_chain: bool = False,
        log_rows: int = 100000,
        log_days: int = 7,
        decode_all: bool = False,
        retention: RetentionPolicy | None = None,
        search: bool = True,
    ) -> Self:
        """Open a store, or create one: `with SyncSessionStore.open(path) as store`.

        Options and errors are those of `SqliteSessionStore.open`, for a URL those of `connect`.
        Functions among them, as `redact`, are called on the thread of the store's event loop.

        Raises:
            EventLoopRunningError: an event loop is running on this thread.
        """
        return cls._opened(
            SqliteSessionStore.open(
                path_of(path_or_url),
                durability=durability,
                busy_timeout_ms=busy_timeout_ms,
                cache_bytes=cache_bytes,
                pause_gc=pause_gc,
                clock=clock,
                redact=redact,
                credentials=credentials,
                network_mount=network_mount,
                read_only=read_only,
                limits=limits,
                auto_vacuum=auto_vacuum,
                prove_chain=prove_chain,
                log_rows=log_rows,
                log_days=log_days,
                decode_all=decode_all,
                retention=retention,
                search=search,
            )
        )

    def open_bytes(
        self, session_id: str, name: str, *, version: int | None = None
    ) -> AbstractContextManager[SyncBytesReader | None]:
        """Return a context that gives a reader of a version, by default the newest.

        It gives None where there is none.
        """
        return self._context(
            self._async.open_bytes(session_id, name, version=version),
            lambda entered: self._optional(entered, SyncBytesReader),
        )

    @property
    def path(self) -> Path:
        """The path of the file, absolute and with symlinks resolved."""
        return self._async.path

    def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> PruneReport:
        """Remove what a policy does not keep; None: that of the store, by default `LOSSLESS`.

        Without a policy no message is lost: a generation is removed only if one that stays begins
        with its conversation, so that `rewind` and `fork` still reach it. Present conversations,
        the checkpoints and drafts of runs, and forks lose nothing under any policy.

        With `session` only generations of that session are removed, and no session is deleted.
        With `dry_run` nothing is written, and the report has what would be removed if no one
        saves meanwhile.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            SessionNotFoundError: nothing is stored under `session`.
            StoreReadOnlyError, StoreBusyError: what was removed before that stays removed; prune
                again to go on.

        Saves and loads go on: each step removes at most 256 rows, in some milliseconds with the
        write lock. Free pages stay in the file and are used again: see `compact`. `on_progress` is
        called on the event loop with how much is done, and how much there is to do.
        """
        return self._run(
            lambda: self._async.prune(
                policy, session=session, dry_run=dry_run, on_progress=on_progress
            )
        )

    def put_bytes(
        self,
        session_id: str,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        media_type: str,
        expected_version: int | None = None,
    ) -> ByteArtifact:
        """Store bytes of a session under a name, as a new version; return its description.

        Versions count from 1; all are kept until they are deleted. Bytes are stored in chunks of
        256 KiB by their hash, so equal ones are stored once. A large value takes several
        transactions; it is seen as a whole, with the last one, and not at all if `data` raises or
        the process ends. With `expected_version` the newest version must be that one; 0: none.
        `media_type` is one line of 1 to 255 printable ASCII characters.

        Raises:
            StaleItemError: another version is the newest, or storing took longer than a day.
            SessionNotFoundError: the session is not stored.
            InvalidArgumentError: an argument has a wrong value.
        """
        return self._run(
            lambda: self._async.put_bytes(
                session_id,
                name,
                self._items(data),
                media_type=media_type,
                expected_version=expected_version,
            )
        )

    @property
    def read_only(self) -> bool:
        """Whether saves are refused: opened with `read_only`, or written by a newer release."""
        return self._async.read_only

    def rebuild_search(self) -> int:
        """Make the search indexes again; return how many messages and memories they have.

        They are made by themselves, and again where damage in one was noticed. This is for damage
        that `verify(depth="deep")` found. In steps of 64 messages or memories, between which others
        save: about 90 microseconds for each. Searches meanwhile compare them one by one.

        Raises:
            SearchUnavailableError: this Python's SQLite has no full-text search, or the store was
                opened with `search=False`.
        """
        return self._run(lambda: self._async.rebuild_search())

    def redacted(self, snapshot: SessionSnapshot) -> SessionSnapshot:
        """Return the snapshot as it would be saved: see `redaction`. Raises EncodeError."""
        return self._async.redacted(snapshot)

    def redacted_changes(self, changes: SessionChanges) -> SessionChanges:
        """Return changes as they would be saved. Raises EncodeError, InvalidIdError."""
        return self._async.redacted_changes(changes)

    def redacted_value(self, value: T) -> T:
        """Return a checkpoint, or values of a collection, as it would be saved: see `redacted`."""
        return self._async.redacted_value(value)

    def review_findings_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ReviewFinding] | None:
        """Return some review findings; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.review_findings_page(session_id, start=start, stop=stop, last=last)
        )

    def revision(self, session_id: str) -> Revision | None:
        """Return the revision of a session; None when none was saved under the id."""
        return self._run(lambda: self._async.revision(session_id))

    def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """Shorten the conversation to its first `length` messages; return the new generation.

        Nothing is lost: the generation before still has the longer conversation.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: it was saved since; nothing was written.
        """
        return self._run(
            lambda: self._async.rewind(session_id, length, expected_generation=expected_generation)
        )

    def run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Return the loop checkpoints of the session's runs, the oldest first."""
        return self._run(lambda: self._async.run_checkpoints(session_id))

    def run_records_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[RunRecord] | None:
        """Return some run records; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.run_records_page(session_id, start=start, stop=stop, last=last)
        )

    def run_transaction(self, function: Callable[[SyncTransaction], R], *, retries: int = 5) -> R:
        """Call a function with a transaction, commit it, and return the function's value.

        After a ConflictError the function is called again with a new transaction, up to `retries`
        times, after a wait that grows from a few milliseconds to 0.2 seconds, at random.

        Raises:
            ConflictError: the last try met one, too; nothing was written.
            InvalidArgumentError: `retries` is no number of 0 or more, or the function is not async;
                nothing was written.
            StoreError: another error, at once.
        """
        return self._run(
            lambda: self._async.run_transaction(
                self._called(function, SyncTransaction), retries=retries
            )
        )

    def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """Save as `SessionStore.save` does, if the session is at `expected_generation`.

        None saves without a condition; 0 expects that nothing is stored under the id.

        Raises:
            StaleGenerationError: it was saved or deleted since; nothing was written.
        """
        self._run(lambda: self._async.save(session, expected_generation=expected_generation))

    def save_artifacts(self, session_id: str, values: Sequence[ToolArtifact]) -> None:
        """Store the artifacts in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_artifacts(session_id, values))

    def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        """Save if the session is at the revision `on`; None expects no session under the id.

        At another revision `merge` is called for the changes to save instead, inside the same
        transaction: no other save comes between. It is given redacted changes, and its result is
        not redacted again. It is not called if the session was deleted, or deleted and created
        again.

        Raises:
            StaleGenerationError: the session was deleted or created again; or it is at another
                revision and there is no `merge`. Nothing was written.
            RunClaimedError: a run of the changes was taken over; nothing was written.
            EncodeError: a value breaks its rules, in the changes or in the result of `merge`.
            Exception: `merge` raised it; nothing was written.
        """
        return self._run(lambda: self._async.save_changes(changes, on=on, merge=merge))

    def save_draft(self, run_id: str, draft: Draft, *, claimed_by: str | None = None) -> None:
        """Store the draft of a run in place of its last one.

        A checkpoint with more messages than `draft.position` has the message already: then nothing
        is written. Saving such a checkpoint removes the draft in the same commit.

        A store that redacts does so with both texts.

        Raises:
            RunClaimedError: the run has no checkpoint, or another live session than `claimed_by`
                has claimed it; nothing was written.
            EncodeError: a field has a value that cannot be stored.
        """
        self._run(lambda: self._async.save_draft(run_id, draft, claimed_by=claimed_by))

    def save_loop_checkpoint(self, run_id: str, checkpoint: LoopCheckpoint) -> None:
        """Store the checkpoint of a run in place of its last one.

        Raises:
            InvalidSnapshotError: `run_id` differs from the checkpoint's own, or its schema version
                is newer than 1.
        """
        self._run(lambda: self._async.save_loop_checkpoint(run_id, checkpoint))

    def save_queue_entries(
        self,
        session_id: str,
        *,
        claimed_by: str | None,
        put: Sequence[QueueEntry] = (),
        remove: Sequence[EntryKey] = (),
        life: int | None = None,
    ) -> None:
        """Write and remove entries with one claim in one commit; other claims' entries stay.

        An existing entry keeps its place in the order. Removing an entry that does not exist is
        success. With `life` (see `Revision`; for stores with `conditional_writes`) a session that
        was deleted and created again since counts as not stored.

        Raises:
            SessionNotFoundError: `put` has entries and the session is not stored.

        `redact=` applies to the values.
        """
        self._run(
            lambda: self._async.save_queue_entries(
                session_id, claimed_by=claimed_by, put=put, remove=remove, life=life
            )
        )

    def save_review_findings(self, session_id: str, values: Sequence[ReviewFinding]) -> None:
        """Store the review findings in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_review_findings(session_id, values))

    def save_run_records(self, session_id: str, values: Sequence[RunRecord]) -> None:
        """Store the run records in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_run_records(session_id, values))

    def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """Save as `SessionStore.save_snapshot` does; `expected_generation` as in `save`."""
        self._run(
            lambda: self._async.save_snapshot(snapshot, expected_generation=expected_generation)
        )

    def save_snapshot_cas(self, snapshot: SessionSnapshot, expected_digest: str | None) -> bool:
        """Save if the stored snapshot has this digest; else write nothing and return False.

        None saves without a condition. A digest never matches when no session is stored.

        Raises:
            InvalidSnapshotError: the digest is not a str of `sha256:` and 64 lower-case hex digits,
                or as `save_snapshot`.
        """
        return self._run(lambda: self._async.save_snapshot_cas(snapshot, expected_digest))

    def save_subagent_tasks(self, session_id: str, values: Sequence[SubagentTaskSnapshot]) -> None:
        """Store the subagent tasks in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_subagent_tasks(session_id, values))

    def save_trace_events(self, session_id: str, values: Sequence[TraceEvent]) -> None:
        """Store the trace events in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_trace_events(session_id, values))

    def save_verification_reports(
        self, session_id: str, values: Sequence[VerificationReport]
    ) -> None:
        """Store the verification reports in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """
        self._run(lambda: self._async.save_verification_reports(session_id, values))

    def save_workflow_checkpoint(self, workflow_id: str, checkpoint: WorkflowCheckpoint) -> None:
        """Store the checkpoint of a workflow; raises as `save_loop_checkpoint` does."""
        self._run(lambda: self._async.save_workflow_checkpoint(workflow_id, checkpoint))

    def search(
        self,
        query: str,
        *,
        where: SessionFilter | None = None,
        order: SearchOrder = "relevance",
        limit: int = 20,
        after: str | None = None,
        syntax: SearchSyntax = "words",
    ) -> Page[SearchHit]:
        """Return messages of current conversations that have all words of a query.

        A query is words, `"phrases"` in quotes, and beginnings of words (`exa*`). Case, accents,
        width and ligatures do not count; in scripts without spaces any run of characters is found.
        Parts of identifiers are words: `bar` finds `foo_bar`, `fooBar` and `src/bar.py`. There is
        no other syntax, so no query text fails. With `syntax` "fts5" it is an expression of
        SQLite's FTS5 (`AND`, `OR`, `NOT`, `NEAR(a b, 5)`, `^first`), whose words are compared in
        the same way; that is not for texts of users. Searched are texts, names and inputs of tool
        calls, and the beginnings and ends of results. `where` may be a `SearchFilter`. A message
        that several sessions share is a hit in each. Saved messages are found at once.

        "newest" is by when messages were stored, the last first. "relevance" is as each backend
        ranks hits; its pages may repeat or miss hits when messages are saved meanwhile. `after` is
        `Page.next` of the page before. One call looks at a limited number of messages, so a page
        may have few hits, or none, and still a next one. `partial` is True where hits may be
        missing: more matched than are ranked, or a message is damaged. Search is a convenience:
        that nothing is found proves nothing.

        Raises:
            InvalidArgumentError: an argument has a wrong value, the query has no word, or FTS5
                refuses the expression.
            InvalidCursorError: `after` is damaged, or of another search or store.
            SearchUnavailableError: this Python's SQLite has no full-text search.
        """
        return self._run(
            lambda: self._async.search(
                query, where=where, order=order, limit=limit, after=after, syntax=syntax
            )
        )

    def sessions(
        self,
        where: SessionFilter | None = None,
        *,
        order: SessionOrder = "updated",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[SessionSummary]:
        """Return up to `limit` sessions in an order, from the beginning or after a cursor.

        `after` is `Page.next` of the page before, from a call with the same filter and order. While
        others write, a session whose place in the order stays the same is in exactly one page; one
        that is saved meanwhile may be missed or come twice, and `SessionFilter.changed_after` finds
        it afterwards. Cursors end with the file: a copy or a restored backup refuses them.

        "updated" is by `updated_at`, of equal ones by `sequence`; the others are by the value, then
        by id. Texts are compared by code point.

        Raises:
            InvalidArgumentError: an argument has a wrong value; `limit` is from 1 to 1000.
            InvalidCursorError: `after` is damaged, or of another filter, order or store.
            UnsupportedError: the filter asks for `changed_after`, and the store has no commit log.
        """
        return self._run(
            lambda: self._async.sessions(
                where, order=order, descending=descending, limit=limit, after=after
            )
        )

    def stats(self) -> StoreStats:
        """Return how many bytes what is stored takes; the time is in proportion to them.

        It reads the whole file, on a connection of its own.
        """
        return self._run(lambda: self._async.stats())

    def stream(
        self, name: str, *, session: str | None = None, compress: bool = False
    ) -> SyncStream:
        """Return a stream, without any I/O: it is stored with its first item or metadata.

        With `session` the first write ties it to that session, which must be stored: it is deleted
        and erased with the session. With `compress` large values are compressed.

        Raises:
            InvalidArgumentError: the name is no text of 1 to 1024 bytes without NUL.
        """
        return SyncStream(self._async.stream(name, session=session, compress=compress), self._loop)

    def streams(
        self, prefix: str = "", *, limit: int = 100, after: str | None = None
    ) -> Page[StreamInfo]:
        """Return a page of the streams whose names begin with `prefix`, by name.

        `after` is `Page.next` of the page before.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            InvalidCursorError: `after` is damaged, or of another list or store.
        """
        return self._run(lambda: self._async.streams(prefix, limit=limit, after=after))

    def subagent_tasks_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[SubagentTaskSnapshot] | None:
        """Return some subagent tasks; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.subagent_tasks_page(session_id, start=start, stop=stop, last=last)
        )

    def summaries(self) -> tuple[SessionSummary, ...]:
        """Return a summary of every session that is not in the trash, those updated last first.

        `updated_at` counts seconds; within one, the session that changed last comes first.
        """
        return self._run(lambda: self._async.summaries())

    def switch_branch(
        self, session_id: str, generation: int, *, expected_generation: int | None = None
    ) -> int:
        """Make the conversation of a generation the present one; return the generation afterwards.

        Everything else of the session stays, and the conversation that is left stays a branch. The
        same conversation is no new generation. `expected_generation` as in
        `GenerationalStore.save`.

        Raises:
            SessionNotFoundError, GenerationGoneError: as `GenerationalStore.load`; also when no
                session is stored.
            StaleGenerationError: it was saved since; nothing was written.
        """
        return self._run(
            lambda: self._async.switch_branch(
                session_id, generation, expected_generation=expected_generation
            )
        )

    def trace_events_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[TraceEvent] | None:
        """Return some trace events; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.trace_events_page(session_id, start=start, stop=stop, last=last)
        )

    def transaction(self) -> SyncTransaction:
        """Return a transaction, to be entered with `async with`."""
        return SyncTransaction(self._async.transaction(), self._loop)

    def trash(self, session_id: str) -> None:
        """Put a session in the trash; nothing changes if it is there, and unchanged since.

        Raises:
            SessionNotFoundError: no session is stored.
        """
        self._run(lambda: self._async.trash(session_id))

    def turns(
        self, session_id: str, *, last: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[Turn, ...]:
        """Return the turns of the conversation, or some of them; none when no session is stored.

        `last`, `start` and `stop` as in `AppendingStore.messages`, of turns. The conversation is
        read in pages.

        Raises:
            InvalidArgumentError: as `AppendingStore.messages`.
        """
        return self._run(lambda: self._async.turns(session_id, last=last, start=start, stop=stop))

    def untrash(self, session_id: str) -> None:
        """Take a session out of the trash; nothing changes if it is not there.

        Raises:
            SessionNotFoundError: no session is stored.
        """
        self._run(lambda: self._async.untrash(session_id))

    def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> int:
        """Change fields of a session or of its configuration; return the generation afterwards.

        The result is that of loading the session, `evolve` and saving it. Fields that are not given
        stay as they are, `updated_at` too. A field of the configuration replaces it in the stored
        configuration, or in `config` if that is given.

        Raises:
            SessionNotFoundError: no session is stored.
            StaleGenerationError: it is at another generation; nothing was written.
            UnknownFieldError: a name is no such field.
            EncodeError: a value cannot be stored.
        """
        return self._run(
            lambda: self._async.update(
                session_id, expected_generation=expected_generation, **changes
            )
        )

    def usage(
        self,
        *,
        by: Sequence[str] = ("day",),
        since: date | None = None,
        until: date | None = None,
        where: SessionFilter | None = None,
        tz: str | None = None,
        inherited: bool = False,
    ) -> tuple[UsageRow, ...]:
        """Return the sums of all stored cost records, a row for each key, sorted by key.

        `by` has names among `day`, `hour`, `month`, `model`, `provider`, `session`, `workspace`,
        `parent`, `tenant` and `label:KEY`; without any there is one row. A row exists where a call
        exists. Days, hours and months are those of `tz`, a name such as `Europe/Berlin`; None: UTC.
        `where` chooses the sessions; None: all but those in the trash.

        `since` and `until` are dates in `tz`, or datetimes with a time zone; calls from `since` on,
        and before `until`, are added up.

        A record counts where it was made: a fork's copies, which name the session they come from,
        count only with `inherited`. The sums are those of the records stored now: replaced and
        trimmed ones, and those of deleted sessions, are gone.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            UnsupportedError: `where` asks for `changed_after`, and the store has no commit log.
        """
        return self._run(
            lambda: self._async.usage(
                by=by, since=since, until=until, where=where, tz=tz, inherited=inherited
            )
        )

    def verification_reports_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[VerificationReport] | None:
        """Return some verification reports; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """
        return self._run(
            lambda: self._async.verification_reports_page(
                session_id, start=start, stop=stop, last=last
            )
        )

    def verify(
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
        return self._run(
            lambda: self._async.verify(depth=depth, time_limit=time_limit, on_progress=on_progress)
        )

    def watch(
        self, *, after: int | LogPosition | None = None, subjects: Collection[str] | None = None
    ) -> SyncCommitWatch:
        """Return every commit after a place as it comes, in order; with `subjects` those of ids.

        `after` as in `commits`; None: what is committed from the first step on. Commits of this
        process come at once, those of others within a fraction of a second. A watch that is slower
        than the commits reads them later; if they were trimmed meanwhile, it returns one
        `CommitGap` and goes on. To lose nothing over a crash, keep `position` (or `sequence`), and
        pass it as `after`: a commit whose position was not kept yet is returned again.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            StoreClosedError: the store is closed.
        """
        return SyncCommitWatch(self._async.watch(after=after, subjects=subjects), self._loop)


class SyncStream(SyncObject["Stream"]):
    """Blocking methods in place of the async ones of `Stream`."""

    def append(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> StreamAppended:
        """Add items at the end, each a `NewItem` or its value, in one commit.

        An item whose id is stored raises StaleItemError, is left out ("ignore"), or takes the place
        of the stored one, which keeps its `seq` ("replace"). `metadata` becomes the stream's; None
        leaves it. Nothing is written where nothing changes.

        Raises:
            StaleItemError: an id is stored, or the next `seq` is not `expected_next`, or the stream
                is tied to another session.
            SessionNotFoundError: the session of `stream(session=)` is not stored.
            InvalidArgumentError: an id, label or option has a wrong value.
            EncodeError: a value is no JSON, or beyond the limits.
        """
        return self._run(
            lambda: self._async.append(
                *items, on_conflict=on_conflict, expected_next=expected_next, metadata=metadata
            )
        )

    def append_request(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> Append:
        """Return the checked request of `append`, for a transaction with others."""
        return self._async.append_request(
            *items, on_conflict=on_conflict, expected_next=expected_next, metadata=metadata
        )

    def copy(self, to: str) -> None:
        """Store all items and the metadata under another name, with the same `seq` and versions.

        Large values are shared, not copied. The copy is tied to no session. Without a stream
        nothing is written.

        Raises:
            StaleItemError: there is a stream under the new name.
        """
        self._run(lambda: self._async.copy(to))

    def copy_request(self, to: str) -> Copy:
        """Return the checked request of `copy`, for a transaction with others."""
        return self._async.copy_request(to)

    def delete(
        self,
        item_id: str | None = None,
        *,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> int:
        """Remove the items that every given condition chooses, and return how many.

        Without a condition the stream is removed with its metadata, and a new one begins at 0.
        """
        return self._run(lambda: self._async.delete(item_id, id_prefix=id_prefix, labels=labels))

    def delete_request(
        self,
        item_id: str | None = None,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Delete:
        """Return the checked request of `delete`, for a transaction with others."""
        return self._async.delete_request(item_id, id_prefix, labels)

    def get(self, item_id: str) -> Item | None:
        """Return the item with an id, or None."""
        return self._run(lambda: self._async.get(item_id))

    def info(self) -> StreamInfo | None:
        """Return what is known of the stream; None where none is stored. Items are counted."""
        return self._run(lambda: self._async.info())

    def items(
        self,
        *,
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> tuple[Item, ...]:
        """Return the items that every given condition chooses, in order, read at one moment.

        `after` and `before` are a `seq` each, which is left out; `id_before` leaves out that id.
        `limit` is how many of the first, `last` how many of the last ones; not both. In the order
        "id", of code points, items without an id are left out. Every one of `labels` must be there.
        """
        return self._run(
            lambda: self._async.items(
                last=last,
                after=after,
                before=before,
                limit=limit,
                id_prefix=id_prefix,
                id_before=id_before,
                order=order,
                labels=labels,
            )
        )

    def iterate(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Item]:
        """Yield the items that `items` returns, read 256 at a time.

        Items that others add behind the present place are yielded too; in the block of a
        transaction they are a conflict.

        Raises:
            StaleItemError: the stream was deleted between two reads, whether or not another one has
                its name now.
        """
        return self._iterate(
            self._async.iterate(
                after=after,
                before=before,
                id_prefix=id_prefix,
                id_before=id_before,
                order=order,
                labels=labels,
            )
        )

    @property
    def name(self) -> str:
        """See `Stream.name`."""
        return self._async.name

    def pop(self) -> Item | None:
        """Remove the last item and return it, or None. Its `seq` is not used again."""
        return self._run(lambda: self._async.pop())

    def put(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> int:
        """Store a value under an id, in place of the present one; return its version.

        Versions count from 1, and begin again after a deletion. With `expected_version` the stored
        one must have it; 0: there must be none. An equal value is not written again.

        Raises:
            StaleItemError: another version is stored, or none; see also `append`.
        """
        return self._run(
            lambda: self._async.put(
                item_id,
                value,
                labels=labels,
                metadata=metadata,
                ttl=ttl,
                expected_version=expected_version,
            )
        )

    def put_request(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> Append:
        """Return the checked request of `put`, for a transaction with others."""
        return self._async.put_request(
            item_id,
            value,
            labels=labels,
            metadata=metadata,
            ttl=ttl,
            expected_version=expected_version,
        )

    @property
    def session_id(self) -> str | None:
        """See `Stream.session_id`."""
        return self._async.session_id

    def truncate(self, start: int, *, expected_next: int | None = None) -> int:
        """Remove the items from the `seq` `start` on, and return how many. No `seq` is used again.

        Raises:
            StaleItemError: the next `seq` is not `expected_next`.
        """
        return self._run(lambda: self._async.truncate(start, expected_next=expected_next))

    def truncate_request(self, start: int, expected_next: int | None = None) -> Truncate:
        """Return the checked request of `truncate`, for a transaction with others."""
        return self._async.truncate_request(start, expected_next)

    def update(self, change: Change, *, last: int = 1) -> StreamAppended | None:
        """Write what a function makes of the stream's description and its last items.

        The function returns a `StreamUpdate`, or None for no change. It is called again where the
        stream was changed meanwhile, so it should have no other effect; before that is a wait that
        grows from a few milliseconds to 0.2 seconds, at random.

        Raises:
            StaleItemError: others changed the stream at each of fifty tries, or an id is stored.
            InvalidArgumentError: the function returned something else, or a coroutine.
        """
        return self._run(lambda: self._async.update(change, last=last))

    def update_request(
        self, change: Change, info: StreamInfo | None, items: Sequence[Item]
    ) -> Append | None:
        """Return the request of what a function makes of a stream as it was read, None for None."""
        return self._async.update_request(change, info, items)


class SyncTransaction(SyncObject["Transaction"]):
    """Blocking methods in place of the async ones of `Transaction`."""

    def __enter__(self) -> Self:
        """Begin to record. Raises TransactionStateError when it is entered again."""
        self._run(lambda: self._async.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make the recorded calls, unless the block raised.

        Raises:
            ConflictError: what was read has changed.
            StoreError: of the first call that failed; nothing was written.
        """
        self._run(lambda: self._async.__aexit__(kind, error, traceback))

    def append(
        self,
        session_id: str,
        messages: Sequence[Message],
        *,
        after: Position | None = None,
        expected_generation: int | None = None,
        create: SessionData | None = None,
        at_ms: Sequence[int] | None = None,
        updated_at: int | None = None,
    ) -> None:
        """Record `AppendingStore.append`; its result is an `Appended`.

        There is no `save_id`: a unit makes one generation, which has one id at most. A call with
        `after` may be repeated as ever; a unit that is repeated after reads is refused.
        """
        self._async.append(
            session_id,
            messages,
            after=after,
            expected_generation=expected_generation,
            create=create,
            at_ms=at_ms,
            updated_at=updated_at,
        )

    def delete(self, session_id: str, *, expected_generation: int | None = None) -> None:
        """Record `GenerationalStore.delete` of one session; its result is None."""
        self._async.delete(session_id, expected_generation=expected_generation)

    def load(self, session_id: str) -> SessionData | None:
        """Return a session as it is stored, without what the block has recorded.

        All that a block reads is of one moment. A session that is read again is the same.

        Raises:
            ConflictError: a session or stream that was read before has changed.
        """
        return self._run(lambda: self._async.load(session_id))

    @property
    def results(self) -> tuple[Any, ...]:
        """The results of the recorded calls, in order, once the unit is committed.

        Raises:
            TransactionStateError: it is not committed.
        """
        return self._async.results

    def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """Record `GenerationalStore.save`; its result is None."""
        self._async.save(session, expected_generation=expected_generation)

    def stream(
        self, name: str, *, session: str | None = None, compress: bool = False
    ) -> SyncTransactionStream:
        """Return a stream whose changes are recorded, and whose reads are checked at the end.

        The arguments are those of `StreamStore.stream`. A session that the stream is to be tied to
        may be saved by an earlier call.

        Raises:
            InvalidArgumentError: the name is no text of 1 to 1024 bytes without NUL.
            UnsupportedError: the store does not promise `streams`.
        """
        return SyncTransactionStream(
            self._async.stream(name, session=session, compress=compress), self._loop
        )

    def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> None:
        """Record `AppendingStore.update`; its result is the generation afterwards."""
        self._async.update(session_id, expected_generation=expected_generation, **changes)


class SyncTransactionStream(SyncObject["TransactionStream"]):
    """Blocking methods in place of the async ones of `TransactionStream`."""

    def append(
        self,
        *items: Any,
        on_conflict: OnConflict = "raise",
        expected_next: int | None = None,
        metadata: Any = None,
    ) -> None:
        """Record `Stream.append`; its result is a `StreamAppended`."""
        self._async.append(
            *items, on_conflict=on_conflict, expected_next=expected_next, metadata=metadata
        )

    def copy(self, to: str) -> None:
        """Record `Stream.copy`, of the stream as earlier calls leave it; its result is None."""
        self._async.copy(to)

    def delete(
        self,
        item_id: str | None = None,
        *,
        id_prefix: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Record `Stream.delete`; its result is the number of removed items."""
        self._async.delete(item_id, id_prefix=id_prefix, labels=labels)

    def get(self, item_id: str) -> Item | None:
        """Return the item with an id, or None."""
        return self._run(lambda: self._async.get(item_id))

    def info(self) -> StreamInfo | None:
        """Return what is known of the stream; None where none is stored. Items are counted."""
        return self._run(lambda: self._async.info())

    def items(
        self,
        *,
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> tuple[Item, ...]:
        """Return the items that every given condition chooses, in order, read at one moment.

        `after` and `before` are a `seq` each, which is left out; `id_before` leaves out that id.
        `limit` is how many of the first, `last` how many of the last ones; not both. In the order
        "id", of code points, items without an id are left out. Every one of `labels` must be there.
        """
        return self._run(
            lambda: self._async.items(
                last=last,
                after=after,
                before=before,
                limit=limit,
                id_prefix=id_prefix,
                id_before=id_before,
                order=order,
                labels=labels,
            )
        )

    def iterate(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        id_prefix: str | None = None,
        id_before: str | None = None,
        order: ItemOrder = "seq",
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Item]:
        """Yield the items that `items` returns, read 256 at a time.

        Items that others add behind the present place are yielded too; in the block of a
        transaction they are a conflict.

        Raises:
            StaleItemError: the stream was deleted between two reads, whether or not another one has
                its name now.
        """
        return self._iterate(
            self._async.iterate(
                after=after,
                before=before,
                id_prefix=id_prefix,
                id_before=id_before,
                order=order,
                labels=labels,
            )
        )

    @property
    def name(self) -> str:
        """See `TransactionStream.name`."""
        return self._async.name

    def pop(self) -> None:
        """Record `Stream.pop`; its result is the removed `Item`, or None."""
        self._async.pop()

    def put(
        self,
        item_id: str,
        value: Any,
        *,
        labels: Mapping[str, str] = EMPTY,
        metadata: Any = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
    ) -> None:
        """Record `Stream.put`; its result is the version of the item."""
        self._async.put(
            item_id,
            value,
            labels=labels,
            metadata=metadata,
            ttl=ttl,
            expected_version=expected_version,
        )

    def truncate(self, start: int, *, expected_next: int | None = None) -> None:
        """Record `Stream.truncate`; its result is the number of removed items."""
        self._async.truncate(start, expected_next=expected_next)

    def update(self, change: Change, *, last: int = 1) -> bool:
        """Record what a function makes of the stream's description and its last items.

        The function gets what is stored, as `info` and `items` return it, and is called once: a
        change by others before the end of the block is a ConflictError. The result of the call is
        a `StreamAppended`. Returns False, and records nothing, where the function returned None.

        Raises:
            TransactionStateError: the block has recorded a change of this stream, which the
                function would not see; nothing more was recorded.
            ConflictError: something that the block read before has changed.
            InvalidArgumentError: the function returned no StreamUpdate and not None.
        """
        return self._run(lambda: self._async.update(change, last=last))
