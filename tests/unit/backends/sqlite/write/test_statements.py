"""How many statements a change executes where the writer knows the session.

A call with several rows of messages or of a list is one statement.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import Message, SessionState, TextBlock
from a3s_store.testing.samples import items
from tests.support import artifact, executed, messages, run, session, trace

Step = Callable[[SqliteSessionStore], Awaitable[Any]]


def _words(statements: list[str]) -> list[str]:
    """The first words of the statements; those of rows that one call inserts once."""
    found = [" ".join(one.split()[:3]) for one in statements]
    return [one for one, _ in itertools.groupby(found)]


def _counted(path: Path, first: Step, step: Step, *, reads: bool = False) -> list[str]:
    async def main() -> list[str]:
        async with SqliteSessionStore.open(path) as store:
            await store.health_check()  # the first write marks the database as open
            await first(store)
            return _words(await executed(store, step(store), reads=reads))

    return asyncio.run(main())


def _saved(count: int) -> Step:
    async def first(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=count))
        await store.append("s", messages(1, tag="first"))
        await store.append_trace_events("s", items("trace_events", "first"))

    return first


_BEFORE = ["BEGIN IMMEDIATE", "PRAGMA data_version"]
_AFTER = ["INSERT INTO generation", "UPDATE file_link SET", "COMMIT"]
_LOG = "INSERT INTO commit_log"
_SESSION = "UPDATE session SET"

STEPS: dict[str, tuple[Step, list[str]]] = {
    "append": (
        lambda store: store.append("s", messages(3, tag="more")),
        ["INSERT INTO message", _LOG, _SESSION],
    ),
    "append at another time": (
        lambda store: store.append("s", messages(3, tag="more"), updated_at=1),
        ["INSERT INTO message", _LOG, _SESSION],
    ),
    "append on a condition": (
        lambda store: store.append("s", messages(3, tag="more"), expected_generation=3),
        ["INSERT INTO message", _LOG, _SESSION],
    ),
    "fields": (lambda store: store.update("s", state=SessionState.PAUSED), [_LOG, _SESSION]),
    "configuration": (
        lambda store: store.update("s", name="new"),
        ["SELECT tool_names, llm_config,", _LOG, "INSERT INTO session_config", _SESSION],
    ),
    "values": (
        lambda store: store.append_trace_events("s", items("trace_events", "a", "b")),
        ["INSERT INTO trace_event", _LOG, _SESSION, "INSERT INTO collection"],
    ),
}


@pytest.mark.parametrize("count", [2, 700])
@pytest.mark.parametrize("name", STEPS)
def test_a_change_reads_nothing_that_the_writer_knows(
    name: str, count: int, tmp_path: Path
) -> None:
    step, expected = STEPS[name]
    found = _counted(tmp_path / "agent.a3s", _saved(count), step)
    assert found == [*_BEFORE, *expected, *_AFTER]


def _turn(number: int) -> SessionSnapshot:
    """Return a session after turns of 3 messages, an artifact, 3 trace events and a run."""
    return SessionSnapshot(
        session=session("s", count=3 * number),
        artifacts=tuple(artifact(n) for n in range(number)),
        trace_events=tuple(trace(n) for n in range(3 * number)),
        run_records=tuple(run(n, 10) for n in range(number)),
    )


def test_a_full_turn_reads_no_row_of_the_session(tmp_path: Path) -> None:

    async def first(store: SqliteSessionStore) -> None:
        await store.save_snapshot(_turn(1))
        await store.save_snapshot(_turn(2))

    found = _counted(tmp_path / "agent.a3s", first, lambda store: store.save_snapshot(_turn(3)))
    lists = ["INSERT INTO artifact", "INSERT INTO trace_event", "INSERT INTO run"]
    # No event of a lost run lies under the key of the new one.
    lists += ["SELECT coalesce((max(run_event_key) &", "INSERT INTO run_event"]
    expected = ["INSERT INTO message", _LOG, _SESSION, *lists, "INSERT INTO collection"]
    assert found == [*_BEFORE, *expected, *_AFTER]


def test_a_process_that_did_not_see_the_session_reads_it_once(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def first(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=700))

    _counted(path, first, lambda store: store.exists("s"))
    more = messages(3, tag="more")
    found = _counted(path, _nothing, lambda store: store.append("s", more, updated_at=1))
    assert found == [
        *_BEFORE,
        "SELECT o.owner_key, g.generation,",
        "SELECT seq, chain_hash",
        "SELECT value FROM",  # the salt of row checksums, once for each connection
        "INSERT INTO message",
        "SELECT state, total_cost,",
        "SELECT max(sequence) FROM",
        _LOG,
        _SESSION,
        "INSERT INTO generation",
        "SELECT value FROM",  # the commit link
        "PRAGMA schema_version",
        "UPDATE file_link SET",
        "COMMIT",
    ]


async def _nothing(_: SqliteSessionStore) -> None:
    pass


@pytest.mark.parametrize("count", [60, 700])
def test_a_page_of_messages_is_three_reads_at_any_length(count: int, tmp_path: Path) -> None:
    async def first(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=count))
        await store.messages("s", last=1)

    path = tmp_path / "agent.a3s"
    found = _counted(path, first, lambda store: store.messages("s", last=50), reads=True)
    assert found == [
        "BEGIN",
        "SELECT o.owner_key, g.generation,",
        "SELECT start_seq, end_seq,",
        "SELECT checksum, chain_hash,",
        "ROLLBACK",
    ]


@pytest.mark.parametrize("other", [{}, {"updated_at": 7}])
def test_an_append_changes_the_time_of_the_session_and_no_key_like_it(
    other: dict[str, int], tmp_path: Path
) -> None:
    """The time of an update is replaced in the known JSON, where it is found by its key."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            text = Message(role="user", content=(TextBlock(text='"updated_at":5'),))
            extra = {"other": other, "text": '"updated_at":8'}
            first = session("s", messages=(text,), updated_at=9, extra=extra)
            await store.save(first)
            for updated_at in (11, 12):
                await store.append("s", messages(1, tag=f"{updated_at}"), updated_at=updated_at)
                found = await store.load("s")
                assert found is not None
                assert (found.updated_at, found.extra) == (updated_at, first.extra)

    asyncio.run(main())
