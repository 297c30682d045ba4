"""The protocols of the commit log: `CommitLogStore`, and `WatchableStore` to wait for commits."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.commit_log import Commit, CommitGap, CommitPage, LogPosition


@runtime_checkable
class CommitLogStore(SessionStore, Protocol):
    """A store with a commit log: one entry for each change of a session, and of agent memory.

    An entry is committed together with its change; a save that was refused has none, nor have
    drafts, queue entries and workflow checkpoints.
    """

    async def commits(
        self,
        *,
        after: int | LogPosition = 0,
        limit: int = 100,
        subjects: Collection[str] | None = None,
    ) -> CommitPage:
        """Return up to `limit` commits after a place, in order; with `subjects` only of those ids.

        Pass `CommitPage.position` of the last page: a number alone is taken for one of this store,
        also after its file was replaced by another.

        Raises:
            InvalidArgumentError: `limit` is not a number from 1 to 1000, or another argument is not
                of its type.
        """

    async def latest_sequence(self) -> int:
        """Return the sequence of the newest commit, 0 while there is none."""


class Watch(Protocol):
    """The commits of a store as they come: an asynchronous iterator without an end of its own.

    A step that was cancelled has taken nothing, and may be repeated. Between steps nothing of the
    store is held, so a watch is left by not using it any more.
    """

    @property
    def position(self) -> LogPosition | None:
        """Where to go on: `watch(after=position)`; None before the first step.

        All wanted commits up to it were returned.
        """

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Commit | CommitGap:
        """Return the next commit, once there is one, or a gap.

        Raises:
            StopAsyncIteration: the store was closed.
            StoreError: the log cannot be read; nothing is skipped by another step.
        """


@runtime_checkable
class WatchableStore(CommitLogStore, Protocol):
    """A store with `capabilities().watch`."""

    def watch(
        self,
        *,
        after: int | LogPosition | None = None,
        subjects: Collection[str] | None = None,
    ) -> Watch:
        """Return every commit after a place as it comes, in order; with `subjects` those of ids.

        `after` as in `commits`; None: what is committed from the first step on. Commits of this
        process come at once, those of others within a fraction of a second. A watch that is slower
        than the commits reads them later; if they were trimmed meanwhile, it returns one
        `CommitGap` and goes on. To lose nothing over a crash, keep `position` (or `sequence`), and
        pass it as `after`: a commit whose position was not kept yet is returned again.

        Raises:
            InvalidArgumentError: an argument has a wrong value.
            StoreClosedError: the store is closed.
        """


def watchable(store: SessionStore) -> WatchableStore | None:
    """Return the store if it promises `watch`, else None."""
    if store.capabilities().watch and isinstance(store, WatchableStore):
        return store
    return None
