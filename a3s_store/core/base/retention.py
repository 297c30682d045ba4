"""`RetentionStore.prune` over a port that a backend implements: which sessions to delete, and when.

Order: the commit log, then the trash, then generations with the messages that only they have, then
archived sessions. A dry run takes the same decisions from the same numbers, and so reports what a
run would.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from a3s_store.core.collections import check_id
from a3s_store.core.reports import PruneReport
from a3s_store.core.retention import DAY_MS, Kept, Removed, RetentionPolicy
from a3s_store.errors import SessionNotFoundError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.core.base.host_data import Trashed

# How many sessions a report names with the reason why they stay.
_NAMED = 100


class Unused(NamedTuple):
    """A session that may be deleted while its last commit is `sequence`."""

    session_id: str
    sequence: int


class RetentionPort(Protocol):
    """The part of a backend in one call of `prune`."""

    location: str

    async def now_ms(self) -> int:
        """Return the time of the store's clock, after a file that cannot be written was refused."""

    async def is_stored(self, session_id: str) -> bool:
        """Return whether anything is stored under an id."""

    async def trash_of(self, older_than_ms: int) -> Sequence[Trashed]:
        """Return what was put in the trash at least so long ago, the oldest first."""

    async def archived(self, before_ms: int) -> Sequence[Unused]:
        """Return the archived sessions that may be deleted, those updated first before others.

        None that is pinned, in the trash, or has an unfinished run; all unchanged since that time.
        """

    async def bytes_used(self) -> int:
        """Return how many bytes everything takes."""

    async def bytes_of(self, session_id: str) -> int:
        """Return how many bytes one session takes (`SessionSize.bytes`)."""

    async def delete_trashed(self, one: Unused) -> bool:
        """Delete a session that is in the trash and unchanged since; False: it is not."""

    async def delete_archived(self, one: Unused) -> bool:
        """Delete a session that `archived` would still return, unchanged; False: it is not."""

    async def measure(self, session_ids: Collection[str]) -> tuple[Removed, int]:
        """Return what deleting these sessions would remove, and the bytes of their lists beside."""

    async def remove_generations(
        self, kept: Kept, only: str | None, without: Collection[str], skipped: list[str]
    ) -> Removed:
        """Remove generations, of one session or of all, and what no generation needs then.

        In a dry run as if `without` were deleted. Adds to `skipped` what stays, and why.
        """

    async def trim_log(self, policy: RetentionPolicy) -> int:
        """Remove the entries of the commit log that a policy does not keep; return how many."""

    async def bytes_free(self) -> int | None:
        """Return the bytes of free pages; None in a dry run and without a file."""


async def prune(
    port: RetentionPort, policy: RetentionPolicy, session: str | None, *, dry_run: bool
) -> PruneReport:
    """See `RetentionStore.prune`; the policy is checked."""
    return await _Run(port, policy, session, dry_run).run()


class _Run:
    """One run: what was removed so far, and what was kept."""

    def __init__(
        self, port: RetentionPort, policy: RetentionPolicy, session: str | None, dry_run: bool
    ) -> None:
        self._port = port
        self._policy = policy
        self._session = None if session is None else check_id(session)
        self._dry_run = dry_run
        self._removed = Removed()
        self._deleted: list[str] = []
        self._skipped: list[str] = []
        # Of the lists of deleted sessions.
        self._bytes_of_lists = 0

    async def run(self) -> PruneReport:
        began = time.monotonic()
        now_ms = await self._port.now_ms()
        if self._session is not None and not await self._port.is_stored(self._session):
            raise SessionNotFoundError(
                "nothing is stored under this id",
                op="prune",
                where=f"session {short_repr(self._session)} in {self._port.location}",
            )
        commits = 0
        if self._session is None:  # first: a run adds entries, which a dry run does not
            commits = await self._port.trim_log(self._policy)
        most = self._policy.max_bytes if self._session is None else None
        used = 0 if most is None else await self._port.bytes_used()
        if self._policy.trash_days is not None and self._session is None:
            await self._empty_trash(self._policy.trash_days)
        skipped = await self._remove_generations(now_ms)
        if most is not None and await self._delete_archived(now_ms, used, most) and self._dry_run:
            # Rows that only deleted sessions need; a run has pruned those sessions before.
            first = self._removed
            await self._remove_generations(now_ms)
            self._removed.sessions = first.sessions
            self._removed.generations = first.generations
        removed = self._removed
        return PruneReport(
            location=self._port.location,
            dry_run=self._dry_run,
            sessions=removed.sessions,
            generations=removed.generations,
            branches=removed.branches,
            messages=removed.messages,
            blobs=removed.blobs,
            commits=commits,
            bytes_logical=removed.bytes,
            bytes_free_pages=await self._port.bytes_free(),
            seconds=time.monotonic() - began,
            skipped=(*skipped, *self._skipped[:_NAMED]),
            deleted=tuple(self._deleted),
        )

    async def _remove_generations(self, now_ms: int) -> list[str]:
        """Remove generations and count what was removed; return what stays, and why."""
        skipped: list[str] = []
        kept = self._policy.kept_since(now_ms)
        without = self._deleted if self._dry_run else ()
        removed = await self._port.remove_generations(kept, self._session, without, skipped)
        if self._dry_run:
            # It counted what deletions remove, too.
            self._removed = Removed(bytes=self._bytes_of_lists)
        self._removed.add(removed)
        return skipped

    # -- Deleting sessions --------------------------------------------------------------------

    async def _empty_trash(self, days: int) -> None:
        found = await self._port.trash_of(days * DAY_MS)
        chosen = [Unused(one.session_id, one.trashed_sequence) for one in found]
        changed = [one.session_id for one in found if one.was_changed]
        for session_id in changed:
            self._keep(session_id, "it was changed after it was put in the trash")
        await self._delete([one for one in chosen if one.session_id not in changed], is_trash=True)

    async def _delete_archived(self, now_ms: int, used: int, most: int) -> bool:
        """Delete archived sessions while more than `most` bytes are used; return whether any."""
        excess = used - self._removed.bytes - most
        if excess <= 0:
            return False
        chosen: list[Unused] = []
        for one in await self._port.archived(now_ms - DAY_MS):
            if excess <= 0:
                break
            chosen.append(one)
            excess -= await self._port.bytes_of(one.session_id)
        if excess > 0:
            self._skipped.append(f"{excess} bytes above `max_bytes`: no archived session has them")
        await self._delete(chosen, is_trash=False)
        return bool(chosen)

    async def _delete(self, chosen: Sequence[Unused], *, is_trash: bool) -> None:
        if not chosen:
            return
        gone, of_lists = await self._port.measure([one.session_id for one in chosen])
        self._bytes_of_lists += of_lists
        delete = self._port.delete_trashed if is_trash else self._port.delete_archived
        for one in chosen:
            if self._dry_run or await delete(one):
                self._deleted.append(one.session_id)
            else:
                self._keep(one.session_id, "it was changed meanwhile")
        if not self._dry_run:
            self._removed.add(gone)
            self._removed.bytes += of_lists

    def _keep(self, session_id: str, why: str) -> None:
        self._skipped.append(f"session {short_repr(session_id)}: {why}")
