"""The methods of `MemorySessionStore` for pages of sessions, and for what hosts keep with them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from a3s_store.backends.memory.state import MemoryState
from a3s_store.core.base.generational import not_saved
from a3s_store.core.base.host_data import HostDataMethods, Trashed
from a3s_store.core.base.paged import PagedMethods
from a3s_store.core.collections import RUN_RECORDS
from a3s_store.core.listing.conditions import Conditions, Listed
from a3s_store.core.listing.paging import PageOfSessions
from a3s_store.core.listing.rows import listed
from a3s_store.core.listing.values import Page, SessionSummary
from a3s_store.errors import during


class MemoryListing(MemoryState, PagedMethods, HostDataMethods):
    """Looks at every session: the model for the stores that read only a page."""

    async def _sessions(self, wanted: PageOfSessions) -> Page[SessionSummary]:
        with self._lock, during("sessions", ""):
            return wanted.page(self._listed(), self._log.store_id)

    async def _count_sessions(self, where: Conditions) -> int:
        with self._lock:
            return sum(where.hold(one) for one in self._listed())

    def _listed(self) -> Iterator[Listed]:
        for session_id, entry in self._entries.items():
            if entry.session is not None:
                times = entry.conversation.head.times()
                runs = self._runs.of_session(session_id)
                yield listed(
                    entry.session,
                    entry.collections.get(RUN_RECORDS, ()),
                    runs,
                    drafts=[one.run_id for one in runs if self._runs.draft(one.run_id)],
                    host=entry.host,
                    generation=entry.generation,
                    last_message_at_ms=times[-1] if times else None,
                    changed_at_ms=entry.changed_at_ms,
                    sequence=entry.changed_sequence,
                )

    # -- The trash ----------------------------------------------------------------------------

    async def _put_in_trash(self, session_id: str, *, trashed: bool) -> None:
        with self._lock, during("trash" if trashed else "untrash", f"session {session_id!r}"):
            entry = self._entry(session_id)
            if entry.session is None:
                raise not_saved()
            if not trashed:
                if entry.host.trashed_at_ms is not None:
                    host = attrs.evolve(entry.host, trashed_at_ms=None, trashed_sequence=None)
                    self._put_host(session_id, host, "untrash")
            elif entry.host.trashed_sequence != self._last_change(session_id)[0]:
                self._put_host(session_id, entry.host, "trash")
                entry.host = attrs.evolve(
                    entry.host,
                    trashed_at_ms=entry.changed_at_ms,
                    trashed_sequence=entry.changed_sequence,
                )

    async def _trash_of(self, older_than_ms: int) -> tuple[Trashed, ...]:
        with self._lock:
            latest = self._now_ms() - older_than_ms
            sessions = [entry.session for entry in self._entries.values() if entry.session]
            found = [
                (entry.host.trashed_at_ms, entry.host.trashed_sequence, session_id, entry)
                for session_id, entry in self._entries.items()
                if entry.host.trashed_at_ms is not None and entry.host.trashed_at_ms <= latest
            ]
            return tuple(
                Trashed(
                    session_id,
                    sequence or 0,
                    self._last_change(session_id)[0] != sequence,
                    tuple(sorted(one.id for one in sessions if one.parent_id == session_id)),
                )
                for _, sequence, session_id, entry in sorted(found, key=lambda one: one[:2])
            )

    async def _delete_trashed(self, session_id: str, trashed_sequence: int) -> bool:
        with self._lock:
            entry = self._entry(session_id)
            last, _ = self._last_change(session_id)
            if not last == entry.host.trashed_sequence == trashed_sequence:
                return False
            self._remove(session_id)
            return True
