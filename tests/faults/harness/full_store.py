"""A store with values of every kind, and the values it returns when it is intact.

Campaigns damage copies of its files. It has sessions of several lengths with all their generations,
forks and a rewind, every collection, blobs and images, checkpoints of both kinds, a collection
without a session, memories.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.agent_memory import MemoryItem, MemoryType
from a3s_store.core.drafts import Draft
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreError
from a3s_store.models import ImageBlock, ImageSource, Message, SessionData
from a3s_store.testing import samples
from tests.faults.harness.report import Report
from tests.faults.harness.store_under_test import find, save_turn
from tests.faults.harness.workload import session_id, turns_of

# A question to a store: its name and the id that it is about.
Question = tuple[str, ...]
# These return columns, for lists of sessions; they are not verified against a digest.
LISTS: Final = frozenset({"inventory", "summaries", "generations", "exists"})
# One generation of a session in so many is loaded, and about so many at most.
_EVERY: Final = 3
_MOST: Final = 12
SUFFIXES: Final = ("", "-wal")


@attrs.frozen(kw_only=True)
class Original:
    """The bytes of an intact store's files by suffix, and the values it returns by question."""

    files: dict[str, bytes] = attrs.field(repr=False)
    values: dict[Question, Any] = attrs.field(repr=False)

    def write(self, path: Path, **changed: bytes) -> None:
        """Write the files to a path, some of them changed: `db=...` or `wal=...`."""
        new = {"": changed.get("db"), "-wal": changed.get("wal")}
        for suffix in (*SUFFIXES, "-shm", "-queue"):
            name = path.with_name(path.name + suffix)
            name.unlink(missing_ok=True)
            data = new.get(suffix) or self.files.get(suffix)
            if suffix in new and new[suffix] is not None:
                data = new[suffix]
            if data is not None:
                name.write_bytes(data)


async def fill(store: Any, seed: str, size: int) -> None:
    """Save values of every kind; `size` is about how many turns the sessions have in all."""
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
    """The snapshot with large images, which are stored as blobs, one of them twice."""
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
    """Every question that an intact store can be asked."""
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
    """The value that the store returns. Raises the store's errors."""
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


def create(report: Report, folder: Path, turns: int) -> Original | None:
    """Fill a store and close it; None, and a failure, when it does not return the saved values."""
    path = folder / "original"
    try:
        return _in_own_process(_create, report.subject, path, str(report.seed), turns)
    except (AssertionError, StoreError) as error:
        report.fail(f"another value than the saved one is loaded: {error!r}")
        return None


def read_in_own_process(subject: str, path: Path, files: dict[str, bytes]) -> Original:
    """The original of a store with these files, which no process has open.

    Raises:
        AssertionError: the store does not return the saved values.
    """
    return _in_own_process(_read, subject, path, files)


def _in_own_process(work: Callable[..., Original], *arguments: Any) -> Original:
    """Call a function in a process that has ended when this one forks others."""
    with get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def _create(subject: str, path: Path, seed: str, turns: int) -> Original:
    async def main() -> None:
        async with find(subject)(path) as store:
            await fill(store, seed, turns)

    asyncio.run(main())
    return _read(subject, path, read_files(path))


def _read(subject: str, path: Path, files: dict[str, bytes]) -> Original:
    async def main() -> dict[Question, Any]:
        async with find(subject)(path) as store:
            return {question: await ask(store, question) for question in await questions(store)}

    values = asyncio.run(main())
    assert values["snapshot", "rich"] == samples.rich_snapshot("rich"), "values of every kind"
    images = values["snapshot", "images"]
    assert images == _with_images(samples.rich_snapshot("images")), "images too"
    assert turns_of(values["snapshot", session_id(0)]) > 0, "and turns"
    return Original(files=files, values=values)


def read_files(path: Path) -> dict[str, bytes]:
    """The bytes of a store's files, which no process has open."""
    found = {}
    for suffix in SUFFIXES:
        name = path.with_name(path.name + suffix)
        if os.path.lexists(name):
            found[suffix] = name.read_bytes()
    return found
