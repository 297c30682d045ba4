"""A save costs what changed: rows counted, not timed."""

from __future__ import annotations

import asyncio
import collections
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import ImageBlock, ImageSource, Message
from a3s_store.wire import decode, encode
from tests.support import (
    Rows,
    all_rows,
    artifact,
    changes,
    checkpoint,
    messages,
    run,
    session,
    statements_changed,
    trace,
)

# What every save that changes something writes.
GENERATION = {"generation": (1, 0, 0), "commit_log": (1, 0, 0)}
# What a change of a run's checkpoint writes for the session that shows it.
SHOWN = {"session": (0, 1, 0), "commit_log": (1, 0, 0)}


class Counter:
    """Counts what each step writes to one store file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: SqliteSessionStore
        self.statements = 0

    async def count(self, step: Any) -> dict[str, tuple[int, int, int]]:
        """By table: rows inserted, changed, removed by awaiting the step.

        That no row was written again with what it already held is checked by the number of rows
        the statements touched; the commit link of a commit is one more.
        """
        before: Rows = all_rows(self.path)
        touched = await statements_changed(self.store)
        await step
        self.statements = await statements_changed(self.store) - touched
        found = changes(before, all_rows(self.path))
        assert self.statements == sum(sum(counts) for counts in found.values()) + bool(found)
        return found


def scenario(tmp_path: Path, steps: Any) -> None:
    async def main() -> None:
        counter = Counter(tmp_path / "agent.a3s")
        async with SqliteSessionStore.open(counter.path) as store:
            counter.store = store
            await store.health_check()  # the first write marks the database as open
            await steps(store, counter.count)

    asyncio.run(main())


def test_two_more_messages_at_a_history_of_5000_write_two_message_rows(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(count=5000))
        written = await count(store.save(session(count=5002)))
        assert written == {"message": (2, 0, 0), "session": (0, 1, 0), **GENERATION}

        history = messages(5003)
        written = await count(store.save_loop_checkpoint("run-1", checkpoint(history)))
        assert written == {"message": (1, 0, 0), "loop_checkpoint": (1, 0, 0), **SHOWN}

        written = await count(store.save(session(count=5003)))
        assert written == {"session": (0, 1, 0), **GENERATION}

        later = checkpoint(history).evolve(checkpoint_ms=6)
        written = await count(store.save_loop_checkpoint("run-1", later))
        assert written == {"loop_checkpoint": (0, 1, 0), **SHOWN}

        written = await count(store.fork("fix-login", "other", at=2500))
        assert "message" not in written
        assert "branch" not in written

        written = await count(store.rewind("fix-login", 100))
        assert written == {"session": (0, 1, 0), **GENERATION}

    scenario(tmp_path, steps)


def test_saving_an_unchanged_session_writes_nothing(
    tmp_path: Path,
) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        whole = SessionSnapshot(
            session=session(count=9),
            artifacts=(artifact(1), artifact(2, 9000)),
            trace_events=(trace(1), trace(1)),
            run_records=(run(1, 20),),
            verification_reports=(),
        )
        await store.save_snapshot(whole)
        assert await count(store.save_snapshot(whole)) == {}
        assert await count(store.save(whole.session)) == {}

    scenario(tmp_path, steps)


def test_a_changed_time_does_not_rewrite_the_system_prompt(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        first = session()
        await store.save(first)
        written = await count(store.save(first.evolve(updated_at=first.updated_at + 1)))
        assert written == {"session": (0, 1, 0), **GENERATION}

    scenario(tmp_path, steps)


def test_one_more_event_of_the_last_run_writes_one_event(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        runs = tuple(run(n, 50) for n in range(5))
        await store.save_run_records("fix-login", runs)
        written = await count(store.save_run_records("fix-login", (*runs[:4], run(4, 51))))
        assert written == {
            "run": (0, 1, 0),
            "run_event": (1, 0, 0),
            "collection": (0, 1, 0),
            **GENERATION,
        }

    scenario(tmp_path, steps)


def test_a_trace_buffer_with_a_cap_writes_what_came_and_removes_what_went(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save_trace_events("fix-login", [trace(n) for n in range(100)])
        written = await count(
            store.save_trace_events("fix-login", [trace(n) for n in range(3, 103)])
        )
        assert written == {"trace_event": (3, 0, 3), "collection": (0, 1, 0), **GENERATION}

    scenario(tmp_path, steps)


def test_runs_with_a_cap_rewrite_no_run_that_stayed(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save_run_records("s", [run(n, 10) for n in range(8)])
        later = [*(run(n, 10) for n in range(1, 7)), run(7, 11), run(8, 2)]
        written = await count(store.save_run_records("s", later))
        assert written["run"] == (1, 1, 1)
        # The ten events of the dropped run go with it by cascade.
        assert written["run_event"] == (3, 0, 10)

    async def main() -> None:
        path = tmp_path / "agent.a3s"
        async with SqliteSessionStore.open(path) as store:

            async def count(step: Any) -> dict[str, tuple[int, int, int]]:
                before = all_rows(path)
                await step
                return changes(before, all_rows(path))

            await steps(store, count)

    asyncio.run(main())


def test_compaction_writes_the_summary_and_keeps_the_old_conversation(
    tmp_path: Path,
) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(count=200))
        short = (*messages(3), Message.user("summary of all that"), *messages(4, start=196))
        written = await count(store.save(session().evolve(messages=short)))
        assert written["message"] == (1, 0, 0)
        loaded = await store.load("fix-login", generation=1)
        assert loaded is not None
        assert loaded.messages == messages(200)
        now = await store.load("fix-login")
        assert now is not None
        assert now.messages == short

    scenario(tmp_path, steps)


def slid(old: tuple[Message, ...], number: int) -> tuple[Message, ...]:
    return (*old[1:], *messages(1, start=number, tag="new"))


def slid_behind_a_prompt(old: tuple[Message, ...], number: int) -> tuple[Message, ...]:
    return (old[0], *old[2:], *messages(1, start=number, tag="new"))


def with_another_first(old: tuple[Message, ...], number: int) -> tuple[Message, ...]:
    return (*messages(1, start=number, tag="new"), *old[1:])


def with_another_in_the_middle(old: tuple[Message, ...], number: int) -> tuple[Message, ...]:
    return (*old[:90], *messages(1, start=number, tag="new"), *old[91:])


EDITS = [slid, slid_behind_a_prompt, with_another_first, with_another_in_the_middle]


@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_each_edit_of_a_long_conversation_writes_one_message_and_a_few_small_rows(
    tmp_path: Path, edit: Any, rebuilt: bool
) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        now = messages(200)
        await store.save(session(messages=now))
        for number in range(6):
            now = edit(now, number)
            if rebuilt:  # equal values, none of them the same object
                now = tuple(decode(Message, encode(message)) for message in now)
            written = await count(store.save(session(messages=now)))
            assert written["message"] == (1, 0, 0)
            assert sum(rows for rows, _, _ in written.values()) <= 9
            loaded = await store.load("fix-login")
            assert loaded is not None
            assert loaded.messages == now
        then = await store.load("fix-login", generation=1)
        assert then is not None
        assert then.messages == messages(200)

    scenario(tmp_path, steps)


@pytest.mark.parametrize("edit", EDITS)
def test_a_process_that_never_saw_the_conversation_writes_no_more(
    tmp_path: Path, edit: Any
) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(messages=messages(200)))
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as other:
            before = all_rows(tmp_path / "agent.a3s")
            await other.save(session(messages=edit(messages(200), 1)))
            written = changes(before, all_rows(tmp_path / "agent.a3s"))
            assert written["message"] == (1, 0, 0)

    scenario(tmp_path, steps)


def test_a_conversation_in_too_many_pieces_is_written_whole(tmp_path: Path) -> None:
    """Each read asks for every piece, so their number has a bound."""

    async def steps(store: SqliteSessionStore, count: Any) -> None:
        now = messages(100)
        await store.save(session(messages=now))
        for number in range(100):
            now = (*messages(1, start=number, tag="in front"), *now)
            await store.save(session(messages=now))
        rows = all_rows(tmp_path / "agent.a3s")
        pieces = collections.Counter(row[0] for row in rows["branch_segment"].values())
        assert max(pieces.values()) <= 65
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.messages == now

    scenario(tmp_path, steps)


def test_going_back_to_an_older_history_finds_its_messages_still_there(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(count=50))
        await store.save(session().evolve(messages=messages(10) + messages(5, tag="other")))
        written = await count(store.save(session(count=51)))
        assert written["message"] == (1, 0, 0)

    scenario(tmp_path, steps)


def test_forks_share_messages_and_go_on_apart(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(count=10))
        await store.fork("fix-login", "left")
        await store.fork("fix-login", "right", at=6)
        left = messages(10) + messages(2, tag="left")
        right = messages(6) + messages(2, tag="right")
        assert (await count(store.save(session("left", messages=left))))["message"] == (2, 0, 0)
        assert (await count(store.save(session("right", messages=right))))["message"] == (2, 0, 0)
        for session_id, history in (
            ("fix-login", messages(10)),
            ("left", left),
            ("right", right),
        ):
            loaded = await store.load(session_id)
            assert loaded is not None
            assert loaded.messages == history

    scenario(tmp_path, steps)


def test_a_large_artifact_lies_once_however_many_sessions_keep_it(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save_artifacts("one", [artifact(7, 200_000)])
        written = await count(store.save_artifacts("two", [artifact(7, 200_000)]))
        assert "blob" not in written
        await store.delete("one")
        assert await store.load_artifacts("two") == (artifact(7, 200_000),)
        await store.delete("two")

    scenario(tmp_path, steps)
    assert all_rows(tmp_path / "agent.a3s")["blob"] == {}


@pytest.mark.parametrize("size", [100, 6000])
def test_an_image_lies_once_and_comes_back_whole(tmp_path: Path, size: int) -> None:
    image = ImageBlock(source=ImageSource(media_type="image/png", data="aGk" * size))
    history = (Message(role="user", content=(image,)), *messages(2))

    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session("one", messages=history))
        written = await count(store.save(session("two", messages=history[:1])))
        assert "blob" not in written
        for session_id, expected in (("one", history), ("two", history[:1])):
            loaded = await store.load(session_id)
            assert loaded is not None
            assert loaded.messages == expected

    scenario(tmp_path, steps)
    blobs = all_rows(tmp_path / "agent.a3s")["blob"]
    assert len(blobs) == (1 if size == 6000 else 0)


def test_deleting_a_session_leaves_no_row_of_it(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        image = ImageBlock(source=ImageSource(media_type="image/png", data="aGk" * 5000))
        history = (*messages(5), Message(role="user", content=(image,)))
        await store.save_snapshot(
            SessionSnapshot(
                session=session(messages=history),
                artifacts=(artifact(1, 50_000),),
                retained_artifact_uris=(artifact(1).artifact_uri,),
                trace_events=(trace(1),),
                run_records=(run(1, 3),),
                verification_reports=(),
                subagent_tasks=(),
            )
        )
        await store.save_loop_checkpoint("run-1", checkpoint(history + messages(3, tag="round")))
        await store.fork("fix-login", "copy", at=4)
        await store.save(session(messages=messages(2, tag="afresh")))
        await store.delete("fix-login")
        loaded = await store.load("copy")
        assert loaded is not None
        assert loaded.messages == history[:4]
        assert await store.load_loop_checkpoint("run-1") is None

    scenario(tmp_path, steps)
    rows = all_rows(tmp_path / "agent.a3s")
    assert len(rows["message"]) == 4
    assert len(rows["owner"]) == 1

    async def delete_the_copy(store: SqliteSessionStore, count: Any) -> None:
        await store.delete("copy")

    scenario(tmp_path, delete_the_copy)
    left = {table: len(found) for table, found in all_rows(tmp_path / "agent.a3s").items() if found}
    kept = {"meta": 3, "tombstone": 2, "file_link": 1, "commit_log": 6}
    assert left == kept, "the salts, a hash for each, the commit link, and the log"


def test_a_checkpoint_that_is_dropped_takes_its_own_messages_along(tmp_path: Path) -> None:
    async def steps(store: SqliteSessionStore, count: Any) -> None:
        await store.save(session(count=10))
        await store.save_loop_checkpoint("run-1", checkpoint(messages(14)))
        written = await count(store.delete_loop_checkpoint("run-1"))
        assert written == {"loop_checkpoint": (0, 0, 1), "message": (0, 0, 4), **SHOWN}
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.messages == messages(10)

    scenario(tmp_path, steps)
