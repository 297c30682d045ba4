"""A store that is opened for reading only leaves nothing behind, and may lie on any medium."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import NotAStoreError, SchemaError, StoreReadOnlyError
from tests.compat import make_file
from tests.faults.harness.store_process import StoreProcess
from tests.support import session, with_store
from tests.unit.backends.sqlite.media import read_only
from tests.unit.cli.cli_runs import invoke

COMMANDS = (
    ("list",),
    ("show", "a"),
    ("info",),
    ("verify", "--deep"),
    ("doctor",),
)


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    path = folder / "agent.a3s"
    with_store(path, lambda store: store.save(session("a")))
    return path


def test_a_closed_store_is_read_and_nothing_is_written(path: Path) -> None:
    before = content(path.parent)

    async def main() -> None:
        async with SqliteSessionStore.open(path, read_only=True) as store:
            assert store.read_only
            assert await store.list() == ["a"]
            assert await store.load("a") == session("a")
            assert (await store.verify(depth="deep")).ok
            assert (await store.health_check()).facts["read_only"]
            with pytest.raises(StoreReadOnlyError):
                await store.save(session("b"))
            assert content(path.parent) == before

    asyncio.run(main())
    assert content(path.parent) == before


def test_what_another_process_saves_meanwhile_is_seen(path: Path) -> None:
    async def main(other: StoreProcess) -> None:
        async with SqliteSessionStore.open(path, read_only=True) as store:
            assert await store.list() == ["a"]
            assert other.open(path) is None
            # Longer than the log may grow, so that the database itself is written.
            assert other.save("b", 30_000) is None
            assert other.close() is None
            assert await store.list() == ["a", "b"]
            assert await store.load("b") == session("b", 30_000)

    with StoreProcess() as other:
        asyncio.run(main(other))


def test_a_store_that_was_not_closed_is_read_with_its_log_and_left_so(path: Path) -> None:
    with StoreProcess() as other:
        assert other.open(path) is None
        for count in (2, 3):
            assert other.save("b", count) is None
        other.kill()
    before = {name: data for name, data in content(path.parent).items() if "-shm" not in name}

    async def main() -> None:
        async with SqliteSessionStore.open(path, read_only=True) as store:
            assert await store.list() == ["a", "b"]

    asyncio.run(main())
    after = {name: data for name, data in content(path.parent).items() if "-shm" not in name}
    assert after == before


def test_a_file_of_an_older_schema_is_refused_and_not_migrated(tmp_path: Path) -> None:
    released = min(make_file.FILES.glob("*.a3s.gz"))
    path = tmp_path / "agent.a3s"
    path.write_bytes(gzip.decompress(released.read_bytes()))
    before = content(tmp_path)

    async def main() -> None:
        with pytest.raises(SchemaError, match="schema 1") as caught:
            await SqliteSessionStore.open(path, read_only=True)
        assert "migrate" in caught.value.hint

    asyncio.run(main())
    assert content(tmp_path) == before


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    async def main(path: Path) -> None:
        with pytest.raises(NotAStoreError):
            await SqliteSessionStore.open(path, read_only=True)

    asyncio.run(main(tmp_path / "agent.a3s"))
    (tmp_path / "empty.a3s").touch()
    asyncio.run(main(tmp_path / "empty.a3s"))
    assert content(tmp_path) == {"empty.a3s": b""}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_medium_that_cannot_be_written_is_enough_to_look(
    path: Path, command: tuple[str, ...]
) -> None:
    name, *rest = command
    before = content(path.parent)
    with read_only(path.parent):
        done = invoke(name, path, *rest)
    assert done.exit_code == 0, done.output
    assert content(path.parent) == before


def test_there_a_log_without_its_index_is_read_from_a_copy(path: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    with StoreProcess() as other:
        assert other.open(path) is None
        for count in (2, 3):
            assert other.save("b", count) is None
        shutil.copytree(path.parent, copied)
    (copied / "agent.a3s-shm").unlink()
    before = content(copied)
    with read_only(copied):
        done = invoke("list", copied / "agent.a3s", "--json")
    assert done.exit_code == 0, done.output
    assert {each["id"] for each in json.loads(done.stdout)} == {"a", "b"}
    assert content(copied) == before
