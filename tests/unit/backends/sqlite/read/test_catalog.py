"""Lists of sessions: their order, and the descendants of a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import StaleGenerationError
from tests.support import session, with_store


def test_of_sessions_updated_in_one_second_the_one_saved_last_comes_first(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        clock = iter(range(1_000, 2_000))
        store._clock = lambda: 1_779_100_000 + next(clock) / 1000
        for count, one in enumerate(("mmm", "aaa", "zzz", "aaa", "bbb", "mmm")):
            await store.save(session(one, count=count, updated_at=5))
        await store.save(session("older", updated_at=4))
        found = [one.id for one in await store.summaries()]
        assert found == ["mmm", "bbb", "aaa", "zzz", "older"]

    with_store(tmp_path / "s.a3s", use)


def test_of_sessions_saved_in_one_millisecond_the_one_saved_last_comes_first(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        store._clock = lambda: 1_779_100_000.0
        for one in ("b", "a", "c"):
            await store.save(session(one))
        assert [one.id for one in await store.summaries()] == ["c", "a", "b"]

    with_store(tmp_path / "s.a3s", use)


def test_a_list_names_the_parent_of_each_session_also_one_that_is_gone(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("parent"))
        await store.save(session("child", parent_id="parent"))
        await store.delete("parent")
        await store.save(session("alone"))
        parents = {one.id: one.parent_id for one in await store.summaries()}
        assert parents == {"child": "parent", "alone": None}

    with_store(tmp_path / "s.a3s", use)


def test_a_tree_is_deleted_in_one_commit_on_the_condition_of_its_root(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("root"))
        await store.save(session("child", parent_id="root"))
        await store.save(session("child", parent_id="root", updated_at=9))
        with pytest.raises(StaleGenerationError):
            await store.delete("root", tree=True, expected_generation=2)
        assert await store.list() == ["child", "root"]
        await store.delete("root", tree=True, expected_generation=1)
        assert await store.list() == []
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "s.a3s", use)


def test_a_tree_is_erased_with_the_texts_of_all_below_it(tmp_path: Path) -> None:
    path = tmp_path / "s.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("root"))
        await store.save(session("child", parent_id="root", model_name="a secret of the child"))
        await store.save(session("other"))
        report = await store.erase("root", tree=True)
        assert (report.session_ids, report.found) == (("root",), ("child", "root"))
        assert await store.list() == ["other"]

    with_store(path, use)
    assert b"a secret of the child" not in path.read_bytes()
