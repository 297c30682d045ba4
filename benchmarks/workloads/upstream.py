"""Upstream's published profile, on this machine and disk, and what it leaves out.

`session-persistence-backends-v1`: one session of 256 messages of about 5 KB, 3 warm-up saves, 20
saves and 20 loads of one id, nearest-rank percentiles. Upstream's own figures come from another
machine and from compiled code: they are not to be set beside these. What the profile leaves out is
that a conversation grows: so the same is done with one message more each time, and with longer
ones.
"""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from typing import Any, Final

from a3s_store import SessionSnapshot
from a3s_store.models import Message, SessionConfig, SessionData
from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import (
    Contender,
    Pace,
    Samples,
    nearest_rank,
    small_heap,
    take_turns,
)
from benchmarks.results import Figures, Measurement, with_ratios
from benchmarks.workload import Plan, View, Workload

PROFILE_ID: Final = "persistence-performance-v1"
_FORM: Final[Keeps] = "messages"
_LINE: Final = "A3S deterministic persisted conversation payload. "
_REFERENCE: Final = "upstream-files"


def _view(title: str, figure: str, what: str) -> View:
    ratio = figure == "median_ms"
    return View(title=title, figure=figure, columns="messages", where={"what": what}, ratio=ratio)


class UpstreamProfile(Workload):
    """Only engines of this package take part: ours, and the ports of upstream's file stores."""

    name = "upstream"
    number = "U"
    title = "Upstream's persistence profile"
    reference = _REFERENCE
    views = (
        _view("Save, overwriting one id: median, and times upstream's", "median_ms", "save"),
        _view("Save, overwriting one id: 95th percentile", "p95_ms", "save"),
        _view("Load by the store that saved it: median", "median_ms", "load"),
        _view("Save after one message more: median", "median_ms", "one more"),
        _view("Save after one message more: 95th percentile", "p95_ms", "one more"),
    )

    async def run(self, plan: Plan) -> list[Measurement]:
        found: list[Measurement] = []
        settings = plan.settings
        rounds, warmups = settings.profile_rounds, settings.profile_warmups
        for length in settings.profile:
            plan.say(f"{length} messages")
            # In the profile itself every engine has each round; ours take too long for that.
            seconds = 60.0 if length == settings.profile[0] else 3 * settings.seconds
            pace = Pace(rounds, warmups, seconds)
            history = profile_messages(length + 1 + pace.warmups + pace.rounds)
            first = length == settings.profile[0]
            for what in ("save", "load", "one more") if first else ("one more",):
                samples = await _measure(plan, pace, what, length, history)
                found += [
                    self.found(name, {"what": what, "messages": length}, _figures(sample))
                    for name, sample in samples.items()
                ]
        return with_ratios(found, _REFERENCE)


def profile_messages(number: int) -> tuple[Message, ...]:
    """The messages of the profile: users' and assistants' in turn, all of about 5 KB."""
    made = []
    for index in range(number):
        text = f"message-{index:03}\n{_LINE * 96}\n"
        made.append(Message.assistant(text) if index % 2 else Message.user(text))
    return tuple(made)


def profile_session(messages: tuple[Message, ...], saved: int = 0) -> SessionSnapshot:
    """The session of the profile, saved for so many times before: its time goes on."""
    moment = 1_700_000_000
    return SessionSnapshot(
        session=SessionData(
            id=PROFILE_ID,
            config=SessionConfig(name="Persistence performance", workspace="/srv/app"),
            messages=messages,
            created_at=moment,
            updated_at=moment + saved,
        )
    )


def _figures(sample: Samples) -> Figures:
    found = sample.figures()
    if sample.error is None:
        found["p95_ms"] = nearest_rank(sample.seconds, 0.95) * 1e3
        found["max_ms"] = max(sample.seconds) * 1e3
    return found


async def _measure(
    plan: Plan, pace: Pace, what: str, length: int, history: tuple[Message, ...]
) -> dict[str, Samples]:
    contenders = []
    async with AsyncExitStack() as stack:
        for name, engine in plan.able("everything").items():
            if engine.package is None:
                made = await stack.enter_async_context(plan.running(engine, _FORM))
                await made.seed(profile_session(history[:length]))
                contenders.append(_contender(name, made, what, length, history))
        plan.settle()
        with small_heap():
            return await take_turns(contenders, pace)


def _contender(
    name: str, made: Engine, what: str, length: int, history: tuple[Message, ...]
) -> Contender:
    """Saves the session again and again, with one message more each time if asked, or loads it."""
    more = 1 if what == "one more" else 0
    numbers = itertools.count(1)

    async def prepare() -> Any:
        if what == "load":
            return None
        number = next(numbers)
        before = profile_session(history[: length + more * (number - 1)], number - 1)
        return made.prepare(before, profile_session(history[: length + more * number], number))

    async def run(prepared: Any) -> Any:
        if what == "load":
            return await made.load(PROFILE_ID)
        return await made.save(prepared)

    return Contender(name, prepare, run)
