"""A store with something of everything in it, and whatever can be asked of it with the answers.

Damage is done to copies of its files. Sessions of several lengths with all their generations, forks
and a rewind, every family, blobs and images, checkpoints of both kinds, families without a session,
memories.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.agent_memory import MemoryItem, MemoryType
from a3s_store.core.drafts import Draft
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import ImageBlock, ImageSource, Message, SessionData
from a3s_store.testing import samples
from tests.faults.harness.store_under_test import Open, save_turn
from tests.faults.harness.workload import session_id, turns_of

# What to ask: the name of a question and what it is about.
Question = tuple[str, ...]
# These are answered from columns, for lists; no digest is held against them.
LISTS: Final = frozenset({"inventory", "summaries", "generations", "exists"})
# Of a session's generations one in so many is loaded, and about so many at most.
_EVERY: Final = 3
_MOST: Final = 12
SUFFIXES: Final = ("", "-wal")


@attrs.frozen(kw_only=True)
class Specimen:
    """The bytes of a store's files by suffix, and what it answers when they are whole."""

    files: dict[str, bytes] = attrs.field(repr=False)
    answers: dict[Question, Any] = attrs.field(repr=False)

    def write(self, path: Path, **changed: bytes) -> None:
        """Lay the files down, some of them changed: `db=...` or `wal=...`."""
        new = {"": changed.get("db"), "-wal": changed.get("wal")}
        for suffix in (*SUFFIXES, "-shm"):
            name = path.with_name(path.name + suffix)
            name.unlink(missing_ok=True)
            data = new.get(suffix) or self.files.get(suffix)
            if suffix in new and new[suffix] is not None:
                data = new[suffix]
            if data is not None:
                name.write_bytes(data)


async def make(open_store: Open, path: Path, seed: str, size: int) -> None:
    """Fill a new store; `size` is about how many turns there are in all. It is closed."""
    async with open_store(path) as store:
        await fill(store, seed, size)


async def fill(store: Any, seed: str, size: int) -> None:
    """Save something of everything."""
    for number, turns in enumerate((size // 2, size // 3, size // 6, 1)):
        for turn in range(1, turns + 1):
            await save_turn(store, seed, number, turn)
    await store.save_snapshot(samples.rich_snapshot("rich"))
    await store.save_snapshot(_with_images(samples.rich_snapshot("images")))
    await store.save_snapshot(
        SessionSnapshot(session=SessionData(id="bare", created_at=1, updated_at=1))
    )
    await store.fork(session_id(0), "fork", 3)
    await store.fork(session_id(0), "whole fork")
    await store.rewind(session_id(1), 2)
    await store.save_trace_events("no session", (samples.trace_event(),))
    await store.save_loop_checkpoint("rich run", samples.loop_checkpoint("rich run", "rich"))
    await store.save_draft("rich run", Draft(position=1_000, text="so far, " * 1_000))
    await store.save_workflow_checkpoint("flow", samples.workflow_checkpoint("flow"))
    for owner in ("rich", "an agent"):
        await store.memories(owner).store_all(map(_memory, range(12)))
        await store.memories(owner).delete(_memory(5).id)


def _memory(number: int) -> MemoryItem:
    """A memory with every field set; some are longer than a page."""
    return MemoryItem(
        id=f"memory {number}",
        content=f"use tabs, {number} times " * (number + 1) ** 2,
        timestamp=f"2026-05-18T10:00:{number:02}Z",
        importance=number / 16,
        tags=("success", f"tag {number}"),
        memory_type=MemoryType.PROCEDURAL,
        metadata={"prompt": f"do {number}"},
        access_count=number,
        last_accessed="2026-05-18T11:00:00Z",
        extra={"later": [number]},
    )


def _with_images(snapshot: SessionSnapshot) -> SessionSnapshot:
    """The snapshot with large images, which lie in the table of blobs, one of them twice."""
    images = [
        ImageBlock(source=ImageSource(media_type="image/png", data=letter * 17_000 + "=="))
        for letter in "AB"
    ]
    messages = (
        Message(role="user", content=(images[0], images[1])),
        Message(role="user", content=(images[0],)),
    )
    session = snapshot.session.evolve(messages=(*snapshot.session.messages, *messages))
    return snapshot.evolve(session=session)


async def questions(store: Any) -> list[Question]:
    """Everything there is to ask of a store that is whole."""
    inventory = await store.inventory()
    found: list[Question] = [("inventory",), ("summaries",)]
    for key in inventory.sessions:
        found += [("snapshot", key), ("generations", key), ("exists", key)]
        kept = [one.number for one in await store.generations(key) if one.length is not None]
        found += [("load", key, str(number)) for number in kept[:: max(_EVERY, len(kept) // _MOST)]]
    found += [("trace_events", key) for key in inventory.collections_only]
    found += [("loop", key) for key in inventory.loop_checkpoints]
    found += [("draft", key) for key in inventory.loop_checkpoints]
    found += [("workflow", key) for key in inventory.workflow_checkpoints]
    found += [("memories", owner) for owner in await store.memory_owners()]
    return found


async def ask(store: Any, question: Question) -> Any:
    """What the store answers. Raises what it raises."""
    match question:
        case ("snapshot", key):
            return await store.load_snapshot(key)
        case ("load", key, generation):
            return await store.load(key, generation=int(generation))
        case ("generations", key):
            return await store.generations(key)
        case ("exists", key):
            return await store.exists(key)
        case ("trace_events", key):
            return await store.load_trace_events(key)
        case ("loop", key):
            return await store.load_loop_checkpoint(key)
        case ("draft", key):
            return await store.load_draft(key)
        case ("workflow", key):
            return await store.load_workflow_checkpoint(key)
        case ("memories", owner):
            return await store.memories(owner).items()
        case ("summaries",):
            return await store.summaries()
    return await store.inventory()


async def taken(open_store: Open, path: Path, files: dict[str, bytes]) -> Specimen:
    """The specimen of a store whose files were read while no process had it open.

    Raises AssertionError when the store does not answer what was saved.
    """
    async with open_store(path) as store:
        answers = {question: await ask(store, question) for question in await questions(store)}
    rich = answers["snapshot", "rich"]
    assert rich == samples.rich_snapshot("rich"), "what was saved is what is answered"
    images = answers["snapshot", "images"]
    assert images == _with_images(samples.rich_snapshot("images")), "images too"
    assert turns_of(answers["snapshot", session_id(0)]) > 0, "and turns"
    return Specimen(files=files, answers=answers)


def read_files(path: Path) -> dict[str, bytes]:
    """The bytes of a store's files, which no process has open."""
    found = {}
    for suffix in SUFFIXES:
        name = path.with_name(path.name + suffix)
        if os.path.lexists(name):
            found[suffix] = name.read_bytes()
    return found
