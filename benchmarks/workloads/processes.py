"""W7: two processes that save to one store at the same time; what goes wrong, and who waits."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.counting import ROOT
from benchmarks.engine import Engine
from benchmarks.engines.stores import StoreEngine
from benchmarks.measuring import nearest_rank
from benchmarks.results import Figures, Measurement
from benchmarks.saver import story_of
from benchmarks.workload import Plan, View, Workload


def _views(savers: int, what: str) -> tuple[View, ...]:
    figures = {
        "saves_per_second": "turns per second",
        "median_ms": "median of one save",
        "longest_ms": "longest save",
        "errors": "errors",
        "lost": "sessions that are not what was saved last",
    }
    return tuple(
        View(title=f"{what}: {text}", figure=name, columns="processes", where={"savers": savers})
        for name, text in figures.items()
    )


class Processes(Workload):
    """Real processes, started together; afterwards every session is loaded and compared."""

    name = "processes"
    number = "W7"
    title = "Several processes, one store"
    views = (*_views(1, "One saver in each"), *_views(8, "Eight savers in each"))

    async def run(self, plan: Plan) -> list[Measurement]:
        found = []
        able = {
            name: engine
            for name, engine in plan.able("everything").items()
            if issubclass(engine, StoreEngine) and engine.durable
        }
        for savers, processes in itertools.product(
            plan.settings.process_savers, plan.settings.processes
        ):
            rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in able}
            plan.say(f"processes: {processes}, savers in each: {savers}")
            for _ in range(plan.settings.process_repeats):
                for name, engine in able.items():
                    rounds[name].append(await _round(plan, name, engine, processes, savers))
            case = {"savers": savers, "processes": processes}
            found += [self.found(name, case, _figures(these)) for name, these in rounds.items()]
        return found


def _figures(rounds: list[dict[str, Any]]) -> Figures:
    took = [seconds for one in rounds for seconds in one["took"]]
    return {
        "saves_per_second": statistics.median(one["saves_per_second"] for one in rounds),
        "median_ms": statistics.median(took) * 1e3,
        "p99_ms": nearest_rank(took, 0.99) * 1e3,
        "longest_ms": max(took) * 1e3,
        "errors": sum(one["errors"] for one in rounds),
        "lost": sum(one["lost"] for one in rounds),
        "rounds": len(rounds),
    }


async def _round(
    plan: Plan, name: str, engine: type[Engine], processes: int, savers: int
) -> dict[str, Any]:
    turns = max(2, plan.settings.process_turns // savers)
    folder = plan.fresh_folder(name)
    async with plan.running(engine, "everything", folder):
        pass  # made before, so that the processes begin with saving
    answers = await asyncio.to_thread(_run_children, name, folder, processes, savers, turns)
    lost = 0
    async with plan.running(engine, "everything", folder) as made:
        for process, saver in itertools.product(range(processes), range(savers)):
            told = story_of(process, saver)
            lost += await made.load(told.at(0).session.id) != told.at(turns)
    took = [seconds for answer in answers for seconds in answer["took"]]
    return {
        "took": took,
        "errors": sum(answer["errors"] for answer in answers),
        "lost": lost,
        "saves_per_second": len(took) / max(answer["seconds"] for answer in answers),
    }


def _run_children(
    name: str, folder: Path, processes: int, savers: int, turns: int
) -> list[dict[str, Any]]:
    """Start the processes, let all begin at the same moment, and collect their results."""
    children = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.saver",
                name,
                folder,
                *map(str, (me, savers, turns)),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(processes)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        return [json.loads(child.communicate(timeout=600)[0]) for child in children]
    finally:
        for child in children:
            child.kill()
            child.communicate()
