"""W8: how long a store holds up the event loop, and what it does on a loop that is never idle."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import attrs

from benchmarks.engine import Engine, Keeps
from benchmarks.engines.stores import StoreEngine
from benchmarks.measuring import Contender, Pace, small_heap, take_turns
from benchmarks.results import Figures, Measurement
from benchmarks.workload import SESSION_ID, Plan, View, Workload, story

_FORM: Final[Keeps] = "messages"
_TICK: Final = 0.0005
# Of each: a millisecond of work, then this pause. 0 gives others a turn without ever being idle.
_LOOPS: Final[dict[str, float | None]] = {
    "idle": None,
    "50% busy": 0.001,
    "80% busy": 0.00025,
    "never idle": 0.0,
}


class Stall(Workload):
    """A ticker's lateness is the stall; the machine's own is measured beside it."""

    name = "stall"
    number = "W8"
    title = "How long the event loop is held up"
    views = (
        View(title="Longest stall, median of the rounds", figure="stall_ms", columns="during"),
        View(title="Longest stall, worst round", figure="worst_ms", columns="during"),
        View(title="The operation itself", figure="median_ms", columns="during"),
        View(
            title="A save of one turn of everything on a busy loop",
            figure="busy_ms",
            columns="loop",
        ),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        plan.say(f"stalls with {plan.settings.long} messages")
        for during, make in (("load", _loading), ("save", _saving), ("first save", _first_save)):
            found += await self._stalls(plan, during, make)
        for name, engine in plan.able("everything").items():
            if engine.durable and issubclass(engine, StoreEngine):
                plan.say(f"busy loops, {name}")
                found += [
                    self.found(name, {"loop": loop}, await _busy(plan, engine, pause))
                    for loop, pause in _LOOPS.items()
                ]
        return found

    async def _stalls(self, plan: Plan, during: str, make: Make) -> list[Measurement]:
        watches: dict[str, _Watch] = {}
        contenders: list[Contender] = []
        case: dict[str, str | int] = {"during": during, "messages": plan.settings.long}
        failed = []
        async with AsyncExitStack() as stack:
            for name, engine in plan.able(_FORM).items():
                if during == "load" and not engine.persistent:
                    continue
                if during == "first save" and engine.package is not None:
                    continue  # peers have no call that saves a whole session
                try:
                    contender = await make(name, plan, engine, stack)
                except Exception as error:
                    failed.append(self.found(name, case, {"error": type(error).__name__}))
                    continue
                watches[name] = _Watch()
                contenders.append(attrs.evolve(contender, run=watches[name].over(contender.run)))
            watches["nothing"] = _Watch()
            contenders.append(Contender("nothing", _none, watches["nothing"].over(_wait)))
            plan.settle()
            rounds = max(2, min(15, plan.settings.rounds // 2))
            pace = Pace(rounds, plan.settings.warmups, plan.settings.seconds)
            with small_heap():
                samples = await take_turns(contenders, pace, collect=True)
        return failed + [
            self.found(name, case, sample.figures() | watches[name].figures(len(sample.seconds)))
            for name, sample in samples.items()
        ]


Make = Callable[[str, Plan, type[Engine], AsyncExitStack], Awaitable[Contender]]


async def _none() -> None:
    return None


async def _wait(_: Any) -> None:
    await asyncio.sleep(0.05)


@attrs.define
class _Watch:
    """How late a ticker was while something ran, a value for each time."""

    longest: list[float] = attrs.field(factory=list)
    walls: list[float] = attrs.field(factory=list)

    def over(self, run: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """The same, watched."""

        async def watched(prepared: Any) -> Any:
            async with _ticking() as late:
                began = time.perf_counter()
                answer = await run(prepared)
                self.walls.append(time.perf_counter() - began)
                # A tick that is late now says so only when it comes.
                await asyncio.sleep(4 * _TICK)
            self.longest.append(max(late, default=0.0))
            return answer

        return watched

    def figures(self, rounds: int) -> dict[str, float]:
        """Of the last rounds; those before were for warming up."""
        if not rounds:
            return {}
        longest, walls = self.longest[-rounds:], self.walls[-rounds:]
        return {
            "stall_ms": statistics.median(longest) * 1e3,
            "worst_ms": max(longest) * 1e3,
            "median_ms": statistics.median(walls) * 1e3,
        }


@asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK)
            late.append(time.perf_counter() - began - _TICK)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    late.clear()
    try:
        yield late
    finally:
        task.cancel()


async def _loading(name: str, plan: Plan, engine: type[Engine], stack: AsyncExitStack) -> Contender:
    """A first load by a store that was just opened."""
    folder = await plan.filled(engine, plan.settings.long)
    each = AsyncExitStack()

    async def prepare() -> Engine:
        return await each.enter_async_context(plan.running(engine, _FORM, folder))

    async def run(opened: Engine) -> None:
        await opened.load(SESSION_ID)

    async def after(_: Any) -> None:
        await each.aclose()

    return Contender(name, prepare, run, after)


async def _saving(name: str, plan: Plan, engine: type[Engine], stack: AsyncExitStack) -> Contender:
    """One turn on top of a long session."""
    told = story(plan.settings.long)
    made = await stack.enter_async_context(plan.running(engine, _FORM))
    await plan.seed(made, told.at(0, _FORM))
    turn = itertools.count()

    async def prepare() -> Any:
        number = next(turn)
        return made.prepare(told.at(number, _FORM), told.at(number + 1, _FORM))

    return Contender(name, prepare, made.save)


async def _first_save(
    name: str, plan: Plan, engine: type[Engine], stack: AsyncExitStack
) -> Contender:
    """A whole long session that was never saved, in a new store each time."""
    each = AsyncExitStack()
    told = story(plan.settings.long).at(0, _FORM)

    async def prepare() -> Engine:
        return await each.enter_async_context(plan.running(engine, _FORM))

    async def run(opened: Engine) -> None:
        await opened.seed(told)

    async def after(_: Any) -> None:
        await each.aclose()

    return Contender(name, prepare, run, after)


async def _busy(plan: Plan, engine: type[Engine], pause: float | None) -> Figures:
    """Saves beside a task that leaves the loop so little rest."""
    told = story(plan.settings.lengths[0])
    took: list[float] = []
    gave_up = False
    async with plan.running(engine, "everything") as made:
        await made.seed(told.at(0))
        burning = None if pause is None else asyncio.create_task(_burn(pause))
        for turn in range(plan.settings.busy_saves):
            prepared = made.prepare(told.at(turn), told.at(turn + 1))
            began = time.perf_counter()
            save = asyncio.ensure_future(made.save(prepared))
            done, _ = await asyncio.wait({save}, timeout=plan.settings.busy_limit)
            took.append(time.perf_counter() - began)
            gave_up = not done
            if gave_up:
                break
        if burning is not None:
            burning.cancel()
        await save
    return {
        "busy_ms": statistics.median(took) * 1e3,
        "worst_ms": max(took) * 1e3,
        "gave_up": gave_up,
        "rounds": len(took),
    }


async def _burn(pause: float) -> None:
    while True:
        began = time.perf_counter()
        while time.perf_counter() - began < 0.001:
            pass
        await asyncio.sleep(pause)
