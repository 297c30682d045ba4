"""The protocol of stores that promise `host_metadata`: what a host keeps with a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.appending import AppendingStore

if TYPE_CHECKING:
    from datetime import timedelta

    from a3s_store.core.reports import TrashReport


@runtime_checkable
class HostDataStore(AppendingStore, Protocol):
    """A store that promises `host_metadata`.

    Labels, metadata and the marks `pinned` and `archived` are changed by `update`, returned by
    `load_header` (`SessionHeader.host`) and lists, and found by `SessionFilter`. They are not part
    of the session: saves keep them, digests and generations do not have them, and changing them
    makes no generation, so a live session's next save is not stale. A fork gets labels and
    metadata.

    A session in the trash is in no list, unless `SessionFilter.trashed` asks for it. It can be
    loaded and written as before, which does not take it out; to have it deleted in spite of a later
    change, put it there again.
    """

    async def trash(self, session_id: str) -> None:
        """Put a session in the trash; nothing changes if it is there, and unchanged since.

        Raises:
            SessionNotFoundError: no session is stored.
        """

    async def untrash(self, session_id: str) -> None:
        """Take a session out of the trash; nothing changes if it is not there.

        Raises:
            SessionNotFoundError: no session is stored.
        """

    async def empty_trash(
        self, *, older_than: timedelta | None = None, dry_run: bool = False
    ) -> TrashReport:
        """Delete the sessions that were put in the trash at least `older_than` ago; None: all.

        A session that was changed since then stays, and the report names it. Each is deleted by
        itself: after an error or a crash some are left, and the next call deletes them.

        Raises:
            InvalidArgumentError: `older_than` is no timedelta, or negative.
        """
