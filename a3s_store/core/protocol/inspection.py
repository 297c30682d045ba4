"""The protocols of stores that can list, verify, measure and prune everything in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from a3s_store._deprecated import old_attributes
from a3s_store.core.protocol.generational import GenerationalStore

if TYPE_CHECKING:
    from a3s_store.core.reports import Depth, PruneReport, StoreStats, VerifyReport
    from a3s_store.core.retention import RetentionPolicy


@old_attributes
@attrs.frozen(kw_only=True)
class Inventory:
    """The ids of everything in a store, sorted."""

    sessions: tuple[str, ...]
    collections_only: tuple[str, ...] = ()  # ids with collections but no session
    loop_checkpoints: tuple[str, ...] = ()
    workflow_checkpoints: tuple[str, ...] = ()


@runtime_checkable
class Inventoried(Protocol):
    """A store that can list everything in it, as all stores of this package can."""

    async def inventory(self) -> Inventory:
        """Return all ids, read at one moment."""


@runtime_checkable
class Verifiable(Protocol):
    """A store that can verify its values against their checksums and digests."""

    async def verify(self, *, depth: Depth = "quick") -> VerifyReport:
        """Verify stored values and report the damage; see `Depth`."""


@runtime_checkable
class RetentionStore(GenerationalStore, Protocol):
    """A store that promises `retention`."""

    async def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Remove what a policy does not keep; None: that of the store, by default `LOSSLESS`.

        Without a policy no message is lost: a generation is removed only if one that stays begins
        with its conversation, so that `rewind` and `fork` still reach it. Present conversations,
        the checkpoints and drafts of runs, and forks lose nothing under any policy.

        With `session` only generations of that session are removed, and no session is deleted.
        With `dry_run` nothing is written, and the report has what would be removed if no one
        saves meanwhile.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            SessionNotFoundError: nothing is stored under `session`.
            StoreReadOnlyError, StoreBusyError: what was removed before that stays removed; prune
                again to go on.
        """

    async def stats(self) -> StoreStats:
        """Return how many bytes what is stored takes; the time is in proportion to them."""
