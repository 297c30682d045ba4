"""Loads decode the content of a message when it is first read, and nothing else shows it."""

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore, salvage
from a3s_store.errors import CorruptionError
from a3s_store.models import ImageBlock, ImageSource, Message
from a3s_store.wire.parts import text_of
from tests.support import messages, session, with_store
from tests.unit.backends.sqlite.forged_messages import forged

TALK = session("talk", messages=messages(9))


def undecoded(found: Iterable[Message]) -> list[bool]:
    return [text_of(message, "content") is not None for message in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(TALK))
    return path


def loaded(path: Path, **options: Any) -> Any:
    found: list[Any] = []

    async def use(store: SqliteSessionStore) -> None:
        found.append(await store.load("talk"))  # `asyncio.run` makes a repr of what is returned

    with_store(path, use, **options)
    return found[0]


def test_a_load_decodes_no_message(path: Path) -> None:
    found = loaded(path)
    assert all(undecoded(found.messages))
    assert found == TALK
    assert not any(undecoded(found.messages))


def test_pages_snapshots_and_earlier_generations_decode_no_message(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        page = await store.messages("talk", last=4)
        assert page is not None
        assert all(undecoded(item.message for item in page.items))
        assert tuple(item.message for item in page.items) == TALK.messages[-4:]
        snapshot = await store.load_snapshot("talk")
        assert snapshot is not None
        assert all(undecoded(snapshot.session.messages))
        earlier = await store.load("talk", generation=1)
        assert earlier is not None
        assert all(undecoded(earlier.messages))

    with_store(path, use)


@pytest.mark.parametrize("option", ["decode_all", "prove_chain"])
def test_every_message_is_decoded_where_that_is_asked_for(path: Path, option: str) -> None:
    assert not any(undecoded(loaded(path, **{option: True}).messages))


def test_messages_with_images_and_unknown_keys_are_decoded(tmp_path: Path) -> None:
    small, large = (
        Message(
            role="user",
            content=(ImageBlock(source=ImageSource(media_type="image/png", data="A" * size)),),
        )
        for size in (8, 40_000)
    )
    unknown = Message.user("hello").evolve(extra={"later": 1})
    said = (*messages(3), small, large, unknown, *messages(2, tag="end"))
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("talk", messages=said)))
    found = loaded(path)
    assert undecoded(found.messages) == [True, True, True, True, False, False, True, True]
    assert found.messages == said


def test_a_save_of_what_was_loaded_decodes_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        found = await store.load("talk")
        assert found is not None
        await store.save(found.evolve(messages=(*found.messages, Message.user("more"))))
        await store.fork("talk", "fork")
        assert undecoded(found.messages) == [True] * 9

    with_store(path, use)


def test_saves_into_other_stores_decode_the_first_prompt_alone(path: Path, tmp_path: Path) -> None:
    found = loaded(path)

    async def use() -> None:
        async with SqliteSessionStore.open(tmp_path / "other.a3s") as other:
            await other.save(found)
            assert (await other.verify(depth="deep")).ok
        async with FileSessionStore.open(tmp_path / "files") as files:
            await files.save(found)
            assert await files.load("talk") == TALK
        memory = MemorySessionStore()
        await memory.save(found)
        assert undecoded(found.messages) == [False] + [True] * 8
        assert await memory.load("talk") == TALK

    asyncio.run(use())


def test_a_message_edited_in_the_middle_is_found_among_undecoded_ones(path: Path) -> None:
    said = (*TALK.messages[:4], Message.user("another"), *TALK.messages[5:])

    async def use(store: SqliteSessionStore) -> None:
        await store.load("talk")
        await store.save(TALK.evolve(messages=said))
        found = await store.load("talk")
        assert found is not None
        assert found.messages == said
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_another_process_gets_the_messages(path: Path) -> None:
    found = loaded(path)
    program = (
        "import pickle, sys\n"
        "found = pickle.load(sys.stdin.buffer)\n"
        "print(*(message.text for message in found.messages), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(found), capture_output=True, check=True
    )
    assert done.stdout.decode().split("\n")[:-1] == [one.text for one in TALK.messages]


def test_stored_text_that_is_no_content_is_refused_when_it_is_read(path: Path) -> None:
    forged(path, '"type":"text"', '"type":5', 4)

    async def use(store: SqliteSessionStore) -> None:
        found = await store.load("talk")
        assert found is not None
        assert found.messages[3].content == TALK.messages[3].content
        for _ in range(2):
            with pytest.raises(CorruptionError) as caught:
                _ = found.messages[4].text
            error = caught.value
            assert (error.session_id, error.part, error.position) == ("talk", "messages", 4)
            assert str(path) in error.where
        page = await store.messages("talk", start=3, stop=6)
        assert page is not None
        with pytest.raises(CorruptionError, match=r"messages\[4\]"):
            repr(page.items)
        partial = await store.load("talk", on_damage="report")
        assert [(one.part, one.position) for one in partial.damage] == [("messages", 4)]
        assert not (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_stored_text_that_is_no_content_fails_a_load_that_decodes_all(path: Path) -> None:
    forged(path, '"type":"text"', '"type":5', 4)
    with pytest.raises(CorruptionError, match=r"messages\[4\]"):
        loaded(path, decode_all=True)


def test_salvage_leaves_out_stored_text_that_is_no_content(path: Path, tmp_path: Path) -> None:
    forged(path, '"type":"text"', '"type":5', 4)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert not report.ok
    found = loaded(tmp_path / "new.a3s")
    assert found.messages == TALK.messages[:4] + TALK.messages[5:]


def full_collections(path: Path, **options: Any) -> int:
    """Return how many full collections happen in a load, with nothing else to collect."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    async def use(store: SqliteSessionStore) -> None:
        await store.exists("talk")
        gc.collect()
        gc.freeze()
        gc.callbacks.append(note)
        try:
            assert await store.load("talk")
        finally:
            gc.callbacks.remove(note)
            gc.unfreeze()

    with_store(path, use, **options)
    return found.count(2)


def test_a_load_of_50_000_messages_causes_no_full_collection(tmp_path: Path) -> None:
    path = tmp_path / "long.a3s"
    with_store(
        path,
        lambda store: store.save(session("talk", messages=messages(50_000))),
        durability="normal",
    )
    assert full_collections(path) == 0
    assert full_collections(path, decode_all=True) > 0
