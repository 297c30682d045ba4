"""The SQLite store beyond the protocol: generations, forks, settings, damage, privacy."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import sqlite3
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.core.snapshot import forked
from a3s_store.errors import (
    CorruptionError,
    EncodeError,
    SessionNotFoundError,
    StaleGenerationError,
    StoreBusyError,
    StoreClosedError,
    StoreReplacedError,
)
from a3s_store.models import (
    LlmConfigData,
    Message,
    TextBlock,
    ToolResultBlock,
    UnknownBlock,
)
from tests.support import (
    artifact,
    checkpoint,
    database,
    messages,
    run,
    session,
    trace,
    with_store,
)


def test_a_writer_that_builds_on_an_old_generation_is_refused(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=2), expected_generation=0)
        await store.save(session(count=3), expected_generation=1)
        with pytest.raises(StaleGenerationError) as caught:
            await store.save(session(count=9), expected_generation=1)
        assert (caught.value.expected, caught.value.actual) == (1, 2)
        assert await store.generation("fix-login") == 2
        assert await store.load("fix-login") == session(count=3)

        whole = SessionSnapshot(session=session(count=4))
        await store.save_snapshot(whole, expected_generation=2)
        with pytest.raises(StaleGenerationError):
            await store.save_snapshot(whole, expected_generation=2)

    with_store(tmp_path / "agent.a3s", use)


def test_saves_of_collections_are_generations_too(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save_trace_events("fix-login", [trace(1)])
        await store.save(session(count=2))
        await store.save_trace_events("fix-login", [trace(1), trace(2)])
        found = await store.generations("fix-login")
        assert [(g.number, g.length) for g in found] == [(1, None), (2, 2), (3, 2)]
        assert found[0].digest is None
        assert [g.saved_at_ms for g in found] == [7000, 7000, 7000]
        whole = await store.load_snapshot("fix-login")
        assert whole is not None
        assert found[2].digest == whole.digest()
        with pytest.raises(SessionNotFoundError):
            await store.load("fix-login", generation=1)
        with pytest.raises(SessionNotFoundError):
            await store.load("fix-login", generation=4)

    with_store(tmp_path / "agent.a3s", use, clock=lambda: 7.0)


def test_time_travel_gives_the_conversation_of_then_and_the_rest_of_now(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        for count in (1, 5, 3):
            await store.save(session(count=count, updated_at=count))
        for number, count in ((1, 1), (2, 5), (3, 3)):
            then = await store.load("fix-login", generation=number)
            assert then == session(count=count, updated_at=3)
        assert await store.rewind("fix-login", 2) == 4
        assert await store.load("fix-login") == session(count=2, updated_at=3)

    with_store(tmp_path / "agent.a3s", use)


def test_a_fork_is_the_upstream_fork_with_a_shorter_history(tmp_path: Path) -> None:
    whole = SessionSnapshot(
        session=session(count=6),
        artifacts=(artifact(1, 9000),),
        trace_events=(),
        run_records=(run(1, 2),),
    )

    async def use(store: SqliteSessionStore) -> None:
        await store.save_snapshot(whole)
        await store.fork("fix-login", "copy", at=2)
        copy = await store.load_snapshot("copy")
        expected = forked(whole, "copy")
        assert copy == expected.evolve(session=expected.session.evolve(messages=messages(2)))
        assert (await store.generations("copy"))[-1].digest == copy.digest()
        assert await store.load_snapshot("fix-login") == whole
        with pytest.raises(StaleGenerationError):
            await store.fork("fix-login", "copy")
        with pytest.raises(SessionNotFoundError):
            await store.fork("fix-login", "longer", at=7)
        with pytest.raises(SessionNotFoundError):
            await store.fork("missing", "else")
        assert not await store.exists("longer")

    with_store(tmp_path / "agent.a3s", use)


def test_saving_and_loading_a_checkpoint_of_a_session_that_was_never_saved(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        kept = checkpoint(messages(5))
        await store.save_loop_checkpoint("run-1", kept)
        assert await store.load_loop_checkpoint("run-1") == kept
        await store.save(session(count=5))
        await store.delete_loop_checkpoint("run-1")
        assert await store.load("fix-login") == session(count=5)

    with_store(tmp_path / "agent.a3s", use)


def test_the_settings_are_those_the_design_names(tmp_path: Path) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "temp_store": 2,
        "mmap_size": 0,
        "wal_autocheckpoint": 0,
        "secure_delete": 2,
        "page_size": 4096,
    }

    def settings(conn: sqlite3.Connection) -> dict[str, object]:
        return {name: conn.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        assert await store._engine.writer.run(settings) == wanted
        assert await store._engine.reader.run(settings) == wanted
        # The writer waits in a queue instead of in SQLite.
        assert await store._engine.writer.run(_timeouts) == (0, 1234)
        assert await store._engine.reader.run(_timeouts) == (1234, None)
        assert (await store._engine.reader.run(_query_only)) == 1

    with_store(tmp_path / "agent.a3s", use, busy_timeout_ms=1234)

    async def relaxed(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        assert (await store._engine.writer.run(settings))["synchronous"] == 1
        assert not store.capabilities().durable

    with_store(tmp_path / "agent.a3s", relaxed, durability="normal")


def _timeouts(conn: WorkConnection) -> object:
    (milliseconds,) = conn.execute("PRAGMA busy_timeout").fetchone()
    return milliseconds, conn.turn and conn.turn.milliseconds


def _query_only(conn: sqlite3.Connection) -> object:
    return conn.execute("PRAGMA query_only").fetchone()[0]


def test_an_unknown_durability_is_refused() -> None:
    with pytest.raises(ValueError, match="durability"):
        SqliteSessionStore.open("x", durability="half")  # type: ignore[arg-type]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_every_file_of_a_store_is_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "agent.a3s"
    before = os.umask(umask)
    try:

        async def use(store: SqliteSessionStore) -> None:
            await store.save(session())
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
            names = (f"agent.a3s{end}" for end in ("", "-wal", "-shm", "-queue"))
            assert modes == dict.fromkeys(names, 0o600)

        with_store(path, use)
    finally:
        os.umask(before)


def test_closing_leaves_one_file_and_twice_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        store = await SqliteSessionStore.open(path)
        await asyncio.gather(*(store.save(session(f"s{n}")) for n in range(50)), store.close())
        await store.close()
        with pytest.raises(StoreClosedError):
            await store.save(session())
        with pytest.raises(StoreClosedError):
            await store.list()

    asyncio.run(main())
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]
    assert len(with_store(path, lambda store: store.list())) == 50


def test_two_event_loops_in_two_threads_share_one_store(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        def elsewhere(name: str) -> None:
            async def save_many() -> None:
                for number in range(20):
                    await store.save(session(name, count=number))

            asyncio.run(save_many())

        await asyncio.gather(*(asyncio.to_thread(elsewhere, f"t{n}") for n in range(3)))
        assert await store.list() == ["t0", "t1", "t2"]

    with_store(tmp_path / "agent.a3s", use)


def test_a_file_locked_by_another_program_is_a_typed_error_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        with database(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError) as caught:
                await store.save(session(count=2))
            assert "fix-login" in str(caught.value)
            assert await store.load("fix-login") == session(count=1)
        await store.save(session(count=2))

    with_store(path, use, busy_timeout_ms=50)


def test_a_long_read_blocks_no_save_and_sees_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        with database(path) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM message").fetchone() == (1,)
            await store.save(session(count=2))
            assert reader.execute("SELECT count(*) FROM message").fetchone() == (1,)

    with_store(path, use, busy_timeout_ms=50)


def test_an_api_key_is_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    secret = "sk-very-secret"
    config = LlmConfigData(provider="openai", model="gpt-4o", api_key=secret)
    assert secret not in repr(config)
    assert secret.encode() not in pickle.dumps(config)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(llm_config=config))
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.llm_config == config
        assert loaded.llm_config.api_key is None
        for found in tmp_path.iterdir():
            assert secret.encode() not in found.read_bytes(), found.name

    # Reading its open files drops the locks of this process; no other process has the store open.
    with_store(path, use)
    assert secret.encode() not in path.read_bytes()


def test_sql_answers_questions_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=4))
        await store.fork("fix-login", "copy", at=2)
        await store.save(session("copy", messages=messages(2) + messages(1, tag="new")))
        await store.save_run_records("copy", [run(1, 3, "copy")])

    with_store(path, use)
    with database(path) as conn:
        assert conn.execute("SELECT id, messages FROM sessions ORDER BY id").fetchall() == [
            ("copy", 3),
            ("fix-login", 4),
        ]
        rows = conn.execute(
            "SELECT seq, json_extract(content, '$[0].text') FROM conversation "
            "WHERE session_id = 'copy' ORDER BY seq"
        ).fetchall()
        assert [text.split(":")[0] for _, text in rows] == ["m 0", "m 1", "new 0"]
        kinds = conn.execute(
            "SELECT type, count(*) FROM run_events WHERE run_id = 'run-1' GROUP BY type"
        ).fetchall()
        assert kinds == [("text_delta", 3)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE message SET content = '[{\"type\":7}]' WHERE seq = 1", "messages[1]"),
        ("UPDATE message SET content = 'oops' WHERE seq = 1", "messages[1]"),
        ("DELETE FROM message WHERE seq = 1", "message"),
        ("UPDATE session SET state = 'active'", "load: session"),
        ("UPDATE session SET thinking_enabled = 7", "thinking_enabled"),
        ("DELETE FROM session_config", "config: it is missing"),
        ("UPDATE session SET total_cost = NULL, extra = '[]'", "JSON object"),
        ("UPDATE message SET role = CAST(x'ff' AS TEXT)", "messages[0]"),
        ("UPDATE message SET content = replace(content, 'm 1', 'm 9')", "messages[1]"),
        ("UPDATE message SET seq = 9 - seq WHERE seq > 0", "message"),
        ("UPDATE message SET reasoning_content = 'so' WHERE seq = 2", "messages[2]"),
        ("UPDATE message SET chain_hash = zeroblob(32) WHERE seq = 0", "messages[0]"),
        ("UPDATE session_config SET workspace = 'elsewhere'", "session"),
        ("UPDATE session SET total_tokens = 7", "session"),
        (
            "UPDATE collection SET digest = x'01' WHERE name = 'tasks'",
            "its stored digest is damaged",
        ),
        ("UPDATE session SET head_length = 2", "do not add up"),
        ("DELETE FROM collection WHERE name = 'tasks'", "do not add up"),
    ],
)
def test_damage_is_a_typed_error_that_says_where(tmp_path: Path, sql: str, words: str) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session(count=3)))
    with database(path) as conn:
        conn.execute(sql)
        conn.commit()
    with pytest.raises(CorruptionError) as caught:
        with_store(path, lambda store: store.load("fix-login"))
    assert words in str(caught.value)
    assert "fix-login" in str(caught.value)
    assert "words" not in str(caught.value), "message text does not belong into errors"


def test_a_damaged_blob_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save_artifacts("s", [artifact(1, 20_000)]))
    for sql in ("UPDATE blob SET data = x'00'", "DELETE FROM blob"):
        with database(path) as conn:
            conn.execute(sql)
            conn.commit()
        with pytest.raises(CorruptionError, match="blob"):
            with_store(path, lambda store: store.load_artifacts("s"))


def test_a_missing_trace_event_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save_trace_events("s", [trace(n) for n in range(5)]))
    with database(path) as conn:
        conn.execute("DELETE FROM trace_event WHERE seq = 4")
        conn.commit()
    with pytest.raises(CorruptionError, match="expected 5 rows, found 4"):
        with_store(path, lambda store: store.load_trace_events("s"))


def test_a_lone_surrogate_is_refused_with_its_path_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    bad = Message(role="user", content=(TextBlock(text="ok"), TextBlock(text="\ud800")))

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(EncodeError) as caught:
            await store.save(session(messages=(*messages(2), bad)))
        assert caught.value.path == "messages[2].content[1].text"
        assert await store.list() == []
        assert await store.generation("fix-login") == 0

    with_store(path, use)


def test_the_log_is_kept_short_while_the_store_is_open(tmp_path: Path) -> None:
    def big(number: int) -> Message:
        return Message.user(f"{number} " + "text that does not shrink " * 20_000)

    async def use(store: SqliteSessionStore) -> None:
        history: tuple[Message, ...] = ()
        for number in range(60):
            history += (big(number),)
            await store.save(session(messages=history))
        assert (await store.health_check()).facts["log_bytes"] < wal_checkpoint.LONG

    with_store(tmp_path / "agent.a3s", use, durability="normal")


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 37, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 1), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_releases_with_the_wal_reset_bug_are_known(
    version: tuple[int, int, int], affected: bool
) -> None:
    assert wal_checkpoint.has_reset_bug(version) is affected


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be locked out so there")
def test_a_store_on_a_symlink_is_the_file_it_points_to(tmp_path: Path) -> None:
    real = tmp_path / "real.a3s"
    with_store(real, lambda store: store.save(session()))
    link = tmp_path / "link.a3s"
    link.symlink_to(real)

    async def use(store: SqliteSessionStore) -> list[str]:
        assert store.path == real
        return await store.list()

    assert with_store(link, use) == ["fix-login"]


def test_a_changed_value_of_a_collection_is_noticed(tmp_path: Path) -> None:
    """The value decodes; only its digest shows the change."""
    path = tmp_path / "agent.a3s"

    async def save(store: SqliteSessionStore) -> None:
        await store.save_trace_events("s", [trace(1)])
        await store.save_run_records("s", [run(1, 3)])
        await store.save_artifacts("s", [artifact(1)])
        await store.save_loop_checkpoint("run-1", checkpoint(messages(3)))

    with_store(path, save)
    with database(path) as conn:
        conn.execute("UPDATE trace_event SET exit_code = 1")
        conn.execute('UPDATE run_event SET payload = \'{"text":"x"}\' WHERE seq = 2')
        conn.execute("UPDATE artifact SET content = upper(content) || '!'")
        conn.execute("UPDATE message SET role = 'tool' WHERE seq = 1")
        conn.commit()

    async def load(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError, match="trace_events"):
            await store.load_trace_events("s")
        with pytest.raises(CorruptionError, match="run_records"):
            await store.load_run_records("s")
        with pytest.raises(CorruptionError, match="artifacts"):
            await store.load_artifacts("s")
        with pytest.raises(CorruptionError, match=r"messages\[1\]"):
            await store.load_loop_checkpoint("run-1")

    with_store(path, load)


def test_damage_met_by_a_save_is_a_typed_error_too(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session(count=4)))
    with database(path) as conn:
        conn.execute("DELETE FROM message WHERE seq = 2")
        conn.commit()
    with pytest.raises(CorruptionError, match="fix-login"):
        with_store(path, lambda store: store.rewind("fix-login", 3))


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_file_that_was_moved_or_replaced_is_noticed_before_anything_is_saved(
    tmp_path: Path,
) -> None:
    path, elsewhere = tmp_path / "agent.a3s", tmp_path / "elsewhere.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("before"))
        path.rename(elsewhere)
        with pytest.raises(StoreReplacedError, match="moved or removed") as caught:
            await store.save(session("after"))
        assert (caught.value.which, caught.value.rescued) == ("database", "in the file")
        path.write_bytes(b"another file")
        with pytest.raises(StoreReplacedError, match="moved or removed"):
            await store.health_check()
        path.unlink()
        elsewhere.rename(path)
        # Another process may have opened and closed it meanwhile.
        with pytest.raises(StoreReplacedError):
            await store.save(session("after"))

    with_store(path, use)
    assert with_store(path, lambda store: store.list()) == ["before"]


def test_forks_of_forks_go_on_when_what_they_came_from_is_gone(tmp_path: Path) -> None:
    """Rows behind the last head are removed, though segments of a branch still include them."""

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("first", messages=messages(8)))
        await store.fork("first", "second", at=5)
        await store.save(session("second", messages=messages(5) + messages(2, tag="second")))
        await store.fork("second", "third", at=3)
        await store.delete("second")
        await store.delete("first")
        third = messages(3) + messages(2, tag="third")
        await store.save(session("third", messages=third))
        assert await store.load("third") == session("third", messages=third)

        await store.save_loop_checkpoint("r1", checkpoint(messages(8), "r1", "other"))
        await store.save_loop_checkpoint("r2", checkpoint(messages(8), "r2", "other"))
        await store.delete_loop_checkpoint("r1")
        for length in (4, 6):
            kept = checkpoint(messages(length), "r2", "other")
            await store.save_loop_checkpoint("r2", kept)
            assert await store.load_loop_checkpoint("r2") == kept

    with_store(tmp_path / "agent.a3s", use)


def test_an_unknown_part_that_calls_itself_a_result_is_kept_as_it_is(tmp_path: Path) -> None:
    image: Any = {"type": "image", "source": {"data": {"$blob": "x"}}}
    part = UnknownBlock(type="tool_result", body={"content": [image]})
    history = (Message(role="user", content=(ToolResultBlock(tool_use_id="c", content=(part,)),)),)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(messages=history))
        assert await store.load("fix-login") == session(messages=history)

    with_store(tmp_path / "agent.a3s", use)


def test_large_is_a_matter_of_bytes_not_of_characters(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    wide = artifact(1).evolve(content="次" * 6000)
    with_store(path, lambda store: store.save_artifacts("s", [wide]))
    with database(path) as conn:
        assert conn.execute("SELECT size_bytes FROM blob").fetchall() == [(18_000,)]
    assert with_store(path, lambda store: store.load_artifacts("s")) == (wide,)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_that_is_dropped_is_collected_with_its_threads(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    before = threading.active_count()

    async def main() -> None:
        for number in range(20):
            store = await SqliteSessionStore.open(path)
            await store.save(session(f"s{number:02}"))
            del store
            gc.collect()
        for _ in range(1000):  # they end by themselves, in their own time
            if threading.active_count() - before < 4:
                break
            await asyncio.sleep(0.01)
        assert threading.active_count() - before < 4, "twenty stores have forty threads"

    asyncio.run(main())
    assert len(with_store(path, lambda store: store.list())) == 20


def test_closing_from_several_threads_at_once_is_closing_once(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())

        def close() -> None:
            asyncio.run(store.close())

        await asyncio.gather(*(asyncio.to_thread(close) for _ in range(4)))

    with_store(path, use)
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


def test_a_close_that_was_cancelled_before_it_began_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    opened: list[SqliteSessionStore] = []

    async def first() -> None:
        opened.append(await SqliteSessionStore.open(path))
        closing = asyncio.create_task(opened[0].close())
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(closing, return_exceptions=True)

    asyncio.run(first())
    asyncio.run(opened[0].close())
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


@pytest.mark.parametrize("clock", [lambda: float("nan"), lambda: 1e300, lambda: -5.0])
def test_a_clock_that_has_lost_its_mind_fails_no_save(tmp_path: Path, clock: Any) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        assert (await store.generations("fix-login"))[0].saved_at_ms in {0, -5000}

    with_store(tmp_path / "agent.a3s", use, clock=clock)


def test_forking_onto_a_taken_id_says_which(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("one"))
        await store.save(session("two"))
        with pytest.raises(StaleGenerationError, match="two"):
            await store.fork("one", "two")

    with_store(tmp_path / "agent.a3s", use)


def test_a_collection_that_vanished_is_noticed_when_it_is_loaded_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    whole = SessionSnapshot(session=session(), trace_events=(trace(1),))
    with_store(path, lambda store: store.save_snapshot(whole))
    with database(path) as conn:
        conn.execute("DELETE FROM collection WHERE name = 'trace_events'")
        conn.commit()
    with pytest.raises(CorruptionError, match="do not add up"):
        with_store(path, lambda store: store.load_trace_events("fix-login"))
