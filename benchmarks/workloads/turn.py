"""W1: a durable save after one turn, of a conversation that has so many messages already."""

from __future__ import annotations

import itertools
import statistics
from contextlib import AsyncExitStack
from typing import Any, Final

from benchmarks import counting
from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import Contender, Samples, small_heap, take_turns
from benchmarks.results import Measurement, with_ratios
from benchmarks.sessions import payload
from benchmarks.workload import Plan, Story, View, Workload, story

_SLOW: Final = 0.01  # seconds
_FORMS: Final[tuple[Keeps, ...]] = ("everything", "messages")


def _views(form: Keeps, what: str) -> tuple[View, ...]:
    where = {"form": form}
    return (
        View(
            title=f"{what}: median, and times the sqlite3 floor",
            figure="median_ms",
            columns="messages",
            where=where,
            ratio=True,
        ),
        View(title=f"{what}: 99th percentile", figure="p99_ms", columns="messages", where=where),
        View(
            title=f"{what}: bytes handed to the system",
            figure="written_bytes",
            columns="messages",
            where=where,
        ),
        View(title=f"{what}: syncs per save", figure="syncs", columns="messages", where=where),
    )


class Turn(Workload):
    """Each contender saves the same turns, one a round; each turn comes on top of the last."""

    name = "turn"
    number = "W1"
    title = "Durable save of one turn"
    reference = "sqlite3-floor"
    views = (*_views("everything", "All collections"), *_views("messages", "Messages and usage"))

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        for length, form in itertools.product(plan.settings.lengths, _FORMS):
            plan.say(f"{length} messages, {form}")
            found += await self._measure(plan, length, form)
        return with_ratios(found, self.reference or "")

    async def _measure(self, plan: Plan, length: int, form: Keeps) -> list[Measurement]:
        told = story(length)
        failed: dict[str, Samples] = {}
        contenders: list[Contender] = []
        async with AsyncExitStack() as stack:
            for name, engine in plan.able(form, floors=True).items():
                try:
                    made = await stack.enter_async_context(plan.running(engine, form))
                    await plan.seed(made, told.at(0, form))
                except Exception as error:
                    failed[name] = Samples(error=type(error).__name__)
                    continue
                contenders.append(saver(name, made, told, form))
            plan.settle()
            with small_heap():
                samples = await take_turns(contenders, plan.settings.pace)
        new = statistics.median(
            len(payload(told.at(turn, form), told.at(turn + 1, form)))
            for turn in range(plan.settings.rounds)
        )
        found = []
        for name, sample in (samples | failed).items():
            figures = sample.figures() | {"payload_bytes": new}
            # Of messages alone, only ours is counted once more, beside the peers.
            wanted = form == "everything" or name == "sqlite" or plan.engines[name].package
            if wanted and length in plan.settings.counted_lengths and not sample.error:
                # An engine that rewrites everything does the same each time, and takes minutes.
                slow = statistics.median(sample.seconds) > _SLOW
                turns = max(3, plan.settings.counted_turns // (10 if slow else 1))
                figures |= counted(plan, name, form, length, turns=turns)
            found.append(self.found(name, {"form": form, "messages": length}, figures))
        return found


def saver(name: str, engine: Engine, told: Story, form: Keeps) -> Contender:
    """A contender that saves a story's turns; each has its own place in the story."""
    turn = itertools.count()

    async def prepare() -> Any:
        number = next(turn)
        return engine.prepare(told.at(number, form), told.at(number + 1, form))

    return Contender(name, prepare, engine.save)


def counted(
    plan: Plan, name: str, form: Keeps, length: int, *, savers: int = 1, turns: int
) -> dict[str, Any]:
    """Syncs and bytes per save from the pass that counts; None where that cannot be done."""
    found = counting.count(plan, name, form, length, savers=savers, turns=turns)
    return {
        "syncs": None if found is None else found.syncs,
        "counted_bytes": None if found is None else found.written,
    }
