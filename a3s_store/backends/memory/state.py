"""The content of a `MemorySessionStore`, and the one way to change a session in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from a3s_store.agent_memory.item import MemoryItem
from a3s_store.backends.memory.branches import Conversation
from a3s_store.backends.memory.commit_log import CommitLog
from a3s_store.backends.memory.entry import Entry
from a3s_store.backends.memory.runs import Runs
from a3s_store.backends.memory.streams import Streams
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.base.store import BaseStore
from a3s_store.core.batch import Batch
from a3s_store.core.clock import unix_ms
from a3s_store.core.commit_log import CommitKind, CommitOp, op_of
from a3s_store.core.host_data import HostData
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import Redact
from a3s_store.core.unit_marks import UnitMarks
from a3s_store.models import WorkflowCheckpoint
from a3s_store.wire import Limits

# The entry of an id under which nothing is stored.
_NOTHING: Final = Entry(0, 1)


class MemoryState(BaseStore):
    """Everything that is stored, and the lock that its methods hold."""

    def __init__(
        self,
        *,
        redact: Redact | None,
        credentials: CredentialNames | None,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(redact=redact, credentials=credentials, limits=limits)
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        # The last generation of each id with a deleted session.
        self._last: dict[str, int] = {}
        self._runs = Runs()
        self._workflows: dict[str, WorkflowCheckpoint] = {}
        self._memories: dict[str, dict[str, MemoryItem]] = {}
        self._streams = Streams()
        self._log = CommitLog()
        # What the unit has changed that is being made, None outside of units.
        self._unit: UnitMarks | None = None
        self._lock = threading.Lock()

    def _apply(
        self, batch: Batch, shared: Conversation | None = None, at_ms: tuple[int, ...] = ()
    ) -> Entry:
        """Write a checked batch; `shared` is the conversation of a new fork.

        `at_ms` as in `Conversation.put`.
        """
        now_ms = self._now_ms()
        entry = self._entries.get(batch.session_id)
        if entry is None:
            last = self._last.get(batch.session_id, 0)
            entry = Entry(last, last + 1, conversation=shared or Conversation())
        again = self._unit is not None and self._unit.has_made(batch.session_id, entry.generation)
        is_changed = entry.apply(batch, now_ms, at_ms, again=again)
        if is_changed and self._unit is not None:
            self._unit.saved(batch.session_id, entry.generation)
        self._entries[batch.session_id] = entry
        if is_changed:
            self._log_change(batch.session_id, op_of(batch), now_ms, batch.save_id)
        return entry

    def _now_ms(self) -> int:
        """Return the time of the store's clock, which is asked before anything changes."""
        return unix_ms(self._clock())

    def _log_change(
        self, session_id: str, op: CommitOp, now_ms: int, save_id: bytes | None = None
    ) -> None:
        """Add a change of a session to the commit log."""
        entry = self._entries.get(session_id)
        if entry is None:
            self._log_entry(session_id, op, now_ms)
            return
        entry.changed_at_ms = max(now_ms, entry.changed_at_ms)
        entry.changed_sequence = self._log_entry(
            session_id,
            op,
            entry.changed_at_ms,
            generation=entry.generation,
            digest=entry.digest,
            save_id=save_id,
        )

    def _log_entry(
        self, subject: str, op: CommitOp, now_ms: int, kind: CommitKind = "session", **more: Any
    ) -> int:
        """Add an entry to the commit log, or replace the one of this unit; return its sequence."""
        if self._unit is None:
            return self._log.add(kind, subject, op, now_ms, **more)
        op, before = self._unit.entry(subject, op, kind)
        sequence = self._log.add(kind, subject, op, now_ms, **more, instead_of=before)
        self._unit.logged(subject, op, sequence, kind)
        return sequence

    def _put_host(self, session_id: str, host: HostData, op: CommitOp | None) -> None:
        """Store what the host keeps with a session, as a commit with this `op`; None: no commit."""
        now_ms = self._now_ms()
        self._entries[session_id].host = host
        if op is not None:
            self._log_change(session_id, op, now_ms)

    def _last_change(self, session_id: str) -> tuple[int, int]:
        """Return sequence and time of the last change of a session and the streams tied to it."""
        entry = self._entry(session_id)
        sequence, changed_at_ms = self._streams.last_change_of_session(session_id)
        return max(entry.changed_sequence, sequence), max(entry.changed_at_ms, changed_at_ms)

    def _remove(self, session_id: str) -> None:
        """Remove everything stored under an id; its deletion is in the commit log."""
        now_ms = self._now_ms()
        entry = self._entries.pop(session_id, None)
        last: int | None = None
        if entry is not None:
            # The deletion takes a number, so that none is used twice.
            last = self._last[session_id] = entry.generation + 1
        for name in self._streams.of_session(session_id):
            if not name.startswith("\0"):  # byte artifacts go with the session's own entry
                self._log_entry(name, "delete", now_ms, "stream")
            self._streams.remove(name)
        gone = [
            entry,
            self._workflows.pop(WORKFLOW_PREFIX + session_id, None),
            *self._runs.drop_of(session_id),
            self._memories.pop(session_id, None),
        ]
        if any(one is not None for one in gone):
            self._log_entry(session_id, "delete", now_ms, generation=last)

    def _entry(self, session_id: str) -> Entry:
        """Return everything stored under an id; an empty entry for an unused one."""
        return self._entries.get(session_id, _NOTHING)

    def _of_life(self, session_id: str, life: int | None) -> Entry:
        entry = self._entry(session_id)
        return _NOTHING if life is not None and life != entry.life else entry
