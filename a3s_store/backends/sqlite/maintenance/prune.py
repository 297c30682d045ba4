"""Prune a file: the port of `core.base.retention`.

`prune_plan` decides which generations go, on a thread and connection of its own; `prune_steps`
removes, a little in each write transaction. It may be stopped at any moment: the next run finds the
rows that are left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from typing import Concatenate, Final, ParamSpec, TypeVar

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.listing_methods import SessionLists
from a3s_store.backends.sqlite.maintenance import (
    compact,
    prune_plan,
    prune_sessions,
    prune_steps,
    sizes,
)
from a3s_store.backends.sqlite.maintenance.prune_plan import SessionPlan, Wanted
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.rows import log_trim
from a3s_store.core.base.host_data import Trashed
from a3s_store.core.base.retention import Unused
from a3s_store.core.retention import Kept, Removed, RetentionPolicy

R = TypeVar("R")
P = ParamSpec("P")
Progress = Callable[[int, int], object]

# How many damaged sessions a report names.
_NAMED: Final = 100


class Pruning:
    """One run on a file; a `RetentionPort`. `on_progress` is called with sessions and rows done."""

    def __init__(
        self,
        store: SessionLists,
        steps: Steps,
        *,
        dry_run: bool,
        on_progress: Progress | None = None,
    ) -> None:
        self._store = store
        self._engine = store._engine
        self._step = steps.run
        self._dry_run = dry_run
        self._on_progress = on_progress
        self.location = str(self._engine.settings.path)

    async def now_ms(self) -> int:
        """See `RetentionPort`."""
        if not self._dry_run:
            await self._step(_nothing)  # a file that cannot be written is refused here
        return self._store._now_ms()

    async def is_stored(self, session_id: str) -> bool:
        """See `RetentionPort`."""
        return bool(await self._read(lambda conn: sizes.keys_of(conn, [session_id])))

    # -- Sessions -----------------------------------------------------------------------------

    async def trash_of(self, older_than_ms: int) -> Sequence[Trashed]:
        """See `RetentionPort`."""
        return await self._store._trash_of(older_than_ms)

    async def archived(self, before_ms: int) -> Sequence[Unused]:
        """See `RetentionPort`."""
        return await self._read(lambda conn: prune_sessions.archived(conn, before_ms))

    async def bytes_used(self) -> int:
        """See `RetentionPort`."""
        pages = await self._read(compact.pages)
        return (pages.total - pages.free) * pages.size

    async def bytes_of(self, session_id: str) -> int:
        """See `RetentionPort`."""
        return await self._read(lambda conn: prune_sessions.bytes_of(conn, session_id))

    async def delete_trashed(self, one: Unused) -> bool:
        """See `RetentionPort`."""
        return await self._store._delete_trashed(one.session_id, one.sequence)

    async def delete_archived(self, one: Unused) -> bool:
        """See `RetentionPort`."""

        def below(conn: WorkConnection) -> list[str]:
            return [one.session_id] if prune_sessions.is_still(conn, one) else []

        return await self._store._delete_all(one.session_id, None, below)

    async def measure(self, session_ids: Collection[str]) -> tuple[Removed, int]:
        """See `RetentionPort`."""
        return await self._aside(prune_sessions.measure, list(session_ids))

    async def trim_log(self, policy: RetentionPolicy) -> int:
        """See `RetentionPort`."""
        settings = self._engine.settings
        kept = policy.log_kept(settings.log_rows, settings.log_days)
        begin, count = await self._aside(log_trim.begins, *kept)
        if self._dry_run:
            return count
        removed = 0
        while removed < count and (gone := await self._step(log_trim.remove_before, begin)):
            removed += gone
        return removed

    async def bytes_free(self) -> int | None:
        """See `RetentionPort`."""
        if self._dry_run:
            return None
        pages = await self._read(compact.pages)
        return pages.free * pages.size

    # -- Generations --------------------------------------------------------------------------

    async def remove_generations(
        self, kept: Kept, only: str | None, without: Collection[str], skipped: list[str]
    ) -> Removed:
        """See `RetentionPort`."""
        wanted = Wanted(kept, only, frozenset(without))
        removed = Removed()
        heads: dict[int, int] = {}
        tips = done = 0
        damage: list[str] = []
        total = await self._read(prune_plan.count) if self._on_progress else 0
        async for plan in self._plans(wanted):
            tips += plan.tips
            if plan.damage is not None:
                damage.append(plan.damage)
            _use(heads, plan.heads.items())
            count = len(plan.doomed) if self._dry_run else await self._remove(plan)
            removed.sessions += count > 0
            removed.generations += count
            done += 1
            self._tell(done, total)
        await self._remove_unneeded(heads, wanted.without, removed, total)
        skipped += _skipped(tips, damage)
        return removed

    def _tell(self, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(done, max(done, total))

    async def _plans(self, wanted: Wanted) -> AsyncIterator[SessionPlan]:
        """Yield a plan for each session; each batch is decided before its first one is pruned."""
        after: int | None = 0
        while after is not None:
            plans, after = await self._aside(prune_plan.read, after, wanted)
            for plan in plans:
                yield plan

    async def _remove(self, plan: SessionPlan) -> int:
        removed = 0
        starts = range(0, len(plan.doomed), prune_steps.ROWS)
        for start in starts:
            doomed = plan.doomed[start : start + prune_steps.ROWS]
            is_last = start == starts[-1]
            removed += await self._step(
                prune_steps.remove_generations, plan, doomed, is_last=is_last
            )
        return removed

    async def _remove_unneeded(
        self, heads: dict[int, int], without: frozenset[str], removed: Removed, done: int
    ) -> None:
        """Remove the rows that no head needs; `done` sessions were looked at before."""
        _use(heads, await self._aside(prune_plan.checkpoint_heads, without))
        found = await self._aside(prune_steps.unneeded, heads, without)
        if self._dry_run:
            removed.add(found.removed)
            return
        total = done + found.removed.messages
        # Messages go before the row of their branch: salvage takes messages of no branch for lost.
        for branch in found.excess:
            is_done = False
            while not is_done:
                is_done, step = await self._step(prune_steps.trim, branch)
                removed.add(step)
                self._tell(done + removed.messages, total)
        headless = found.headless
        while headless:
            count = await self._step(prune_steps.drop_headless, headless)
            headless = headless[count:]
        empty = sorted({*found.headless, *found.excess})
        for start in range(0, len(empty), prune_steps.ROWS):
            some = empty[start : start + prune_steps.ROWS]
            removed.branches += await self._step(prune_steps.drop_unused, some)

    # -- Reading ------------------------------------------------------------------------------

    async def _read(self, read: Callable[[WorkConnection], R]) -> R:
        return await self._engine.read("prune", self.location, read, decode.as_is)

    async def _aside(
        self, read: Callable[Concatenate[WorkConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Read on a thread and connection of its own."""

        def run(conn: WorkConnection) -> R:
            return read(conn, *args, **kwargs)

        return await self._engine.aside("prune", self.location, run, lambda _: False)


def _nothing(_: WorkConnection) -> None:
    pass


def _use(heads: dict[int, int], more: Iterable[tuple[int, int]]) -> None:
    for branch, length in more:
        heads[branch] = max(length, heads.get(branch, 0))


def _skipped(tips: int, damage: Sequence[str]) -> list[str]:
    said = []
    if tips:
        said.append(
            f"{tips} generations with messages that no later one has: `keep_branches_days` "
            "removes them"
        )
    said += damage[:_NAMED]
    if len(damage) > _NAMED:
        said.append(f"{len(damage) - _NAMED} more sessions are damaged")
    return said
