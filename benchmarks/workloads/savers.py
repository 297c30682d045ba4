"""W4: many savers at once, each with a session of its own, each turn durable before the next."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import attrs

from benchmarks.engine import Engine, Keeps
from benchmarks.engines.floors import SqliteFloor
from benchmarks.measuring import Contender, Pace, Samples, nearest_rank, small_heap, take_turns
from benchmarks.results import Measurement, with_ratios
from benchmarks.workload import Plan, Story, View, Workload
from benchmarks.workloads.turn import counted

_EACH: Final = "sqlite3-one-each"
_BATCH: Final = "sqlite3-batches-of-16"
_MOST_TURNS: Final = 100
_PEERS_AT: Final = 16


def _view(title: str, figure: str, form: Keeps, *, ratio: bool = False) -> View:
    return View(title=title, figure=figure, columns="savers", where={"form": form}, ratio=ratio)


class Savers(Workload):
    """Histories are short here. Other stores can keep messages only: they run with 16 savers."""

    name = "savers"
    number = "W4"
    title = "Concurrent savers in one store"
    reference = _BATCH
    views = (
        _view(
            "All collections: turns per second, and of raw sqlite3 batches of 16",
            "saves_per_second",
            "everything",
            ratio=True,
        ),
        _view("All collections: median of one save", "median_save_ms", "everything"),
        _view("All collections: 99th percentile of one save", "p99_save_ms", "everything"),
        _view("All collections: syncs per save", "syncs", "everything"),
        _view("Messages and usage: turns per second", "saves_per_second", "messages", ratio=True),
        _view("Messages and usage: syncs per save", "syncs", "messages"),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        for savers in plan.settings.savers:
            plan.say(f"{savers} savers, everything")
            found += await self._measure(plan, savers, "everything")
        for savers in {min(_PEERS_AT, max(plan.settings.savers))}:
            plan.say(f"{savers} savers, messages")
            found += await self._measure(plan, savers, "messages")
        return with_ratios(found, _BATCH, "saves_per_second")

    async def _measure(self, plan: Plan, savers: int, form: Keeps) -> list[Measurement]:
        settings = plan.settings
        # Some peers need ten times as long for a turn as all others.
        every = settings.saver_turns // (1 if form == "everything" else 2)
        turns = max(4, min(_MOST_TURNS, every // savers))
        stories = [
            Story(0, session_id=f"session-{saver:04d}", seed=saver) for saver in range(savers)
        ]
        crowd = _Crowd(plan, form, stories, turns)
        for name, engine in plan.able(form).items():
            if savers == 1 or engine.many_sessions:
                crowd.add(name, engine, crowd.at_once)
        if "sqlite3-floor" in plan.engines:
            crowd.add(_EACH, SqliteFloor, crowd.in_batches(1))
            crowd.add(_BATCH, SqliteFloor, crowd.in_batches(16))
        pace = Pace(settings.repeats, min(1, settings.warmups), 2 * settings.seconds)
        with small_heap():
            samples = await take_turns(crowd.contenders, pace, collect=True)
        found = []
        for name, sample in samples.items():
            figures: dict[str, Any] = crowd.figures(name, sample)
            store = plan.engines.get(name)
            if savers in (1, _PEERS_AT) and store and store.durable and not sample.error:
                figures |= counted(plan, name, form, 4, savers=savers, turns=turns)
            found.append(self.found(name, {"form": form, "savers": savers}, figures))
        return found


Drive = Callable[[Engine, list[list[Any]]], Awaitable[list[float]]]


@attrs.define
class _Crowd:
    """The contenders for one number of savers; each round each makes its store anew."""

    plan: Plan
    form: Keeps
    stories: Sequence[Story]
    turns: int
    contenders: list[Contender] = attrs.field(factory=list)
    _took: dict[str, list[float]] = attrs.field(factory=dict)

    def add(self, name: str, engine: type[Engine], drive: Drive) -> None:
        """One contender more; `drive` saves prepared turns and returns the time of each save."""
        stack = AsyncExitStack()
        self._took[name] = []

        async def prepare() -> tuple[Engine, list[list[Any]]]:
            made = await stack.enter_async_context(self.plan.running(engine, self.form))
            for story in self.stories:
                await made.seed(story.at(1, self.form))
            return made, self._prepared(made)

        async def run(prepared: tuple[Engine, list[list[Any]]]) -> list[float]:
            return await drive(*prepared)

        async def after(took: list[float]) -> None:
            await stack.aclose()
            self._took[name] += took

        self.contenders.append(Contender(name, prepare, run, after))

    def _prepared(self, made: Engine) -> list[list[Any]]:
        """For each saver its saves, prepared in the order in which they are likely to come."""
        prepared: list[list[Any]] = [[] for _ in self.stories]
        for turn in range(1, self.turns + 1):
            for saves, story in zip(prepared, self.stories, strict=True):
                before, after = story.at(turn, self.form), story.at(turn + 1, self.form)
                saves.append(made.prepare(before, after))
        return prepared

    async def at_once(self, made: Engine, prepared: list[list[Any]]) -> list[float]:
        """Every saver saves its turns one after the other, beside all others."""
        took: list[float] = []

        async def one(saves: list[Any]) -> None:
            for save in saves:
                began = time.perf_counter()
                await made.save(save)
                took.append(time.perf_counter() - began)

        await asyncio.gather(*map(one, prepared))
        return took

    def in_batches(self, size: int) -> Drive:
        """So many turns in each transaction of the plain module, on one thread."""

        async def drive(made: Engine, prepared: list[list[Any]]) -> list[float]:
            assert isinstance(made, SqliteFloor)
            made.checkpoint_by_itself()
            turns = [save for saves in zip(*prepared, strict=True) for save in saves]
            took = []
            for first in range(0, len(turns), size):
                began = time.perf_counter()
                batch = turns[first : first + size]
                await made.save([statement for save in batch for statement in save])
                took.append(time.perf_counter() - began)
            return took

        return drive

    def figures(self, name: str, sample: Samples) -> dict[str, float | int | str | None]:
        """Throughput of the median round, and what one save took."""
        found = sample.figures()
        if sample.error is not None:
            return found
        saves = self.turns * len(self.stories)
        took = self._took[name]
        return found | {
            "saves_per_second": saves / statistics.median(sample.seconds),
            "median_save_ms": statistics.median(took) * 1e3,
            "p99_save_ms": nearest_rank(took, 0.99) * 1e3,
            "turns": saves,
        }
