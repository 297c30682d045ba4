"""W5: opening a store and loading from it for the first time."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import Contender, small_heap, take_turns
from benchmarks.results import Measurement
from benchmarks.workload import SESSION_ID, Plan, View, Workload

_FORM: Final[Keeps] = "messages"


def _view(title: str, cache: str, figure: str) -> View:
    return View(title=title, figure=figure, columns="messages", where={"cache": cache})


class Open(Workload):
    """With the file in the system's cache, and with the system asked to forget it."""

    name = "open"
    number = "W5"
    title = "Open and first load"
    views = (
        _view("Opening alone, file cached", "warm", "open_ms"),
        _view("Open and first load, file cached", "warm", "median_ms"),
        _view("Open and first load, cache dropped", "cold", "median_ms"),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        for length in plan.settings.lengths:
            plan.say(f"{length} messages")
            found += await self._measure(plan, length)
        return found

    async def _measure(self, plan: Plan, length: int) -> list[Measurement]:
        folders: dict[str, Path] = {}
        found: list[Measurement] = []
        able = {n: e for n, e in plan.able(_FORM).items() if e.persistent}
        for name, engine in able.items():
            try:
                folders[name] = await plan.filled(engine, length)
            except Exception as error:
                case: dict[str, str | int] = {"cache": "warm", "messages": length}
                found.append(self.found(name, case, {"error": type(error).__name__}))
        plan.settle()
        for cache in ("warm", "cold") if hasattr(os, "posix_fadvise") else ("warm",):
            opened: dict[str, list[float]] = {name: [] for name in folders}
            contenders = [
                _opening(name, plan, able[name], folder, opened[name], cold=cache == "cold")
                for name, folder in folders.items()
            ]
            with small_heap():
                samples = await take_turns(contenders, plan.settings.short_pace, collect=True)
            for name, sample in samples.items():
                figures = sample.figures()
                took = sorted(opened[name][-len(sample.seconds) :])
                figures |= {"open_ms": took[len(took) // 2] * 1e3 if took else None}
                found.append(self.found(name, {"cache": cache, "messages": length}, figures))
        return found


def _opening(
    name: str, plan: Plan, engine: type[Engine], folder: Path, opened: list[float], *, cold: bool
) -> Contender:
    stack = AsyncExitStack()

    async def prepare() -> None:
        if cold:
            forget(folder)

    async def run(_: Any) -> None:
        began = time.perf_counter()
        made = await stack.enter_async_context(plan.running(engine, _FORM, folder))
        opened.append(time.perf_counter() - began)
        await made.load(SESSION_ID)

    async def after(_: Any) -> None:
        await stack.aclose()

    return Contender(name, prepare, run, after)


def forget(folder: Path) -> None:
    """Ask the system to drop the files of a folder from its cache; they must be on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)
