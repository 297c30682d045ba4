"""One watch of a store: it reads pages of the commit log, and waits after the last one."""

from __future__ import annotations

import collections
from typing import Final, Protocol, Self

from a3s_store.core.commit_log import Commit, CommitGap, CommitPage, LogPosition
from a3s_store.errors import StoreClosedError

# How many commits a watch reads at once.
PAGE: Final = 256


class WatchedStore(Protocol):
    """A store as its watches use it: see `CommitLogMethods`."""

    _closed: bool

    async def _commits(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage: ...

    async def _commit_after(self, sequence: int) -> None: ...


class CommitWatch:
    """See `Watch`. It is for one task at a time."""

    def __init__(
        self,
        store: WatchedStore,
        after: int | LogPosition | None,
        subjects: frozenset[str] | None,
    ) -> None:
        self._store = store
        self._subjects = subjects
        # From where to read the next page, and what was read and not returned yet.
        self._after = after
        self._read: collections.deque[Commit | CommitGap] = collections.deque()
        self._position: LogPosition | None = None
        # The newest commit, None while it is unknown whether there are more to read.
        self._latest: int | None = None

    @property
    def position(self) -> LogPosition | None:
        """See `Watch.position`."""
        return self._position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Commit | CommitGap:
        try:
            while not self._read and not self._store._closed:
                await self._look()
        except StoreClosedError:
            if not self._store._closed:
                raise
        if self._store._closed:
            raise StopAsyncIteration
        found = self._read.popleft()
        self._returned(found)
        return found

    async def _look(self) -> None:
        """Wait for commits after the last page, and read a page."""
        if self._latest is not None:
            await self._store._commit_after(self._latest)
        if self._after is None:
            page = await self._store._commits(0, 1, None)
            self._after = LogPosition(page.store_id, page.latest)
            self._position, self._latest = self._after, page.latest
            return
        page = await self._store._commits(self._after, PAGE, self._subjects)
        if page.gap is not None:
            self._read.append(_gap(self._after, page))
        self._read += page.entries
        self._after = page.position
        self._latest = None if page.has_more else page.latest
        if not self._read:
            self._position = page.position

    def _returned(self, found: Commit | CommitGap) -> None:
        assert isinstance(self._after, LogPosition), "a page was read"
        if not self._read:
            self._position = self._after
        elif isinstance(found, Commit):
            self._position = LogPosition(self._after.store_id, found.sequence)
        else:
            self._position = LogPosition(self._after.store_id, found.first_available - 1)


def _gap(after: int | LogPosition, page: CommitPage) -> CommitGap:
    assert page.gap is not None, "there is one"
    first_missing = 1
    if page.gap == "trimmed":
        first_missing += after.sequence if isinstance(after, LogPosition) else after
    return CommitGap(
        reason=page.gap, first_missing=first_missing, first_available=page.first_available
    )
