"""Queue entries in a directory: the steps of one workflow checkpoint for each session.

Stores without queue entries, and older releases, use the same file: see
`core.base.queue_entries`. Here it is read and written under the lock, and only for a stored
session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from a3s_store.backends.jsonfiles import claims, content
from a3s_store.backends.jsonfiles.atomic_write import Changes, read
from a3s_store.backends.jsonfiles.layout import Layout, require_checkpoint_name
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    MayTake,
    QueueEntry,
    blank_step,
    claim_of,
    entry_of,
    key_of,
    session_not_saved,
    step_of,
)
from a3s_store.core.collections import WORKFLOW_CHECKPOINTS
from a3s_store.errors import IdCollisionError
from a3s_store.models import WorkflowCheckpoint, WorkflowStepRecord
from a3s_store.wire import encode


class QueueFiles:
    """The queue entries of all sessions. Every method holds the lock of the directory.

    Methods raise DecodeError for a damaged file, InvalidIdError if no file can have the name of the
    session's id, and IdCollisionError if another id has the file. A file with more bytes than
    `Layout.file_bytes` is neither read (DecodeError) nor written (EncodeError).
    """

    def __init__(self, layout: Layout, lock: DirectoryLock) -> None:
        self._layout = layout
        self._lock = lock

    def save(
        self,
        session_id: str,
        claimed_by: str | None,
        put: Sequence[QueueEntry],
        remove: Sequence[EntryKey],
        now_ms: int,
    ) -> None:
        """See `QueueEntryStore.save_queue_entries`."""
        with self._lock.exclusive():
            if not claims.is_saved(self._layout, session_id):
                if put:
                    raise session_not_saved()
                return
            stored = self._read(session_id)
            steps = {key_of(step): step for step in stored.steps}
            for key in remove:
                if key in steps and claim_of(steps[key]) == claimed_by:
                    del steps[key]
            for entry in put:
                step = steps.get(entry.key)
                if step is None or claim_of(step) == claimed_by:
                    steps[entry.key] = step_of(entry, step or blank_step(session_id), claimed_by)
            self._write(session_id, stored, steps, now_ms)

    def claim(
        self, session_id: str, by: str, may_take: MayTake, now_ms: int
    ) -> tuple[QueueEntry, ...]:
        """See `QueueEntryStore.claim_queue_entries`."""
        with self._lock.exclusive():
            if not claims.is_saved(self._layout, session_id):
                return ()
            stored = self._read(session_id)
            steps = {key_of(step): step for step in stored.steps}
            others = {claim_of(step) for step in stored.steps} - {by}
            free = {by, *(claim for claim in others if may_take(claim))}
            mine = {key: entry_of(one) for key, one in steps.items() if claim_of(one) in free}
            steps |= {key: step_of(entry, steps[key], by) for key, entry in mine.items()}
            self._write(session_id, stored, steps, now_ms)
            return tuple(mine.values())

    def _path(self, session_id: str) -> Path:
        name = require_checkpoint_name(WORKFLOW_PREFIX + session_id, "session's queue")
        return self._layout.checkpoint(WORKFLOW_CHECKPOINTS, name)

    def _read(self, session_id: str) -> WorkflowCheckpoint:
        path, key = self._path(session_id), WORKFLOW_PREFIX + session_id
        owner = claims.checkpoint_owner(self._layout, WORKFLOW_CHECKPOINTS, path, key)
        if owner not in {None, key}:
            raise IdCollisionError("another workflow has the file of this queue", where=str(path))
        data = read(path, self._layout.file_bytes)
        if data is None:
            return WorkflowCheckpoint(workflow_id=key, steps=(), checkpoint_ms=0)
        return content.read_value(WorkflowCheckpoint, data, path)

    def _write(
        self,
        session_id: str,
        stored: WorkflowCheckpoint,
        steps: dict[EntryKey, WorkflowStepRecord],
        now_ms: int,
    ) -> None:
        after = tuple(steps.values())
        if after == stored.steps:
            return
        with Changes(self._layout.root) as changes:
            path = self._path(session_id)
            if after:
                queue = stored.evolve(steps=after, checkpoint_ms=now_ms)
                text = content.tree_text(encode(queue), model="WorkflowCheckpoint")
                content.refuse_unreadable(text, self._layout.file_bytes)
                changes.put(path, text)
            else:
                changes.drop(path)
            changes.land()
