"""The floor of plain sqlite3 does what our store does to the file: exactly, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from benchmarks.engine import Keeps
from benchmarks.engines import OWN
from benchmarks.engines.floors import SqliteFloor
from benchmarks.engines.recording import Statement
from benchmarks.workload import Story
from tests.support import all_rows

FORMS: tuple[Keeps, ...] = ("everything", "messages")


async def _grow(folder: Path, form: Keeps, sessions: int, turns: int) -> list[Statement]:
    """Save some sessions turn by turn; return all statements of the last turn."""
    floor = SqliteFloor(folder)
    floor.form = form
    stories = [Story(10, session_id=f"s{number}", seed=number) for number in range(sessions)]
    await floor.open()
    for told in stories:
        await floor.seed(told.at(0, form))
    prepared: list[Statement] = []
    for turn in range(turns):
        for told in stories:
            prepared = floor.prepare(told.at(turn, form), told.at(turn + 1, form))
            await floor.save(prepared)
    await floor.close()
    return prepared


@pytest.mark.parametrize("form", FORMS)
def test_the_floor_writes_the_same_rows_as_the_store(form: Keeps, scratch: Path) -> None:
    asyncio.run(_grow(scratch, form, sessions=2, turns=5))
    written = all_rows(scratch / "floor.a3s")
    assert written == all_rows(scratch / "recorded.a3s")
    assert len(written["message"]) > 20


def test_the_floor_executes_only_what_writes(scratch: Path) -> None:
    prepared = asyncio.run(_grow(scratch, "everything", sessions=1, turns=2))
    assert {statement.word for statement in prepared} <= {"INSERT", "UPDATE", "DELETE"}
    tables = {statement.sql.split()[2] for statement in prepared if statement.word == "INSERT"}
    assert {"message", "artifact", "trace_event", "run", "run_event", "generation"} <= tables


def test_the_floor_is_set_up_as_the_writer_is(scratch: Path) -> None:
    async def pragmas() -> dict[str, int]:
        floor = SqliteFloor(scratch)
        await floor.open()
        await floor.seed(Story(2).at(0))
        assert floor._conn is not None
        names = ("synchronous", "wal_autocheckpoint", "secure_delete", "foreign_keys")
        found = {n: floor._conn.execute(f"PRAGMA {n}").fetchone()[0] for n in names}
        await floor.close()
        return found

    # FULL; our store checkpoints by itself; FAST; on.
    assert asyncio.run(pragmas()) == {
        "synchronous": 2,
        "wal_autocheckpoint": 0,
        "secure_delete": 2,
        "foreign_keys": 1,
    }


def test_recording_leaves_the_sqlite3_module_as_it_was(scratch: Path) -> None:
    before = sqlite3.connect
    asyncio.run(_grow(scratch, "messages", sessions=1, turns=1))
    assert sqlite3.connect is before


@pytest.mark.parametrize("name", [n for n, engine in OWN.items() if not engine.floor])
@pytest.mark.parametrize("form", FORMS)
def test_an_engine_loads_what_it_saved(name: str, form: Keeps, scratch: Path) -> None:
    """Otherwise it would be quick for a bad reason."""

    async def main() -> None:
        told = Story(6)
        engine = OWN[name](scratch)
        engine.form = form
        await engine.open()
        await engine.seed(told.at(0, form))
        await engine.save(engine.prepare(told.at(0, form), told.at(1, form)))
        loaded = await engine.load(told.at(1).session.id)
        await engine.close()
        whole = told.at(1, form)
        # The naive engine returns the messages, the later upstream always a snapshot.
        assert loaded in (whole, whole.session, list(whole.session.messages)) or (
            loaded.session == whole.session
        )

    asyncio.run(main())
