"""An import reports tool calls and results that do not match, and repairs them on request."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import attrs
import pytest

from a3s_store import FileSessionStore, MemorySessionStore, SessionStore, SqliteSessionStore
from a3s_store.interop import SessionPairs, import_directory
from a3s_store.models import Message, ToolUseBlock
from a3s_store.pairs import check_pairs, repair_pairs
from tests.support import session
from tests.unit.cli.cli_runs import invoke

BROKEN = (
    Message.user("go"),
    Message(role="assistant", content=(ToolUseBlock(id="a", name="ls", input={}),)),
    Message.user("go on"),
    Message.tool_result("b", "output"),
    Message(role="assistant", content=(ToolUseBlock(id="c", name="ls", input={}),)),
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with await FileSessionStore.open(tmp_path / "sessions") as store:
            await store.save(session("broken").evolve(messages=BROKEN))
            await store.save(session("whole").evolve(messages=(Message.user("hello"),)))

    asyncio.run(fill())
    return tmp_path / "sessions"


async def stored(store: SessionStore) -> tuple[Message, ...]:
    found = await store.load("broken")
    assert found is not None
    return found.messages


FOUND = SessionPairs(
    session_id="broken", calls_without_result=1, results_without_call=1, open_calls=1
)
REPAIRED = attrs.evolve(FOUND, repaired=True)


def test_problems_are_named_by_session_and_what_comes_in_stays_as_it_was(directory: Path) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            report = await import_directory(store, directory)
            assert report.pairs == (FOUND,)
            assert report.ok
            assert "1 call without result, 1 result without call, 1 open call" in str(report)
            assert await stored(store) == BROKEN

    asyncio.run(main())


@pytest.mark.parametrize("before", [False, True], ids=["at once", "after an import without"])
def test_a_repair_is_a_second_generation_and_is_not_made_twice(
    directory: Path, tmp_path: Path, before: bool
) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            if before:
                await import_directory(store, directory)
            report = await import_directory(store, directory, repair=True)
            assert report.pairs == (REPAIRED,)
            assert await stored(store) == repair_pairs(BROKEN)
            assert check_pairs(await stored(store)) == ()
            number = await store.generation("broken")
            older = await store.load("broken", generation=number - 1)
            assert older is not None
            assert older.messages == BROKEN
            again = await import_directory(store, directory, repair=True)
            assert again.count("skipped") == 2
            assert again.pairs == (REPAIRED,)
            assert await store.generation("broken") == number

    asyncio.run(main())


def test_a_conflict_is_not_repaired(directory: Path) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            mine = session("broken").evolve(messages=(Message.user("mine"),))
            await store.save(mine)
            report = await import_directory(store, directory, repair=True)
            assert not report.ok
            assert report.pairs == (FOUND,)
            assert await stored(store) == mine.messages
            report = await import_directory(store, directory, repair=True, on_conflict="replace")
            assert report.pairs == (REPAIRED,)
            assert await stored(store) == repair_pairs(BROKEN)

    asyncio.run(main())


def test_a_session_of_problems_is_shown_in_one_line() -> None:
    one = SessionPairs.of("x", check_pairs(BROKEN), repaired=True)
    assert str(one) == "x: 1 call without result, 1 result without call, 1 open call, repaired"


def test_the_command_names_them_and_repairs_them_on_request(
    directory: Path, tmp_path: Path
) -> None:
    store = tmp_path / "agent.a3s"
    done = invoke("import", store, directory)
    assert done.exit_code == 0, done.output
    assert "1 call without result" in done.stdout
    assert "--repair-pairs" in done.stderr
    told = json.loads(invoke("import", store, directory, "--repair-pairs", "--json").stdout)
    (one,) = told["pairs"]
    assert one == attrs.asdict(REPAIRED)
    done = invoke("import", store, directory, "--repair-pairs")
    assert "(repaired)" in done.stdout
    assert "--repair-pairs" not in done.stderr
