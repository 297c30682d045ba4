"""The methods of `MemorySessionStore` for queue entries: the port of `QueueEntryMethods`."""

from __future__ import annotations

from collections.abc import Sequence

from a3s_store.backends.memory.state import MemoryState
from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    MayTake,
    QueueEntry,
    QueueEntryMethods,
    entries_of,
    session_not_saved,
)


class MemoryQueueEntries(MemoryState, QueueEntryMethods):
    """Keeps the queue entries of a session in its entry."""

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
