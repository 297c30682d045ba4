"""Promises of the threat model about writers of the file, and that the tests it names exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import CorruptionError
from tests.support import database, session, with_store

PAGE: Final = Path(__file__).parents[2] / "docs/threat-model.md"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        await store.save(session("b"))

    with_store(made, fill)
    return made


async def _is_whole(store: SqliteSessionStore) -> bool:
    return (await store.verify(depth="deep")).ok


def test_a_text_changed_by_sql_is_refused_by_the_next_load(path: Path) -> None:
    with database(path) as conn:
        changed = conn.execute("UPDATE message SET content = replace(content, 'm 1', 'm 7')")
        assert changed.rowcount > 0
        conn.commit()

    async def look(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError):
            await store.load("a")
        assert not await _is_whole(store)

    with_store(path, look)


def test_a_session_deleted_whole_by_sql_is_not_noticed(path: Path) -> None:
    """A checksum with a key would notice this; the page says that ours does not."""
    with database(path) as conn:
        conn.execute("PRAGMA foreign_keys = ON")
        branches = "SELECT branch_key FROM branch_owner WHERE owner_key = ?"
        (key,) = conn.execute("SELECT owner_key FROM owner WHERE id = 'b'").fetchone()
        found = conn.execute(branches, (key,)).fetchall()
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (key,))
        for table in ("message", "branch_segment", "branch"):
            conn.executemany(f"DELETE FROM {table} WHERE branch_key = ?", found)
        conn.commit()

    async def look(store: SqliteSessionStore) -> None:
        assert await store.list() == ["a"]
        assert await _is_whole(store)

    with_store(path, look)


def test_a_change_through_the_package_is_a_new_generation_and_nothing_else(path: Path) -> None:
    async def change(store: SqliteSessionStore) -> None:
        await store.save(session("a", count=2))

    async def look(store: SqliteSessionStore) -> Any:
        assert await _is_whole(store)
        return [one.number for one in await store.generations("a")]

    before = with_store(path, look)
    with_store(path, change)
    assert len(with_store(path, look)) == len(before) + 1


def test_an_older_copy_of_the_whole_file_is_not_noticed(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "older")
    with_store(path, lambda store: store.save(session("c")))
    shutil.copy(tmp_path / "older", path)

    async def look(store: SqliteSessionStore) -> None:
        assert await store.list() == ["a", "b"]
        assert await _is_whole(store)

    with_store(path, look)


def test_every_test_that_the_page_names_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    linked = {PAGE.parent / link for link in re.findall(r"\((\.\./tests/[^)]+\.py)\)", text)}
    there = {
        name for file in linked for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }
    assert len(named) > 20
    assert named - there == set()
