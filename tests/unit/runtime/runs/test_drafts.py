"""The draft of a run: when it is written, what of it, and that no failure of it fails a run."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import StoreUnavailableError
from a3s_store.models import Message, PersistenceFailed, ReasoningDelta, TextBlock, TextDelta
from a3s_store.runtime import SessionManager
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs import drafts
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from a3s_store.runtime.runs.drafts import (
    INTERRUPTED,
    INTERVAL,
    LONGEST,
    DraftWriter,
    draft_message,
    due_at,
    without_last_token,
)
from tests.support import checkpoint, database, messages
from tests.unit.runtime.live import Ticks


@attrs.define
class _Call:
    when: float
    callback: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@attrs.define
class Hand:
    """A timer that a test turns."""

    now: float = 100.0
    calls: list[_Call] = attrs.Factory(list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Call:
        assert when > self.now
        self.calls.append(_Call(when, callback))
        return self.calls[-1]

    async def turn(self, seconds: float) -> None:
        """Let so many seconds pass, and all that is due happen in its time."""
        end = self.now + seconds
        await settled()
        while due := [one for one in self.calls if not one.cancelled and one.when <= end]:
            first = min(due, key=lambda one: one.when)
            self.calls.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
            await settled()
        self.now = end


async def settled() -> None:
    """Let every task that can do something do it."""
    for _ in range(10):
        await asyncio.sleep(0)


@attrs.define
class Saved:
    """One draft, and when it was handed to the store."""

    at: float
    draft: Draft


class Store(MemorySessionStore):
    """Remembers every draft it was given; fails or waits when told to."""

    def __init__(self, timer: Hand, **options: Any) -> None:
        super().__init__(**options)
        self.saves: list[Saved] = []
        self.fails = False
        self.gate: asyncio.Event | None = None
        self._timer = timer

    async def save_draft(self, run_id: str, draft: Draft, *, claimed_by: str | None = None) -> None:
        self.saves.append(Saved(self._timer.now, draft))
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise StoreUnavailableError("the disk is gone")
        await super().save_draft(run_id, draft, claimed_by=claimed_by)

    @property
    def texts(self) -> list[str]:
        return [one.draft.text for one in self.saves]


@attrs.define
class Scene:
    """A run with three messages, its draft, and what holds it."""

    timer: Hand
    store: Store
    writer: DraftWriter
    events: list[Any]

    async def stored(self) -> str | None:
        found = await self.store.load_draft("run-1")
        return None if found is None else found.text


async def scene(**options: Any) -> Scene:
    timer, events = Hand(), list[Any]()
    store = Store(timer, **options)
    await store.save_loop_checkpoint("run-1", checkpoint(messages(3)))
    writer = DraftWriter(
        store, "fix-login", "run-1", 3, emit=events.append, clock=lambda: 7, timer=timer
    )
    return Scene(timer, store, writer, events)


# -- When -------------------------------------------------------------------------------------


def test_the_first_write_comes_a_quarter_of_a_second_after_the_first_text() -> None:
    async def main() -> None:
        s = await scene()
        await s.timer.turn(60)
        s.writer.write("Hello ")
        await s.timer.turn(0.2)
        s.writer.write("world ")
        assert s.store.saves == []
        await s.timer.turn(0.06)
        assert s.store.saves == [
            Saved(160.25, Draft(position=3, text="Hello world ", updated_at_ms=7))
        ]
        assert await s.stored() == "Hello world "
        await s.timer.turn(60)
        assert len(s.store.saves) == 1

    asyncio.run(main())


def test_a_text_that_grew_by_less_than_a_sixteenth_waits_for_two_seconds() -> None:
    async def main() -> None:
        s = await scene()
        s.writer.write("x" * 159 + " ")
        await s.timer.turn(0.25)
        s.writer.write("12345678 ")
        await s.timer.turn(1.9)
        assert len(s.store.saves) == 1
        await s.timer.turn(0.2)
        assert [one.at for one in s.store.saves] == [100.25, 102.25]
        s.writer.write("123456789 \n\n")  # 181 is more than a sixteenth beyond 169
        await s.timer.turn(0.25)
        assert [one.at for one in s.store.saves] == [100.25, 102.25, 102.5]

    asyncio.run(main())


_STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 2.5]), st.integers(1, 400)), max_size=40
)


@given(_STEPS)
def test_however_text_comes_it_is_written_in_time_and_not_more_often_than_it_may(
    steps: list[tuple[float, int]],
) -> None:
    async def main() -> None:
        s = await scene()
        came: list[tuple[float, int]] = []
        length = 0
        for pause, count in steps:
            await s.timer.turn(pause)
            s.writer.write("x" * (count - 1) + " ")
            length += count
            came.append((s.timer.now, length))
        await s.timer.turn(LONGEST)
        assert await s.stored() == (s.writer.so_far().text if steps else None)  # type: ignore[union-attr]
        saves = s.store.saves
        for at, size in came:
            there = [one.at for one in saves if len(one.draft.text) >= size]
            assert there[0] <= at + LONGEST + 1e-9
        times = [one.at for one in saves]
        assert all(b - a >= INTERVAL - 1e-9 for a, b in itertools.pairwise(times))
        for one, other in itertools.pairwise(saves):
            grew = len(other.draft.text) * 16 >= len(one.draft.text) * 17
            assert grew or other.at >= one.at + LONGEST - 1e-9

    asyncio.run(main())


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_new_is_due_between_a_quarter_of_a_second_and_two(written: int, more: int) -> None:
    due = due_at(5.0, written, written + more)
    assert due in ((None,) if more == 0 else (5.0 + INTERVAL, 5.0 + LONGEST))
    if more and more * 16 >= written:
        assert due == 5.0 + INTERVAL


def test_a_reply_of_many_small_pieces_takes_few_writes() -> None:
    """11 KB in 200 pieces, one each 250 ms, are written 50 to 60 times."""

    async def main() -> None:
        s = await scene()
        for _ in range(200):
            s.writer.write("x" * 54 + " ")
            await s.timer.turn(0.25)
        await s.timer.turn(LONGEST)
        assert await s.stored() == ("x" * 54 + " ") * 200
        assert 40 <= len(s.store.saves) <= 70

    asyncio.run(main())


# -- What -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("token", ""),
        ("the key is sk-12", "the key is "),
        ("the key is sk-1234 ", "the key is sk-1234 "),
        ("one\ntwo", "one\n"),
        ("x" * 600, "x" * 88),
        ("a " + "x" * 511, "a "),
        ("a " + "x" * 512, "a "),
        ("a " + "x" * 513, "a x"),
        ("你好，世界。再见", "你好，世界。"),
    ],
)
def test_the_last_word_is_held_back_up_to_512_characters(text: str, kept: str) -> None:
    assert without_last_token(text) == kept


@given(st.text(alphabet="ab \n\u3002", max_size=40), st.integers(0, 1100), st.text(max_size=20))
def test_what_is_kept_is_a_beginning_and_at_most_512_characters_short(
    front: str, width: int, end: str
) -> None:
    text = front + "x" * width + end
    kept = without_last_token(text)
    assert text.startswith(kept)
    assert len(text) - len(kept) <= 512
    tail = text[len(kept) :]
    assert len(tail) == 512 or not any(
        one.isspace() for one in tail if one not in "\x1c\x1d\x1e\x1f\x85"
    )


def test_no_part_of_a_secret_is_written_while_it_comes() -> None:
    async def main() -> None:
        s = await scene(redact=lambda text: text.replace("sk-12345678", "***"))
        for piece in ("the key is sk", "-1234", "56", "78", " and ", "now", " it is over\n"):
            s.writer.write(piece)
            s.writer.write_reasoning(piece)
            await s.writer.flush()
            found = await s.store.load_draft("run-1")
            assert found is not None
            for text in (found.text, found.reasoning_content):
                assert text is not None
                assert "sk" not in text
        assert found is not None
        assert found.text == found.reasoning_content == "the key is *** and now it is over\n"

    asyncio.run(main())


def test_the_halves_of_a_surrogate_pair_become_one_character_and_a_lone_one_a_mark() -> None:
    async def main() -> None:
        s = await scene()
        for piece in ("a \ud83d", "\ude00 ", "b \ud800 "):
            s.writer.write(piece)
            await s.writer.flush()
        assert s.store.texts == ["a ", "a \N{GRINNING FACE} ", "a \N{GRINNING FACE} b \ufffd "]

    asyncio.run(main())


def test_a_flush_without_anything_new_writes_nothing() -> None:
    async def main() -> None:
        s = await scene()
        await s.writer.flush()
        s.writer.write("word ")
        await s.writer.flush()
        await s.writer.flush()
        s.writer.write("unfinished")
        await s.writer.flush()
        assert s.store.texts == ["word "]

    asyncio.run(main())


def test_the_message_of_a_draft_says_that_it_was_interrupted() -> None:
    draft = Draft(position=3, text="so far", reasoning_content="a thought")
    assert draft_message(draft) == Message(
        role="assistant",
        content=(TextBlock(text="so far"), TextBlock(text=INTERRUPTED)),
        reasoning_content="a thought",
    )
    thought = draft_message(Draft(position=3, text="", reasoning_content="a thought"))
    assert thought.content == (TextBlock(text=INTERRUPTED),)


# -- Beginning anew, discarding, closing ------------------------------------------------------


def test_a_draft_begins_anew_at_the_next_position() -> None:
    async def main() -> None:
        s = await scene()
        s.writer.write("first ")
        await s.writer.flush()
        s.writer.begin(3)  # nothing changed
        s.writer.begin(5)
        await s.store.save_loop_checkpoint("run-1", checkpoint(messages(5)))
        assert await s.store.load_draft("run-1") is None
        s.writer.write("second ")
        await s.timer.turn(LONGEST)
        assert s.store.saves[-1].draft == Draft(position=5, text="second ", updated_at_ms=7)

    asyncio.run(main())


def test_a_write_under_way_at_a_checkpoint_brings_nothing_back() -> None:
    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        s.writer.write("first ")
        await s.timer.turn(0.25)
        s.writer.begin(4)
        s.writer.write("second ")
        await s.store.save_loop_checkpoint("run-1", checkpoint(messages(4)))
        s.store.gate.set()
        await settled()
        assert await s.store.load_draft("run-1") is None
        await s.timer.turn(INTERVAL)
        assert await s.stored() == "second "
        assert s.events == []

    asyncio.run(main())


def test_the_same_text_at_the_next_position_is_another_draft() -> None:
    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        s.writer.write("again ")
        await s.timer.turn(0.25)
        s.writer.begin(4)
        s.writer.write("again ")
        s.store.gate.set()
        await s.timer.turn(LONGEST)
        found = await s.store.load_draft("run-1")
        assert found == Draft(position=4, text="again ", updated_at_ms=7)

    asyncio.run(main())


def test_a_conversation_that_was_cut_leaves_no_draft_beyond_its_end() -> None:
    async def main() -> None:
        s = await scene()
        s.writer.write("first ")
        await s.writer.flush()
        s.writer.begin(2)
        await settled()
        assert await s.store.load_draft("run-1") is None

    asyncio.run(main())


@pytest.mark.parametrize("busy", [False, True])
def test_a_discarded_draft_is_removed_and_what_comes_after_is_written(busy: bool) -> None:
    async def main() -> None:
        s = await scene()
        if busy:
            s.store.gate = asyncio.Event()
        s.writer.write("first ")
        await s.timer.turn(0.25)
        s.writer.discard()
        if s.store.gate is not None:
            s.store.gate.set()
            s.store.gate = None
        await settled()
        assert await s.store.load_draft("run-1") is None
        assert s.writer.so_far() is None
        s.writer.write("second ")
        await s.timer.turn(LONGEST)
        assert await s.stored() == "second "

    asyncio.run(main())


def test_a_draft_discarded_during_a_write_is_removed_by_closing() -> None:
    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        s.writer.write("first ")
        await s.timer.turn(0.25)
        s.writer.discard()
        closing = asyncio.create_task(s.writer.close())
        await settled()
        s.store.gate.set()
        await closing
        assert await s.store.load_draft("run-1") is None

    asyncio.run(main())


def test_closing_waits_for_a_write_under_way_and_begins_none() -> None:
    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        s.writer.write("first ")
        await s.timer.turn(0.25)
        s.writer.write("second ")
        closing = asyncio.create_task(s.writer.close())
        await settled()
        assert not closing.done()
        s.store.gate.set()
        await closing
        s.writer.write("third ")
        await s.timer.turn(60)
        await s.writer.flush()
        assert s.store.texts == ["first "]
        draft = s.writer.so_far()
        assert draft is not None
        assert draft.text == "first second "

    asyncio.run(main())


@pytest.mark.parametrize("early", [True, False])
def test_a_cancelled_write_loses_no_later_one(early: bool) -> None:
    """Also one whose task was cancelled before its first step."""

    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        before = asyncio.all_tasks()
        s.writer.write("first ")
        s.timer.now += 0.25
        s.timer.calls.pop().callback()
        (task,) = asyncio.all_tasks() - before
        if not early:
            await settled()
        task.cancel()
        await settled()
        assert task.cancelled()
        s.store.gate.set()
        await s.timer.turn(LONGEST)
        assert await s.stored() == "first "
        assert s.events == []

    asyncio.run(main())


def test_whoever_waits_may_be_cancelled_and_the_write_goes_on() -> None:
    async def main() -> None:
        s = await scene()
        s.store.gate = asyncio.Event()
        s.writer.write("first ")
        for wait in (s.writer.flush, s.writer.close):
            task = asyncio.create_task(wait())
            await settled()
            task.cancel()
            await settled()
            assert task.cancelled()
        s.store.gate.set()
        await settled()
        assert await s.stored() == "first "

    asyncio.run(main())


# -- Failures ---------------------------------------------------------------------------------


def test_a_failing_write_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        s = await scene()
        s.store.fails = True
        s.writer.write("a secret word ")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                await s.timer.turn(LONGEST)
                s.writer.write("more ")
                await s.writer.flush()
        assert s.events == [
            PersistenceFailed(session_id="fix-login", operation="draft", error="the disk is gone")
        ]
        (record,) = caplog.records
        assert "run-1" in record.getMessage()
        assert "secret" not in record.getMessage()
        # While it fails and nothing comes, it is tried every two seconds.
        count = len(s.store.saves)
        await s.timer.turn(20)
        assert 8 <= len(s.store.saves) - count <= 11
        s.store.fails = False
        await s.timer.turn(LONGEST)
        assert await s.stored() == "a secret word more more more "

    asyncio.run(main())


def test_a_claimed_run_is_a_failing_write(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        s = await scene()
        await s.store.delete_loop_checkpoint("run-1")
        s.writer.write("word ")
        await s.writer.flush()
        await s.writer.close()
        (event,) = s.events
        assert event.operation == "draft"

    asyncio.run(main())
    assert len(caplog.records) == 1


# -- In a run ---------------------------------------------------------------------------------


def active(store: SessionStore | None) -> ActiveRun:
    return active_in(saver(store))


def saver(store: SessionStore | None) -> AgentSession:
    session = Session("fix-login", clock=Ticks())
    options = SessionOptions(auto_save=True)
    return AgentSession(session, SessionPersistence(session, store, options=options))


def active_in(live: AgentSession) -> ActiveRun:
    return ActiveRun(live.session, live, prompt="do it", run_id="run-1")


def test_the_deltas_of_a_run_are_its_draft() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        run = active(store)
        await run.keep()
        run.record(ReasoningDelta(text="a thought "))
        run.record(TextDelta(text="one "))
        run.record(TextDelta(text="two "))
        await run.draft().flush()
        found = await store.load_draft("run-1")
        assert found is not None
        assert (found.position, found.text, found.reasoning_content) == (
            1,
            "one two ",
            "a thought ",
        )
        await run.checkpoint((*run.messages, Message.assistant("one two "), Message.user("go on")))
        assert await store.load_draft("run-1") is None
        run.record(TextDelta(text="three "))
        await run.draft().flush()
        found = await store.load_draft("run-1")
        assert found is not None
        assert (found.position, found.text, found.reasoning_content) == (3, "three ", None)
        run.over = True
        run.record(TextDelta(text="four "))
        await run.draft().flush()
        assert await store.load_draft("run-1") == found

    asyncio.run(main())


class Streaming:
    """An agent that streams its reply and has a write under way when it ends."""

    async def run(self, run: ActiveRun) -> AgentResult:
        run.record(TextDelta(text="first "))
        await run.draft().flush()
        run.record(TextDelta(text="second "))
        flush = asyncio.create_task(run.draft().flush())
        await asyncio.sleep(0)
        assert not flush.done()
        reply = Message.assistant("first second")
        return AgentResult(text=reply.text, messages=(*run.messages, reply))


def test_after_a_run_that_ended_there_is_a_message_and_no_draft(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with (
            SqliteSessionStore.open(tmp_path / "agent.a3s") as store,
            SessionManager(agent=Streaming()).with_store(store) as sessions,
        ):
            live = await sessions.open_session("fix-login")
            with live.session.events.subscribe() as events:
                await sessions.generate("fix-login", "go on")
            assert not [one for one in events.pending() if isinstance(one, PersistenceFailed)]
            saved = await store.load("fix-login")
            assert saved is not None
            assert saved.messages[-1] == Message.assistant("first second")

    asyncio.run(main())
    with database(tmp_path / "agent.a3s") as conn:
        assert conn.execute("SELECT count(*) FROM draft").fetchone() == (0,)
    assert caplog.records == []


def test_nothing_is_written_for_a_session_that_saves_no_more() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        live = saver(store)
        run = active_in(live)
        await run.keep()
        await live.persistence.stop()
        run.record(TextDelta(text="one "))
        await run.draft().flush()
        assert await store.load_draft("run-1") is None

    asyncio.run(main())


def test_a_store_without_drafts_keeps_none_and_nothing_fails(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "store") as files:
            for store in (files, None):
                run = active(store)
                await run.keep()
                run.record(TextDelta(text="one "))
                run.draft().write_reasoning("one ")
                await run.draft().flush()
                assert run.draft().so_far() is None
                run.draft().discard()
                await run.draft().close()
                assert list(run.session.events.subscribe().pending()) == []

    asyncio.run(main())


def test_text_of_another_thread_is_written_with_the_next_of_the_loop() -> None:
    async def main() -> None:
        s = await scene()
        await asyncio.to_thread(s.writer.write, "aside ")
        await s.timer.turn(60)
        assert s.store.saves == []
        s.writer.write("here ")
        await s.timer.turn(LONGEST)
        assert await s.stored() == "aside here "

    asyncio.run(main())


def test_what_a_stream_costs_grows_with_its_length_alone() -> None:
    """The characters that are joined for all writes together are a small multiple of the text."""

    async def main(pieces: int) -> float:
        s = await scene()
        for _ in range(pieces):
            s.writer.write("word " * 4)
            await s.timer.turn(0.01)
        await s.timer.turn(LONGEST)
        return sum(map(len, s.store.texts)) / (20 * pieces)

    assert asyncio.run(main(1_600)) < 40
    assert drafts._PARTS == 16
