"""W6: bytes on disk, beside the same messages as plain JSON."""

from __future__ import annotations

import shutil
from typing import Final

from benchmarks.engine import Engine, Keeps
from benchmarks.results import Figures, Measurement
from benchmarks.sessions import messages_json
from benchmarks.workload import Plan, View, Workload, story

_FORM: Final[Keeps] = "messages"
_MORE_TURNS: Final = 10


class Size(Workload):
    """One session saved whole and then ten turns more, as it is while open and after closing."""

    name = "size"
    number = "W6"
    title = "Size on disk"
    views = (
        View(title="Times the JSON, closed", figure="closed_ratio", columns="messages"),
        View(title="Times the JSON, while open", figure="open_ratio", columns="messages"),
        View(title="Bytes, closed", figure="closed_bytes", columns="messages"),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found = []
        for length in plan.settings.lengths:
            plan.say(f"{length} messages")
            for name, engine in plan.able(_FORM).items():
                if engine.persistent:
                    figures = await self._measure(plan, engine, length)
                    found.append(self.found(name, {"messages": length}, figures))
        return found

    async def _measure(self, plan: Plan, engine: type[Engine], length: int) -> Figures:
        told = story(length)
        folder = plan.fresh_folder(engine.__name__)
        try:
            async with plan.running(engine, _FORM, folder) as made:
                await plan.seed(made, told.at(0, _FORM))
                for turn in range(_MORE_TURNS):
                    await made.save(made.prepare(told.at(turn, _FORM), told.at(turn + 1, _FORM)))
                opened = made.size()
            closed = made.size()
        except Exception as error:
            return {"error": type(error).__name__}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        plain = len(messages_json(told.at(_MORE_TURNS, _FORM)))
        return {
            "json_bytes": plain,
            "open_bytes": opened,
            "closed_bytes": closed,
            "open_ratio": opened / plain,
            "closed_ratio": closed / plain,
        }
