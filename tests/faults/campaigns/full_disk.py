"""The disk fills up, and is emptied again.

A child saves three sessions at once while a file beside the store takes all room but a little. From
some moment on saves are refused with StoreFullError and with nothing else; loads go on; a delete is
done or refused, never half. Then room is made, and the same open store goes on as if nothing had
been. Further scenes: a new store is opened on a full disk, a store that is there is, the first
checkpoint finds no room, the store is closed without room. Each ends with another process that
holds what is there against what was acknowledged.

The disk is a small tmpfs (see `disk`). Another way, which needs no rights, is a limit on the size
of files, which SQLite calls an I/O error.
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
from tests.faults.harness.check_after import PATIENCE, Said, go_on
from tests.faults.harness.forks import Child, Say
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import session_id, state

# How many levels, how many limits of files, and how often each other scene.
_LEVELS: Final[Mapping[Size, int]] = {"short": 5, "long": 50}
_SCENES: Final[Mapping[Size, int]] = {"short": 2, "long": 25}
_ROOM: Final = 24_000_000
_LEVEL: Final = (0, 700_000)
_LIMIT: Final = (70_000, 2_000_000)
_SESSIONS: Final = 3
_AFTER: Final = 3
# Rounds of saves that are tried at most, and how many refused ones in a row mean that it is full.
_TRIED: Final = 150
_FULL: Final = 3
# How long the log is when its first checkpoint is due, and when the room for that is taken.
_DUE: Final = 4 * 1024 * 1024
_LONG_LOG: Final = 3_700_000
_PAGE: Final = 4096
_ROOM_TO_SAY: Final = 40_000


def run(subject: str, seed: int, size: Size) -> Report:
    """Play each scene; see the module."""
    report = Report(campaign="full_disk", subject=subject, seed=seed)
    names = [f"{seed}.saving.{number}" for number in range(_LEVELS[size])]
    for scene in ("opening", "reopening", "checkpoint", "closing"):
        names += [f"{seed}.{scene}.{number}" for number in range(_SCENES[size])]
    names += [f"{seed}.limited.{number}" for number in range(_LEVELS[size])]
    forks.share(report, _play, names)
    return report


def _play(report: Report, name: str) -> None:
    """One scene, in a child, and what is there afterwards."""
    scene = _SCENES_BY_NAME[name.split(".")[1]]
    with forks.scratch() as folder:
        if scene is _Scene.limited:
            _judge(report, name, folder, scene)
            return
        try:
            with small_disk.mounted(folder, _ROOM) as place:
                _judge(report, name, place, scene)
        except small_disk.NoDiskError:
            report.add(scenes_without_a_disk=1)


def _judge(report: Report, name: str, place: Path, scene: Any) -> None:
    folder = place / "store"
    folder.mkdir()
    open_store = store_under_test.find(report.subject)
    path = folder / "full.a3s"
    said = Said.sessions(_SESSIONS)

    def work(say: Say) -> None:
        asyncio.run(scene(_Scene(open_store, path, place, name, say)))

    child = Child(work)
    status = child.finish(PATIENCE)
    report.add(scenes=1, acknowledged_saves=said.by(child))
    for what in ("refused", "loads_while_full", "deleted", "not_opened", "failed_checkpoints"):
        report.add(**{what: len(child.said(what))})
    problems = [text for (text,) in child.said("broken")]
    if status == 0:
        said.nothing_in_flight()
    else:
        told = "; ".join(text for (text,) in child.said("error"))
        problems.append(f"the process ended with {status}: {told or 'it hung'}")
    small_disk.empty(place)
    problems.append(go_on(open_store, path, name, said, _AFTER))
    for problem in filter(None, problems):
        report.fail(f"{name}: {problem}")


# -- In the child ---------------------------------------------------------------------------------


class _Scene:
    """A store on a disk that fills up, and what was acknowledged."""

    def __init__(
        self, open_store: store_under_test.Open, path: Path, place: Path, name: str, say: Say
    ) -> None:
        self._open = open_store
        self._path = path
        self._place = place
        self._seed = name
        self._say = say
        self._chance = random.Random(name)
        self._there = dict.fromkeys(range(_SESSIONS), 0)
        self._errors: tuple[type[StoreError], ...] = (StoreFullError,)

    async def saving(self) -> None:
        """It fills up while sessions are saved, and is emptied."""
        async with self._open(self._path) as store:
            for _ in range(self._chance.randrange(1, 8)):
                await self._must_save(store)
            small_disk.fill(self._place, self._chance.randrange(*_LEVEL))
            await self._save_until_full(store)
            small_disk.fill(self._place, 0)
            await self._look(store)
            await self._delete(store, self._chance.randrange(_SESSIONS))
            await self._look(store)
            await self._ask(store)
            small_disk.empty(self._place)
            await self._must_save(store)
            await self._delete(store, self._chance.randrange(_SESSIONS), must=True)
            await self._must_save(store)
            await self._look(store)
            await store.health_check()

    async def opening(self) -> None:
        """A store is made where there is no room for it."""
        small_disk.fill(self._place, self._chance.choice((0, 4096, 8192, 40_960)))
        try:
            store = await self._open(self._path)
        except (StoreFullError, StoreUnavailableError):  # no room for the index of the log
            self._say("not_opened")
            # A file without tables is a store yet to be made. It is not taken away: another process
            # may be making it just now. Nor does SQLite take away an index it found no room for.
            left = {found.name: found.stat().st_size for found in self._path.parent.iterdir()}
            names = {f"{self._path.name}{end}" for end in ("", "-wal", "-shm")}
            if not set(left) <= names or any(size > _PAGE for size in left.values()):
                self._say("broken", f"a store that could not be made leaves {left}")
        else:
            await self._save_until_full(store)
            await store.close()
        small_disk.empty(self._place)
        async with self._open(self._path) as store:
            await self._must_save(store)

    async def reopening(self) -> None:
        """A store is opened that is there, beside its log or without it."""
        store = await self._open(self._path)
        for _ in range(5):
            await self._must_save(store)
        if self._chance.random() < 0.5:
            small_disk.fill(self._place, 0)
            await store.close()  # its log may stay
        else:
            await store.close()
            small_disk.fill(self._place, self._chance.choice((0, 4096, 40_960, 100_000)))
        try:
            store = await self._open(self._path)
        except (StoreFullError, StoreUnavailableError):  # no room for the index of the log
            self._say("not_opened")
        else:
            await self._look(store)
            await self._save_until_full(store)
            await self._look(store)
            small_disk.empty(self._place)
            await self._must_save(store)
            await store.close()

    async def checkpoint(self) -> None:
        """The first checkpoint finds no room; what was acknowledged before and after is there."""
        log = self._path.with_name(self._path.name + "-wal")
        async with self._open(self._path) as store:
            while log.stat().st_size < _LONG_LOG:
                await self._must_save(store)
            # Room for the log to grow until it is due, and for some of the pages that are in it.
            pages = (await store.health_check()).facts["page_count"] * _PAGE
            growth = _DUE - log.stat().st_size
            small_disk.fill(self._place, growth + int(pages * self._chance.uniform(0.1, 0.6)))
            await self._save_until_full(store)
            await self._look(store)
            await self._expect_advice(store)
            small_disk.empty(self._place)
            for _ in range(3):
                await self._must_save(store)
            if _has_failed(await store.health_check()):
                self._say("broken", "there is room, and still no checkpoint")

    async def _expect_advice(self, store: Any) -> None:
        """There is room to say that a checkpoint failed, and none for the checkpoint."""
        for _ in range(_TRIED):
            # Never emptied: a checkpoint of the idle store would succeed meanwhile.
            small_disk.leave_free(self._place, _ROOM_TO_SAY)
            try:
                health = await store.health_check()
            except self._errors:
                continue  # another try of the checkpoint took the room
            if not _has_failed(health):
                self._say("broken", "the checkpoint found no room, and health_check() is silent")
            self._say("failed_checkpoints")
            return
        self._say("broken", "there is room, and health_check() is refused")

    async def closing(self) -> None:
        """It is closed while there is no room for its log to be copied."""
        store = await self._open(self._path)
        for _ in range(self._chance.randrange(1, 10)):
            await self._must_save(store)
        small_disk.fill(self._place, 0)
        if self._chance.random() < 0.5:
            await self._save_until_full(store)
        await store.close()

    async def limited(self) -> None:
        """No file may be larger than so much: what SQLite calls an I/O error."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        async with self._open(self._path) as store:
            await self._must_save(store)
            limit = self._chance.randrange(*_LIMIT)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            await self._save_until_full(store)
            await self._look(store)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await self._look(store)
            await self._must_save(store)
        async with self._open(self._path) as store:
            await self._look(store)
            await self._must_save(store)

    # What is done with the store.

    async def _must_save(self, store: Any) -> None:
        """A turn of each session, for which there is room."""
        if await self._save_all(store) != _SESSIONS:
            self._say("broken", "there is room, and a save is refused")

    async def _save_until_full(self, store: Any) -> None:
        refused = 0
        for _ in range(_TRIED):
            refused = 0 if await self._save_all(store) else refused + 1
            if refused == _FULL:
                return
        self._say("broken", "the disk is full, and every save is acknowledged")

    async def _save_all(self, store: Any) -> int:
        return sum(await asyncio.gather(*(self._save(store, number) for number in self._there)))

    async def _save(self, store: Any, number: int) -> bool:
        turn = self._there[number] + 1
        self._say("begun", number, turn)
        try:
            await store_under_test.save_turn(store, self._seed, number, turn)
        except self._errors:
            self._say("refused", number, turn)
            return False
        self._say("acknowledged", number, turn)
        self._there[number] = turn
        return True

    async def _look(self, store: Any) -> None:
        """Everything can be loaded, and is what was acknowledged."""
        for number, turns in self._there.items():
            found = await store.load_snapshot(session_id(number))
            if found != (state(self._seed, number, turns) if turns else None):
                self._say("broken", f"session {number} is not what was acknowledged: turn {turns}")
            self._say("loads_while_full")

    async def _delete(self, store: Any, number: int, *, must: bool = False) -> None:
        try:
            await store.delete(session_id(number))
        except self._errors:
            if must:
                self._say("broken", "there is room, and a delete is refused")
            return
        self._there[number] = 0
        self._say("deleted")
        self._say("acknowledged", number, 0)
        self._say("begun", number, 0)

    async def _ask(self, store: Any) -> None:
        try:
            await store.health_check()
        except self._errors:
            return  # it cannot be written to: that is what was asked


def _has_failed(health: Any) -> bool:
    return any("checkpoint failed" in sentence for sentence in health.advice)


_SCENES_BY_NAME: Final[Mapping[str, Callable[[_Scene], Coroutine[Any, Any, None]]]] = {
    "saving": _Scene.saving,
    "opening": _Scene.opening,
    "reopening": _Scene.reopening,
    "checkpoint": _Scene.checkpoint,
    "closing": _Scene.closing,
    "limited": _Scene.limited,
}
