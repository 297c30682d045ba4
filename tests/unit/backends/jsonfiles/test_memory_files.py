"""Agent memory in a directory: one file for each owner, beside what upstream looks at."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path

import pytest

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.errors import DecodeError, StoreUnavailableError
from a3s_store.interop import import_directory
from a3s_store.wire import compact, encode
from tests.unit.backends.jsonfiles.file_samples import files_in, run, session, snapshot


def item(item_id: str, content: str = "use tabs") -> MemoryItem:
    return MemoryItem(id=item_id, content=content, timestamp="2026-05-18T10:00:00Z")


def _with(bad: MemoryItem) -> bytes:
    return compact({"owner": "fix-login", "items": [encode(item("before")), encode(bad)]})


async def _two(store: FileSessionStore) -> None:
    await store.memories("fix-login").store_all([item("a"), item("b", "Über uns")])


def _file(folder: Path) -> Path:
    (found,) = (folder / ".memories").iterdir()
    return found


def test_an_owners_file_can_be_read_with_any_tool(tmp_path: Path) -> None:
    run(tmp_path, _two)
    path = _file(tmp_path)
    assert path.name.startswith("fix-login-")
    assert path.name.endswith(".json")
    found = json.loads(path.read_bytes())
    assert found["owner"] == "fix-login"
    assert [one["content"] for one in found["items"]] == ["use tabs", "Über uns"]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_any_owner_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Of ids that are too long for a name too, and that are the same but for what a name lacks."""
    owners = ("a/b", "a_b", "a\\b", "A_B", ".", "..", "con", "x" * 1024, "é" * 512, "x" * 1023)

    async def work(store: FileSessionStore) -> None:
        for owner in owners:
            await store.memories(owner).store(item("same", owner))
        assert await store.memory_owners() == tuple(sorted(owners))
        for owner in owners:
            assert await store.memories(owner).items() == (item("same", owner),)

    run(tmp_path, work)
    names = [name.removeprefix(".memories/") for name in files_in(tmp_path)]
    assert len({name.casefold() for name in names}) == len(owners)
    for name in names:
        assert len(os.fsencode(name)) <= 255
        assert name.isascii()
        assert not name.startswith(("con.", "."))


def test_the_last_item_of_an_owner_takes_the_file_and_the_folder_along(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await _two(store)
        await store.memories("fix-login").clear()
        await store.memories("fix-login").clear()
        await store.save(session("fix-login"))
        await _two(store)
        await store.delete("fix-login")

    run(tmp_path, work)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{", "JSON"),
        (b"[]", "expected an object"),
        (b'{"items":[]}', "is missing"),
        (b'{"owner":"another","items":[]}', "another owner"),
        (b'{"owner":"fix-login","items":[{"id":"a"}]}', "is missing"),
        (_with(item("", "my secret")), "is empty"),
        (_with(item("a", "my secret").evolve(metadata={"n": 1})), "object of texts"),
    ],
)
def test_a_damaged_file_is_named_and_never_written_over(
    tmp_path: Path, bad: bytes, what: str
) -> None:
    """It is deleted with its session all the same."""
    run(tmp_path, _two)
    path = _file(tmp_path)
    path.write_bytes(bad)

    async def work(store: FileSessionStore) -> None:
        memories = store.memories("fix-login")
        for call in (memories.items(), memories.store(item("c")), memories.clear()):
            with pytest.raises(DecodeError, match=what) as caught:
                await call
            assert str(path) in str(caught.value)
            assert "my secret" not in str(caught.value)
        assert path.read_bytes() == bad
        await store.delete("fix-login")

    run(tmp_path, work)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_owners_is_logged_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, _two)
    for name, text in (
        ("a.json", b'{"owner":"fix-login","items":[]}'),
        ("b.json", b"not JSON"),
        ("c.txt", b"a note"),
    ):
        (tmp_path / ".memories" / name).write_bytes(text)

    async def work(store: FileSessionStore) -> None:
        with caplog.at_level(logging.WARNING):
            assert await store.memory_owners() == ("fix-login",)

    run(tmp_path, work)
    assert len(caplog.records) == 2


def test_keys_of_a_newer_release_are_kept(tmp_path: Path) -> None:
    run(tmp_path, _two)
    path = _file(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "later": [1]}), encoding="utf-8")
    run(tmp_path, lambda store: store.memories("fix-login").delete("a"))
    found = json.loads(path.read_bytes())
    assert found["later"] == [1]
    assert [one["id"] for one in found["items"]] == ["b"]


def test_no_link_is_followed_to_write_memories(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".memories").symlink_to(outside)

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(StoreUnavailableError, match="symbolic link"):
            await store.memories("fix-login").store(item("a"))
        await store.delete("fix-login")

    run(tmp_path / "store", work)
    assert list(outside.iterdir()) == []


def test_an_import_says_that_it_leaves_memories_behind(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("fix-login"))
        await _two(store)

    run(tmp_path, work)
    path = _file(tmp_path)

    async def bring() -> None:
        async with MemorySessionStore() as store:
            report = await import_directory(store, tmp_path)
            (left,) = [entry for entry in report.entries if entry.path.startswith(".memories/")]
            assert (left.outcome, left.path) == ("skipped", f".memories/{path.name}")
            assert "memories(owner)" in (left.reason or "")
            assert await store.list() == ["fix-login"]

    asyncio.run(bring())
