"""The protocol of stores that promise `usage`: sums of cost records, without loading sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.listing.values import SessionFilter
    from a3s_store.core.usage import UsageRow


@runtime_checkable
class UsageStore(SessionStore, Protocol):
    """A store that adds up the cost records of its sessions."""

    async def usage(
        self,
        *,
        by: Sequence[str] = ("day",),
        since: date | None = None,
        until: date | None = None,
        where: SessionFilter | None = None,
        tz: str | None = None,
        inherited: bool = False,
    ) -> tuple[UsageRow, ...]:
        """Return the sums of all stored cost records, a row for each key, sorted by key.

        `by` has names among `day`, `hour`, `month`, `model`, `provider`, `session`, `workspace`,
        `parent`, `tenant` and `label:KEY`; without any there is one row. A row exists where a call
        exists. Days, hours and months are those of `tz`, a name such as `Europe/Berlin`; None: UTC.
        `where` chooses the sessions; None: all but those in the trash.

        `since` and `until` are dates in `tz`, or datetimes with a time zone; calls from `since` on,
        and before `until`, are added up.

        A record counts where it was made: a fork's copies, which name the session they come from,
        count only with `inherited`. The sums are those of the records stored now: replaced and
        trimmed ones, and those of deleted sessions, are gone.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            UnsupportedError: `where` asks for `changed_after`, and the store has no commit log.
        """
