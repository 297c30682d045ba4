"""The store in memory, the reference for all other stores.

Values are frozen, so the store keeps references to them. Every saved value is encoded, so that the
store refuses the same values as the other stores. No method awaits between its first read and its
last write, so each is atomic for all tasks of a loop; a lock does the same for threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from a3s_store.agent_memory.item import MemoryItem
from a3s_store.agent_memory.session_stores import BaseMemoryMethods, Change, session_deleted
from a3s_store.backends.memory.branches import Conversation
from a3s_store.backends.memory.entry import Entry
from a3s_store.backends.memory.runs import Runs
from a3s_store.core import session_tree
from a3s_store.core.base.conditional import (
    ConditionalMethods,
    ask,
    may_write,
    refuse_unwritable_changes,
)
from a3s_store.core.base.drafts import BaseDraftStore
from a3s_store.core.base.generational import (
    GenerationalMethods,
    not_saved,
    refuse_beyond,
    refuse_other,
    refuse_used,
)
from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    MayTake,
    QueueEntry,
    QueueEntryMethods,
    entries_of,
    session_not_saved,
)
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges, Stored, batch_of
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import LOOP_CHECKPOINTS, CheckpointKind, Collection
from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import Capabilities, Generation, Health, Inventory
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN, Redact
from a3s_store.core.revision import Revision, Versioned
from a3s_store.errors import during
from a3s_store.models import SessionData, WorkflowCheckpoint
from a3s_store.wire import DEFAULT_LIMITS, Limits
from a3s_store.wire.limits import in_force

# The entry of an id under which nothing is stored.
_NOTHING: Final = Entry(0, 1)


class MemorySessionStore(
    GenerationalMethods, ConditionalMethods, QueueEntryMethods, BaseDraftStore, BaseMemoryMethods
):
    """A `SessionStore` in memory; its content ends with the process.

    `redact`, `credentials` and `limits` as in `SqliteSessionStore.open`. `clock` returns Unix
    seconds, for `saved_at_ms` and the relevance of memories.

    Every save is a generation until its session is deleted; nothing is pruned. A message that
    generations share is stored once. Messages that were dropped from a conversation stay in memory
    with the older generations.
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
        super().__init__(redact=redact, credentials=credentials, limits=limits)
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        # The last generation of each id with a deleted session.
        self._last: dict[str, int] = {}
        self._runs = Runs()
        self._workflows: dict[str, WorkflowCheckpoint] = {}
        self._memories: dict[str, dict[str, MemoryItem]] = {}
        self._lock = threading.Lock()

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
            agent_memory=True,
        )

    async def _commit(self, batch: Batch) -> bool:
        self._refuse_unwritable(batch)
        with self._lock, during(batch.op, f"session {batch.session_id!r}"):
            entry = self._entry(batch.session_id)
            refuse_other(batch.expected_generation, entry.generation)
            if batch.expected_digest is not None:
                stored = entry.snapshot()
                if stored is None or stored.digest() != batch.expected_digest:
                    return False
            self._apply(batch)
        return True

    def _apply(self, batch: Batch, shared: Conversation | None = None) -> Entry:
        """Write a checked batch; `shared` is the conversation of a new fork."""
        now_ms = unix_ms(self._clock())
        entry = self._entries.get(batch.session_id)
        if entry is None:
            last = self._last.get(batch.session_id, 0)
            entry = Entry(last, last + 1, conversation=shared or Conversation())
        entry.apply(batch, now_ms)
        self._entries[batch.session_id] = entry
        return entry

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
            self._apply(self._fork_batch(source.evolve(session=session), new_id), kept)

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
            if changes.changes_session:
                self._apply(batch_of(changes))
            for claim in changes.ended_runs:
                self._runs.drop(claim.run_id)
            if changes.checkpoint is not None:
                self._runs.put(changes.checkpoint)
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
            number = entry.save_ids.get(save_id)
            return None if number is None else Revision(number, entry.life)

    async def _run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        with self._lock:
            return self._runs.of_session(session_id)

    async def _claim_run(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        with self._lock:
            return self._runs.claim(run_id, seen, by)

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
            refuse_other(expected_generation, self._entry(session_id).generation)
            self._remove(session_id)

    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        with self._lock, during("delete", f"session {session_id!r}"):
            refuse_other(expected_generation, self._entry(session_id).generation)
            parents = {i: e.session.parent_id for i, e in self._entries.items() if e.session}
            for one in session_tree.below(session_id, parents):
                self._remove(one)

    def _remove(self, session_id: str) -> None:
        entry = self._entries.pop(session_id, None)
        if entry is not None:
            # The deletion takes a number, so that none is used twice.
            self._last[session_id] = entry.generation + 1
        self._workflows.pop(WORKFLOW_PREFIX + session_id, None)
        self._runs.drop_of(session_id)
        self._memories.pop(session_id, None)

    async def _ids(self) -> list[str]:
        with self._lock:
            return sorted(i for i, entry in self._entries.items() if entry.session is not None)

    async def _exists(self, session_id: str) -> bool:
        with self._lock:
            return self._entry(session_id).session is not None

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        self._refuse_unwritable_checkpoint(value)
        with self._lock:
            if kind is LOOP_CHECKPOINTS:
                self._runs.put_checkpoint(value)
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
                self._runs.drop(key)
            else:
                self._workflows.pop(key, None)

    def _entry(self, session_id: str) -> Entry:
        """Return everything stored under an id; an empty entry for an unused one."""
        return self._entries.get(session_id, _NOTHING)

    def _of_life(self, session_id: str, life: int | None) -> Entry:
        entry = self._entry(session_id)
        return _NOTHING if life is not None and life != entry.life else entry

    async def _save_entries(
        self,
        session_id: str,
        claimed_by: str | None,
        put: Sequence[QueueEntry],
        remove: Sequence[EntryKey],
        life: int | None,
    ) -> None:
        with self._lock:
            entry = self._of_life(session_id, life)
            if put and entry.session is None:
                raise session_not_saved().locate("save_queue_entries", f"session {session_id!r}")
            for key in remove:
                if key in entry.queue and entry.queue[key][0] == claimed_by:
                    del entry.queue[key]
            for one in put:
                entry.put_in_queue(claimed_by, one)

    async def _claim_entries(
        self, session_id: str, by: str, may_take: MayTake, life: int | None
    ) -> tuple[QueueEntry, ...]:
        with self._lock:
            entry = self._of_life(session_id, life)
            if entry.session is None:
                return ()
            key = WORKFLOW_PREFIX + session_id
            left = self._workflows.get(key)
            for claim, one in () if left is None else tuple(entries_of(left)):
                entry.put_in_queue(claim, one)
            self._workflows.pop(key, None)  # not before: one that cannot be read stays
            claims = {claim for claim, _ in entry.queue.values()} - {by}
            free = {by, *(claim for claim in claims if may_take(claim))}
            taken = {k: (by, one) for k, (claim, one) in entry.queue.items() if claim in free}
            entry.queue.update(taken)
            return tuple(one for _, one in taken.values())

    async def _put_draft(self, run_id: str, draft: Draft, claimed_by: str | None) -> None:
        with self._lock:
            self._runs.put_draft(run_id, draft, claimed_by)

    async def _get_draft(self, run_id: str) -> Draft | None:
        with self._lock:
            return self._runs.draft(run_id)

    async def _drop_draft(self, run_id: str, claimed_by: str | None) -> None:
        with self._lock:
            self._runs.drop_draft(run_id, claimed_by)

    async def _load_memories(self, op: str, owner: str) -> tuple[MemoryItem, ...]:
        with self._lock:
            return tuple(self._memories.get(owner, {}).values())

    async def _change_memories(self, op: str, owner: str, change: Change) -> None:
        with self._lock:
            self._apply_to_memories(owner, change)

    async def _change_memories_of(
        self, op: str, owner: str, life: int | None, change: Change
    ) -> None:
        with self._lock:
            if self._of_life(owner, life).session is None:
                is_recreated = self._entry(owner).session is not None
                error = session_deleted(owner, is_recreated=is_recreated)
                raise error.locate(op, f"session {owner!r}")
            self._apply_to_memories(owner, change)

    def _apply_to_memories(self, owner: str, change: Change) -> None:
        change(self._memories.setdefault(owner, {}))
        if not self._memories[owner]:
            del self._memories[owner]

    async def _memory_owners(self) -> Iterable[str]:
        with self._lock:
            return tuple(self._memories)

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
        self._entries.clear()
        self._runs.clear()
        self._workflows.clear()
        self._memories.clear()
