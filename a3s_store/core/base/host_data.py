"""The methods of `HostDataStore` beside `update`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from a3s_store.core.arguments import refused
from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import check_id

if TYPE_CHECKING:
    from a3s_store.core.reports import TrashReport


class Trashed(NamedTuple):
    """A session in the trash.

    `was_changed`: after it was put there. `children` are sessions that have it as their parent.
    """

    session_id: str
    trashed_sequence: int
    was_changed: bool
    children: tuple[str, ...]


class HostDataMethods(BaseStore):
    """Implements the methods of `HostDataStore` but `update` over the port below."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _put_in_trash(self, session_id: str, *, trashed: bool) -> None:
        """Put a session in the trash, or take it out; raises `not_saved` without one."""

    @abstractmethod
    async def _trash_of(self, older_than_ms: int) -> tuple[Trashed, ...]:
        """Return what was put in the trash at least so many milliseconds ago, the oldest first."""

    @abstractmethod
    async def _delete_trashed(self, session_id: str, trashed_sequence: int) -> bool:
        """Delete a session whose last change is the commit that put it in the trash.

        Returns False, with nothing written, where that is no longer so.
        """

    # -- The methods --------------------------------------------------------------------------

    async def trash(self, session_id: str) -> None:
        """See `HostDataStore.trash`."""
        self._check_open("trash")
        await self._put_in_trash(check_id(session_id), trashed=True)

    async def untrash(self, session_id: str) -> None:
        """See `HostDataStore.untrash`."""
        self._check_open("untrash")
        await self._put_in_trash(check_id(session_id), trashed=False)

    async def empty_trash(
        self, *, older_than: timedelta | None = None, dry_run: bool = False
    ) -> TrashReport:
        """See `HostDataStore.empty_trash`."""
        from a3s_store.core.reports import TrashReport

        self._check_open("empty_trash")
        age = timedelta() if older_than is None else older_than
        if not isinstance(age, timedelta) or age < timedelta():
            raise refused("empty_trash", "older_than", "is a timedelta of 0 or more")
        found = await self._trash_of(age // timedelta(milliseconds=1))
        deleted: dict[str, Trashed] = {}
        for one in found:
            if not one.was_changed and (
                dry_run or await self._delete_trashed(one.session_id, one.trashed_sequence)
            ):
                deleted[one.session_id] = one
        children = (child for one in deleted.values() for child in one.children)
        return TrashReport(
            dry_run=dry_run,
            deleted=tuple(deleted),
            changed=tuple(one.session_id for one in found if one.session_id not in deleted),
            without_parent=tuple(child for child in children if child not in deleted),
        )
