"""Invalid values are saved: each is refused by a typed error, and nothing is written.

Hypothesis makes good values of every kind; one part of each, at any depth, is replaced by an odd
value (`invalid_values`) and the whole passed to the store. Ids and the other arguments of every
public method are tried likewise. Either the store refuses with an error of its own, and the bytes
of the database and its WAL do not change; or it saves the value, and loads its equal. The store
works on in any case: now and then a good session is saved, and at the end all of them are stored.
"""

from __future__ import annotations

import asyncio
import functools
import random
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS
from a3s_store.errors import InvalidIdError, SessionNotFoundError, StoreError
from a3s_store.testing import strategies
from tests.faults.harness import forks, invalid_values
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.other_process import OtherProcess
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import BrokenPromiseError, session_id, state

# How many inputs there are.
INPUTS: Final = {"short": 500, "long": 50_000}
# How many processes try inputs.
LANES: Final = 2
# Inputs made of one good value, and inputs before the file is closed and checked.
_OF_ONE: Final = 10
_IN_A_FILE: Final = 500
# Seconds after which a call hangs.
_TIME_LIMIT: Final = 60.0

Save = Callable[[Any, Any], Awaitable[Any]]
Load = Callable[[Any, Any], Awaitable[Any]]


def run(report: Report, size: Size) -> None:
    """Try inputs on one file after the other."""
    files = INPUTS[size] // _IN_A_FILE
    forks.share(report, _try_files, [range(first, files, LANES) for first in range(LANES)])


def _try_files(report: Report, files: range) -> None:
    with OtherProcess() as other:
        for number in files:
            one_file(report, other, number)


def one_file(report: Report, other: OtherProcess, number: int, inputs: int = _IN_A_FILE) -> None:
    """Try so many inputs on one file."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        attack = _Attack(report, other, number, Path(folder) / "agent.a3s")
        runner.run(attack.begin())

        @hypothesis_seed(report.seed * 1_000_003 + number)
        @settings(
            max_examples=inputs // _OF_ONE,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategies.session_snapshot(size=2), strategies.workflow_checkpoints(size=2))
        def hand_in(snapshot: Any, workflow: Any) -> None:
            if not report.is_enough:
                runner.run(attack.hand_in(snapshot, workflow))

        hand_in()
        runner.run(attack.end())


class _Attack:
    """One file and the inputs for its store."""

    def __init__(self, report: Report, other: OtherProcess, number: int, path: Path) -> None:
        self._report = report
        self._other = other
        self._number = number
        self._path = path
        self._open = subjects.find(report.subject)
        self._chance = random.Random(f"{report.seed}/{number}")
        self._store: Any = None
        self._turns = 0
        self._rows = ""
        self._what = ""

    async def begin(self) -> None:
        """Open the store and save a good session."""
        self._store = await self._open(self._path)
        await self._save_a_good_one()

    async def end(self) -> None:
        """Close and check: everything good is stored and nothing is damaged."""
        self._what = "the end"
        await asyncio.wait_for(self._store.close(), _TIME_LIMIT)
        self._other.close_file(self._path)
        try:
            async with self._open(self._path) as store:
                await subjects.check(store, "good", {0: self._turns}, {0: self._turns})
        except (StoreError, BrokenPromiseError) as error:
            self._fail(f"{type(error).__name__}: {error}")

    async def hand_in(self, snapshot: Any, workflow: Any) -> None:
        """Try some invalid values made of these good ones, ids and arguments among them."""
        for _ in range(_OF_ONE):
            if self._report.is_enough:
                return
            self._report.add(inputs=1)
            chosen = self._chance.random()
            if chosen < 0.15:
                await self._an_id()
            elif chosen < 0.25:
                await self._an_argument()
            else:
                await self._a_value(snapshot, workflow)
        await self._save_a_good_one()

    # -- Values -------------------------------------------------------------------------------

    async def _a_value(self, snapshot: Any, workflow: Any) -> None:
        way, good = self._chance.choice(_good(snapshot, workflow))
        self._what = way
        try:
            breaking = self._chance.choice((invalid_values.broken, invalid_values.broken_leaf))
            value = breaking(good, self._chance)
        except invalid_values.REFUSALS:
            self._report.add(refused_when_made=1)
            return
        except RecursionError as error:
            self._fail(f"a model raised {type(error).__name__}")
            return
        await self._try(*_WAYS[way], value)

    async def _try(self, save: Save, load: Load, value: Any) -> None:
        before = self._other.bytes_of(self._path)
        try:
            await asyncio.wait_for(save(self._store, value), _TIME_LIMIT)
        except StoreError as error:
            self._refused(error, before)
        except Exception as error:
            self._fail(f"{type(error).__name__} instead of a typed error: {_text(error)}")
        else:
            await self._taken(load, value)

    def _refused(self, error: StoreError, before: str) -> None:
        self._report.add(refused=1)
        if len(_text(error)) > 2000:
            self._fail(f"the error's text is {len(_text(error))} characters long")
        self._unchanged(before)

    async def _taken(self, load: Load, value: Any) -> None:
        self._report.add(taken=1)
        try:
            found = await load(self._store, value)
            if not _same(found, value):
                self._fail("it was saved, and another value is loaded")
        except Exception as error:
            self._fail(f"it was saved, and loading it raised {type(error).__name__}: {error}")
        for name in ("victim", *await self._others()):
            await self._store.delete(name)
        for run_id in (await self._store.inventory()).loop_checkpoints:
            await self._store.delete_loop_checkpoint(run_id)
        for workflow_id in (await self._store.inventory()).workflow_checkpoints:
            await self._store.delete_workflow_checkpoint(workflow_id)
        self._rows = self._other.rows_of(self._path)

    async def _others(self) -> list[str]:
        inventory = await self._store.inventory()
        good = {session_id(0)}
        return sorted({*inventory.sessions, *inventory.collections_only} - good)

    async def _save_a_good_one(self) -> None:
        self._what = "a good session"
        self._turns += 1
        good = state("good", 0, self._turns)
        await asyncio.wait_for(self._store.save_snapshot(good), _TIME_LIMIT)
        if await self._store.load_snapshot(session_id(0)) != good:
            self._fail("another value than the saved one is loaded")
        self._rows = self._other.rows_of(self._path)

    # -- Ids and arguments --------------------------------------------------------------------

    async def _an_id(self) -> None:
        """Try an id in every method that takes one: it is refused, or nothing is stored by it."""
        make, valid = self._chance.choice(invalid_values.IDS)
        before = self._other.bytes_of(self._path)
        for name, call in _BY_ID.items():
            self._what = f"{name} of an id"
            self._report.add(calls_with_ids=1)
            try:
                found = await asyncio.wait_for(call(self._store, make()), _TIME_LIMIT)
            except InvalidIdError:
                if valid:
                    self._fail("a good id was refused")
            except SessionNotFoundError as error:
                if not valid:
                    self._fail(f"an invalid id was taken for one: {error}")
            except Exception as error:
                self._fail(f"{type(error).__name__}: {_text(error)}")
            else:
                if not valid:
                    self._fail("an invalid id was taken for one")
                if found not in (None, False, 0, ()):
                    self._fail("something is stored that was never saved")
        self._unchanged(before)

    def _unchanged(self, before: str) -> None:
        if self._other.bytes_of(self._path) == before:
            self._report.add(bytes_unchanged=1)
        elif self._other.rows_of(self._path) != self._rows:
            # A checkpoint of the idle store may change the bytes; the rows may not change.
            self._fail("an invalid value was refused, and something was written")

    async def _an_argument(self) -> None:
        """Try an odd value in place of a number, a digest, a path, a setting."""
        name, call = self._chance.choice(list(_BY_ARGUMENT.items()))
        self._what = f"an argument of {name}"
        odd = self._chance.choice(invalid_values.ODD)()
        before = self._other.bytes_of(self._path)
        files = sorted(self._path.parent.iterdir())
        try:
            await asyncio.wait_for(call(self, odd), _TIME_LIMIT)
        except invalid_values.REFUSALS as error:
            self._report.add(refused=1)
            if isinstance(error, StoreError) is False and name in _ONLY_OURS:
                self._fail(f"{type(error).__name__} instead of a typed error: {_text(error)}")
            self._unchanged(before)
        except Exception as error:
            self._fail(f"{type(error).__name__}: {_text(error)}")
        else:
            self._report.add(taken=1)
            self._rows = self._other.rows_of(self._path)
        if sorted(self._path.parent.iterdir()) != files:
            self._fail("a file was made")

    async def open_with(self, **options: Any) -> None:
        """Open the same file with a setting."""
        async with type(self._store).open(self._path, **options) as store:
            await store.list()

    async def open_at(self, place: Any) -> None:
        """Open an odd path. A text that is a possible name is skipped: its file may be created."""
        if isinstance(place, str) and place.isprintable() and 0 < len(place) < 200:
            return
        async with type(self._store).open(place) as store:
            await store.list()

    def _fail(self, what: str) -> None:
        report = self._report
        report.fail(f"seed {report.seed}, file {self._number}, {self._what}: {what}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except invalid_values.HostileError:
        return "no text: it is hostile"


def _same(found: Any, value: Any) -> bool:
    """Whether the loaded value is the saved one; a list is loaded as a tuple."""
    if isinstance(value, list):
        value = tuple(value)
    return bool(found == value)


def _good(snapshot: Any, workflow: Any) -> list[tuple[str, Any]]:
    """Ways to save, each with a good value for it."""
    session = snapshot.session.evolve(id="victim")
    whole = snapshot.evolve(session=session)
    ways: list[tuple[str, Any]] = [("save", session), ("save_snapshot", whole)]
    for collection in COLLECTIONS:
        values = getattr(snapshot, collection.name)
        ways += [(f"save_{collection.name}", values)] if values else []
    return [*ways, ("save_workflow_checkpoint", workflow)]


def _collection_way(name: str) -> tuple[Save, Load]:
    return (
        lambda store, value: getattr(store, f"save_{name}")("victim", value),
        lambda store, value: getattr(store, f"load_{name}")("victim"),
    )


# How each kind of value is saved and loaded.
_WAYS: Final[dict[str, tuple[Save, Load]]] = {
    "save": (lambda store, value: store.save(value), lambda store, value: store.load(value.id)),
    "save_snapshot": (
        lambda store, value: store.save_snapshot(value),
        lambda store, value: store.load_snapshot(value.session.id),
    ),
    "save_workflow_checkpoint": (
        lambda store, value: store.save_workflow_checkpoint(
            getattr(value, "workflow_id", "w"), value
        ),
        lambda store, value: store.load_workflow_checkpoint(value.workflow_id),
    ),
    **{f"save_{collection.name}": _collection_way(collection.name) for collection in COLLECTIONS},
}


def _call(method: str, store: Any, name: Any) -> Awaitable[Any]:
    called: Awaitable[Any] = getattr(store, method)(name)
    return called


_BY_ID: Final[dict[str, Callable[[Any, Any], Awaitable[Any]]]] = {
    "load": lambda store, name: store.load(name),
    "load_snapshot": lambda store, name: store.load_snapshot(name),
    "delete": lambda store, name: store.delete(name),
    "exists": lambda store, name: store.exists(name),
    "generation": lambda store, name: store.generation(name),
    "generations": lambda store, name: store.generations(name),
    "fork": lambda store, name: store.fork(name, "new"),
    "fork to": lambda store, name: store.fork("unknown", name),
    "rewind": lambda store, name: store.rewind(name, 0),
    **{
        f"load_{collection.name}": functools.partial(_call, f"load_{collection.name}")
        for collection in COLLECTIONS
    },
    **{
        f"{verb}_{kind.name}": functools.partial(_call, f"{verb}_{kind.name}")
        for verb in ("load", "delete")
        for kind in CHECKPOINTS
    },
}

_GOOD: Final = session_id(0)
_BY_ARGUMENT: Final[dict[str, Callable[[_Attack, Any], Awaitable[Any]]]] = {
    "load": lambda it, odd: it._store.load(_GOOD, generation=odd),
    "rewind": lambda it, odd: it._store.rewind("unknown", odd),
    "fork": lambda it, odd: it._store.fork("unknown", "new", odd),
    "save": lambda it, odd: it._store.save(
        state("good", 1, 1).session, expected_generation=odd if odd is not None else -1
    ),
    "save_snapshot_cas": lambda it, odd: it._store.save_snapshot_cas(
        state("good", 1, 1), odd if odd is not None else "none"
    ),
    "open's durability": lambda it, odd: it.open_with(durability=odd),
    "open's timeout": lambda it, odd: it.open_with(busy_timeout_ms=odd),
    "open's cache": lambda it, odd: it.open_with(cache_bytes=odd),
    "open's path": lambda it, odd: it.open_at(odd),
}
# Of these every refusal has to be a StoreError.
_ONLY_OURS: Final = {"load", "rewind", "fork", "save", "save_snapshot_cas"}
