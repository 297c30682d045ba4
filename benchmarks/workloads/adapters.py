"""W9: agent frameworks on their own SQLite stores, and on ours by our adapters."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import Contender, Samples, small_heap, take_turns
from benchmarks.peers import ADAPTERS
from benchmarks.results import Measurement
from benchmarks.workload import SESSION_ID, Plan, View, Workload, story
from benchmarks.workloads.turn import saver

_FORM: Final[Keeps] = "messages"
_LONGEST: Final = 1000


class Adapters(Workload):
    """The peer's class and our adapter are given the same objects; our own session is beside."""

    name = "adapters"
    number = "W9"
    title = "Frameworks on our store by adapters"
    views = (
        View(
            title="Save of one turn", figure="median_ms", columns="messages", where={"how": "save"}
        ),
        View(
            title="First load by a store that was just opened",
            figure="median_ms",
            columns="messages",
            where={"how": "load"},
        ),
        View(
            title="Bytes on disk after these turns",
            figure="disk_bytes",
            columns="messages",
            where={"how": "save"},
        ),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        able = {
            name: engine for name, engine in plan.engines.items() if name in ("sqlite", *ADAPTERS)
        }
        ours = {f"{name}, our adapter": ADAPTERS[name] for name in able if name in ADAPTERS}
        found: list[Measurement] = []
        for length in plan.settings.lengths:
            if length <= _LONGEST:
                plan.say(f"{length} messages")
                found += await self._measure(plan, able | ours, length)
        return found

    async def _measure(
        self, plan: Plan, engines: dict[str, type[Engine]], length: int
    ) -> list[Measurement]:
        told = story(length)
        folders: dict[str, Path] = {}
        sizes: dict[str, int] = {}
        failed: dict[str, Samples] = {}
        contenders = []
        async with AsyncExitStack() as stack:
            for name, engine in engines.items():
                folders[name] = plan.fresh_folder(engine.__name__)
                try:
                    running = plan.running(engine, _FORM, folders[name])
                    made = await stack.enter_async_context(running)
                    await plan.seed(made, told.at(0, _FORM))
                except Exception as error:
                    failed[name] = Samples(error=type(error).__name__)
                    continue
                contenders.append(saver(name, made, told, _FORM))
            plan.settle()
            with small_heap():
                saves = await take_turns(contenders, plan.settings.pace)
        for name in saves:
            files = folders[name].rglob("*")
            sizes[name] = sum(path.stat().st_size for path in files if path.is_file())
        loads = [_first(name, plan, engines[name], folders[name]) for name in saves]
        with small_heap():
            loaded = await take_turns(loads, plan.settings.short_pace, collect=True)
        found = []
        for how, samples in (("save", saves | failed), ("load", loaded)):
            case: dict[str, str | int] = {"how": how, "messages": length}
            for name, sample in samples.items():
                size = {"disk_bytes": sizes[name]} if how == "save" and name in sizes else {}
                found.append(self.found(name, case, sample.figures() | size))
        return found


def _first(name: str, plan: Plan, engine: type[Engine], folder: Path) -> Contender:
    """A first load; the store is opened before and closed after, neither is timed."""
    each = AsyncExitStack()

    async def prepare() -> Engine:
        return await each.enter_async_context(plan.running(engine, _FORM, folder))

    async def run(opened: Engine) -> None:
        await opened.load(SESSION_ID)

    async def after(_: Any) -> None:
        await each.aclose()

    return Contender(name, prepare, run, after)
