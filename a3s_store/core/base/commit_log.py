"""The methods of `CommitLogStore` and `WatchableStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING

from a3s_store.core.arguments import check_limit, refused, texts
from a3s_store.core.base.store import BaseStore
from a3s_store.core.commit_log import CommitPage, LogPosition
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.core.base.watch import CommitWatch


class CommitLogMethods(BaseStore):
    """Implements both protocols over the port below: it checks arguments."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _commits(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage:
        """Return a page of the log, read at one moment."""

    @abstractmethod
    async def _latest_sequence(self) -> int:
        """Return the sequence of the newest commit, 0 without one."""

    @abstractmethod
    async def _commit_after(self, sequence: int) -> None:
        """Wait until there may be a commit after this one, or the store is being closed."""

    # -- The methods --------------------------------------------------------------------------

    async def commits(
        self,
        *,
        after: int | LogPosition = 0,
        limit: int = 100,
        subjects: Collection[str] | None = None,
    ) -> CommitPage:
        """See `CommitLogStore.commits`."""
        self._check_open("commits")
        _check_after("commits", after)
        check_limit("commits", limit)
        return await self._commits(after, limit, _check_subjects("commits", subjects))

    async def latest_sequence(self) -> int:
        """See `CommitLogStore.latest_sequence`."""
        self._check_open("latest_sequence")
        return await self._latest_sequence()

    def watch(
        self,
        *,
        after: int | LogPosition | None = None,
        subjects: Collection[str] | None = None,
    ) -> CommitWatch:
        """See `WatchableStore.watch`."""
        from a3s_store.core.base.watch import CommitWatch

        self._check_open("watch")
        if after is not None:
            _check_after("watch", after)
        return CommitWatch(self, after, _check_subjects("watch", subjects))


def _check_after(op: str, after: object) -> None:
    """Raise InvalidArgumentError for what is no place in a commit log."""
    sequence = after.sequence if isinstance(after, LogPosition) else after
    if type(sequence) is not int or not 0 <= sequence < 2**63:
        what = "is a sequence of 0 or more, or a LogPosition"
        raise refused(op, "after", f"{what}, not {short_repr(after)}")


def _check_subjects(op: str, subjects: Collection[str] | None) -> frozenset[str] | None:
    """Return the subjects as a set; None: all. Raises InvalidArgumentError."""
    found = texts(op, "subjects", subjects, or_one=False)
    return None if found is None else frozenset(found)
