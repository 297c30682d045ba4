"""The store in memory, the reference for all other stores.

Values are frozen, so the store keeps references to them. Every saved value is encoded, so that the
store refuses the same values as the other stores. No method awaits between its first read and its
last write, so each is atomic for all tasks of a loop; a lock does the same for threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from a3s_store.backends.memory.agent_memory_methods import MemoriesOfOwners
from a3s_store.backends.memory.queue_methods import MemoryQueueEntries
from a3s_store.backends.memory.retention_methods import MemoryRetention
from a3s_store.backends.memory.stream_methods import MemoryStreams
from a3s_store.backends.memory.unit_methods import MemoryUnits
from a3s_store.core import session_tree
from a3s_store.core.base.branches import BranchMethods
from a3s_store.core.base.commit_log import CommitLogMethods
from a3s_store.core.base.conditional import (
    ConditionalMethods,
    ask,
    may_write,
    refuse_unwritable_changes,
)
from a3s_store.core.base.drafts import BaseDraftStore
from a3s_store.core.base.generational import (
    not_saved,
    refuse_beyond,
    refuse_other,
    refuse_used,
)
from a3s_store.core.base.usage import UsageMethods
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.branches import Branch
from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges, Stored, batch_of
from a3s_store.core.collections import LOOP_CHECKPOINTS, CheckpointKind, Collection
from a3s_store.core.commit_log import CommitPage, LogPosition
from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import Capabilities, Generation, Health, Inventory
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN, Redact
from a3s_store.core.revision import Revision, Versioned
from a3s_store.core.usage import UsageQuery, UsageRow, calls_of, usage_rows
from a3s_store.errors import during
from a3s_store.models import SessionData
from a3s_store.wire import DEFAULT_LIMITS, Limits
from a3s_store.wire.limits import in_force


class MemorySessionStore(
    MemoryUnits,
    MemoryRetention,
    MemoryQueueEntries,
    MemoriesOfOwners,
    MemoryStreams,
    BranchMethods,
    ConditionalMethods,
    CommitLogMethods,
    UsageMethods,
    BaseDraftStore,
):
    """A `SessionStore` in memory; its content ends with the process.

    `redact`, `credentials` and `limits` as in `SqliteSessionStore.open`. `clock` returns Unix
    seconds, for `saved_at_ms` and the relevance of memories.

    Every save is a generation until its session is deleted, or `prune` is called: nothing is pruned
    by itself. A message that generations share is stored once. Messages that were dropped from a
    conversation stay in memory with the older generations.
    """

    backend_name = "memory"

    def __init__(
        self,
        *,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(redact=redact, credentials=credentials, limits=limits, clock=clock)

    def __repr__(self) -> str:
        return f"<MemorySessionStore of {len(self._entries)} ids>"

    def capabilities(self) -> Capabilities:
        """Return the promises of this store; it is neither durable nor shared by processes."""
        return Capabilities(
            atomic_session_snapshots=True,
            aggregate_cas=True,
            generations=True,
            collections=True,
            checkpoints=True,
            conditional_writes=True,
            run_claims=True,
            drafts=True,
            commit_log=True,
            watch=True,
            append=True,
            pages=True,
            search=True,
            host_metadata=True,
            branches=True,
            retention=True,
            usage=True,
            transactions=True,
            streams=True,
            agent_memory=True,
        )

    async def _commit(self, batch: Batch) -> bool:
        self._refuse_unwritable(batch)
        with self._lock, during(batch.op, f"session {batch.session_id!r}"):
            return self._commit_now(batch)

    # -- Generations ---------------------------------------------------------------------------

    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        with self._lock, during("load", f"session {session_id!r}"):
            return self._entry(session_id).session_at(generation)

    async def _generation(self, session_id: str) -> int:
        with self._lock:
            return self._entry(session_id).generation

    async def _generations(self, session_id: str) -> tuple[Generation, ...]:
        with self._lock:
            return self._entry(session_id).generations()

    async def _fork(
        self, session_id: str, new_id: str, at: int | None, expected_generation: int | None
    ) -> None:
        with self._lock, during("fork", f"session {session_id!r}"):
            entry = self._entry(session_id)
            refuse_other(expected_generation, entry.generation)
            source = entry.snapshot()
            if source is None:
                raise not_saved()
            refuse_used(new_id, self._entry(new_id).generation)
            refuse_beyond(at, len(source.session.messages))
            kept = entry.conversation.first(len(source.session.messages) if at is None else at)
            session = source.session.evolve(messages=kept.messages)
            fork = self._apply(self._fork_batch(source.evolve(session=session), new_id), kept)
            fork.host = entry.host.of_fork()

    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        with self._lock, during("rewind", f"session {session_id!r}"):
            entry = self._entry(session_id)
            refuse_other(expected_generation, entry.generation)
            if entry.session is None:
                raise not_saved()
            refuse_beyond(length, len(entry.session.messages))
            session = entry.session.evolve(messages=entry.session.messages[:length])
            batch = Batch(op="rewind", session_id=session_id, session=session)
            return self._apply(batch).generation

    async def _branches(self, session_id: str) -> tuple[Branch, ...]:
        with self._lock:
            return self._entry(session_id).branches()

    async def _switch_branch(
        self, session_id: str, generation: int, expected_generation: int | None
    ) -> int:
        with self._lock, during("switch_branch", f"session {session_id!r}"):
            entry = self._entry(session_id)
            refuse_other(expected_generation, entry.generation)
            if entry.session is None:
                raise not_saved()
            entry.turn_to(generation)
            session = entry.session.evolve(messages=entry.conversation.messages)
            batch = Batch(op="switch_branch", session_id=session_id, session=session)
            return self._apply(batch).generation

    # -- Conditional saves and runs ------------------------------------------------------------

    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        with self._lock:
            actual = self._entry(changes.session_id).revision()
            theirs: Stored | None = None
            if not may_write(changes, on, actual, merge, self._claimed_by):
                theirs = self._versioned(changes.session_id)
                assert theirs is not None, "it has a revision"
                assert merge is not None, "without one it is refused"
                changes = ask(merge, changes, theirs, self._claimed_by)
            with in_force(self._limits):
                refuse_unwritable_changes(changes)
            now_ms = self._now_ms()
            if changes.changes_session:
                self._apply(batch_of(changes))
            ended = [self._runs.drop(claim.run_id) for claim in changes.ended_runs]
            if changes.checkpoint is not None:
                self._runs.put(changes.checkpoint)
            if not changes.changes_session and (changes.checkpoint is not None or any(ended)):
                self._log_change(changes.session_id, "checkpoint", now_ms)
            revision = self._entry(changes.session_id).revision()
            return Committed(revision=revision or Revision(0, 0), changes=changes, theirs=theirs)

    def _claimed_by(self, run_id: str) -> tuple[str | None] | None:
        return self._runs.claimed_by(run_id)

    def _versioned(self, session_id: str) -> Stored | None:
        entry = self._entry(session_id)
        snapshot, revision = entry.snapshot(), entry.revision()
        if snapshot is None or revision is None:
            return None
        return Versioned(snapshot, revision, entry.conversation.position, entry.name_source)

    async def _fetch_versioned(self, session_id: str, *, collections: bool) -> Stored | None:
        with self._lock:
            return self._versioned(session_id)

    async def _revision(self, session_id: str) -> Revision | None:
        with self._lock:
            return self._entry(session_id).revision()

    async def _landed(self, session_id: str, save_id: bytes) -> Revision | None:
        with self._lock:
            entry = self._entry(session_id)
            found = entry.save_ids.get(save_id)
            return None if found is None else Revision(found[0], entry.life)

    async def _run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        with self._lock:
            return self._runs.of_session(session_id)

    async def _claim_run(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        with self._lock:
            now_ms = self._now_ms()
            run = self._runs.claim(run_id, seen, by)
            self._log_change(run.checkpoint.session_id, "checkpoint", now_ms)
            return run

    # -- The port -----------------------------------------------------------------------------

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        with self._lock:
            entry = self._entry(session_id)
            return LoadResult(
                session=entry.session if session else None,
                collections={one: entry.collections.get(one) for one in collections},
                retained_artifact_uris=entry.retained_artifact_uris,
            )

    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        with self._lock, during("delete", f"session {session_id!r}"):
            self._delete_now(session_id, expected_generation)

    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        with self._lock, during("delete", f"session {session_id!r}"):
            refuse_other(expected_generation, self._entry(session_id).generation)
            parents = {i: e.session.parent_id for i, e in self._entries.items() if e.session}
            for one in session_tree.below(session_id, parents):
                self._remove(one)

    async def _ids(self) -> list[str]:
        with self._lock:
            return sorted(
                i
                for i, entry in self._entries.items()
                if entry.session is not None and entry.host.trashed_at_ms is None
            )

    async def _exists(self, session_id: str) -> bool:
        with self._lock:
            return self._entry(session_id).session is not None

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        self._refuse_unwritable_checkpoint(value)
        with self._lock:
            if kind is LOOP_CHECKPOINTS:
                now_ms = self._now_ms()
                self._runs.put_checkpoint(value)
                self._log_change(value.session_id, "checkpoint", now_ms)
            else:
                self._workflows[key] = value

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        with self._lock:
            if kind is not LOOP_CHECKPOINTS:
                return self._workflows.get(key)
            run = self._runs.get(key)
            return None if run is None else run.checkpoint

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        with self._lock:
            if kind is LOOP_CHECKPOINTS:
                now_ms = self._now_ms()
                run = self._runs.drop(key)
                if run is not None:
                    self._log_change(run.checkpoint.session_id, "checkpoint", now_ms)
            else:
                self._workflows.pop(key, None)

    async def _put_draft(self, run_id: str, draft: Draft, claimed_by: str | None) -> None:
        with self._lock:
            self._runs.put_draft(run_id, draft, claimed_by)

    async def _get_draft(self, run_id: str) -> Draft | None:
        with self._lock:
            return self._runs.draft(run_id)

    async def _drop_draft(self, run_id: str, claimed_by: str | None) -> None:
        with self._lock:
            self._runs.drop_draft(run_id, claimed_by)

    async def _commits(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage:
        with self._lock:
            return self._log.page(after, limit, subjects)

    async def _latest_sequence(self) -> int:
        with self._lock:
            return self._log.latest

    async def _usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        with self._lock:
            stored = [(self._entries[one.summary.id].session, one) for one in self._listed()]
        return usage_rows(
            call
            for session, one in stored
            if session is not None
            for call in calls_of(query, session, one)
        )

    async def _commit_after(self, sequence: int) -> None:
        await self._log.signal.wait(sequence)

    async def _inventory(self) -> Inventory:
        with self._lock:
            ids = sorted(self._entries)
            held = {i for i in ids if self._entries[i].session is not None}
            loops, workflows = tuple(self._runs.ids()), tuple(sorted(self._workflows))
        return Inventory(
            sessions=tuple(i for i in ids if i in held),
            collections_only=tuple(i for i in ids if i not in held),
            loop_checkpoints=loops,
            workflow_checkpoints=workflows,
        )

    async def _health(self) -> Health:
        return Health(backend=self.backend_name, location=None)

    async def _close(self) -> None:
        self._log.signal.end()
        self._entries.clear()
        self._runs.clear()
        self._workflows.clear()
        self._memories.clear()
        self._streams.clear()
        self._log.clear()
