"""The session cache saves work and never changes what is written, also beside writers (D11)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.write.group_commit import Change, commit
from a3s_store.backends.sqlite.write.write_states import WriteStates
from a3s_store.core import cache_weight
from a3s_store.core.cache_weight import list_bytes
from a3s_store.core.collections import COLLECTIONS, Collection
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.session_cache import (
    HISTORY,
    NO_ENTRY,
    CacheEntry,
    CacheTransaction,
    SessionCache,
)
from a3s_store.errors import EncodeError, StaleGenerationError
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    SessionConfig,
    SessionData,
    Task,
    TaskStatus,
    TextBlock,
    TraceEvent,
)
from a3s_store.testing import samples
from a3s_store.testing._pairs import copied
from a3s_store.wire import compact, encode, evolved
from a3s_store.wire.codec import Codec, codec_for
from tests.support import (
    all_rows,
    artifact,
    changes,
    checkpoint,
    messages,
    run,
    session,
    statements_changed,
    trace,
    with_store,
)


def tasks(count: int) -> tuple[Task, ...]:
    return tuple(
        Task(id=f"t{n}", content="find out", status=TaskStatus.PENDING) for n in range(count)
    )


BAD = Message(role="user", content=(TextBlock(text="\ud800"),))


def whole(count: int = 6, traces: int = 3, **fields: Any) -> SessionSnapshot:
    """Return a snapshot with values in several collections."""
    given: dict[str, Any] = {
        "session": session(count=count),
        "artifacts": (artifact(1), artifact(2, 9000)),
        "trace_events": tuple(trace(n) for n in range(traces)),
        "run_records": (run(1, 4), run(2, 3)),
        "verification_reports": (),
    }
    return SessionSnapshot(**(given | fields))


def with_history(found: SessionSnapshot, history: tuple[Message, ...]) -> SessionSnapshot:
    return found.evolve(session=found.session.evolve(messages=history))


@contextlib.asynccontextmanager
async def two_stores(
    path: Path, **options: Any
) -> AsyncIterator[tuple[SqliteSessionStore, SqliteSessionStore]]:
    """Open two stores on one file, as two processes do."""
    async with (
        SqliteSessionStore.open(path, **options) as first,
        SqliteSessionStore.open(path, **options) as second,
    ):
        yield first, second


async def seen_afresh(path: Path, session_id: str = "fix-login") -> SessionSnapshot | None:
    """Load the session by a store without cached values."""
    async with SqliteSessionStore.open(path, cache_bytes=0) as store:
        return await store.load_snapshot(session_id)


# -- After a load ---------------------------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "drop the first": lambda old: old[1:],
    "drop the last": lambda old: old[:-1],
    "replace the first": lambda old: (old[0].evolve(extra={"changed": 1}), *old[1:]),
    "append, then replace": lambda old: (old[0].evolve(extra={"changed": 2}), *old[1:], old[0]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.name)
def test_what_was_loaded_and_saved_unchanged_can_be_changed(
    tmp_path: Path, collection: Collection, change: str
) -> None:
    """A save of unchanged lists knows no more of their rows than the load did."""
    path = tmp_path / "agent.a3s"
    kept = samples.items(collection.name, "1", "2", "3")

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save_snapshot(evolved(samples.rich_snapshot("s"), {collection.name: kept}))
        async with SqliteSessionStore.open(path) as store:
            found = await store.load_snapshot("s")
            assert found is not None
            await store.save_snapshot(found)
            values = CHANGES[change](getattr(found, collection.name))
            changed = found.evolve(**{collection.name: values})
            await store.save_snapshot(changed)
            assert await seen_afresh(path, "s") == changed
            assert (await store.verify(depth="deep")).ok

    asyncio.run(main())


def test_a_save_beside_a_lost_row_changes_no_other_value(tmp_path: Path) -> None:
    """Digests of rows that are not as many as the list has values are of no use."""
    path = tmp_path / "agent.a3s"
    values = tuple(samples.verification_report(name) for name in "abcd")

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save_verification_reports("s", values)
        async with SqliteSessionStore.open(path) as store:
            first, second, *others = await store.load_verification_reports("s") or ()
            with contextlib.closing(sqlite3.connect(path)) as conn, conn:
                conn.execute("DELETE FROM verification_report WHERE seq = 0")
            changed = second.evolve(checks=(*second.checks, *second.checks))
            after = (first, changed, *others)
            await store.save_verification_reports("s", after)
            assert (await store.verify(depth="deep")).ok
        async with SqliteSessionStore.open(path) as store:
            assert await store.load_verification_reports("s") == after

    asyncio.run(main())


# -- Two stores of one file -----------------------------------------------------------------------

# The row of the session, its generation, and its entry in the commit log.
SAVE = 3
# What a turn makes of a snapshot, and how many rows may change for it.
TURNS: dict[str, tuple[Any, int]] = {
    "grow": (
        lambda old, n: with_history(old, old.session.messages + messages(2, tag=f"turn {n}")),
        2 + SAVE,
    ),
    "edit the last": (
        # A branch, its two parts, an owner of it, and the message.
        lambda old, n: with_history(old, (*old.session.messages[:-1], Message.user(f"edited {n}"))),
        5 + SAVE,
    ),
    "trim": (
        lambda old, n: with_history(old, old.session.messages[:-2]),
        SAVE,
    ),
    "trim the traces": (
        lambda old, n: old.evolve(trace_events=(*old.trace_events[2:], trace(100 + n))),
        3 + 1 + SAVE,
    ),
    "go on with a run": (
        lambda old, n: old.evolve(run_records=(run(1, 4), run(2, 4 + n))),
        2 + 1 + SAVE,
    ),
    "more of an artifact": (
        lambda old, n: old.evolve(artifacts=(artifact(1, 20 + n), *old.artifacts[1:])),
        1 + 1 + SAVE,
    ),
}


@pytest.mark.parametrize("rebuilt", [False, True], ids=["same objects", "rebuilt"])
@pytest.mark.parametrize("turn", TURNS)
def test_two_stores_that_alternate_write_what_changed_and_nothing_else(
    tmp_path: Path, turn: str, rebuilt: bool
) -> None:
    """A has cached its own save while B saved later: the file has what B saved."""
    path = tmp_path / "agent.a3s"
    change, most = TURNS[turn]

    async def main() -> None:
        async with two_stores(path) as stores:
            now = whole(count=60, traces=50)
            await stores[0].save_snapshot(now)
            for number in range(8):
                store = stores[(number + 1) % 2]
                now = change(now, number)
                before = await statements_changed(store)
                await store.save_snapshot(copied(now) if rebuilt else now)
                # The first write of each store marks the file as open, with two more links.
                links = 1 if number >= len(stores) else 3
                assert await statements_changed(store) - before <= most + links
                assert await seen_afresh(path) == now
                assert await store.load_snapshot("fix-login") == now

    asyncio.run(main())


def test_a_fifo_history_of_two_stores_shares_no_front_and_is_right_all_the_same(
    tmp_path: Path,
) -> None:
    """Messages without their oldest are another conversation: a chain hash covers the front."""
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as stores:
            history = messages(12)
            for number in range(7):
                history = (*history[1:], Message.user(f"new {number}"))
                await stores[number % 2].save(session(messages=history))
                assert await seen_afresh(path) == SessionSnapshot(session=session(messages=history))

    asyncio.run(main())


def test_a_store_whose_session_was_rewound_by_another_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as (a, b):
            await a.save(session(count=10))
            await b.rewind("fix-login", 4)
            assert await a.load("fix-login") == session(count=4)
            await a.save(session(count=11))
            await b.rewind("fix-login", 6)
            # A still remembers eleven; its save goes on after six.
            mine = messages(6) + messages(2, tag="mine")
            await a.save(session(messages=mine))
            assert await b.load("fix-login") == session(messages=mine)
            assert await seen_afresh(path) == SessionSnapshot(session=session(messages=mine))
            numbers = [generation.length for generation in await a.generations("fix-login")]
            assert numbers == [10, 4, 11, 6, 8]

    asyncio.run(main())


def test_a_foreign_change_to_one_collection_leaves_the_others_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as (a, b):
            now = whole(count=30, traces=20)
            await a.save_snapshot(now)
            await b.save_trace_events("fix-login", [trace(99)])
            before = all_rows(path)
            with counted(monkeypatch, Message, TraceEvent, SessionData) as encoded:
                await a.save_snapshot(now)
            # The session's row, which any save encodes, and the changed collection; no message.
            assert encoded == {"Message": 0, "TraceEvent": 20, "SessionData": 1}
            written = changes(before, all_rows(path))
            assert written == {
                "trace_event": (19, 1, 0),
                "collection": (0, 1, 0),
                "session": (0, 1, 0),
                "generation": (1, 0, 0),
                "commit_log": (1, 0, 0),
            }
            loaded = await a.load_snapshot("fix-login")
            assert loaded is not None
            assert loaded.artifacts is now.artifacts
            assert loaded.session is now.session

    asyncio.run(main())


def test_a_deleted_and_recreated_session_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """Its lists have the same lengths; only the number of its generation is another."""
    path = tmp_path / "agent.a3s"
    old = whole()
    new = SessionSnapshot(
        session=session(messages=messages(6, tag="another life")),
        artifacts=(artifact(3), artifact(4, 9000)),
        trace_events=(trace(7), trace(8), trace(9)),
        run_records=(run(3, 4), run(4, 3)),
        verification_reports=(),
    )

    async def main() -> None:
        async with two_stores(path) as (a, b):
            await a.save_snapshot(old)
            await a.save_loop_checkpoint("run-1", checkpoint(messages(8)))
            await b.delete("fix-login")
            await b.save_snapshot(new)
            assert await a.generation("fix-login") == 3
            assert await a.load_snapshot("fix-login") == new
            assert await a.load_loop_checkpoint("run-1") is None

            await b.delete("fix-login")
            await b.save_snapshot(old)
            grown = with_history(new, (*new.session.messages, Message.user("more")))
            await a.save_snapshot(grown)
            assert await seen_afresh(path) == grown

            await b.delete("fix-login")
            assert await a.load_snapshot("fix-login") is None
            await a.save_snapshot(grown)
            assert await seen_afresh(path) == grown

    asyncio.run(main())


def test_a_foreign_history_that_is_longer_is_not_taken_to_go_on_from_the_old_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as (a, b):
            await a.save(session(count=6))
            other = (*messages(3), *messages(7, tag="other"))
            await b.save(session(messages=other))
            assert await a.load("fix-login") == session(messages=other)
            whole_other = messages(12, tag="another")
            await b.save(session(messages=whole_other))
            assert await a.load("fix-login") == session(messages=whole_other)
            await a.save(session(messages=(*other, Message.user("back again"))))
            found = await seen_afresh(path)
            assert found is not None
            assert found.session.messages == (*other, Message.user("back again"))

    asyncio.run(main())


@pytest.mark.parametrize(
    "change",
    [
        {"total_cost": 1.5},
        {"extra": {"unknown": 1}},
        {"updated_at": 7, "messages": messages(5)},
        {"tasks": (Task(id="t", content="find out", status=TaskStatus.PENDING),)},
        {"config": SessionConfig(workspace="/elsewhere")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_foreign_change_to_the_session_itself_is_seen_and_kept(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as (a, b):
            mine = session()
            await a.save(mine)
            await b.save(mine.evolve(**change))
            assert await a.load("fix-login") == mine.evolve(**change)
            await b.save(mine)
            await b.save(mine.evolve(**change))
            await a.save(mine)
            assert await seen_afresh(path) == SessionSnapshot(session=mine)

    asyncio.run(main())


# -- The same objects -----------------------------------------------------------------------------


def test_a_reload_at_an_unchanged_generation_hands_out_the_same_objects(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    now = whole()
    with_store(path, lambda store: store.save_snapshot(now))

    async def use(store: SqliteSessionStore) -> None:
        first = await store.load_snapshot("fix-login")
        again = await store.load_snapshot("fix-login")
        assert first is not None
        assert again is not None
        assert first == now
        assert again.session is first.session
        for collection, values in first.collections().items():
            assert again.collections()[collection] is values
        await store.save_snapshot(again)
        assert await store.load("fix-login") is first.session
        await store.save(first.session.evolve(messages=messages(2)))
        await store.save(first.session)
        assert await store.load("fix-login", generation=2) != first.session
        assert await store.load("fix-login") is first.session, "the past is not mistaken for now"

    with_store(path, use)


def test_after_a_foreign_append_only_the_new_messages_are_new_objects(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with two_stores(path) as (a, b):
            mine = session(count=40)
            await a.save(mine)
            await b.save(session(count=43))
            found = await a.load("fix-login")
            assert found == session(count=43)
            assert found is not None
            assert all(x is y for x, y in zip(found.messages, mine.messages, strict=False))

    asyncio.run(main())


# -- Only what is new is encoded ------------------------------------------------------------------


@contextlib.contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, *models: type) -> Iterator[dict[str, int]]:
    """Count how many values of these models are encoded; they are encoded as ever."""
    calls = {model.__name__: 0 for model in models}

    def through(name: str, encode: Any) -> Any:
        def counting(*args: Any) -> Any:
            calls[name] += 1
            return encode(*args)

        return counting

    with monkeypatch.context() as patch:
        for model in models:
            codec: Codec[Any] = codec_for(model)
            codec.encode_function()  # or the wrapper would be put aside when it is
            for method in ("encode", "encode_without"):
                patch.setattr(codec, method, through(model.__name__, getattr(codec, method)))
        yield calls


def test_two_more_messages_at_5000_encode_two_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = messages(5000)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(messages=history))
        grown = (*history, *messages(2, tag="more"))
        with counted(monkeypatch, Message) as encoded:
            await store.save(session(messages=grown))
        assert encoded == {"Message": 2}

        rebuilt = copied((*grown, Message.user("and again")))
        with counted(monkeypatch, Message) as encoded:
            await store.save(session(messages=rebuilt))
        assert encoded == {"Message": 1}, "equal messages are recognised, too"

        with counted(monkeypatch, Message) as encoded:
            await store.save_loop_checkpoint("run-1", checkpoint((*rebuilt, *messages(3, tag="r"))))
        assert encoded == {"Message": 3}

    with_store(tmp_path / "agent.a3s", use)


def test_a_store_that_loaded_a_session_encodes_as_little_as_the_one_that_saved_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save_snapshot(whole(count=500, traces=100)))

    async def use(store: SqliteSessionStore) -> None:
        now = await store.load_snapshot("fix-login")
        assert now is not None
        assert now.trace_events is not None
        grown = with_history(now, (*now.session.messages, Message.user("one more")))
        grown = grown.evolve(trace_events=(*now.trace_events, trace(1000)))
        with counted(monkeypatch, Message, TraceEvent) as encoded:
            await store.save_snapshot(grown)
        assert encoded == {"Message": 1, "TraceEvent": 1}

    with_store(path, use)


# -- A failed write is not cached -----------------------------------------------------------------


def test_a_refused_save_is_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        now = whole()
        await store.save_snapshot(now)
        other = whole(count=9, traces=5)
        with pytest.raises(StaleGenerationError):
            await store.save_snapshot(other, expected_generation=7)
        assert not await store.save_snapshot_cas(other, "sha256:" + "0" * 64)
        # Its lists come before the one that cannot be written.
        bad = with_history(other, (*other.session.messages, BAD))
        with pytest.raises(EncodeError):
            await store.save_snapshot(bad)
        bad = other.evolve(subagent_tasks=(object(),))  # type: ignore[arg-type]
        with pytest.raises(EncodeError):
            await store.save_snapshot(bad)
        found = await store.load_snapshot("fix-login")
        assert found == now
        assert found is not None
        assert found.session is now.session, "what was known is still known"
        await store.save_snapshot(other)
        assert await seen_afresh(path) == other

    with_store(path, use)


def test_a_rolled_back_save_of_a_group_is_not_cached(
    tmp_path: Path,
) -> None:
    """In one transaction: a save, one that fails half way, one that builds on the first."""
    path = tmp_path / "agent.a3s"
    first, second, third = whole(), whole(count=8, traces=9), whole(count=7, traces=4)
    bad = second.evolve(subagent_tasks=(object(),))  # type: ignore[arg-type]

    async def use(store: SqliteSessionStore) -> None:
        answers = await asyncio.gather(
            store.save_snapshot(first),
            store.save_snapshot(bad),
            store.save_snapshot(third),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [type(None), EncodeError, type(None)]
        assert await store.load_snapshot("fix-login") == third
        assert await seen_afresh(path) == third
        await store.save_snapshot(second)
        assert await seen_afresh(path) == second

    with_store(path, use)


def test_a_transaction_that_fails_leaves_the_cache_unchanged(tmp_path: Path) -> None:
    def learn_then_fail(conn: WorkConnection, memory: CacheTransaction) -> None:
        memory.put("fix-login", plain(3))
        raise EncodeError("after all that")

    async def use(store: SqliteSessionStore) -> None:
        cache, writer = store._engine.cache, store._engine.writer
        assert writer is not None
        for count in (1, 3):
            bad = [Change("save", "here", learn_then_fail)] * count
            outcomes = await writer.run(
                functools.partial(commit, cache=cache, states=WriteStates(), changes=bad)
            )
            assert [type(outcome.cause) for outcome in outcomes] == [EncodeError] * count
            assert cache.get("fix-login") is NO_ENTRY

    with_store(tmp_path / "agent.a3s", use)


def test_what_was_deleted_is_let_go(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save_snapshot(whole())
        assert store._engine.cache.get("fix-login") is not NO_ENTRY
        await store.delete("fix-login")
        assert store._engine.cache.get("fix-login") is NO_ENTRY

    with_store(tmp_path / "agent.a3s", use)


@pytest.mark.parametrize("steps", range(6))
def test_after_a_cancelled_save_the_next_is_neither_refused_nor_wrong(
    tmp_path: Path, steps: int
) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save_snapshot(whole())
        saving = asyncio.create_task(store.save_snapshot(whole(count=9, traces=6)))
        for _ in range(steps):
            await asyncio.sleep(0)
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
        number = await store.generation("fix-login")
        # It may still be on its way; what comes next is behind it.
        await store.save_snapshot(whole(count=8, traces=7))
        assert await store.generation("fix-login") in (number + 1, number + 2)
        assert await seen_afresh(path) == whole(count=8, traces=7)
        now = await store.generation("fix-login")
        await store.save_snapshot(whole(count=10), expected_generation=now)
        assert await store.load_snapshot("fix-login") == whole(count=10)
        assert await seen_afresh(path) == whole(count=10)

    with_store(path, use)


# -- Bounds ---------------------------------------------------------------------------------------


@st.composite
def entries(draw: st.DrawFn) -> CacheEntry:
    """Return an entry with lists and conversations of some sizes."""
    number = draw(st.integers(0, 12))
    said = messages(draw(st.integers(0, 30)))
    lines = [
        CachedConversation(said[:length], Head(draw(st.integers(1, 2)), length), b"", length * size)
        for length, size in ((len(said), draw(st.integers(0, 5000))), (len(said) // 2, 10))
    ]
    return CacheEntry(
        generation=draw(st.integers(0, 2**40)),
        session=draw(st.none() | st.just(session(messages=said, tasks=tasks(number % 4)))),
        collections=draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "trace_events": st.just(tuple(map(trace, range(number)))),
                    "artifacts": st.just((artifact(1, 3000 * number),)),
                    "run_records": st.just((run(1, number),)),
                },
            )
        ),
        parts={"trace_events": ListDigest(number, b"")},
        conversations=draw(
            st.just({}) | st.just({HISTORY: lines[0]}) | st.just({HISTORY: lines[0], "r": lines[1]})
        ),
    )


@given(
    st.sampled_from([0, 5_000, 20_000, 100_000]),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | entries()), max_size=20),
)
def test_the_bound_holds_and_no_entry_is_another_one_or_an_older_one(
    bound: int, steps: list[tuple[str, CacheEntry | None]]
) -> None:
    """Compared with a plain mapping of what was put last."""
    cache = SessionCache(bound)
    last: dict[str, CacheEntry] = {}
    for key, entry in steps:
        if entry is None:
            cache.evict(key)
            last.pop(key, None)
        else:
            cache.put(key, entry)
            last[key] = entry
        weight = 0
        for name in "abcdef":
            found = cache.get(name)
            if found is NO_ENTRY:
                continue
            put = last[name]
            assert found.generation == put.generation
            assert found.parts.items() <= put.parts.items()
            assert found.collections.items() <= put.collections.items()
            assert found.conversations in ({}, put.conversations)
            if found.session is not None:
                assert put.session is not None
                assert found.session in (put.session, put.session.evolve(messages=()))
            weight += found.messages_weight() + sum(found.lists_weight()[0].values())
        assert weight <= cache.weight <= bound


def plain(size: int) -> CacheEntry:
    """Return an entry of about this weight."""
    return CacheEntry(collections={"artifacts": (artifact(1, size),)})


def test_an_entry_of_more_than_half_the_bound_is_kept_without_its_messages() -> None:
    cache = SessionCache(100_000)
    said = messages(40)
    line = CachedConversation(said, Head(1, 40), b"", 60_000)
    traces = tuple(map(trace, range(5)))
    mine = {"trace_events": ListDigest(5, b"t"), "messages": ListDigest(40, b"m")}
    entry = CacheEntry(
        session=session(messages=said),
        collections={"trace_events": traces},
        parts=mine,
        conversations={HISTORY: line},
    )
    cache.put("a", plain(1_000))
    cache.put("b", entry)
    kept = cache.get("b")
    assert kept.conversations == {}
    assert kept.session == session(messages=())
    assert kept.values("trace_events", mine) is traces
    assert cache.get("a") is not NO_ENTRY
    cache.put("b", entry._replace(conversations={HISTORY: line._replace(size=20_000)}))
    assert cache.get("b").conversations[HISTORY].messages is said


def test_an_entry_of_more_than_the_bound_is_kept_without_its_largest_lists() -> None:
    cache = SessionCache(50_000)
    traces = tuple(map(trace, range(5)))
    parts = {"trace_events": ListDigest(5, b"t"), "artifacts": ListDigest(1, b"a")}
    collections = {"trace_events": traces, "artifacts": (artifact(1, 60_000),)}
    cache.put("a", CacheEntry(collections=collections, parts=parts))
    kept = cache.get("a")
    assert kept.values("trace_events", parts) is traces
    assert kept.values("artifacts", parts) is None


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("trace_events", lambda n: tuple(map(trace, range(n)))),
        ("run_records", lambda n: (run(1, n), run(2, 3))),
        ("artifacts", lambda n: tuple(artifact(i, 100) for i in range(n))),
        ("tasks", tasks),
    ],
)
def test_a_list_that_grows_is_weighed_by_few_looks_at_its_values(
    monkeypatch: pytest.MonkeyPatch, name: str, make: Any
) -> None:
    last, most = None, 1000
    looks = []

    def look(value: Any) -> dict[str, Any]:
        looks.append(value)
        return encode(value)

    monkeypatch.setattr(cache_weight, "encode", look)
    for count in range(0, most, 7):
        values = make(count)
        size, last = list_bytes(name, values, last)
        exact = sum(len(compact(encode(value))) for value in values)
        assert exact <= size <= exact + 600 * (count + 5)
    assert len(looks) <= 17 * 12


@given(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=6))
def test_a_changed_list_weighs_what_it_weighs_by_itself(steps: list[list[int]]) -> None:
    """Of the next list only what differs from the last one is counted."""
    runs = [run(number, number) for number in range(6)]
    files = [artifact(number, 100 * number) for number in range(6)]
    for name, values in (("run_records", runs), ("artifacts", files)):
        last = None
        for step in steps:
            chosen = tuple(values[number] for number in step)
            _, last = list_bytes(name, chosen, last)
            assert last.counted == list_bytes(name, chosen, None)[1].counted
            assert list_bytes(name, chosen, last) == (last.weight, last)


@pytest.mark.parametrize("images", [False, True])
def test_messages_weigh_the_same_saved_and_loaded(tmp_path: Path, images: bool) -> None:
    """About as much as their JSON; the row of a message has no key names, and a blob a hash."""
    path = tmp_path / "agent.a3s"
    said = messages(300)
    if images:
        source = ImageSource(media_type="image/png", data="QUJD" * 20_000)
        said = (*said[:100], Message(role="user", content=(ImageBlock(source=source),)), *said)
    exact = sum(len(compact(encode(message))) + 200 for message in said)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(messages=said[:120]))
        await store.save(session(messages=said))
        await store.save(session(messages=(*said, Message.user("one more"))))

    async def size_of(store: SqliteSessionStore) -> int | None:
        await store.load("fix-login")
        return store._engine.cache.get("fix-login").conversations[HISTORY].size

    for size in (with_store(path, use_then(use, size_of)), with_store(path, size_of)):
        assert size is not None
        assert abs(size - exact) < 0.15 * exact + 1000


def use_then(first: Any, second: Any) -> Any:
    async def both(store: SqliteSessionStore) -> Any:
        await first(store)
        return await second(store)

    return both


def test_a_part_is_known_only_while_the_record_says_the_same_of_it() -> None:
    mine = ListDigest(3, b"\x01" * 32)
    item = CacheEntry(collections={"artifacts": (1, 2, 3)}, parts={"artifacts": mine})
    assert item.values("artifacts", {"artifacts": mine}) == (1, 2, 3)
    assert item.values("artifacts", {"artifacts": ListDigest(3, b"\x02" * 32)}) is None
    assert item.values("artifacts", {}) is None
    assert NO_ENTRY.values("artifacts", {"artifacts": mine}) is None
    assert NO_ENTRY.values("artifacts", {}) is None


def test_what_a_transaction_learns_is_its_own_until_it_is_committed() -> None:
    cache = SessionCache(100_000)
    cache.put("old", plain(1))
    memory = CacheTransaction(cache)
    memory.put("kept", plain(1))
    memory.evict("old")
    mark = memory.mark()
    memory.put("undone", plain(1))
    memory.put("old", plain(2))
    assert memory.get("undone") is not NO_ENTRY
    memory.back_to(mark)
    assert memory.get("undone") is NO_ENTRY
    assert memory.get("old") is NO_ENTRY
    assert cache.get("kept") is NO_ENTRY
    assert cache.get("old") is not NO_ENTRY
    memory.committed()
    assert cache.get("kept") is not NO_ENTRY
    assert cache.get("old") is NO_ENTRY
    assert cache.get("undone") is NO_ENTRY


def test_33_sessions_where_32_fit_are_nearly_all_found(tmp_path: Path) -> None:
    """One session more than fit does not evict the next one each time."""

    async def use(store: SqliteSessionStore) -> int:
        saved = [session(f"s{number}", count=20) for number in range(33)]
        for item in saved:
            await store.save(item)
        store._engine.cache._entries.bound = store._engine.cache.weight * 32 // 33
        again = 0
        for turn in range(8):
            for number, item in enumerate(saved):
                found = await store.load(item.id)
                again += turn >= 2 and found is item
                saved[number] = item.evolve(updated_at=item.updated_at + 1)
                await store.save(saved[number])
        return again

    again = with_store(tmp_path / "agent.a3s", use, durability="normal")
    assert again >= 0.9 * 6 * 33, "LRU finds none"


@pytest.mark.parametrize(
    "bounds",
    [
        {"cache_bytes": 0},
        {"cache_bytes": 6_000},
        {"cache_bytes": 20_000},
    ],
    ids=["nothing", "no list", "no message"],
)
def test_a_session_beyond_the_bounds_is_saved_as_well_and_no_row_twice(
    tmp_path: Path, bounds: dict[str, int]
) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        now = whole(count=50, traces=40)
        await store.save_snapshot(now)
        loaded = await store.load_snapshot("fix-login")
        assert loaded == now
        assert loaded is not None
        assert loaded.session is not now.session, "it is not kept"
        grown = with_history(now, (*now.session.messages, *messages(2, tag="more")))
        before = all_rows(path)
        await store.save_snapshot(grown.evolve(trace_events=(*(now.trace_events or ()), trace(90))))
        written = changes(before, all_rows(path))
        assert written == {
            "message": (2, 0, 0),
            "trace_event": (1, 0, 0),
            "collection": (0, 1, 0),
            "session": (0, 1, 0),
            "generation": (1, 0, 0),
            "commit_log": (1, 0, 0),
        }

    with_store(path, use, **bounds)
