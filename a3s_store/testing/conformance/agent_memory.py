"""Agent memory: items under an owner, deleted with the session of that id."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.agent_memory import (
    AgentMemoryStore,
    InMemoryMemoryStore,
    MemoryItem,
    MemoryType,
    OwnedMemoryStore,
    TiedMemoryStore,
)
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    SessionDeletedError,
    StoreClosedError,
)
from a3s_store.testing.conformance.expect import holds, raises, same
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import session, small_snapshot

_GROUP = "agent memory"


def _item(item_id: str, content: str = "use tabs", **fields: Any) -> MemoryItem:
    return MemoryItem(
        id=item_id, content=content, **{"timestamp": "2026-05-18T10:00:00Z", **fields}
    )


# Equal in what sorts them or not, old and new, with every field and the awkward corners of text.
_ITEMS = (
    _item("first", "How to CREATE a file", tags=("how", "file")),
    _item("old", "how to create", timestamp="2026-03-18T10:00:00.5Z", importance=1.0),
    _item("second", "Straße ΟΔΟΣ 100% a_b", tags=("file",)),
    _item(
        "full",
        "zero \0, accents é, 你好, 😀\r\n" * 200,
        timestamp="2026-05-18T10:00:00.123456789Z",
        importance=0.7,
        tags=("", "x y", "File"),
        memory_type=MemoryType.PROCEDURAL,
        metadata={"prompt": "", "": "tools"},
        access_count=2**32 - 1,
        last_accessed="0001-01-01T00:00:00Z",
        extra={"later": {"n": 2**70}},
    ),
    _item("ä/..\\%_", "", importance=0.0),
)


async def _is_as(model: InMemoryMemoryStore, store: OwnedMemoryStore, what: str) -> None:
    """Raise AssertionError unless each method returns what the model does."""
    same(model.items, await store.items(), f"{what}: items")
    same(await model.count(), await store.count(), f"{what}: count")
    questions: list[tuple[str, tuple[Any, ...]]] = [
        *(("search", (text, 9)) for text in ("create", "Create A F", "STRASSE", "οδος", "%", "")),
        *(("search_by_tags", (tags, 9)) for tags in (["file"], ["how", "x y"], ["FILE"], [])),
        *(("get_important", (least, 9)) for least in (0.7, 1.0, 0)),
        ("search", ("", 2)),
        ("get_recent", (3,)),
        ("get_recent", (10**12,)),
        *(("retrieve", (one.id,)) for one in _ITEMS),
    ]
    for name, given in questions:
        expected = await getattr(model, name)(*given)
        same(expected, await getattr(store, name)(*given), f"{what}: {name}{given}")


@required_by(_GROUP, capability="agent_memory")
async def memories_are_returned_in_the_same_order_by_every_store(store: Any) -> None:
    """Items, searches, tags, newest and most important ones, as of `InMemoryMemoryStore`."""
    holds(isinstance(store, AgentMemoryStore), "it has the methods of AgentMemoryStore")
    memories = store.memories("agent")
    holds(isinstance(memories, OwnedMemoryStore), "memories() has those of OwnedMemoryStore")
    same("agent", memories.owner, "the owner")
    model = InMemoryMemoryStore()
    await _is_as(model, memories, "none")
    for item in _ITEMS:
        await model.store(item)
        await memories.store(item)
    await _is_as(model, memories, "five")
    newer = _item("first", "how to CREATE again", tags=("file",))
    await model.store(newer)
    await memories.store(newer)
    await _is_as(model, memories, "one stored again, which keeps its place")
    for gone in ("second", "never there"):
        await model.delete(gone)
        await memories.delete(gone)
    await _is_as(model, memories, "one deleted")
    await memories.clear()
    await _is_as(InMemoryMemoryStore(), memories, "cleared")
    await memories.store_all(_ITEMS)
    await _is_as(InMemoryMemoryStore(_ITEMS), memories, "stored together")


@required_by(_GROUP, capability="agent_memory")
async def owners_are_apart(store: Any) -> None:
    """The same item under several owners is several; an owner without items is not listed."""
    owners = ("a", "A", "a/b", "a_b", "..", ".", "ä" * 500, "con", "x\n\u202e", " ")
    for number, owner in enumerate(owners):
        await store.memories(owner).store(_item("same", f"content {number}"))
    same(tuple(sorted(owners)), await store.memory_owners(), "the owners")
    for number, owner in enumerate(owners):
        found = await store.memories(owner).items()
        same((_item("same", f"content {number}"),), found, f"those of {owner!r}")
    await store.memories("a").clear()
    await store.memories("A").delete("same")
    await store.memories("never there").clear()
    await store.memories("never there either").store_all([])
    same(tuple(sorted(owners[2:])), await store.memory_owners(), "without two")


@required_by(_GROUP, capability="agent_memory")
async def memories_go_with_the_session_of_their_owner(store: Any) -> None:
    """Whether it was saved or not; a session made anew under the id has none of them."""
    await store.save_snapshot(small_snapshot("s", "a"))
    for owner in ("s", "S", "never saved", "an agent"):
        await store.memories(owner).store_all(_ITEMS)
    await store.delete("s")
    same(0, await store.memories("s").count(), "after the session was deleted")
    await store.delete("never saved")
    await store.save(session("s", ("again",)))
    same((), await store.memories("s").items(), "of the new one")
    same(("S", "an agent"), await store.memory_owners(), "the owners that are left")
    same(_ITEMS, await store.memories("S").items(), "of another")


@required_by(_GROUP, capability="agent_memory")
async def a_memory_that_is_being_stored_goes_with_its_session(store: Any) -> None:
    """When the session is deleted after that, though the caller was cancelled."""
    for number in range(12):
        await store.save(session("s"))
        task = asyncio.ensure_future(store.memories("s").store(_ITEMS[3]))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        await store.delete("s")
        await asyncio.gather(task, return_exceptions=True)
        same((), await store.memories("s").items(), f"after {number} steps")


@required_by(_GROUP, capability="agent_memory")
async def memories_of_a_deleted_session_are_not_changed_for_it(store: Any) -> None:
    """Where they can be tied to one; with `conditional_writes`, also once there is another."""
    if not isinstance(store.memories("s"), TiedMemoryStore):
        return
    has_lives = store.capabilities().conditional_writes
    tied = store.memories("s").of_session()
    await raises(SessionDeletedError, "before there is one", tied.store, _ITEMS[0])
    await store.save(session("s"))
    tied = store.memories("s").of_session((await store.revision("s")).life if has_lives else None)
    await tied.store_all(_ITEMS)
    same(_ITEMS, await tied.items(), "while the session is stored")
    await store.delete("s")
    for is_new in (False, True):
        if is_new and not has_lives:
            return
        if is_new:
            await store.save(session("s", ("again",)))
        await store.memories("s").store(_item("mine"))
        await raises(SessionDeletedError, "store", tied.store, _ITEMS[0])
        await raises(SessionDeletedError, "store_all", tied.store_all, _ITEMS)
        await raises(SessionDeletedError, "delete", tied.delete, "mine")
        await raises(SessionDeletedError, "clear", tied.clear)
        same((_item("mine"),), await store.memories("s").items(), "after it was deleted")


@required_by(_GROUP, capability="agent_memory")
async def memories_are_no_part_of_a_session(store: Any) -> None:
    """No save of the session changes them, and they change neither snapshot nor digest."""
    snapshot = small_snapshot("s", "a")
    await store.memories("s").store_all(_ITEMS)
    same((False, []), (await store.exists("s"), await store.list()), "before there is a session")
    await store.save_snapshot(snapshot)
    same(snapshot, await store.load_snapshot("s"), "the snapshot")
    if store.capabilities().aggregate_cas:
        holds(await store.save_snapshot_cas(snapshot, snapshot.digest()), "the digest is another")
    await store.save(session("s", ("other", "messages")))
    await store.save_trace_events("s", ())
    same(_ITEMS, await store.memories("s").items(), "the memories")


_REFUSED: dict[str, Any] = {
    "None": None,
    "a text": "use tabs",
    "a lone surrogate": _item("a", "half \ud83d of a pair"),
    "a lone surrogate in a tag": _item("a", tags=("\udfff",)),
    "metadata that is no object": _item("a", metadata=[1]),
    "metadata that is no object of texts": _item("a", metadata={"n": 1}),
    "NaN": _item("a", importance=float("nan")),
    "an empty id": _item(""),
    "an id with NUL": _item("a\0b"),
}


@required_by(_GROUP, capability="agent_memory", cases=_REFUSED.items())
async def an_item_that_cannot_be_stored_is_refused(store: Any, item: Any) -> None:
    """EncodeError or InvalidIdError, and nothing is written, nor of those stored together."""
    memories = store.memories("agent")
    await memories.store(_ITEMS[0])
    await raises((EncodeError, InvalidIdError), "store", memories.store, item)
    together = [_ITEMS[1], item, _ITEMS[2]]
    await raises((EncodeError, InvalidIdError), "store_all", memories.store_all, together)
    same(_ITEMS[:1], await memories.items(), "afterwards")


@required_by(_GROUP, capability="agent_memory")
async def a_question_that_makes_no_sense_is_refused(store: Any) -> None:
    """EncodeError for a bad limit, text, tags or threshold; InvalidIdError for what is no id."""
    memories = store.memories("agent")
    for limit in (-1, 1.0, True, None):
        await raises(EncodeError, "limit", memories.get_recent, limit)
    await raises(EncodeError, "query", memories.search, b"x", 1)
    await raises(EncodeError, "tags", memories.search_by_tags, "tag", 1)
    await raises(EncodeError, "threshold", memories.get_important, float("nan"), 1)
    for bad in ("", "a\0b", "\ud800", None):
        await raises(InvalidIdError, "retrieve", memories.retrieve, bad)
        await raises(InvalidIdError, "delete", memories.delete, bad)
        try:
            store.memories(bad)
        except InvalidIdError:
            continue
        raise AssertionError(f"memories({bad!r}) was taken")


@required_by(_GROUP, capability="agent_memory")
async def memories_stored_at_once_are_all_there(store: Any) -> None:
    """By several tasks, under one owner and under several."""
    given = [_item(f"item {number}") for number in range(12)]
    await asyncio.gather(
        *(store.memories(owner).store(item) for item in given for owner in ("one", "other"))
    )
    for owner in ("one", "other"):
        found = await store.memories(owner).items()
        same({one.id for one in given}, {one.id for one in found}, f"those of {owner}")


@required_by(_GROUP, capability="agent_memory")
async def changes_of_memories_are_made_in_the_order_of_the_calls(store: Any) -> None:
    """Whichever caller is cancelled meanwhile."""
    memories = store.memories("agent")
    for number in range(12):
        calls = [
            memories.store(_item("a", f"older {number}")),
            memories.store(_item("b")),
            memories.store(_item("a", f"newer {number}")),
            memories.delete("b"),
        ]
        tasks = [asyncio.ensure_future(call) for call in calls]
        for _ in range(number):
            await asyncio.sleep(0)
        for task in tasks[: number % 3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        same((_item("a", f"newer {number}"),), await memories.items(), f"after {number} steps")


@required_by(_GROUP, capability="agent_memory")
async def a_closed_store_has_no_memories(store: Any) -> None:
    """StoreClosedError from every method."""
    memories = store.memories("agent")
    await store.close()
    for name, *given in (
        ("store", _ITEMS[0]),
        ("store_all", _ITEMS),
        ("retrieve", "a"),
        ("search", "a", 1),
        ("search_by_tags", ["a"], 1),
        ("get_recent", 1),
        ("get_important", 0.5, 1),
        ("items",),
        ("count",),
        ("delete", "a"),
        ("clear",),
    ):
        await raises(StoreClosedError, name, getattr(memories, name), *given)
    await raises(StoreClosedError, "memory_owners", store.memory_owners)


@required_by(_GROUP, capability="agent_memory", reopens=True)
async def memories_survive_reopening(store: Any, maker: StoreMaker) -> None:
    """Where the store is durable; and a deletion does."""
    if not store.capabilities().durable:
        return
    await store.save(session("s"))
    for owner in ("s", "agent"):
        await store.memories(owner).store_all(_ITEMS)
    again: Any = await maker.reopen()
    await _is_as(InMemoryMemoryStore(_ITEMS), again.memories("s"), "reopened")
    await again.delete("s")
    again = await maker.reopen()
    same(("agent",), await again.memory_owners(), "after a deletion")
    same(_ITEMS, await again.memories("agent").items(), "of the other")


@required_by(_GROUP, capability="agent_memory", reopens=True)
async def two_stores_add_to_one_owners_memories(store: Any, maker: StoreMaker) -> None:
    """Where several processes may have it open: neither takes anything from the other."""
    if not store.capabilities().shared_by_processes:
        return
    other: Any = await maker.open()
    await asyncio.gather(
        *(
            opened.memories("agent").store(_item(f"{number} of {name}"))
            for number in range(8)
            for name, opened in (("one", store), ("other", other))
        )
    )
    for opened in (store, other):
        same(16, await opened.memories("agent").count(), "how many there are")
    await other.delete("agent")
    same(0, await store.memories("agent").count(), "after the other deleted the session")
