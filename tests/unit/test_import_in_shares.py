"""Small sessions are imported in groups, and a group is one commit."""

from __future__ import annotations

import asyncio
from pathlib import Path

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.format import commit_link
from a3s_store.importers import upstream
from a3s_store.importers.upstream_files import Group, SourceFile
from a3s_store.interop import import_directory
from a3s_store.wire import encode, pretty
from tests.support import database, session, with_store


def put(folder: Path, count: int) -> list[str]:
    folder.mkdir()
    ids = [f"s{number:04}" for number in range(count)]
    for one in ids:
        (folder / f"{one}.json").write_bytes(pretty(encode(session(one, count=1))))
    return ids


def commits(path: Path) -> int:
    with database(path) as conn:
        (value,) = conn.execute("SELECT value FROM file_link").fetchone()
    link = commit_link.unpack(value)
    assert link is not None
    return link.number


def test_two_hundred_small_sessions_need_few_commits(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    ids = put(tmp_path / "in", 200)
    with_store(path, lambda store: store.save(session("before")))
    before = commits(path)

    async def use(store: SqliteSessionStore) -> None:
        report = await import_directory(store, tmp_path / "in")
        assert report.ok
        assert report.count("read") == 200
        assert await store.list() == ["before", *ids]

    with_store(path, use)
    assert commits(path) - before <= 40


def test_an_import_that_is_cancelled_leaves_whole_sessions_and_the_next_one_finishes(
    tmp_path: Path,
) -> None:
    ids = put(tmp_path / "in", 80)

    async def use(store: SqliteSessionStore) -> None:
        importing = asyncio.create_task(
            import_directory(
                store, tmp_path / "in", progress=lambda step: step.done == 9 and importing.cancel()
            )
        )
        await asyncio.gather(importing, return_exceptions=True)
        assert importing.cancelled()
        for one in await store.list():
            assert await store.load(one) == session(one, count=1)
        report = await import_directory(store, tmp_path / "in")
        assert report.ok
        assert await store.list() == ids

    with_store(tmp_path / "agent.a3s", use)


def test_a_share_has_a_bound_in_bytes_and_in_number() -> None:
    def unit(number: int, nbytes: int) -> Group:
        name = f"s{number}"
        file = SourceFile(path=f"{name}.json", full=Path(name), size_bytes=nbytes)
        return Group(name=name, session=file)

    def sizes(*nbytes: int) -> list[int]:
        units = [unit(number, size) for number, size in enumerate(nbytes)]
        found = list(upstream.shares(units))
        assert [one for share in found for one in share] == units
        return [len(share) for share in found]

    mega = 2**20
    assert sizes() == []
    assert sizes(*[1] * 130) == [64, 64, 2]
    assert sizes(mega, mega, 9 * mega, 1, 1, 3 * mega, 2 * mega) == [2, 1, 3, 1]
