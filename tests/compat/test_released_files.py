"""A store that any release wrote is opened by this one, with all that was in it, and saved on."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import SqliteSessionStore, __version__
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.maintenance import backup
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint, SessionData, WorkflowCheckpoint
from a3s_store.wire import decode
from tests.compat import make_file
from tests.support import all_rows, database, messages, with_store

RELEASED = sorted(make_file.FILES.glob("*.a3s.gz"), key=lambda path: int(path.name.split("-")[1]))
# The search indexes, which small files do not get, and a deletion that was interrupted.
_EMPTY = ["memory_search_state", "search_state", "unfinished"]


def file_of(released: Path, folder: Path) -> Path:
    path = folder / "agent.a3s"
    path.write_bytes(gzip.decompress(released.read_bytes()))
    return path


def expected_of(released: Path) -> Any:
    path = released.with_name(released.name.replace(".a3s.gz", ".json"))
    return json.loads(path.read_text(encoding="utf-8"))


def schema_of(released: Path) -> int:
    return int(released.name.split("-")[1])


def test_there_is_a_file_of_every_schema_up_to_the_newest() -> None:
    assert {schema_of(released) for released in RELEASED} == set(migrate.steps())


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_it_has_the_schema_its_name_says_and_is_not_changed_by_looking(
    released: Path, tmp_path: Path
) -> None:
    path = file_of(released, tmp_path)
    with file_copy.opened(path) as conn:
        assert migrate.numbers(conn)[:2] == (migrate.APPLICATION_ID, schema_of(released))
        file_copy.check_structure(conn)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_everything_in_it_is_loaded_as_it_was_saved(released: Path, tmp_path: Path) -> None:
    path = file_of(released, tmp_path)
    expected = expected_of(released)
    found = json.loads(json.dumps(with_store(path, make_file.describe)))
    assert found.keys() == expected.keys()
    for part in expected:
        assert found[part].keys() == expected[part].keys()
        for key in expected[part]:
            assert found[part][key] == expected[part][key], f"{part} {key}"


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_what_is_expected_of_it_is_what_the_models_say_today(released: Path) -> None:
    """The expected values are read by the models of this release, with the digests of that one."""
    expected = expected_of(released)
    for entry in expected["sessions"].values():
        assert decode(SessionSnapshot, entry["snapshot"]).digest() == entry["digest"]
    for tree in expected["loop_checkpoints"].values():
        decode(LoopCheckpoint, tree)
    for tree in expected["workflow_checkpoints"].values():
        decode(WorkflowCheckpoint, tree)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_it_is_found_whole_and_can_be_backed_up(released: Path, tmp_path: Path) -> None:
    """Every value is read and verified against its checksum or digest."""
    path = file_of(released, tmp_path)
    with_store(path, lambda store: store.list())
    report = backup.take(Settings(path=path), tmp_path / "copy.a3s")
    assert report.sessions == len(expected_of(released)["sessions"])


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_one_goes_on_saving_into_it(released: Path, tmp_path: Path) -> None:
    path = file_of(released, tmp_path)
    expected = expected_of(released)

    async def grow(store: SqliteSessionStore) -> dict[str, SessionData]:
        saved = {}
        for session_id in expected["sessions"]:
            found = await store.load(session_id)
            assert found is not None
            longer = found.evolve(messages=found.messages + messages(3, tag="later"))
            generation = await store.generation(session_id)
            await store.save(longer, expected_generation=generation)
            saved[session_id] = longer
        await store.fork("grew", "forked later")
        await store.delete("blobs")
        return saved

    saved = with_store(path, grow)

    async def look(store: SqliteSessionStore) -> None:
        for session_id, session in saved.items():
            if session_id != "blobs":
                assert await store.load(session_id) == session
        # A blob that two share stays while one of them does.
        kept = await store.load_artifacts("blobs too")
        assert kept is not None
        assert [len(value.content) for value in kept] == [30_000, 5]

    with_store(path, look)
    backup.take(Settings(path=path), tmp_path / "copy.a3s")


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.name)
def test_live_sessions_beside_each_other_go_on_with_it(released: Path, tmp_path: Path) -> None:
    """Each session is in its first life, whose saves have no ids; the next ones have both."""
    path = file_of(released, tmp_path)
    expected = expected_of(released)
    with_store(path, lambda store: store.list())
    with database(path) as conn:
        if schema_of(released) < 4:
            assert conn.execute("SELECT DISTINCT life FROM owner").fetchall() == [(1,)]
            assert conn.execute("SELECT DISTINCT save_id FROM generation").fetchall() == [(None,)]
            claims = "SELECT DISTINCT base_length, claimed_by FROM loop_checkpoint"
            assert conn.execute(claims).fetchall() == [(None, None)]
        old = [name for (name,) in conn.execute("SELECT id FROM owner WHERE life = 1")]

    def behind(ours: SessionChanges, theirs: Stored) -> SessionChanges:
        assert ours.session is not None
        stored = theirs.value.session
        both = stored.messages + ours.session.messages[-1:]
        return attrs.evolve(ours, session=stored.evolve(messages=both))

    async def use(one: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            for number, session_id in enumerate(sorted({*expected["sessions"]} & {*old})):
                base = await one.load_versioned(session_id)
                assert base is not None
                assert base.revision == (await one.generation(session_id), 1)
                assert base.name_source is None
                for store, tag in ((one, "one"), (other, "other")):
                    said = base.value.messages + messages(1, tag=tag)
                    save_id = bytes([number]) * 15 + tag[:1].encode()
                    changes = SessionChanges(
                        session_id=session_id,
                        save_id=save_id,
                        session=base.value.evolve(messages=said),
                    )
                    saved = await store.save_changes(changes, on=base.revision, merge=behind)
                    assert await one.landed(session_id, save_id) == saved.revision
                now = await one.load_versioned(session_id)
                assert now is not None
                assert now.value.messages[:-1] == base.value.messages + messages(1, tag="one")
                assert now.revision == (base.revision.generation + 2, 1)
            for tree in expected["loop_checkpoints"].values():
                run_id, session_id = tree["run_id"], tree["session_id"]
                (found,) = (r for r in await one.run_checkpoints(session_id) if r.run_id == run_id)
                run = await other.claim_run(run_id, seen=found.claimed_by, by="A")
                assert run in await one.run_checkpoints(session_id)
            await other.delete("grew")
            await one.save(SessionData(id="grew", created_at=0, updated_at=0))
            revision = await other.revision("grew")
            assert revision is not None
            assert revision.life == revision.generation > 2
        assert (await one.verify(depth="deep")).ok

    with_store(path, use)


def test_the_script_still_makes_what_the_newest_file_holds(tmp_path: Path) -> None:
    """Or the file is older than the code that is about to be released; see `make_file`."""
    (newest,) = [
        path for path in RELEASED if path.name == f"schema-{migrate.newest()}-{__version__}.a3s.gz"
    ]
    path = tmp_path / "made.a3s"

    async def make() -> None:
        async with SqliteSessionStore.open(path, clock=lambda: make_file.NOW) as store:
            await make_file.fill(store)

    asyncio.run(make())
    found, expected = all_rows(path), all_rows(file_of(newest, tmp_path))
    for rows in (found, expected):
        # Each file has an id and salts of its own, and hashes and checksums made with them.
        del rows["meta"][("salt",)]
        del rows["meta"][("row_salt",)]
        del rows["file_link"]
        numbers = sorted(row[1] for row in rows["tombstone"].values())
        rows["tombstone"] = {(index,): (number,) for index, number in enumerate(numbers)}
        # message_key, branch_key, seq, chain_hash, checksum, ...
        rows["message"] = {key: (*row[:4], None, *row[5:]) for key, row in rows["message"].items()}
    assert found == expected


def test_every_table_has_rows_in_the_newest_file(tmp_path: Path) -> None:
    """A table that no released file has rows of is one that nothing here would notice."""
    path = file_of(RELEASED[-1], tmp_path)
    shutil.copy(path, tmp_path / "plain.a3s")
    with database(tmp_path / "plain.a3s") as conn:
        tables = [
            name
            for (name,) in conn.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall()
        ]
        empty = [name for name in tables if _is_empty(conn, name)]
    assert sorted(empty) == _EMPTY


def _is_empty(conn: sqlite3.Connection, table: str) -> bool:
    return conn.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None
