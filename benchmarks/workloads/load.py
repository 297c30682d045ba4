"""W2: loading a whole conversation, by a store that knows nothing of it and by one that does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import Contender, Samples, collector_paused, small_heap, take_turns
from benchmarks.results import Measurement, with_ratios
from benchmarks.sessions import messages_json
from benchmarks.workload import SESSION_ID, Plan, View, Workload, story

_FORM: Final[Keeps] = "messages"
_HOST_OBJECTS: Final = 100_000
_PARSE: Final = "orjson-loads"


def _view(title: str, how: str) -> View:
    case = {"how": how}
    return View(title=title, figure="median_ms", columns="messages", where=case, ratio=True)


class Load(Workload):
    """Messages and usage alone, so that peers can take part; every engine saved the same."""

    name = "load"
    number = "W2"
    title = "Full load of a conversation"
    reference = _PARSE
    views = (
        _view("First load by a fresh store, and times orjson.loads of the same JSON", "fresh"),
        _view("First load while the collector is paused", "fresh, collector paused"),
        _view("Loaded again by the same store, unchanged", "again"),
        _view("First load in a host with 100 000 live objects", "fresh, big heap"),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        for length in plan.settings.lengths:
            plan.say(f"{length} messages")
            found += await self._measure(plan, length)
        return with_ratios(found, _PARSE)

    async def _measure(self, plan: Plan, length: int) -> list[Measurement]:
        told = story(length).at(0, _FORM)
        text = messages_json(told)
        able = plan.able(_FORM)
        failed: dict[str, Samples] = {}
        folders: dict[str, Path] = {}
        async with AsyncExitStack() as stack:
            kept: dict[str, Engine] = {}
            for name, engine in able.items():
                try:
                    if engine.persistent:
                        folders[name] = await plan.filled(engine, length)
                    running = plan.running(engine, _FORM, folders.get(name))
                    made = await stack.enter_async_context(running)
                    if not engine.persistent:
                        await made.seed(told)
                    await made.load(SESSION_ID)
                except Exception as error:
                    failed[name] = Samples(error=type(error).__name__)
                else:
                    kept[name] = made
            plan.settle()
            fresh = [
                _first(name, plan, able[name], folders[name]) for name in kept if name in folders
            ]
            again = [_again(name, made) for name, made in kept.items()]
            parse = Contender(_PARSE, _nothing_to_prepare, _parsing(text))
            pace = plan.settings.short_pace
            with small_heap():
                samples = {
                    "fresh": await take_turns([*fresh, parse], pace, collect=True) | failed,
                    "again": await take_turns([*again, parse], pace, collect=True) | failed,
                }
                with collector_paused():
                    samples["fresh, collector paused"] = await take_turns(
                        [*fresh, parse], pace, collect=True
                    )
                # Made after the freeze: the collector walks these, and nothing else of ours.
                host = [{"number": number} for number in range(_HOST_OBJECTS)]
                samples["fresh, big heap"] = await take_turns([*fresh, parse], pace)
                del host
        return [
            self.found(name, {"how": how, "messages": length}, sample.figures())
            for how, those in samples.items()
            for name, sample in those.items()
        ]


async def _nothing_to_prepare() -> None:
    return None


def _parsing(text: bytes) -> Callable[[Any], Awaitable[Any]]:
    async def parse(_: Any) -> Any:
        return orjson.loads(text)

    return parse


def _first(name: str, plan: Plan, engine: type[Engine], folder: Path) -> Contender:
    """Loads with a store that was opened just before; opening and closing are not timed."""
    stack = AsyncExitStack()

    async def prepare() -> Engine:
        return await stack.enter_async_context(plan.running(engine, _FORM, folder))

    async def run(made: Engine) -> Any:
        return await made.load(SESSION_ID)

    async def after(loaded: Any) -> None:
        await stack.aclose()
        if loaded is None:
            raise LookupError("the session is not there")

    return Contender(name, prepare, run, after)


def _again(name: str, made: Engine) -> Contender:
    async def run(_: Any) -> Any:
        return await made.load(SESSION_ID)

    return Contender(name, _nothing_to_prepare, run)
