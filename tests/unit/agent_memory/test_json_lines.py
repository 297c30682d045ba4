"""Upstream's file of memory items: read line by line, and replaced as a whole by a rename."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.agent_memory import (
    JsonlMemoryStore,
    MemoryItem,
    from_lines,
    json_lines,
    read_items,
    to_lines,
    write_items,
)
from a3s_store.errors import (
    DecodeError,
    EncodeError,
    InvalidIdError,
    NotAStoreError,
    StoreFullError,
    StoreUnavailableError,
)
from a3s_store.testing.strategies import model
from a3s_store.wire import compact, encode

ITEMS = tuple(MemoryItem.new(f"content {number}\nof two lines") for number in range(3))


def keepable(item: MemoryItem) -> MemoryItem:
    """The item with an id and metadata that a store takes."""
    return item.evolve(id=f"id {item.id[:9]}".replace("\0", ""), metadata={"kind": "any"})


stored_items = st.lists(model(MemoryItem).map(keepable), max_size=4, unique_by=lambda item: item.id)


@given(stored_items)
def test_items_come_back_from_their_lines(items: list[MemoryItem]) -> None:
    """Section 8, FileStore."""
    data = to_lines(items)
    assert from_lines(data) == tuple(items)
    assert data.count(b"\n") == len(items)


def test_blank_lines_are_skipped_and_line_ends_of_other_systems_are_read() -> None:
    """Section 8, FileStore: blank lines skipped."""
    lines = [compact(encode(item)) for item in ITEMS]
    data = b"\n  \n" + b"\r\n\r\n".join(lines) + b"\r\n\t\n"
    assert from_lines(data) == ITEMS
    assert from_lines(b"") == ()
    assert from_lines(b"\n\n") == ()


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected an object"),
        (b'{"id":"a"}', "is missing"),
        (b"\xff", "is not UTF-8"),
        (compact(encode(ITEMS[0].evolve(metadata={"n": 1}))), "object of texts"),
        (compact(encode(ITEMS[0].evolve(id=""))), "is empty"),
        (compact(encode(ITEMS[0]))[:-1] + b',"id":"twice"}', "is repeated"),
    ],
)
def test_a_bad_line_is_named(bad: bytes, what: str, tmp_path: Path) -> None:
    """Section 8, FileStore: a bad line is an error."""
    data = to_lines(ITEMS[:1]) + b"\n" + bad + b"\n" + to_lines(ITEMS[1:])
    with pytest.raises(DecodeError, match=what) as caught:
        from_lines(data)
    assert caught.value.where == "line 3"
    path = tmp_path / "memories.jsonl"
    path.write_bytes(data)
    with pytest.raises(DecodeError) as again:
        asyncio.run(JsonlMemoryStore.open(path))
    assert again.value.where == f"line 3 of {path}"
    assert path.read_bytes() == data
    assert "content 0" not in str(again.value)


def test_of_two_lines_with_one_id_the_last_counts() -> None:
    """Section 8, FileStore: the result is that of storing one after the other."""
    newer = ITEMS[0].evolve(content="newer")
    assert from_lines(to_lines([*ITEMS, newer])) == (newer, *ITEMS[1:])


def test_a_file_that_is_not_there_has_no_items_and_its_folders_are_made(tmp_path: Path) -> None:
    """Section 8, FileStore."""
    path = tmp_path / "a" / "b" / "memories.jsonl"
    assert read_items(path) == ()

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        assert await store.count() == 0
        await store.clear()
        assert list(tmp_path.iterdir()) == [], "nothing is made until there is something to keep"
        await store.store(ITEMS[0])

    asyncio.run(main())
    assert read_items(path) == ITEMS[:1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_upstream_would_write_is_opened_and_rewritten_to_the_byte(tmp_path: Path) -> None:
    """Section 8, FileStore."""
    path = tmp_path / "memories.jsonl"
    line = (
        b'{"id":"x","content":"Success: a","timestamp":"2026-05-18T10:00:00.123456789Z",'
        b'"importance":0.8,"tags":["success","pattern"],"memory_type":"procedural",'
        b'"metadata":{"prompt":"a","tools":"bash"},"access_count":0,"last_accessed":null}\n'
    )
    path.write_bytes(line)

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        await store.store(ITEMS[0])
        await store.delete(ITEMS[0].id)

    asyncio.run(main())
    assert path.read_bytes() == line


def test_what_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    """Section 8, store trait."""
    path = tmp_path / "memories.jsonl"

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        await store.store(ITEMS[0])
        with pytest.raises(EncodeError):
            await store.store(ITEMS[1].evolve(metadata={"n": 1}))
        with pytest.raises(InvalidIdError):
            await store.store(ITEMS[1].evolve(id=""))
        assert await store.get_recent(9) == ITEMS[:1]

    asyncio.run(main())
    assert read_items(path) == ITEMS[:1]
    with pytest.raises(EncodeError):
        write_items(path, [ITEMS[1].evolve(content="\ud800")])
    assert read_items(path) == ITEMS[:1]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_change_that_fails_leaves_file_and_store_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Section 8, FileStore: rewritten by a temporary file and a rename."""
    path = tmp_path / "memories.jsonl"

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        await store.store(ITEMS[0])
        with monkeypatch.context() as patched:
            if call == "fsync":
                patched.setattr(os, "fsync", fail)
            else:
                patched.setattr(Path, "replace", fail)
            changes: list[Callable[[], Any]] = [
                lambda: store.store(ITEMS[1]),
                lambda: store.delete(ITEMS[0].id),
                store.clear,
            ]
            for change in changes:
                with pytest.raises(StoreFullError) as caught:
                    await change()
                assert caught.value.where == str(path)
        assert await store.get_recent(9) == ITEMS[:1]
        await store.store(ITEMS[1])

    asyncio.run(main())
    assert read_items(path) == ITEMS[:2]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_changes_asked_for_at_once_are_all_made_in_order(tmp_path: Path) -> None:
    """Section 8, FileStore."""
    path = tmp_path / "memories.jsonl"
    items = [MemoryItem.new(str(number)) for number in range(20)]

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        await asyncio.gather(*(store.store(item) for item in items))
        assert await store.count() == 20

    asyncio.run(main())
    assert read_items(path) == tuple(items)


def test_a_cancelled_change_is_made_whole(tmp_path: Path) -> None:
    """Section 8, FileStore: the file and the results stay the same."""
    path = tmp_path / "memories.jsonl"

    async def main() -> None:
        store = await JsonlMemoryStore.open(path)
        for item in ITEMS:
            asked = asyncio.create_task(store.store(item))
            await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        await store.delete("none of them")  # behind those
        assert await store.count() == 3
        assert read_items(path) == ITEMS

    asyncio.run(main())


def test_the_loop_is_never_held_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 8, FileStore: a sync that does not end before others of the loop have run."""
    path = tmp_path / "memories.jsonl"
    real = os.fsync

    async def main() -> None:
        loop = asyncio.get_running_loop()
        store = await JsonlMemoryStore.open(path)
        ran: list[str] = []

        def sync(descriptor: int) -> None:
            # Ends only if the loop still runs.
            asyncio.run_coroutine_threadsafe(note(), loop).result(timeout=30)
            real(descriptor)

        async def note() -> None:
            ran.append("while it was synced")

        monkeypatch.setattr(os, "fsync", sync)
        await store.store(ITEMS[0])
        assert ran

    asyncio.run(main())


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """Section 8, FileStore."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    for path, error in ((pipe, NotAStoreError), (tmp_path, StoreUnavailableError)):
        with pytest.raises(error):
            asyncio.run(JsonlMemoryStore.open(path))
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file" / "memories.jsonl", tmp_path / "file" / "a" / "memories.jsonl"):
        with pytest.raises(StoreUnavailableError):
            asyncio.run(JsonlMemoryStore.open(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_no_file_can_be_made_is_said_when_it_is_opened(tmp_path: Path) -> None:
    """Section 8, FileStore; L8 falls back on it."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailableError):
        asyncio.run(JsonlMemoryStore.open(tmp_path / "a" / "memories.jsonl"))
    tmp_path.chmod(0o700)


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 8, FileStore: reads the whole file, up to a limit."""
    path = tmp_path / "memories.jsonl"
    write_items(path, ITEMS)
    monkeypatch.setattr(json_lines, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(DecodeError, match="byte limit"):
        read_items(path)
    monkeypatch.setattr(json_lines, "MAX_BYTES", path.stat().st_size)
    assert read_items(path) == ITEMS
