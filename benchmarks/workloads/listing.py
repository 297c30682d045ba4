"""W3: a list of all sessions with what a list shows of each."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from a3s_store import SessionSnapshot
from benchmarks.engine import Engine
from benchmarks.engines.recording import Recorder, Statement
from benchmarks.measuring import Contender, Samples, small_heap, take_turns
from benchmarks.results import Measurement, with_ratios
from benchmarks.workload import Plan, TooSlowError, View, Workload, story

_MESSAGES: Final = 20
# After so many sessions a peer is left out if it would need more seconds than this for all.
_TRIED: Final = 100
_TIME_LIMIT: Final = 30.0
_QUERY: Final = "sqlite3-query"


class Listing(Workload):
    """Sessions of 20 messages each; only engines that can tell more than ids take part."""

    name = "listing"
    number = "W3"
    title = "List all sessions with a summary of each"
    reference = _QUERY
    views = (
        View(
            title="Median, and times the bare query",
            figure="median_ms",
            columns="sessions",
            ratio=True,
        ),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        number = plan.settings.sessions
        plan.say(f"{number} sessions")
        failed: dict[str, Samples] = {}
        contenders: list[Contender] = []
        async with AsyncExitStack() as stack:
            for name, engine in plan.able("messages").items():
                if engine.summaries is Engine.summaries or not engine.many_sessions:
                    continue
                try:
                    made = await stack.enter_async_context(plan.running(engine, "messages"))
                    await _fill(plan, made)
                    contenders.append(_asking(name, made))
                except Exception as error:
                    failed[name] = Samples(error=type(error).__name__)
                    continue
                if name == "sqlite":
                    contenders.append(await stack.enter_async_context(_bare_query(made)))
            plan.settle()
            with small_heap():
                samples = await take_turns(contenders, plan.settings.pace, collect=True)
        case = {"sessions": number}
        found = [self.found(name, case, s.figures()) for name, s in (samples | failed).items()]
        return with_ratios(found, _QUERY)


async def _fill(plan: Plan, made: Engine) -> None:
    """Save all sessions. Raises TooSlowError soon, when a peer would take too long."""
    began = time.perf_counter()
    number = plan.settings.sessions
    # Ours take many at once, which is quicker; not every peer does.
    together = 1 if made.package else 64
    for start in range(0, number, together):
        indexes = range(start, min(start + together, number))
        await asyncio.gather(*(made.seed(_session(index)) for index in indexes))
        took = time.perf_counter() - began
        if made.package and start == _TRIED and took * number / start > _TIME_LIMIT:
            raise TooSlowError


def _session(index: int) -> SessionSnapshot:
    """One of many alike; when they were updated is no order of their ids."""
    told = story(_MESSAGES).at(0, "messages")
    moment = told.session.created_at + (index * 7919) % 100_000
    return told.evolve(session=told.session.evolve(id=f"session-{index:06d}", updated_at=moment))


def _asking(name: str, made: Engine) -> Contender:
    async def prepare() -> None:
        return None

    async def run(_: Any) -> Any:
        return await made.summaries()

    return Contender(name, prepare, run)


@asynccontextmanager
async def _bare_query(made: Engine) -> AsyncIterator[Contender]:
    """The query our store asks for its list, asked by the plain module on the caller's thread."""
    recorder = Recorder(made.folder / "queries.a3s", "messages")
    try:
        query = _last_query(recorder.summaries())
    finally:
        recorder.close()
    conn = sqlite3.connect(made.folder / "store.a3s")

    async def prepare() -> None:
        return None

    async def run(_: Any) -> Any:
        return conn.execute(query.sql, query.parameters).fetchall()

    try:
        yield Contender(_QUERY, prepare, run)
    finally:
        conn.close()


def _last_query(statements: list[Statement]) -> Statement:
    return [statement for statement in statements if statement.word in {"SELECT", "WITH"}][-1]
