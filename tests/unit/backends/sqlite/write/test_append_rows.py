"""An append writes its messages and a fixed number of rows, and leaves the session cache right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.errors import CorruptionError
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    RunEventRecord,
    SessionState,
    TextDelta,
)
from a3s_store.testing.samples import items, run_record
from tests.support import all_rows, changes, database, messages, session

# What every append changes besides its messages: by table, rows added, changed, removed.
_EVERY = {"generation": (1, 0, 0), "session": (0, 1, 0), "commit_log": (1, 0, 0)}


async def _written(store: SqliteSessionStore, path: Path, step: Any) -> dict[str, Any]:
    before = all_rows(path)
    await step
    found = changes(before, all_rows(path))
    return {table: counts for table, counts in found.items() if any(counts)}


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
@pytest.mark.parametrize("count", [1, 40, 1500])
def test_an_append_writes_the_same_rows_at_any_length(
    count: int, cached: bool, tmp_path: Path
) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s", count=count))
        async with SqliteSessionStore.open(path) as store:
            if cached:
                await store.load("s")
            await store.append("s", messages(1, tag="first"))
            for number in range(1, 4):
                more = messages(number, tag=f"{number}")
                found = await _written(store, path, store.append("s", more))
                assert found == {**_EVERY, "message": (number, 0, 0)}
            step = store.update("s", state=SessionState.PAUSED)
            assert await _written(store, path, step) == _EVERY
            assert await _written(store, path, store.update("s", state=SessionState.PAUSED)) == {}
            assert await _written(store, path, store.append("s", ())) == {}

    asyncio.run(main())


def test_values_and_events_are_added_without_rewriting_the_others(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            whole = SessionSnapshot(
                session=session("s", count=2),
                trace_events=items("trace_events", *map(str, range(50))),
                run_records=(run_record("1", 30), run_record("2", 2)),
            )
            await store.save_snapshot(whole)
            every = {**_EVERY, "collection": (0, 1, 0)}
            step = store.append_trace_events("s", items("trace_events", "a", "b"))
            assert await _written(store, path, step) == {**every, "trace_event": (2, 0, 0)}
            step = store.append_trace_events("s", items("trace_events", "c"), keep_last=52)
            assert await _written(store, path, step) == {**every, "trace_event": (1, 0, 1)}
            event = RunEventRecord(sequence=99, timestamp_ms=1, event=TextDelta(text="x"))
            step = store.append_run_events("s", "run-1", [event])
            expected = {**every, "run": (0, 1, 0), "run_event": (1, 0, 0)}
            assert await _written(store, path, step) == expected

    asyncio.run(main())


def test_a_rewound_branch_is_shared_by_one_segment(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s", count=30))
            await store.rewind("s", 20)
            step = store.append("s", messages(2, tag="other"))
            found = await _written(store, path, step)
            assert (found["message"], found["branch"]) == ((2, 0, 0), (1, 0, 0))
            assert found["branch_segment"] == (2, 0, 0), "the shared rows, and its own"
            step = store.append("s", messages(1, tag="more"))
            assert await _written(store, path, step) == {**_EVERY, "message": (1, 0, 0)}
            found_now = await store.load("s")
            assert found_now is not None
            assert len(found_now.messages) == 23
            assert (await store.verify(depth="deep")).ok

    asyncio.run(main())


def test_large_images_are_stored_once_and_read_in_pages(tmp_path: Path) -> None:
    source = ImageSource(media_type="image/png", data="A" * 100_000)
    image = Message(role="user", content=(ImageBlock(source=source),))

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            await store.append("s", [image, image], create=session("s", count=0))
            page = await store.messages("s", last=1)
            assert page is not None
            assert page[0].message == image
            assert (await store.verify(depth="deep")).ok
        with database(tmp_path / "agent.a3s") as conn:
            assert conn.execute("SELECT count(*) FROM blob").fetchone() == (1,)

    asyncio.run(main())


def test_a_cached_session_is_right_after_appends_by_anybody(tmp_path: Path) -> None:
    """The store's own appends, and those of another store on the same file."""
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as one, SqliteSessionStore.open(path) as two:
            await one.save(session("s", count=4))
            expected = [*messages(4)]
            for number in range(12):
                store = (one, one, two)[number % 3]
                more = messages(1, tag=f"more {number}")
                await store.append("s", more)
                expected += more
                if number % 4 == 1:
                    found = await one.load("s")
                    assert found is not None
                    assert [*found.messages] == expected
                    more = messages(1, tag=f"saved {number}")
                    expected += more
                    await one.save(found.evolve(messages=(*found.messages, *more)))
            for store in (one, two):
                found = await store.load("s")
                assert found is not None
                assert [*found.messages] == expected
            assert (await one.verify(depth="deep")).ok

    asyncio.run(main())


def test_damage_is_named_by_a_page_and_left_alone_by_the_others(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s", count=20))
        with database(path) as conn:
            conn.execute("UPDATE message SET content = replace(content, 'e', 'f') WHERE seq = 7")
            conn.commit()
        async with SqliteSessionStore.open(path) as store:
            assert await store.messages("s", last=5) is not None
            assert await store.messages("s", stop=7) is not None
            with pytest.raises(CorruptionError) as damage:
                await store.messages("s", start=5, stop=10)
            assert (damage.value.part, damage.value.position) == ("messages", 7)

    asyncio.run(main())
