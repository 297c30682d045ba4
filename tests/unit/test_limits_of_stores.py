"""Every store refuses a value above its limits, names its place, and writes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from a3s_store import (
    Draft,
    FileSessionStore,
    Limits,
    MemorySessionStore,
    QueueEntry,
    SqliteSessionStore,
)
from a3s_store.agent_memory import InMemoryMemoryStore, MemoryItem
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import DecodeError, EncodeError
from a3s_store.models import Message, RunEventRecord, TextDelta, ToolUseBlock
from a3s_store.testing.samples import loop_checkpoint, small_snapshot, workflow_checkpoint
from tests.support import artifact, run, session, with_store

LIMITS = Limits(value_size=10_000, integer_digits=50)
LARGE = "x" * 10_001

Open: TypeAlias = Callable[[Path], Awaitable[Any]]


async def _memory(_: Path) -> MemorySessionStore:
    return MemorySessionStore(limits=LIMITS)


async def _files(folder: Path) -> FileSessionStore:
    return await FileSessionStore.open(folder / "files", limits=LIMITS)


async def _sqlite(folder: Path) -> SqliteSessionStore:
    return await SqliteSessionStore.open(folder / "a.a3s", limits=LIMITS)


STORES: dict[str, Open] = {"memory": _memory, "file": _files, "sqlite": _sqlite}


def large_message() -> Message:
    return Message.user(LARGE)


def large_run() -> Any:
    record = run(1, 3)
    event = RunEventRecord(sequence=1, timestamp_ms=1, event=TextDelta(text=LARGE))
    return record.evolve(events=(record.events[0], event, record.events[2]))


def large_workflow() -> Any:
    one = workflow_checkpoint("w")
    step = one.steps[0]
    return one.evolve(steps=(step.evolve(outcome=step.outcome.evolve(output=LARGE)),))


def long_integer() -> Any:
    block = ToolUseBlock(id="1", name="add", input={"n": 10**50})
    return session(messages=(Message(role="assistant", content=(block,)),))


Save: TypeAlias = Callable[[Any], Awaitable[Any]]
SAVES: dict[str, tuple[Save, str]] = {
    "message": (
        lambda store: store.save(session(messages=(Message.user("a"), large_message()))),
        "SessionData.messages[1].content[0].text",
    ),
    "configuration": (
        lambda store: store.save(
            session(config=session().config.evolve(system_prompt=LARGE)),
        ),
        "SessionData.config.system_prompt",
    ),
    "artifact": (
        lambda store: store.save_artifacts("fix-login", [artifact(0), artifact(1, 10_001)]),
        "artifacts[1].content",
    ),
    "event of a run": (
        lambda store: store.save_run_records("fix-login", [large_run()]),
        "run_records[0].events[1].event.text",
    ),
    "snapshot": (
        lambda store: store.save_snapshot(
            SessionSnapshot.of(session(), {}, ()).evolve(artifacts=(artifact(1, 10_001),))
        ),
        "artifacts[0].content",
    ),
    "run checkpoint": (
        lambda store: store.save_loop_checkpoint(
            "run-1", loop_checkpoint("run-1").evolve(messages=(large_message(),))
        ),
        "LoopCheckpoint.messages[0].content[0].text",
    ),
    "workflow checkpoint": (
        lambda store: store.save_workflow_checkpoint("w", large_workflow()),
        "WorkflowCheckpoint.steps[0].outcome.output",
    ),
    "integer": (
        lambda store: store.save(long_integer()),
        "SessionData.messages[0].content[0].input.n",
    ),
}


@pytest.mark.parametrize("what", SAVES)
@pytest.mark.parametrize("kind", STORES)
def test_a_value_above_the_limits_is_refused_by_its_place_and_nothing_is_written(
    tmp_path: Path, kind: str, what: str
) -> None:
    save, place = SAVES[what]

    async def main() -> None:
        store = await STORES[kind](tmp_path)
        before = small_snapshot("fix-login", "text")
        await store.save_snapshot(before)
        with pytest.raises(EncodeError) as caught:
            await save(store)
        error = caught.value
        assert ".".join(filter(None, (error.model, error.path))) == place
        assert LARGE[:80] not in str(error)
        assert await store.load_snapshot("fix-login") == before
        inventory = await store.inventory()
        assert inventory.loop_checkpoints == inventory.workflow_checkpoints == ()
        await store.save(session(count=9))
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_drafts_and_queue_entries_have_the_same_limits(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        store = await STORES[kind](tmp_path)
        await store.save(session())
        await store.save_loop_checkpoint("run-1", loop_checkpoint("run-1", "fix-login"))
        with pytest.raises(EncodeError, match="and 10000 is the limit"):
            await store.save_draft("run-1", Draft(position=9, text=LARGE))
        assert await store.load_draft("run-1") is None
        for value in ({"payload": LARGE}, {"payload": [10**50]}):
            entry = QueueEntry(kind="dead_letter", command_id="1", value=value)
            with pytest.raises(EncodeError, match="payload"):
                await store.save_queue_entries("fix-login", claimed_by="me", put=[entry])
        by = "me"
        assert await store.claim_queue_entries("fix-login", by=by, may_take=lambda _: True) == ()
        await store.close()

    asyncio.run(main())


def memory(content: str) -> MemoryItem:
    return MemoryItem(id="1", content=content, timestamp="2026-01-01T00:00:00Z", importance=0.5)


@pytest.mark.parametrize("redact", [None, str], ids=["plain", "redacted"])
@pytest.mark.parametrize("kind", STORES)
def test_memories_have_the_limits_of_their_store_or_the_default_ones(
    tmp_path: Path, kind: str, redact: Callable[[str], str] | None
) -> None:
    async def main() -> None:
        store = await STORES[kind](tmp_path)
        store._redactor = Redactor(redact)
        with pytest.raises(EncodeError, match="and 10000 is the limit"):
            await store.memories("agent").store(memory(LARGE))
        assert await store.memories("agent").get_recent(9) == ()
        await store.close()
        await InMemoryMemoryStore().store(memory(LARGE))

    asyncio.run(main())


@pytest.mark.parametrize("redact", [None, str], ids=["plain", "redacted"])
@pytest.mark.parametrize("kind", STORES)
def test_memories_above_the_default_limits_are_stored_where_the_store_permits_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    redact: Callable[[str], str] | None,
) -> None:
    monkeypatch.setattr("a3s_store.agent_memory.item.DEFAULT_LIMITS", Limits(value_size=2_000))

    async def main() -> None:
        store = await STORES[kind](tmp_path)
        store._redactor = Redactor(redact)
        await store.memories("agent").store(memory("x" * 5_000))
        assert await store.memories("agent").count() == 1
        await store.close()

    asyncio.run(main())


def test_the_file_store_reads_and_writes_no_memories_and_queue_above_its_limit(
    tmp_path: Path,
) -> None:
    entry = QueueEntry(kind="dead_letter", command_id="1", value={"payload": LARGE})

    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            await store.save(session())
            await store.memories("agent").store(memory(LARGE))
            await store.save_queue_entries("fix-login", claimed_by="me", put=[entry])
        small = Limits(file_bytes=9_000)
        async with FileSessionStore.open(tmp_path, limits=small) as store:
            with pytest.raises(DecodeError, match="and 9000 is the limit"):
                await store.memories("agent").count()
            with pytest.raises(DecodeError, match="and 9000 is the limit"):
                await store.claim_queue_entries("fix-login", by="me", may_take=lambda _: True)
            with pytest.raises(EncodeError, match="and 9000 is the limit"):
                await store.memories("other").store(memory(LARGE))
            await store.save(session("other"))
            with pytest.raises(EncodeError, match="and 9000 is the limit"):
                await store.save_queue_entries("other", claimed_by="me", put=[entry])
            assert await store.memories("other").count() == 0
            by = "me"
            assert await store.claim_queue_entries("other", by=by, may_take=lambda _: True) == ()

    asyncio.run(main())


def test_what_was_saved_under_higher_limits_is_loaded_merged_changed_and_dropped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.a3s"
    large = [artifact(n, 20_000) for n in range(4)]
    whole = session(messages=(large_message(), *session().messages))

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(whole)
        await store.save_artifacts("fix-login", large)

    async def use(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == whole
        assert await store.load_artifacts("fix-login") == tuple(large)
        longer = whole.evolve(messages=(*whole.messages, Message.user("and on")))
        await store.save(longer)
        kept = (artifact(9), *large[1:3])  # one replaced, one dropped
        await store.save_artifacts("fix-login", kept)
        assert await store.load_artifacts("fix-login") == kept
        await store.save_artifacts("fix-login", kept[:1])
        assert (await store.verify(depth="deep")).ok

    with_store(path, fill)
    with_store(path, use, limits=LIMITS)


def test_the_file_store_reads_and_writes_no_file_above_its_limit(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            await store.save(session(count=50))
        small = attrs.evolve(LIMITS, file_bytes=500)
        async with FileSessionStore.open(tmp_path, limits=small) as store:
            with pytest.raises(DecodeError, match="and 500 is the limit") as caught:
                await store.load("fix-login")
            assert str(tmp_path / "fix-login.json") in str(caught.value)
            with pytest.raises(EncodeError, match="and 500 is the limit"):
                await store.save(session("other", count=50))
            with pytest.raises(EncodeError, match="and 500 is the limit"):
                await store.save_artifacts("other", [artifact(n) for n in range(9)])
            await store.delete("fix-login")
            assert await store.list() == []

    asyncio.run(main())


def test_the_file_store_reads_no_file_above_its_limit_to_see_whose_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one is whose id does not stand at its beginning."""
    path = tmp_path / "fix-login.json"

    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            await store.save(session())
            tree = json.loads(path.read_bytes())
            path.write_text(json.dumps({"later": LARGE, **tree}))
            assert await store.list() == ["fix-login"]
        for limit, ids in ((9_000, []), (90_000, ["fix-login"])):
            limits = Limits(file_bytes=limit)
            async with FileSessionStore.open(tmp_path, limits=limits) as store:
                assert await store.list() == ids

    asyncio.run(main())
    assert "and 9000 is the limit" in caplog.text
