"""The scan finds a key in every text of a store, and reports the place without the key."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import secret_scan
from a3s_store.backends.sqlite.maintenance.secret_scan import SecretPlace, SecretScan
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import Message, SessionConfig, TextBlock, ToolUseBlock
from tests.everything import fill
from tests.support import artifact, checkpoint, database, session

KEY = "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a"
# Tables without any text of callers.
INNER = {
    *("file_link", "meta", "tombstone", "collection", "branch", "branch_segment", "branch_owner"),
    "branch_chain",
    *("blob", "message_blob", "generation", "agent_memory_total", "unfinished"),
}


def scanned(path: Path) -> SecretScan:
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        return secret_scan.scan(conn)
    finally:
        conn.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("filled") / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await fill(store)

    asyncio.run(main())
    return path.read_bytes()


def test_a_store_without_keys_has_none(filled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    path.write_bytes(filled)
    assert scanned(path) == SecretScan(places=(), found=0, unreadable=0)


def test_every_column_with_texts_is_searched(filled: bytes, tmp_path: Path) -> None:
    """Every table is scanned, also one that a later release adds."""
    path = tmp_path / "agent.a3s"
    path.write_bytes(filled)
    with database(path) as conn:
        tables = {
            name
            for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_")
        }
        columns = [
            (table, row[1])
            for table in sorted(tables - INNER)
            for row in conn.execute(f"PRAGMA table_info({table})")
            # The last two repeat a name and a message.
            if row[2] == "TEXT" and row[1] not in ("first_prompt", "search_text")
        ]
    assert len(columns) > 60
    for table, column in columns:
        path.write_bytes(filled)
        with database(path) as conn:
            conn.execute("PRAGMA foreign_keys = OFF")
            keys = [row[1] for row in conn.execute(f"PRAGMA table_info({table})") if row[5]]
            key = ", ".join(keys)
            first = f"WHERE ({key}) = (SELECT {key} FROM {table} LIMIT 1)"
            changed = conn.execute(f"UPDATE {table} SET {column} = ? {first}", (f"x {KEY}",))
            assert changed.rowcount == 1, table
            conn.commit()
        found = scanned(path)
        assert found.found >= 1, f"{table}.{column}"
        assert KEY not in repr(found)


def test_places_are_told_by_session_collection_and_path(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    call = ToolUseBlock(id="t", name="bash", input={"command": ["curl", KEY], KEY: 1})
    talk = (Message.user("hi"), Message(role="assistant", content=(call,)))
    large = artifact(0).evolve(content=f"{'x ' * 20_000}{KEY}")

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            config = SessionConfig(extra={"note": {"a": KEY}})
            await store.save_snapshot(
                SessionSnapshot(
                    session=session("s", config=config, messages=talk), artifacts=(large,)
                )
            )
            await store.save(session("s", config=config, messages=(Message.user("summary"),)))
            text = TextBlock(text=f"use {KEY}")
            run = (Message(role="user", content=(text,)),)
            await store.save_loop_checkpoint("r", checkpoint(run, "r", "of-a-run"))

    asyncio.run(main())
    found = scanned(path)
    places = {(one.session_id, one.part, one.position, one.path) for one in found.places}
    assert places == {
        ("s", "session_config", None, "config_extra.note.a"),
        ("s", "messages", 1, "content[0].input.command[1]"),
        ("s", "messages", 1, "content[0].input.[redacted]"),
        ("s", "artifacts", 0, "content"),
        ("of-a-run", "messages", 0, "content[0].text"),
    }
    assert {one.kind for one in found.places} == {"GitHub token"}


def test_an_id_that_is_a_key_is_found_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session(f"s-{KEY}", messages=(Message.user(KEY),)))

    asyncio.run(main())
    found = scanned(path)
    assert (
        SecretPlace(
            session_id="s-[redacted]", part="owner", position=None, path="id", kind="GitHub token"
        )
        in found.places
    )
    assert KEY not in repr(found)


def test_a_damaged_blob_is_counted_and_the_rest_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save_artifacts("s", [artifact(0, 40_000), artifact(1).evolve(content=KEY)])

    asyncio.run(main())
    with database(path) as conn:
        conn.execute("UPDATE blob SET data = x'00'")
        conn.commit()
    found = scanned(path)
    assert (found.found, found.unreadable) == (1, 1)
