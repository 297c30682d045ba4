"""The base of workloads: one question, measured with every engine that supports it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import attrs

from a3s_store import SessionSnapshot
from benchmarks.engine import Engine, Keeps
from benchmarks.measuring import Pace
from benchmarks.results import Case, Figures, Measurement
from benchmarks.sessions import Growing, only_messages

SESSION_ID = "session-0001-6f1c2f3a"


@attrs.frozen(kw_only=True)
class Settings:
    """How much is done. Everything here goes into the results."""

    lengths: tuple[int, ...] = (10, 100, 1000)
    rounds: int = 12
    warmups: int = 2  # rounds before those that count
    seconds: float = 1.0  # about what one contender may take in one case
    seed_seconds: float = 10.0  # a peer that would need longer to get ready sits a length out
    savers: tuple[int, ...] = (1, 4, 16)
    saver_turns: int = 48  # of all savers together, and at most 100 of each
    repeats: int = 2  # of what is measured as a whole: many savers at once
    sessions: int = 500  # in a list
    long: int = 2000  # messages of the session that holds a loop up
    busy_limit: float = 3.0  # seconds, for a save beside a loop that is never idle
    busy_saves: int = 20  # on each kind of busy loop
    processes: tuple[int, ...] = (1, 2)
    process_savers: tuple[int, ...] = (1, 8)
    process_turns: int = 40
    process_repeats: int = 1
    profile: tuple[int, ...] = (256, 2560)  # messages; the first is upstream's own
    profile_rounds: int = 20  # upstream's own
    profile_warmups: int = 3
    counted_turns: int = 20  # under strace; a tenth of that for a slow engine
    counted_lengths: tuple[int, ...] = (100,)
    count_syncs: bool = True
    settle: bool = True  # sync the whole system before each case
    slow_sync: str | None = None

    @property
    def pace(self) -> Pace:
        """How often contenders take turns."""
        return Pace(self.rounds, self.warmups, self.seconds)

    @property
    def short_pace(self) -> Pace:
        """For what is asked in several ways: as many rounds, of which slow ones sit out more."""
        return Pace(self.rounds, self.warmups, self.seconds / 3)


SETS: dict[str, Settings] = {
    "quick": Settings(),
    "full": Settings(
        lengths=(10, 100, 1000, 10_000, 25_600),
        rounds=50,
        seconds=3.0,
        seed_seconds=12.0,
        savers=(1, 2, 4, 16, 64),
        saver_turns=320,
        repeats=3,
        sessions=10_000,
        long=10_000,
        busy_limit=10.0,
        process_turns=150,
        process_repeats=3,
        profile=(256, 2560, 25_600),
        # As many as it takes for a checkpoint to come round.
        counted_turns=100,
        counted_lengths=(100, 10_000),
    ),
}


class TooSlowError(Exception):
    """A peer would need too long to get ready for a case, by what it needed before."""


@attrs.frozen(kw_only=True)
class Plan:
    """What one run is to do: with which engines, how much of it, and where."""

    engines: dict[str, type[Engine]]
    settings: Settings
    folder: Path
    _number: itertools.count[int] = attrs.field(factory=itertools.count)
    _seeding: dict[tuple[str, Keeps], float] = attrs.field(factory=dict)
    _filled: dict[tuple[type[Engine], int], Path] = attrs.field(factory=dict)

    def fresh_folder(self, name: str) -> Path:
        """A new empty folder."""
        path = self.folder / f"{next(self._number):04d}-{name}"
        path.mkdir(parents=True)
        return path

    def able(self, form: Keeps, *, floors: bool = False) -> dict[str, type[Engine]]:
        """The engines that keep what this form has."""
        return {
            name: engine
            for name, engine in self.engines.items()
            if (form == "messages" or engine.keeps == "everything") and (floors or not engine.floor)
        }

    @contextlib.asynccontextmanager
    async def running(
        self, engine: type[Engine], form: Keeps, folder: Path | None = None
    ) -> AsyncIterator[Engine]:
        """An open engine; in a folder of its own that goes with it, unless one is given."""
        place = folder or self.fresh_folder(engine.__name__)
        made = engine(place)
        made.form = form
        await made.open()
        try:
            yield made
        finally:
            await made.close()
            if folder is None:
                shutil.rmtree(place, ignore_errors=True)

    async def seed(self, engine: Engine, snapshot: SessionSnapshot) -> None:
        """Have an engine save a whole session for the first time.

        Raises:
            TooSlowError: a peer would take longer than `seed_seconds`, as far as is known.
        """
        if engine.package is None:
            await engine.seed(snapshot)
            return
        kind = type(engine).__name__, engine.form
        length = max(1, len(snapshot.session.messages))
        if self._seeding.get(kind, 0.0) * length > self.settings.seed_seconds:
            raise TooSlowError
        began = time.perf_counter()
        await engine.seed(snapshot)
        took = time.perf_counter() - began
        if took > 0.1:  # what takes less says nothing of the time per message
            self._seeding[kind] = took / length

    async def filled(self, engine: type[Engine], length: int) -> Path:
        """A folder where an engine saved a conversation, closed, to be loaded from only.

        Made once for all workloads: some peers need long for it. Raises TooSlowError, and whatever
        the engine does.
        """
        known = engine, length
        if known not in self._filled:
            folder = self.fresh_folder(engine.__name__)
            async with self.running(engine, "messages", folder) as made:
                await self.seed(made, story(length).at(0, "messages"))
            self._filled[known] = folder
        return self._filled[known]

    def settle(self) -> None:
        """Let what was written while setting up reach the disk before anything is timed."""
        if self.settings.settle and hasattr(os, "sync"):
            os.sync()

    def say(self, text: str) -> None:
        """Print the progress of the run."""
        print(f"  {text}", file=sys.stderr, flush=True)


@attrs.frozen(kw_only=True)
class View:
    """How a report shows one figure: a row for each engine, a column for each value of a key."""

    title: str
    figure: str
    columns: str
    where: Case = attrs.field(factory=dict)
    ratio: bool = False  # whether `ratio` stands beside it in brackets


class Workload(ABC):
    """One question. `run` returns measurements; `views` are the tables that show them."""

    # Its name on the command line, and its number in the documents.
    name: ClassVar[str]
    number: ClassVar[str]
    # What it measures, in a sentence; and what the ratios are relative to.
    title: ClassVar[str]
    reference: ClassVar[str | None] = None
    views: ClassVar[tuple[View, ...]] = ()

    @abstractmethod
    async def run(self, plan: Plan) -> list[Measurement]:
        """Measure every engine of the plan that can take part."""

    def found(self, engine: str, case: Case, figures: Figures) -> Measurement:
        """One measurement of this workload."""
        return Measurement(workload=self.name, engine=engine, case=case, figures=figures)


class Story:
    """A session and its turns after a given length, made once for all engines."""

    def __init__(self, length: int, *, session_id: str = SESSION_ID, seed: int = 11) -> None:
        self._growing = Growing(session_id, seed)
        self._growing.grow_to(length)
        self._states = [self._growing.snapshot]

    def at(self, turn: int, form: Keeps = "everything") -> SessionSnapshot:
        """The session after so many further turns."""
        while len(self._states) <= turn:
            self._states.append(self._growing.step())
        return in_form(self._states[turn], form)


def in_form(snapshot: SessionSnapshot, form: Keeps) -> SessionSnapshot:
    """The snapshot with all it has, or with its messages and usage only."""
    return snapshot if form == "everything" else only_messages(snapshot)


@functools.lru_cache(maxsize=2)
def story(length: int) -> Story:
    """The story from a length on; those asked for last are kept."""
    return Story(length)
