"""The disk fills up, and is emptied again.

A child saves three sessions at once while another file takes all but a little of the disk. From
some moment on saves are refused with StoreFullError and with nothing else; loads go on; a delete is
done or refused, never half. Then space is freed, and the same open store goes on as before. Further
scenarios: a new store is opened on a full disk, an existing store is opened, the first checkpoint
finds no space, the store is closed without free space. Each ends with another process that compares
the stored sessions with the acknowledged saves.

The disk is a small tmpfs (see `small_disk`). Another way, which needs no rights, is a limit on the
size of files, which SQLite calls an I/O error.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from a3s_store.errors import StoreError, StoreFullError, StoreUnavailableError
from tests.faults.harness import forks, small_disk, store_under_test
from tests.faults.harness.check_after import TIME_LIMIT, check_and_save_on
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import session_id, state

# How many levels, how many limits of files, and how often each other scenario.
_LEVELS: Final[Mapping[Size, int]] = {"short": 3, "long": 50}
_SCENARIOS: Final[Mapping[Size, int]] = {"short": 1, "long": 25}
_DISK: Final = 24_000_000
_LEVEL: Final = (0, 700_000)
_LIMIT: Final = (70_000, 2_000_000)
_SESSIONS: Final = 3
_AFTER: Final = 3
# Rounds of saves that are tried at most, and how many refused ones in a row mean that it is full.
_TRIED: Final = 150
_FULL: Final = 3
# The length of the WAL when its first checkpoint is due, and when the space for that is taken.
_DUE: Final = 4 * 1024 * 1024
_LONG_LOG: Final = 3_700_000
_PAGE: Final = 4096
_SPACE_TO_REPORT: Final = 40_000


def run(report: Report, size: Size) -> None:
    """Play each scenario."""
    seed = report.seed
    names = [f"{seed}.saving.{number}" for number in range(_LEVELS[size])]
    for scenario in ("opening", "reopening", "checkpoint", "closing"):
        names += [f"{seed}.{scenario}.{number}" for number in range(_SCENARIOS[size])]
    names += [f"{seed}.limited.{number}" for number in range(_LEVELS[size])]
    forks.share(report, _play, names)


def _play(report: Report, name: str) -> None:
    """Play one scenario in a child and check the file afterwards."""
    scenario = _SCENARIOS_BY_NAME[name.split(".")[1]]
    with forks.scratch() as folder:
        if scenario is _Scenario.limited:
            _judge(report, name, folder, scenario)
            return
        try:
            with small_disk.mounted(folder, _DISK) as place:
                _judge(report, name, place, scenario)
        except small_disk.NoDiskError:
            report.add(scenarios_without_a_disk=1)


def _judge(report: Report, name: str, place: Path, scenario: Any) -> None:
    folder = place / "store"
    folder.mkdir()
    open_store = store_under_test.find(report.subject)
    path = folder / "full.a3s"
    progress = Progress.of(range(_SESSIONS))

    def work(send: Send) -> None:
        asyncio.run(scenario(_Scenario(open_store, path, place, name, send)))

    child = Child(work)
    status = child.finish(TIME_LIMIT)
    report.add(scenarios=1, acknowledged_saves=progress.take(child))
    for what in ("refused", "loads_while_full", "deleted", "not_opened", "failed_checkpoints"):
        report.add(**{what: len(child.sent(what))})
    problems = [text for (text,) in child.sent("broken")]
    if status == 0:
        progress.nothing_in_flight()
    else:
        told = "; ".join(text for (text,) in child.sent("error"))
        problems.append(f"the process ended with {status}: {told or 'it hung'}")
    small_disk.empty(place)
    problems.append(check_and_save_on(open_store, path, name, progress, _AFTER))
    for problem in filter(None, problems):
        report.fail(f"{name}: {problem}")


# -- In the child ---------------------------------------------------------------------------------


class _Scenario:
    """A store on a disk that fills up, and the acknowledged turns."""

    def __init__(
        self, open_store: store_under_test.Open, path: Path, place: Path, name: str, send: Send
    ) -> None:
        self._open = open_store
        self._path = path
        self._place = place
        self._seed = name
        self._send = send
        self._chance = random.Random(name)
        self._stored = dict.fromkeys(range(_SESSIONS), 0)
        self._errors: tuple[type[StoreError], ...] = (StoreFullError,)

    async def saving(self) -> None:
        """The disk fills up while sessions are saved, and is emptied."""
        async with self._open(self._path) as store:
            for _ in range(self._chance.randrange(1, 8)):
                await self._must_save(store)
            small_disk.fill(self._place, self._chance.randrange(*_LEVEL))
            await self._save_until_full(store)
            small_disk.fill(self._place, 0)
            await self._check(store)
            await self._delete(store, self._chance.randrange(_SESSIONS))
            await self._check(store)
            await self._ask(store)
            small_disk.empty(self._place)
            await self._must_save(store)
            await self._delete(store, self._chance.randrange(_SESSIONS), must=True)
            await self._must_save(store)
            await self._check(store)
            await store.health_check()

    async def opening(self) -> None:
        """A store is created where there is no space for it."""
        small_disk.fill(self._place, self._chance.choice((0, 4096, 8192, 40_960)))
        try:
            store = await self._open(self._path)
        except (StoreFullError, StoreUnavailableError):  # no space for the wal-index
            self._send("not_opened")
            # A file without tables is a store yet to be created. It is not removed: another process
            # may be creating it just now. Nor does SQLite remove a wal-index without space.
            left = {found.name: found.stat().st_size for found in self._path.parent.iterdir()}
            names = {f"{self._path.name}{end}" for end in ("", "-wal", "-shm", "-queue")}
            if not set(left) <= names or any(size > _PAGE for size in left.values()):
                self._send("broken", f"a store that could not be created leaves {left}")
        else:
            await self._save_until_full(store)
            await store.close()
        small_disk.empty(self._place)
        async with self._open(self._path) as store:
            await self._must_save(store)

    async def reopening(self) -> None:
        """An existing store is opened, with its WAL or without it."""
        store = await self._open(self._path)
        for _ in range(5):
            await self._must_save(store)
        if self._chance.random() < 0.5:
            small_disk.fill(self._place, 0)
            await store.close()  # its WAL may stay
        else:
            await store.close()
            small_disk.fill(self._place, self._chance.choice((0, 4096, 40_960, 100_000)))
        try:
            store = await self._open(self._path)
        except (StoreFullError, StoreUnavailableError):  # no space for the wal-index
            self._send("not_opened")
        else:
            await self._check(store)
            await self._save_until_full(store)
            await self._check(store)
            small_disk.empty(self._place)
            await self._must_save(store)
            await store.close()

    async def checkpoint(self) -> None:
        """The first checkpoint finds no space; acknowledged saves before and after are stored."""
        log = self._path.with_name(self._path.name + "-wal")
        async with self._open(self._path) as store:
            while log.stat().st_size < _LONG_LOG:
                await self._must_save(store)
            # Space for the WAL to grow until it is due, and for some of the pages in it.
            pages = (await store.health_check()).facts["page_count"] * _PAGE
            growth = _DUE - log.stat().st_size
            small_disk.fill(self._place, growth + int(pages * self._chance.uniform(0.1, 0.6)))
            await self._save_until_full(store)
            await self._check(store)
            await self._expect_advice(store)
            small_disk.empty(self._place)
            for _ in range(3):
                await self._must_save(store)
            if _has_failed(await store.health_check()):
                self._send("broken", "there is space, and still no checkpoint")

    async def _expect_advice(self, store: Any) -> None:
        """Check that `health_check` reports a failed checkpoint, with no space to repeat it."""
        for _ in range(_TRIED):
            # Never emptied: a checkpoint of the idle store would succeed meanwhile.
            small_disk.leave_free(self._place, _SPACE_TO_REPORT)
            try:
                health = await store.health_check()
            except self._errors:
                continue  # another try of the checkpoint took the space
            if not _has_failed(health):
                self._send("broken", "the checkpoint found no space, and health_check() is silent")
            self._send("failed_checkpoints")
            return
        self._send("broken", "there is space, and health_check() is refused")

    async def closing(self) -> None:
        """The store is closed while there is no space for a checkpoint."""
        store = await self._open(self._path)
        for _ in range(self._chance.randrange(1, 10)):
            await self._must_save(store)
        small_disk.fill(self._place, 0)
        if self._chance.random() < 0.5:
            await self._save_until_full(store)
        await store.close()

    async def limited(self) -> None:
        """The size of files is limited, which SQLite calls an I/O error."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        async with self._open(self._path) as store:
            await self._must_save(store)
            limit = self._chance.randrange(*_LIMIT)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            await self._save_until_full(store)
            await self._check(store)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await self._check(store)
            await self._must_save(store)
        async with self._open(self._path) as store:
            await self._check(store)
            await self._must_save(store)

    # Steps of the scenarios.

    async def _must_save(self, store: Any) -> None:
        """Save a turn of each session, for which there is space."""
        if await self._save_all(store) != _SESSIONS:
            self._send("broken", "there is space, and a save is refused")

    async def _save_until_full(self, store: Any) -> None:
        refused = 0
        for _ in range(_TRIED):
            refused = 0 if await self._save_all(store) else refused + 1
            if refused == _FULL:
                return
        self._send("broken", "the disk is full, and every save is acknowledged")

    async def _save_all(self, store: Any) -> int:
        return sum(await asyncio.gather(*(self._save(store, number) for number in self._stored)))

    async def _save(self, store: Any, number: int) -> bool:
        turn = self._stored[number] + 1
        self._send("begun", number, turn)
        try:
            await store_under_test.save_turn(store, self._seed, number, turn)
        except self._errors:
            self._send("refused", number, turn)
            return False
        self._send("acknowledged", number, turn)
        self._stored[number] = turn
        return True

    async def _check(self, store: Any) -> None:
        """Load every session and compare it with the acknowledged turn."""
        for number, turns in self._stored.items():
            found = await store.load_snapshot(session_id(number))
            if found != (state(self._seed, number, turns) if turns else None):
                self._send("broken", f"session {number} is not what was acknowledged: turn {turns}")
            self._send("loads_while_full")

    async def _delete(self, store: Any, number: int, *, must: bool = False) -> None:
        try:
            await store.delete(session_id(number))
        except self._errors:
            if must:
                self._send("broken", "there is space, and a delete is refused")
            return
        self._stored[number] = 0
        self._send("deleted")
        self._send("acknowledged", number, 0)
        self._send("begun", number, 0)

    async def _ask(self, store: Any) -> None:
        try:
            await store.health_check()
        except self._errors:
            return  # it asks whether the file can be written to: it cannot


def _has_failed(health: Any) -> bool:
    return any("checkpoint failed" in sentence for sentence in health.advice)


_SCENARIOS_BY_NAME: Final[Mapping[str, Callable[[_Scenario], Coroutine[Any, Any, None]]]] = {
    "saving": _Scenario.saving,
    "opening": _Scenario.opening,
    "reopening": _Scenario.reopening,
    "checkpoint": _Scenario.checkpoint,
    "closing": _Scenario.closing,
    "limited": _Scenario.limited,
}
