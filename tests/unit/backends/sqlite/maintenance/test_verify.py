"""`verify` finds every change made outside the store; a damaged load returns the rest."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance.verify import verify
from a3s_store.backends.sqlite.rows import message_log
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.reports import Damage, Depth, Recovered, VerifyReport
from a3s_store.core.segments import segment_at
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from a3s_store.testing import samples
from tests.everything import everything, fill
from tests.support import database, messages, session, with_store

# Columns in no digest: for people to read, or rewritten when needed.
_UNPROVEN: Final = {
    ("meta", "name"),
    ("meta", "value"),
    # These numbers only give the order in which rows were added.
    ("artifact", "artifact_key"),
    ("message", "message_key"),
    ("queue_entry", "queue_entry_key"),
    # Informative only: the live session with the claim, and whether a model made the title.
    ("loop_checkpoint", "claimed_by"),
    ("queue_entry", "claimed_by"),
    ("session_config", "name_source"),
    # When messages came.
    ("message", "added_at_ms"),
    ("session", "last_message_at_ms"),
}
# The search indexes, which few messages or memories do not get, and an interrupted deletion.
_EMPTY: Final = ["memory_search_state", "search_state", "unfinished"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with rows in every table."""
    path = tmp_path_factory.mktemp("filled") / "agent.a3s"
    with_store(path, fill)
    return path


@pytest.fixture
def store_path(filled: Path, tmp_path: Path) -> Path:
    """A copy of that store to damage."""
    return Path(shutil.copy(filled, tmp_path / "agent.a3s"))


def verified(path: Path) -> VerifyReport:
    """Verify a file without an open store."""
    with database(path) as conn:
        return verify(conn, location=str(path), depth="deep")


def changed(path: Path, sql: str, *parameters: object) -> int:
    """Run a statement as another program would, without the store's rules."""
    with database(path) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        count = conn.execute(sql, parameters).rowcount
        conn.commit()
    return count


@pytest.mark.parametrize("depth", ["quick", "deep"])
def test_a_store_with_everything_is_whole(store_path: Path, depth: Depth) -> None:
    report = with_store(store_path, lambda store: store.verify(depth=depth))
    assert report.damage == ()
    assert report.ok
    counts = (report.sessions, report.generations, report.blobs)
    assert counts == (3, 5, 4)
    with database(store_path) as conn:
        assert (report.messages,) == conn.execute("SELECT count(*) FROM message").fetchone()


def test_every_table_has_rows_here(store_path: Path) -> None:
    with database(store_path) as conn:
        empty = [t for t in _tables() if not conn.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone()]
    assert empty == _EMPTY


def _tables() -> list[str]:
    return sorted({table for table, _ in _columns()})


def _columns() -> list[tuple[str, str]]:
    """Every stored column of every table, by its table."""
    conn = sqlite3.connect(":memory:")
    for statements in migrate.steps().values():
        for statement in statements:
            conn.execute(statement)
    found = [
        (table, column[1])
        for (table,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for column in conn.execute(f"PRAGMA table_xinfo({table})").fetchall()
        if column[6] == 0
    ]
    conn.close()
    return found


@pytest.mark.parametrize(
    ("table", "column"), sorted(one for one in {*_columns()} - _UNPROVEN if one[0] not in _EMPTY)
)
def test_no_value_of_any_column_changes_unseen(store_path: Path, table: str, column: str) -> None:
    with database(store_path) as conn:
        kinds = dict(conn.execute(f"SELECT name, type FROM pragma_table_xinfo('{table}')"))
        keys = [
            row[0]
            for row in conn.execute(f"SELECT name FROM pragma_table_xinfo('{table}') WHERE pk > 0")
        ]
        picked = conn.execute(
            f"SELECT {', '.join(keys)}, {column} FROM {table} ORDER BY {column} IS NULL LIMIT 1"
        ).fetchone()
    where = " AND ".join(f"{key} IS ?" for key in keys)
    other = _other(picked[-1], kinds[column])
    count = changed(
        store_path, f"UPDATE {table} SET {column} = ? WHERE {where}", other, *picked[:-1]
    )
    assert count == 1
    report = verified(store_path)
    assert not report.ok, f"{table}.{column} was {picked[-1]!r} and is {other!r}"


def _other(value: Any, kind: str) -> Any:
    """Another value of the same column, as a flipped bit would leave."""
    if value is None:
        return {"TEXT": "x", "REAL": 1.5, "BLOB": b"x"}.get(kind, 12345)
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, str):
        # Valid JSON stays valid, so that only a digest can show the change.
        swapped = value.replace("1", "2", 1) if "1" in value else value.replace("a", "b", 1)
        return swapped if swapped != value else value + "x"
    if isinstance(value, float):
        return value + 1.0
    return value + 1000


# No other row refers to these: without one, the file looks as if the store had removed it. Of
# `meta`, a lost salt is noticed.
_SPARED: Final = {
    "meta",
    "tombstone",
    "draft",
    "queue_entry",
    "loop_checkpoint",
    "workflow_checkpoint",
    "commit_log",  # its newest row is missed only where a session names it
    "stream_item",  # counted nowhere, since items expire without a write
}
# Rows of sessions that are read before anything is saved.
_HEADERS: Final = {"session", "session_config", "generation", "collection"}
# Of a table with more rows only the first and last ones are deleted.
_MANY: Final = 16


def _rows_of(path: Path, table: str) -> list[tuple[str, tuple[Any, ...]]]:
    """A condition and its parameters for each row of a table."""
    with database(path) as conn:
        keys = [
            row[0]
            for row in conn.execute(f"SELECT name FROM pragma_table_xinfo('{table}') WHERE pk > 0")
        ]
        rows = conn.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
    where = " AND ".join(f"{key} IS ?" for key in keys)
    return [(where, row) for row in (rows if len(rows) < _MANY else (*rows[:2], *rows[-2:]))]


async def _loaded(store: SqliteSessionStore) -> dict[tuple[Any, ...], Any]:
    """Everything that loads return of the two sessions; an error by its type."""
    found: dict[tuple[Any, ...], Any] = {}
    for session_id in ("fix-login", "again"):
        reads: dict[Any, Callable[[str], Awaitable[Any]]] = {
            "snapshot": store.load_snapshot,
            "versioned": store.load_versioned,
            "exists": store.exists,
            "revision": store.revision,
            "generation": store.generation,
            "generations": store.generations,
            1: lambda one: store.load(one, generation=1),
            2: lambda one: store.load(one, generation=2),
        }
        for name, read in reads.items():
            try:
                found[session_id, name] = await read(session_id)
            except Exception as error:
                found[session_id, name] = type(error)
    return found


@pytest.mark.parametrize("table", [table for table in _tables() if table not in _SPARED])
def test_no_row_of_any_table_vanishes_unseen(store_path: Path, table: str) -> None:
    """Verify reports it; a listed session loads as before, or raises CorruptionError."""

    async def use(store: SqliteSessionStore) -> None:
        listed = await store.list()
        assert table == "owner" or sorted(listed) == ["again", "fix-login"]
        assert sorted(one.id for one in await store.summaries()) == sorted(listed)
        found = await _loaded(store)
        damaged = {key for key, value in found.items() if value != whole[key]}
        assert {found[key] for key in damaged if key[0] in listed} <= {CorruptionError}
        for session_id, _ in damaged if table in _HEADERS else ():
            if found[session_id, "snapshot"] is CorruptionError:
                with pytest.raises(CorruptionError) as caught:
                    await store.save(session(session_id))
                assert caught.value.session_id == session_id

    whole = with_store(Path(shutil.copy(store_path, store_path.with_name("whole.a3s"))), _loaded)
    for where, row in _rows_of(store_path, table):
        copy = Path(shutil.copy(store_path, store_path.with_name(f"{table}.a3s")))
        assert changed(copy, f"DELETE FROM {table} WHERE {where}", *row) == 1
        assert not verified(copy).ok, f"{table} {row}"
        if table != "file_link":  # without it no store opens
            with_store(copy, use)


@pytest.mark.parametrize("name", ["row_salt", "salt"])
def test_a_lost_salt_does_not_go_unseen(store_path: Path, name: str) -> None:
    assert changed(store_path, "DELETE FROM meta WHERE name = ?", name) == 1
    assert not verified(store_path).ok


def test_of_a_session_whose_only_save_is_lost_all_comes_back(store_path: Path) -> None:
    whole = recovered(store_path).value
    changed(store_path, "DELETE FROM generation WHERE owner_key = 1")
    error = refused(store_path)
    assert (error.part, error.session_id) == ("generation", "fix-login")
    rest = recovered(store_path)
    assert rest.value == whole
    assert {damage.part for damage in rest.damage} == {"generation"}


def test_a_lost_save_is_damage_where_it_is_loaded(store_path: Path) -> None:
    changed(store_path, "DELETE FROM generation WHERE owner_key = 1 AND generation = 1")

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError) as caught:
            await store.load("fix-login", generation=1)
        assert (caught.value.part, caught.value.position) == ("generation", 1)
        rest = await store.load("fix-login", generation=1, on_damage="report")
        assert [(damage.part, damage.position) for damage in rest.damage] == [("generation", 1)]

    with_store(store_path, use)


def test_a_session_whose_row_is_lost_can_be_deleted(store_path: Path) -> None:
    changed(store_path, "DELETE FROM session WHERE owner_key = 1")
    changed(store_path, "DELETE FROM generation WHERE owner_key = 2")

    async def use(store: SqliteSessionStore) -> VerifyReport:
        await store.delete("fix-login")
        await store.delete("again")
        assert await store.list() == []
        return await store.verify(depth="deep")

    assert with_store(store_path, use).ok


def test_the_digest_of_the_last_save_does_not_change_unseen(store_path: Path) -> None:
    changed(
        store_path,
        "UPDATE generation SET digest = 'sha256:' || hex(randomblob(32)) WHERE generation = 2",
    )
    found = verified(store_path)
    assert {damage.part for damage in found.damage} == {"generation", "commit_log"}
    named = {damage.session_id for damage in found.damage if damage.part == "generation"}
    assert named == {"fix-login", "again"}


def test_what_was_verified_last_is_on_record(store_path: Path) -> None:
    with_store(store_path, lambda store: store.verify(), clock=lambda: 1_800_000_000.0)
    with database(store_path) as conn:
        (note,) = conn.execute("SELECT value FROM meta WHERE name = 'last_verify'").fetchone()
    assert json.loads(note) == {"at": 1_800_000_000, "depth": "quick", "damage": 0}


def test_a_file_that_stays_locked_is_verified_without_a_note(store_path: Path) -> None:
    """Damage is reported even if nothing can be written."""
    changed(store_path, "UPDATE run SET prompt = 'another'")

    async def use(store: SqliteSessionStore) -> VerifyReport:
        with database(store_path) as other:
            other.execute("BEGIN IMMEDIATE")
            return await store.verify(depth="deep")

    report = with_store(store_path, use, busy_timeout_ms=50)
    assert {damage.part for damage in report.damage} == {"run_records"}
    assert "the WAL" in report.skipped[0]


def test_a_depth_that_is_none_is_refused(store_path: Path) -> None:
    with pytest.raises(ValueError, match="depth"):
        with_store(store_path, lambda store: store.verify(depth="full"))  # type: ignore[arg-type]


def test_a_cancelled_verification_lets_the_store_go_on(store_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> int:
        for delay in (0.0, 0.001, 0.01):
            task = asyncio.create_task(store.verify(depth="deep"))
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() or task.result().ok
        await store.save(session("another"))
        return len(await store.list())

    assert with_store(store_path, use) == 3


async def _delete_all(store: SqliteSessionStore) -> None:
    for session_id in await store.list():
        await store.delete(session_id)
    await store.delete_loop_checkpoint("run-1")
    await store.delete_workflow_checkpoint("release")
    await store.memories("an agent").clear()


@pytest.mark.parametrize("depth", ["quick", "deep"])
@pytest.mark.parametrize(
    "listing",
    [
        "SELECT owner_key, id FROM owner",
        "SELECT b.branch_key, (",
        "SELECT loop_checkpoint_key, run_id FROM loop_checkpoint",
        "SELECT workflow_checkpoint_key, workflow_id FROM workflow_checkpoint",
        "SELECT owner FROM agent_memory NOT INDEXED",
        "SELECT blob_key, hash FROM blob",
    ],
)
def test_a_row_that_others_delete_after_it_was_listed_is_no_damage(
    store_path: Path, listing: str, depth: Depth
) -> None:
    """Damage that a second read does not find shows a failing disk, and ends all saves."""
    deletions: list[str] = []

    def delete_once_listed(sql: str) -> None:
        if sql.strip().startswith(listing) and not deletions:
            deletions.append("due")
        elif sql == "ROLLBACK" and deletions == ["due"]:
            with_store(store_path, _delete_all)
            deletions.append("done")

    with database(store_path) as conn:
        conn.set_trace_callback(delete_once_listed)
        report = verify(conn, location=str(store_path), depth=depth)
    assert deletions == ["due", "done"]
    assert (report.damage, report.ok) == ((), True)


# -- Loads of damaged sessions ------------------------------------------------------------------


def recovered(path: Path) -> Recovered[SessionSnapshot]:
    return with_store(path, lambda store: store.load_snapshot("fix-login", on_damage="report"))


def refused(path: Path) -> CorruptionError:
    with pytest.raises(CorruptionError) as caught:
        with_store(path, lambda store: store.load_snapshot("fix-login"))
    assert caught.value.session_id == "fix-login"
    assert str(path) in str(caught.value)
    return caught.value


def test_without_damage_the_report_is_an_ordinary_load(store_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        whole = await store.load_snapshot("fix-login")
        assert await store.load_snapshot("fix-login", on_damage="report") == Recovered(value=whole)
        session = await store.load("fix-login", generation=1)
        rest = await store.load("fix-login", generation=1, on_damage="report")
        assert rest == Recovered(value=session)
        assert session is not None
        assert session.messages == everything(count=12).session.messages
        nothing: Recovered[SessionSnapshot] = Recovered(value=None)
        for name in ("collections-only", "never-saved"):
            assert await store.load_snapshot(name, on_damage="report") == nothing

    with_store(store_path, use)


def row_of(path: Path, position: int) -> tuple[int, int]:
    """The branch and number of the row that has a message of the session."""
    conn = sqlite3.connect(path)
    try:
        (head,) = conn.execute("SELECT head_branch FROM session LIMIT 1").fetchone()
        part = segment_at(message_log.segments_of(conn, head, None), position + 1)
    finally:
        conn.close()
    assert part is not None
    return part.source, part.seq(position)


@pytest.mark.parametrize("position", range(4))
def test_a_damaged_message_is_named_and_the_others_come_back(
    store_path: Path, position: int
) -> None:
    whole = recovered(store_path).value
    assert whole is not None
    changed(
        store_path,
        "UPDATE message SET content = replace(content, 'e', 'f') WHERE branch_key = ? AND seq = ?",
        *row_of(store_path, position),
    )
    error = refused(store_path)
    assert (error.part, error.position) == ("messages", position)
    rest = recovered(store_path)
    assert [(d.part, d.position, d.session_id) for d in rest.damage] == [
        ("messages", position, "fix-login")
    ]
    left = [m for i, m in enumerate(whole.session.messages) if i != position]
    assert rest.value == whole.evolve(session=whole.session.evolve(messages=tuple(left)))


_INNER = {"run_records": "events", "verification_reports": "checks", "subagent_tasks": "progress"}


@pytest.mark.parametrize(
    ("collection", "statement"),
    [
        ("cost_records", "UPDATE cost_record SET prompt_tokens = 77 WHERE seq = 1"),
        ("tasks", "UPDATE task SET content = 'other' WHERE seq = 1"),
        ("artifacts", "UPDATE artifact SET tool_name = 'cat' WHERE seq = 1 AND owner_key = 1"),
        ("trace_events", "UPDATE trace_event SET success = 0 WHERE seq = 1 AND owner_key = 1"),
        ("run_records", "UPDATE run SET status = 'failed' WHERE seq = 1 AND owner_key = 1"),
        ("verification_reports", "UPDATE verification_report SET subject = 'x' WHERE seq = 1"),
        ("subagent_tasks", "UPDATE subagent_task SET agent = 'x' WHERE seq = 1"),
    ],
)
def test_a_damaged_value_is_named_and_the_others_come_back(
    store_path: Path, collection: str, statement: str
) -> None:
    whole = recovered(store_path).value
    assert whole is not None
    changed(store_path, statement)
    error = refused(store_path)
    assert (error.part, error.position) == (collection, 1)
    rest = recovered(store_path)
    assert {(d.part, d.position) for d in rest.damage} == {(collection, 1)}
    assert rest.value is not None
    holder, was = (
        (rest.value.session, whole.session)
        if collection in ("cost_records", "tasks")
        else (rest.value, whole)
    )
    values = getattr(was, collection)
    assert getattr(holder, collection) == values[:1] + values[2:]


def test_of_a_run_with_a_damaged_event_the_other_events_come_back(store_path: Path) -> None:
    whole = recovered(store_path).value
    assert whole is not None
    assert whole.run_records is not None
    changed(
        store_path,
        "UPDATE run_event SET timestamp_ms = 99 WHERE seq = 1 AND run_key = "
        "(SELECT min(run_key) FROM run WHERE owner_key = 1)",
    )
    assert (refused(store_path).part, refused(store_path).position) == ("run_records", 0)
    rest = recovered(store_path)
    assert {(d.part, d.position) for d in rest.damage} == {("run_records.events", 1)}
    assert rest.value is not None
    assert rest.value.run_records is not None
    first, *others = rest.value.run_records
    events = whole.run_records[0].events
    assert first == whole.run_records[0].evolve(events=(events[0], *events[2:]))
    assert tuple(others) == whole.run_records[1:]


def test_of_a_session_without_its_row_the_conversation_and_the_collections_come_back(
    store_path: Path,
) -> None:
    whole = recovered(store_path).value
    assert whole is not None
    changed(store_path, "DELETE FROM session WHERE owner_key = 1")
    changed(store_path, "DELETE FROM session_config WHERE owner_key = 1")
    rest = recovered(store_path)
    assert rest.value is not None
    assert "session" in {damage.part for damage in rest.damage}
    assert rest.value.session.messages == whole.session.messages
    assert rest.value.session.cost_records == whole.session.cost_records
    assert rest.value.run_records == whole.run_records


def test_what_is_said_of_damage_has_a_place_and_no_text() -> None:
    error = CorruptionError("it is wrong", session_id="s", part="messages", position=3)
    assert str(Damage.of(error)) == "messages[3] of 's': it is wrong"
    assert str(Damage(part="file", what="it is wrong")) == "file: it is wrong"


def test_damaged_messages_do_not_come_back_in_the_place_of_others(store_path: Path) -> None:
    """Two rows that changed places are each intact, and in the wrong place."""
    whole = recovered(store_path).value
    assert whole is not None
    (branch, one), (same, other) = row_of(store_path, 1), row_of(store_path, 2)
    assert branch == same
    for start, end in ((one, 90), (other, one), (90, other)):
        changed(
            store_path,
            "UPDATE message SET seq = ? WHERE seq = ? AND branch_key = ?",
            end,
            start,
            branch,
        )
    refused(store_path)
    rest = recovered(store_path)
    assert rest.value is not None
    assert rest.damage
    assert set(messages(0)) <= set(whole.session.messages)
    kept = [m for m in rest.value.session.messages if m in whole.session.messages[1:3]]
    assert kept == []


def test_ids_that_are_no_text_are_named_and_never_listed(tmp_path: Path) -> None:
    """Where pages of two tables changed places, a column may have any value."""
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        for session_id in ("one", "two"):
            await store.save(samples.session(session_id, ("a",)))
            run_id = f"run {session_id}"
            await store.save_loop_checkpoint(run_id, samples.loop_checkpoint(run_id, session_id))

    async def look(store: SqliteSessionStore) -> tuple[Any, ...]:
        inventory = await store.inventory()
        summaries = [one.id for one in await store.summaries()]
        reports = [(await store.verify(depth="quick")).damage]
        reports.append((await store.verify(depth="deep")).damage)
        return await store.list(), summaries, inventory, reports

    with_store(path, fill)
    for table, column in (("owner", "id"), ("loop_checkpoint", "run_id")):
        with database(path) as conn:
            conn.execute("PRAGMA writable_schema = ON")
            schema = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?"
            conn.execute(schema, (f"{column} TEXT", f"{column} ANY", table))
            conn.commit()
        with database(path) as conn:
            conn.execute(f"UPDATE {table} SET {column} = 7 WHERE {column} LIKE '%two'")
            conn.execute("PRAGMA writable_schema = ON")
            conn.execute(schema, (f"{column} ANY", f"{column} TEXT", table))
            conn.commit()
    listed, summaries, inventory, reports = with_store(path, look)
    assert (listed, summaries) == (["one"], ["one"])
    assert (inventory.sessions, inventory.loop_checkpoints) == (("one",), ("run one",))
    for damage in reports:
        assert sum("is no text" in one.what for one in damage) == 2
