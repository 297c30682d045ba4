"""What a save costs however much was saved before: bytes, rows and syncs, counted and not timed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.models import Message, RunEventRecord, RunRecord, ToolOutputDelta
from tests.support import (
    all_rows,
    changes,
    checkpoint,
    messages,
    run,
    session,
    statements_changed,
    trace,
    with_store,
)

_IO = Path("/proc/self/io")
_ROOT = Path(__file__).parents[5]


def turn(number: int) -> tuple[Message, ...]:
    """Two messages, as long as those of any other turn."""
    return (
        Message.user(f"{number:06} " + "what about this? " * 10),
        Message.assistant(f"{number:06} " + "it is done so. " * 10),
    )


# -- Bytes ----------------------------------------------------------------------------------------


def written() -> int:
    """Bytes that this process has handed to write() so far."""
    found = re.search(r"^wchar: (\d+)$", _IO.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.skipif(not _IO.exists(), reason="only Linux counts the bytes a process writes")
def test_a_turn_writes_as_many_bytes_at_3000_messages_as_at_100(tmp_path: Path) -> None:
    turns = 80

    def bytes_per_turn(count: int) -> float:
        async def use(store: SqliteSessionStore) -> float:
            history = sum(map(turn, range(count // 2)), ())
            await store.save(session(messages=history))
            before = written()
            for number in range(turns):
                history += turn(count + number)
                await store.save(session(messages=history))
            return (written() - before) / turns

        return with_store(tmp_path / f"{count}.a3s", use, durability="normal")

    small, large = bytes_per_turn(100), bytes_per_turn(3000)
    assert small > 2 * len(turn(0)[0].text)
    assert max(small, large) < 1.1 * min(small, large)


# -- Rows -----------------------------------------------------------------------------------------


def test_a_turn_writes_as_many_rows_at_3000_messages_as_at_100(tmp_path: Path) -> None:
    def rows_of_turns(count: int) -> list[int]:
        async def use(store: SqliteSessionStore) -> list[int]:
            history = messages(count)
            await store.save(session(messages=history))
            found = []
            for number in range(5):
                history += turn(number)
                before = await statements_changed(store)
                await store.save(session(messages=history))
                found.append(await statements_changed(store) - before)
            return found

        return with_store(tmp_path / f"{count}.a3s", use)

    # Two messages, the session's row, its generation, its entry in the log and the commit link.
    assert rows_of_turns(100) == rows_of_turns(3000) == [6] * 5


def test_events_of_a_run_that_are_saved_ten_at_a_time_are_each_written_once(
    tmp_path: Path,
) -> None:
    """A tool that talks all day: 3 000 pieces of output in 300 saves."""

    def grown(record: RunRecord, batch: int) -> RunRecord:
        more = tuple(
            RunEventRecord(
                sequence=number,
                timestamp_ms=1_000 + number,
                event=ToolOutputDelta(id="call-1", name="bash", delta=f"line {number}\n"),
            )
            for number in range(10 * batch, 10 * batch + 10)
        )
        snapshot = record.snapshot.evolve(event_count=10 * batch + 10, updated_at_ms=batch)
        return record.evolve(snapshot=snapshot, events=record.events + more)

    async def use(store: SqliteSessionStore) -> None:
        others = (run(1, 20), run(2, 20))
        talking = run(3, 0)
        await store.save_run_records("fix-login", (*others, talking))
        per_save = []
        for batch in range(300):
            talking = grown(talking, batch)
            before = await statements_changed(store)
            await store.save_run_records("fix-login", (*others, talking))
            per_save.append(await statements_changed(store) - before)
        # Ten events, the run's row, the collection's, the generation, the entry in the log and the
        # commit link. Where a checkpoint followed, its two commits have a link each.
        assert set(per_save) == {15, 17}
        assert per_save.count(17) < 10
        assert await store.load_run_records("fix-login") == (*others, talking)

    path = tmp_path / "agent.a3s"
    with_store(path, use, durability="normal")
    assert len(all_rows(path)["run_event"]) == 3040


def test_a_checkpoint_after_each_tool_round_writes_the_round_and_the_save_after_it_no_message(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        history = messages(2000)
        await store.save(session(messages=history))
        per_round = []
        for number in range(50):
            history += turn(number)
            before = await statements_changed(store)
            await store.save_loop_checkpoint("run-1", checkpoint(history))
            per_round.append(await statements_changed(store) - before)
        # Two messages, the rows of the checkpoint and the session, the entry in the log and the
        # commit link.
        assert per_round == [6] * 50
        rows = all_rows(path)
        await store.save(session(messages=history))
        assert changes(rows, all_rows(path)) == {
            "session": (0, 1, 0),
            "generation": (1, 0, 0),
            "commit_log": (1, 0, 0),
        }
        rows = all_rows(path)
        await store.delete_loop_checkpoint("run-1")
        assert changes(rows, all_rows(path)) == {
            "loop_checkpoint": (0, 0, 1),
            "session": (0, 1, 0),
            "commit_log": (1, 0, 0),
        }
        assert await store.load("fix-login") == session(messages=history)

    with_store(path, use, durability="normal")


def test_a_full_trace_buffer_writes_what_came_and_removes_what_went(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        events = tuple(trace(number) for number in range(200))
        await store.save_trace_events("fix-login", events)
        for number in range(200, 260, 3):
            events = (*events, *(trace(number + more) for more in range(3)))[-200:]
            rows, before = all_rows(path), await statements_changed(store)
            await store.save_trace_events("fix-login", events)
            assert changes(rows, all_rows(path)) == {
                "trace_event": (3, 0, 3),
                "collection": (0, 1, 0),
                "generation": (1, 0, 0),
                "commit_log": (1, 0, 0),
            }
            assert await statements_changed(store) - before == 10
        assert await store.load_trace_events("fix-login") == events

    with_store(path, use, durability="normal")


# -- Syncs ----------------------------------------------------------------------------------------

# Saves by so many savers at once, so many each; opening and closing sync as well.
_SAVES = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from tests.support import session

path, durability, savers, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

async def saver(store, name):
    for count in range(each):
        await store.save(session(name, count=count))

async def main():
    async with SqliteSessionStore.open(path, durability=durability) as store:
        await asyncio.gather(*(saver(store, f"s{n}") for n in range(savers)))

asyncio.run(main())
"""


def syncs(place: Path, durability: str, savers: int, each: int) -> int:
    """How often a process that opens, saves and closes tells the disk to keep what it was given."""
    place.mkdir()
    log = place / "strace.log"
    strace = ["strace", "-f", "-qq", "-e", "trace=fdatasync,fsync", "-o", str(log)]
    program = [sys.executable, "-c", _SAVES, str(place / "agent.a3s")]
    subprocess.run(
        [*strace, *program, durability, str(savers), str(each)],
        check=True,
        timeout=120,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    return len(re.findall(r"\bf(?:data)?sync\(", log.read_text()))


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace counts the syncs")


@needs_strace
@pytest.mark.parametrize(("durability", "per_save"), [("full", 1), ("normal", 0)])
def test_a_save_is_synced_exactly_once_where_it_must_last(
    tmp_path: Path, durability: str, per_save: int
) -> None:
    twenty = syncs(tmp_path / "20", durability, 1, 20)
    forty = syncs(tmp_path / "40", durability, 1, 40)
    assert forty - twenty == 20 * per_save


@needs_strace
def test_sixteen_savers_need_at_most_a_quarter_of_a_sync_per_save(tmp_path: Path) -> None:
    short = syncs(tmp_path / "5", "full", 16, 5)
    long = syncs(tmp_path / "15", "full", 16, 15)
    assert long - short <= 0.25 * 16 * 10
