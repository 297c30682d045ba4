"""Maintenance in small write transactions, with pauses in which others can write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.core.session_cache import CacheTransaction

R = TypeVar("R")
P = ParamSpec("P")

# How long a step may hold the write lock before it leaves the rest to the next one.
SECONDS: Final = 0.005


class Steps:
    """Runs the steps of one maintenance operation on the writer's thread, in order.

    `op` names the operation in errors. Steps share a lane of their own: no save waits behind them
    for its turn. With `when_idle` a step waits until no save has come for a second.
    """

    def __init__(self, engine: Engine, op: str, *, when_idle: bool = False) -> None:
        self._engine = engine
        self._op = op
        self._when_idle = when_idle
        self._where = str(engine.settings.path)

    async def run(
        self, step: Callable[Concatenate[WorkConnection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a step in one transaction, then pause for as long as it took.

        The pause lets other processes write too, which get no turn in this process's queue.
        Raises as `Engine.write`; steps that have run stay committed.
        """

        def apply(conn: WorkConnection, _: CacheTransaction) -> R:
            return step(conn, *args, **kwargs)

        if self._when_idle and self._engine.idle is not None:
            await self._engine.idle.until_idle()
        began = time.monotonic()
        done = await self._engine.write(
            self._op, self._where, apply, f"{self._op}\0", is_idle_work=self._when_idle
        )
        await asyncio.sleep(time.monotonic() - began)
        return done
