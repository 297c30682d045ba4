"""The ordinary save takes few calls of Python, and writes what the careful one writes."""

from __future__ import annotations

import asyncio
import statistics
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import Message
from a3s_store.testing.samples import items
from tests.support import database, messages, run, session, with_store

Step = Callable[[SqliteSessionStore, SessionSnapshot], Awaitable[Any]]


class Calls:
    """Counts the calls of Python functions on the threads that begin inside `noted`."""

    def __init__(self) -> None:
        self.count = 0
        self.is_on = False

    def note(self, _: FrameType, event: str, __: object) -> None:
        """Count a call."""
        self.count += self.is_on and event == "call"


@contextmanager
def noted() -> Iterator[Calls]:
    """Have the threads that begin in the block counted."""
    calls = Calls()
    threading.setprofile(calls.note)
    try:
        yield calls
    finally:
        threading.setprofile(None)


def _turns(count: int) -> list[SessionSnapshot]:
    """Return a session after each of some turns; each begins with the very objects of the last."""
    found = [SessionSnapshot(session=session("s", count=30))]
    for number in range(count):
        before = found[-1]
        own = before.session
        found.append(
            SessionSnapshot(
                session=own.evolve(
                    messages=own.messages + messages(3, tag=f"turn {number}"), updated_at=number
                ),
                trace_events=(before.trace_events or ())
                + items("trace_events", *(f"{number}.{one}" for one in range(3))),
                run_records=(*(before.run_records or ()), run(number, 10)),
            )
        )
    return found


# What 3.11 takes, which has a call for each comprehension too, and a tenth more.
STEPS: dict[str, tuple[Step, int]] = {
    "save": (lambda store, state: store.save(state.session), 350),
    "append": (lambda store, state: store.append("s", state.session.messages[-2:]), 250),
    "turn": (lambda store, state: store.save_snapshot(state), 1300),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_writer_makes_few_calls_for_a_change(tmp_path: Path, name: str) -> None:
    """A change costs the same however much is stored."""
    step, most = STEPS[name]
    counts = []

    async def use(store: SqliteSessionStore, calls: Calls) -> None:
        first, *states = _turns(14)
        await store.save_snapshot(first)
        for state in states:
            calls.count, calls.is_on = 0, True
            await step(store, state)
            calls.is_on = False
            counts.append(calls.count)

    with noted() as calls:
        with_store(tmp_path / "agent.a3s", lambda store: use(store, calls))
    # Not the most: on a busy machine a step of idle work may run beside a change.
    assert most // 2 < statistics.median(counts[8:]) <= most


_COMPARED = ("message", "session", "session_config", "generation", "collection", "commit_log")
# Of the file or of the moment.
_NOT_COMPARED = {"message_key", "checksum"}


def _rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with database(path) as conn:
        for table in _COMPARED:
            cursor = conn.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            found[table] = [
                {name: value for name, value in row.items() if name not in _NOT_COMPARED}
                for row in rows
            ]
    return found


@settings(max_examples=10)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_a_save_writes_the_same_rows_with_and_without_a_cache(
    tmp_path_factory: pytest.TempPathFactory, added: list[int]
) -> None:
    """Without a cache no save is an ordinary one: each searches what its messages go on from."""
    folder = tmp_path_factory.mktemp("saves")

    async def use(path: Path, cache_bytes: int) -> None:
        clock = iter(range(1, 1000))
        async with SqliteSessionStore.open(
            path, cache_bytes=cache_bytes, clock=lambda: float(next(clock))
        ) as store:
            said: tuple[Message, ...] = messages(3)
            await store.save(session("s", messages=said))
            for number, count in enumerate(added):
                said += messages(count, tag=f"turn {number}")
                await store.save(session("s", messages=said, updated_at=number))

    for name, cache_bytes in (("cached", 1 << 26), ("careful", 0)):
        asyncio.run(use(folder / name, cache_bytes))
    assert _rows(folder / "cached") == _rows(folder / "careful")
