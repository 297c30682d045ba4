"""Messages are recognised by their origins: never wrongly, wherever they were saved or loaded."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import pickle
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.backends.sqlite.write.group_commit import Change, commit
from a3s_store.backends.sqlite.write.write_states import WriteStates, WriteTransaction
from a3s_store.core.batch import Batch
from a3s_store.core.conversation import ChainHashes, Head
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.origins import Origins, TokenRecord
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.models.message import origin_of, set_origin
from a3s_store.wire.codec import Codec, codec_for
from tests.support import checkpoint, messages, session, with_store

Messages = tuple[Message, ...]
TINY = 8_000


def chain_hash(said: Messages) -> bytes:
    return ChainHashes(said, 0, EMPTY_CHAIN).at(len(said))


def has_origin(message: Message) -> bool:
    try:
        return origin_of(message) > 0
    except AttributeError:
        return False


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Return a list that each encoded message is added to."""
    found: list[Message] = []
    codec: Codec[Any] = codec_for(Message)
    encode = codec.encode

    def counting(message: Message) -> Any:
        found.append(message)
        return encode(message)

    monkeypatch.setattr(codec, "encode", counting)
    return found


# -- The records of tokens ------------------------------------------------------------------------


@given(
    st.sampled_from([1, 2, 100]),
    st.lists(
        st.tuples(
            st.sampled_from(["new", "grow", "cut and grow", "shared", "slide", "rebuilt"]),
            st.integers(0, 30),
            st.integers(0, 4),
            st.booleans(),
            st.booleans(),
        ),
        max_size=25,
    ),
)
def test_what_is_recognised_begins_as_a_conversation_of_the_recorded_chain_hash(
    most: int, steps: list[tuple[str, int, int, bool, bool]]
) -> None:
    """Whatever was stored, rolled back or forgotten before, and whatever messages it shares."""
    origins = Origins(most)
    constants = messages(3, tag="constant")
    lines: list[Messages] = [()]
    recorded: dict[bytes, Messages] = {}
    for number, (what, at, count, committed, with_base) in enumerate(steps):
        old = lines[at % len(lines)]
        new = (*messages(count, tag=f"step {number}"), *constants[: at % 3])
        said = {
            "new": new,
            "grow": old + new,
            "cut and grow": old[: at % (len(old) + 1)] + new,
            "shared": new + old[: count % (len(old) + 1)] + constants,
            "slide": old[count:] + new,
            "rebuilt": tuple(one.evolve() for one in old) + new,
        }[what]
        found = origins.recognise(said)
        base: TokenRecord | None = None
        if found is not None:
            record, length = found
            whole = recorded[record.chain_hash]
            assert 0 < length <= len(whole) == record.head.length
            assert said[:length] == whole[:length]
            base = record.cut(length, chain_hash(said[:length]))
        if committed:
            has_new = not all(map(has_origin, said))
            hashed = chain_hash(said)
            recorded[hashed] = said
            base = base if with_base else None
            origins.assign(said, Head(1, len(said)), hashed, None, base)
            assert all(map(has_origin, said))
            lines.append(said)
            if has_new and what in ("new", "grow", "rebuilt"):
                again = origins.recognise(said)
                assert again is not None
                assert again.length == len(said)
        assert len(origins) <= most


def test_a_position_is_given_once_though_recording_failed_in_the_middle() -> None:
    class Broken(tuple[Message, ...]):
        __slots__ = ()

        def __getitem__(self, index: Any) -> Any:
            if isinstance(index, int) and index == 6:
                raise MemoryError
            return super().__getitem__(index)

    origins = Origins()
    first = messages(4)
    origins.assign(first, Head(1, 4), b"a", None, None)
    base = origins.record_of(first, 4, b"a")
    assert base is not None
    with pytest.raises(MemoryError):
        origins.assign(
            Broken((*first, *messages(2, tag="x"), *first)), Head(1, 7), b"b", None, base
        )
    other = first + messages(3, tag="y")
    origins.assign(other, Head(1, 7), b"c", None, base)
    given = [origin_of(one) for one in other]
    assert given[4] >> 32 != given[3] >> 32


def test_a_conversation_of_too_many_pieces_is_not_recognised() -> None:
    origins = Origins()
    constant = Message.user("ok")
    said = tuple(one for pair in messages(2500) for one in (pair, constant))
    origins.assign(said, Head(1, len(said)), b"a", None, None)
    assert origins.recognise(said) is None
    some = said[:1000]
    origins.assign(some, Head(1, len(some)), b"b", None, None)
    found = origins.recognise((*some, Message.user("more")))
    assert found is not None
    assert found.length == 1000


# -- Values ---------------------------------------------------------------------------------------


def test_an_origin_is_no_part_of_a_message() -> None:
    plain, placed = Message.user("said"), Message.user("said")
    set_origin(placed, 7)
    assert plain == placed
    assert hash(plain) == hash(placed)
    assert repr(plain) == repr(placed)
    assert copy.copy(placed) is placed
    assert copy.deepcopy((placed,))[0] is placed
    for other in (placed.evolve(role="user"), pickle.loads(pickle.dumps(placed))):
        assert other == placed
        assert not has_origin(other)


def test_a_message_that_is_held_keeps_no_history_alive() -> None:
    origins = Origins()
    said = messages(50)
    origins.assign(said, Head(1, 50), b"a", None, None)
    first, last = weakref.ref(said[0]), said[-1]
    del said
    gc.collect()
    assert first() is None
    assert has_origin(last)


# -- Encoded messages -----------------------------------------------------------------------------


def grown(said: Messages, turn: object) -> Messages:
    return said + messages(2, tag=f"turn {turn}")


@pytest.mark.parametrize(("sessions", "cache"), [(33, TINY), (33, 0), (1000, TINY)])
def test_sessions_saved_in_turn_encode_new_messages_only(
    tmp_path: Path, encoded: list[Message], sessions: int, cache: int
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        said = {f"s{n}": messages(30, tag=f"s{n}") for n in range(sessions)}
        for name, history in said.items():
            await store.save(session(name, messages=history))
        for turn in range(2):
            for name, history in said.items():
                said[name] = grown(history, turn)
                encoded.clear()
                await store.save(session(name, messages=said[name]))
                assert encoded == [*said[name][-2:]]
        if sessions < 100:
            assert (await store.verify(depth="deep")).ok
        assert (await store.load("s7")) == session("s7", messages=said["s7"])

    with_store(tmp_path / "agent.a3s", use, durability="normal", cache_bytes=cache)


def test_a_history_beyond_the_cache_is_saved_by_its_new_messages(
    tmp_path: Path, encoded: list[Message]
) -> None:
    """Saved here or loaded; grown, replaced at its end, rewound, forked, and as a checkpoint."""
    path = tmp_path / "agent.a3s"

    async def save(store: SqliteSessionStore, name: str, said: Messages, new: int) -> None:
        encoded.clear()
        await store.save(session(name, messages=said))
        assert len(encoded) <= new, len(encoded)

    async def both(store: SqliteSessionStore, said: Messages) -> None:
        await save(store, "a", grown(said, "first"), 2)
        await save(store, "a", said[:-1] + messages(1, tag="instead"), 4)
        await store.rewind("a", 500)
        await save(store, "a", grown(said[:500], "rewound"), 2)
        await store.fork("a", "b", 400)
        forked = grown(said[:400], "forked")
        await save(store, "b", forked, 2)
        forked += messages(1, tag="more")
        await save(store, "b", forked, 1)
        encoded.clear()
        taken = said[:100] + messages(1, tag="taken")
        await store.save_loop_checkpoint("run-1", checkpoint(taken, session_id="a"))
        assert len(encoded) <= 1
        assert await store.load("b") == session("b", messages=forked)
        assert (await store.verify(depth="deep")).ok
        await store.delete("b")
        await store.save(session("a", messages=said))

    async def saved(store: SqliteSessionStore) -> None:
        said = messages(1000)
        await store.save(session("a", messages=said))
        await both(store, said)

    async def loaded(store: SqliteSessionStore) -> None:
        found = await store.load("a")
        assert found is not None
        await both(store, found.messages)

    with_store(path, saved, cache_bytes=100_000)
    with_store(path, loaded, cache_bytes=100_000)


def test_an_unchanged_history_of_which_nothing_is_cached_is_not_encoded(
    tmp_path: Path, encoded: list[Message]
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        said = messages(100)
        await store.save(session(messages=said))
        encoded.clear()
        await store.save(session(messages=said, total_cost=1.0))
        await store.save(session(messages=(*said,), total_cost=2.0))
        assert encoded == []

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)


def test_messages_that_many_sessions_share_are_recognised_in_each(
    tmp_path: Path, encoded: list[Message]
) -> None:
    """A constant has the origin of the session that was saved first; also as the last message."""
    prompt, ok = messages(1, tag="prompt"), messages(1, tag="ok")

    async def use(store: SqliteSessionStore) -> None:
        said = {f"s{n}": prompt + messages(20, tag=f"s{n}") + ok for n in range(5)}
        for name, history in said.items():
            await store.save(session(name, messages=history))
        for turn in range(3):
            for name, history in said.items():
                new = messages(1, tag=f"{name} {turn}")
                said[name] = history + new + ok
                encoded.clear()
                await store.save(session(name, messages=said[name]))
                assert encoded == [*new, *ok]
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)


def test_messages_of_another_store_are_recognised_once_they_are_saved(
    tmp_path: Path, encoded: list[Message]
) -> None:
    """Two files, and two stores of one file: each has records of its own."""
    said = messages(50)

    async def main() -> None:
        async with (
            SqliteSessionStore.open(tmp_path / "a.a3s", cache_bytes=0) as first,
            SqliteSessionStore.open(tmp_path / "a.a3s", cache_bytes=0) as second,
            SqliteSessionStore.open(tmp_path / "b.a3s", cache_bytes=0) as other,
        ):
            await first.save(session(messages=said))
            for store in (second, other):
                await store.save(session(messages=said))
                encoded.clear()
                more = grown(said, store.path)
                await store.save(session(messages=more))
                assert encoded == [*more[-2:]]
            encoded.clear()
            await first.save(session(messages=grown(said, "mine")))
            assert len(encoded) == 4, "two new ones, compared with the two that the second added"
            for store in (first, other):
                assert (await store.verify(depth="deep")).ok

    asyncio.run(main())


@pytest.mark.parametrize("group", [1, 3])
def test_a_rolled_back_save_gives_no_origins(
    tmp_path: Path, encoded: list[Message], group: int
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        said = messages(50)
        await store.save(session(messages=said))
        lost, kept = grown(said, "lost"), grown(said, "kept")

        def save_then_fail(conn: WorkConnection, memory: WriteTransaction) -> None:
            batch = Batch(op="save", session_id="fix-login", session=session(messages=lost))
            assert session_writer.commit(conn, memory, batch, 0)
            raise EncodeError("after all that")

        cache, writer = store._engine.cache, store._engine.writer
        assert writer is not None
        bad = [Change("save", "here", save_then_fail)] * group
        outcomes = await writer.run(
            functools.partial(commit, cache=cache, states=WriteStates(), changes=bad)
        )
        assert [type(outcome.cause) for outcome in outcomes] == [EncodeError] * group
        assert not has_origin(lost[-1])
        encoded.clear()
        await store.save(session(messages=kept))
        assert encoded == [*kept[-2:]]
        await store.save(session(messages=lost))
        assert await store.load("fix-login") == session(messages=lost)

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)


def test_a_history_whose_end_was_removed_is_written_again(tmp_path: Path) -> None:
    """The chain hash of the record is not stored any more: nothing is believed."""

    async def use(store: SqliteSessionStore) -> None:
        said = messages(60)
        for _ in range(2):
            await store.save(session(messages=said))
            await store.delete("fix-login")
        await store.save(session(messages=messages(60, tag="another")))
        await store.save(session(messages=said[:30]))
        assert await store.load("fix-login") == session(messages=said[:30])
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)


def test_threads_that_save_the_same_messages_in_stores_of_their_own_store_them(
    tmp_path: Path,
) -> None:
    said = messages(200)
    errors: list[BaseException] = []

    async def several(name: str) -> None:
        async with SqliteSessionStore.open(tmp_path / name, cache_bytes=0) as store:
            for length in (*range(20, 200, 20), 60, 200):
                await store.save(session(messages=said[:length] + messages(1, tag=name)))
            found = await store.load("fix-login")
            assert found == session(messages=said + messages(1, tag=name))
            assert (await store.verify(depth="deep")).ok

    def run(name: str) -> None:
        try:
            asyncio.run(several(name))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(f"{n}.a3s",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_what_is_no_message_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        said = messages(5)
        await store.save(session(messages=said))
        wrong: Iterable[Any] = (object(), None, "text", said)
        for value in wrong:
            for at in (0, 2, 5):
                given: Any = (*said[:at], value, *said[at:])
                with pytest.raises(Exception, match="expected a Message"):
                    await store.save(session(messages=given))

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)
