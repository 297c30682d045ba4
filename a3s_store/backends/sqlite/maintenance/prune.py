"""Prune: remove generations that are old enough, and then the messages that no head needs.

`prune_plan` decides, on a thread and connection of its own; `prune_steps` removes, a little in each
write transaction. Order: generations, branches, messages with their blobs. It may be stopped at any
moment: the next run finds what was not removed yet.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Concatenate, Final, ParamSpec, TypeVar

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.maintenance import compact, prune_plan, prune_steps
from a3s_store.backends.sqlite.maintenance.prune_plan import Rule, SessionPlan
from a3s_store.backends.sqlite.maintenance.prune_steps import Removed
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.backends.sqlite.read import decode
from a3s_store.core.reports import PruneReport
from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr

R = TypeVar("R")
P = ParamSpec("P")

DAY_MS: Final = 86_400_000
# How many damaged sessions a report names.
_NAMED: Final = 100


def rule(keep_generations: int, keep_days: int | None, now_ms: int) -> Rule:
    """Make a rule of the numbers that a caller gave. Raises InvalidArgumentError."""
    _check("keep_generations", keep_generations)
    if keep_days is not None:
        _check("keep_days", keep_days)
    # A live session asks for a day whether a save of unknown outcome was made (`landed`).
    return Rule(
        newest=keep_generations,
        since_ms=now_ms - DAY_MS,
        tips_before_ms=None if keep_days is None else now_ms - keep_days * DAY_MS,
    )


def _check(name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise InvalidArgumentError(
            f"{name} is an integer from 1 on, not {short_repr(value)}", argument=name, op="prune"
        )


async def prune(engine: Engine, keep: Rule, *, dry_run: bool) -> PruneReport:
    """Remove the generations that `keep` does not keep, and the messages that no head needs then.

    Raises as `Engine.write`; what was removed before that stays removed.
    """
    return await _Prune(engine, keep, dry_run).run()


class _Prune:
    """One run: what was removed so far, and the longest head on each branch that is kept."""

    def __init__(self, engine: Engine, keep: Rule, dry_run: bool) -> None:
        self._engine = engine
        self._keep = keep
        self._dry_run = dry_run
        self._where = str(engine.settings.path)
        self._step = Steps(engine, "prune").run
        self._removed = Removed()
        self._sessions = self._tips = 0
        self._damage: list[str] = []
        self._heads: dict[int, int] = {}

    async def run(self) -> PruneReport:
        began = time.monotonic()
        if not self._dry_run:
            await self._step(_nothing)  # a file that cannot be written is refused here
        async for plan in self._plans():
            self._note(plan)
            count = len(plan.doomed) if self._dry_run else await self._remove_generations(plan)
            self._sessions += count > 0
            self._removed.generations += count
        await self._remove_unneeded()
        return PruneReport(
            location=self._where,
            dry_run=self._dry_run,
            sessions=self._sessions,
            generations=self._removed.generations,
            branches=self._removed.branches,
            messages=self._removed.messages,
            blobs=self._removed.blobs,
            bytes_logical=self._removed.bytes,
            bytes_free_pages=None if self._dry_run else await self._free_bytes(),
            seconds=time.monotonic() - began,
            skipped=tuple(self._skipped()),
        )

    def _note(self, plan: SessionPlan) -> None:
        self._tips += plan.tips
        if plan.damage is not None:
            self._damage.append(plan.damage)
        self._use(plan.heads.items())

    def _use(self, heads: Iterable[tuple[int, int]]) -> None:
        for branch, length in heads:
            self._heads[branch] = max(length, self._heads.get(branch, 0))

    def _skipped(self) -> list[str]:
        said = []
        if self._tips:
            said.append(
                f"{self._tips} generations with messages that no later one has: `keep_days` "
                "removes them"
            )
        said += self._damage[:_NAMED]
        if len(self._damage) > _NAMED:
            said.append(f"{len(self._damage) - _NAMED} more sessions are damaged")
        return said

    # -- Generations ------------------------------------------------------------------------------

    async def _plans(self) -> AsyncIterator[SessionPlan]:
        """Yield a plan for each session; each batch is decided before its first one is pruned."""
        after: int | None = 0
        while after is not None:
            plans, after = await self._aside(prune_plan.read, after, self._keep)
            for plan in plans:
                yield plan

    async def _remove_generations(self, plan: SessionPlan) -> int:
        removed = 0
        starts = range(0, len(plan.doomed), prune_steps.ROWS)
        for start in starts:
            doomed = plan.doomed[start : start + prune_steps.ROWS]
            is_last = start == starts[-1]
            removed += await self._step(
                prune_steps.remove_generations, plan, doomed, is_last=is_last
            )
        return removed

    # -- Rows that no head needs ------------------------------------------------------------------

    async def _remove_unneeded(self) -> None:
        self._use(await self._aside(prune_plan.checkpoint_heads))
        found = await self._aside(prune_steps.unneeded, self._heads)
        if self._dry_run:
            self._removed.add(found.removed)
            return
        # Messages go before the row of their branch: salvage takes messages of no branch for lost.
        for branch in found.excess:
            is_done = False
            while not is_done:
                is_done, removed = await self._step(prune_steps.trim, branch)
                self._removed.add(removed)
        headless = found.headless
        while headless:
            done = await self._step(prune_steps.drop_headless, headless)
            headless = headless[done:]
        empty = sorted({*found.headless, *found.excess})
        for start in range(0, len(empty), prune_steps.ROWS):
            some = empty[start : start + prune_steps.ROWS]
            self._removed.branches += await self._step(prune_steps.drop_unused, some)

    # -- Reading ----------------------------------------------------------------------------------

    async def _aside(
        self, read: Callable[Concatenate[WorkConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Read on a thread and connection of its own."""

        def run(conn: WorkConnection) -> R:
            return read(conn, *args, **kwargs)

        return await self._engine.aside("prune", self._where, run, lambda _: False)

    async def _free_bytes(self) -> int:
        read = self._engine.read
        found: compact.Pages = await read("prune", self._where, compact.pages, decode.as_is)
        return found.free * found.size


def _nothing(_: WorkConnection) -> None:
    pass
