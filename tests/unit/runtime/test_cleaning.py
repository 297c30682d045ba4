"""A text that cannot be written costs the character that is half, not the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import MemorySessionStore
from a3s_store.core.clean import MARK, clean_text
from a3s_store.errors import EncodeError
from a3s_store.models import (
    Message,
    RunStatus,
    SubagentEnd,
    TextDelta,
    TokenUsage,
    ToolEnd,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime import ActiveRun, AgentResult, Session, SessionManager, tool_execution
from a3s_store.runtime.observation.session_events import TextCleaned
from a3s_store.runtime.runs.cleaning import CleanedMessages
from tests.support import artifact
from tests.unit.runtime.live import Summaries

ODD: Any = 5
BAD_REPORT = VerificationReport(subject=ODD, status=VerificationStatus.FAILED)
FILE = "caf\udce9.txt"
CLEANED = f"caf{MARK}.txt"


class Lister:
    """An agent with one round of a tool, whose output cannot be written; it keeps its own list."""

    def __init__(self, *, rebuild: bool = False) -> None:
        self.rebuild = rebuild

    async def run(self, run: ActiveRun) -> AgentResult:
        run.record(TextDelta(text="half \ud83d"))
        mine = [*run.messages, Message.tool_result("c1", FILE)]
        await run.checkpoint(mine)
        if self.rebuild:
            mine[-1] = Message.tool_result("c1", FILE)
        mine.append(Message.tool_result("c2", "plain"))
        await run.checkpoint(mine)
        answer = Message.assistant(f"I see {FILE}")
        return AgentResult(text=answer.text, messages=(*mine, answer), usage=run.usage)


@pytest.mark.parametrize("rebuild", [False, True], ids=["same messages", "made anew"])
def test_a_turn_with_an_output_that_cannot_be_written_is_kept(rebuild: bool) -> None:
    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Lister(rebuild=rebuild)).with_store(store) as sessions:
            live = await sessions.create_session("main")
            events = live.session.events.subscribe()
            result = await sessions.generate("main", "which files?")
            assert result.text == f"I see {CLEANED}"
            said = [
                (event.where, event.count)
                for event in events.pending()
                if isinstance(event, TextCleaned)
            ]
            assert said == [("event", 1), ("checkpoint", 1), ("result", 2)]
            await sessions.generate("main", "and now?")
        stored = await store.load("main")
        assert stored is not None
        assert [message.role for message in stored.messages[:5]] == [
            "user",
            "user",
            "user",
            "assistant",
            "user",
        ]
        assert stored.messages[1] == Message.tool_result("c1", CLEANED)
        records = await store.load_run_records("main")
        assert records is not None
        assert [one.snapshot.status for one in records] == [RunStatus.COMPLETED] * 2
        assert any(event.event == TextDelta(text=f"half {MARK}") for event in records[0].events)

    asyncio.run(main())


def test_messages_handed_over_again_are_those_that_were_kept() -> None:
    kept = CleanedMessages()
    bad, good = Message.assistant(FILE), Message.user("plain")
    first, count = kept.clean((), [good, bad])
    assert (first[0] is good, first[1].text, count) == (True, CLEANED, 1)
    again, count = kept.clean(first, [good, bad, good])
    assert [id(message) for message in again] == [id(one) for one in (*first, good)]
    assert count == 0


def test_an_error_of_an_agent_that_cannot_be_written_is_kept_cleaned() -> None:
    class Failing:
        async def run(self, run: ActiveRun) -> AgentResult:
            raise FileNotFoundError(FILE)

    async def main() -> None:
        manager = SessionManager(agent=Failing())
        async with manager:
            live = (await manager.create_session("main")).session
            events = live.events.subscribe()
            with pytest.raises(FileNotFoundError):
                await manager.generate("main", "go")
            assert live.runs.snapshots()[0].error == CLEANED
            cleaned = TextCleaned(session_id="main", where="error", count=1)
            assert cleaned in events.pending()

    asyncio.run(main())


LISTS = st.lists(st.sampled_from(["plain", "é", "\ud83d", "\ud83d\ude42", "x\udce9"]), max_size=6)


@given(LISTS, LISTS)
def test_what_was_handed_over_before_is_a_beginning_of_what_comes_with_it_again(
    one: list[str], more: list[str]
) -> None:
    kept = CleanedMessages()
    mine = [Message.assistant(text) for text in one]
    first, _ = kept.clean((), mine)
    mine += [Message.assistant(text) for text in more]
    second, _ = kept.clean(first, mine)
    assert [id(message) for message in second[: len(first)]] == [id(one) for one in first]
    assert [message.text for message in second] == [clean_text(one) for one in one + more]


@pytest.mark.parametrize(
    "hand_over",
    [
        lambda run: setattr(run, "usage", TokenUsage(prompt_tokens=-1)),
        lambda run: setattr(run, "verification_reports", [BAD_REPORT]),
        lambda run: run.add_usage(TokenUsage(prompt_tokens=-1)),
        lambda run: run.checkpoint([*run.messages, "a text"]),
        lambda run: run.checkpoint(run.messages, [BAD_REPORT]),
        lambda run: run.record(TextDelta(text=ODD)),
    ],
)
def test_what_no_cleaning_helps_is_refused_and_the_next_turn_is_saved(
    hand_over: Callable[[ActiveRun], Any],
) -> None:
    class Odd:
        async def run(self, run: ActiveRun) -> AgentResult:
            if run.prompt == "odd":
                asked = hand_over(run)
                if asked is not None:
                    await asked
            return AgentResult(text="fine", messages=(*run.messages, Message.assistant("fine")))

    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Odd()).with_store(store) as sessions:
            await sessions.create_session("main")
            with pytest.raises(EncodeError):
                await sessions.generate("main", "odd")
            await sessions.generate("main", "even")
        stored = await store.load("main")
        assert stored is not None
        assert stored.messages[-2:] == (Message.user("even"), Message.assistant("fine"))

    asyncio.run(main())


COLLECTIONS: dict[str, tuple[Callable[[Session], object], Callable[[Session], str]]] = {
    "event": (
        lambda live: live.runs.record_event(
            "run-1", ToolEnd(id="c", name="ls", output=FILE, exit_code=0)
        ),
        lambda live: live.runs.events("run-1")[-1].event.output,  # type: ignore[union-attr]
    ),
    "error": (
        lambda live: live.runs.mark_failed("run-1", FILE),
        lambda live: live.runs.snapshots()[0].error or "",
    ),
    "trace": (
        lambda live: live.trace.record(
            tool_execution(FILE, success=True, exit_code=0, duration_ms=1, output_bytes=1)
        ),
        lambda live: live.trace.events()[0].name,
    ),
    "artifact": (
        lambda live: live.artifacts.put(artifact(1).evolve(content=FILE)),
        lambda live: live.artifacts.artifacts()[0].content,
    ),
    "subagent": (
        lambda live: live.subagents.record_event(
            SubagentEnd(task_id="t", session_id="c", agent="a", output=FILE, success=True)
        ),
        lambda live: live.subagents.snapshots()[0].output or "",
    ),
}


@pytest.mark.parametrize("where", COLLECTIONS)
def test_texts_of_collections_are_cleaned_where_they_come_in(where: str) -> None:
    live = Session("main")
    live.runs.create_run("main", "go", run_id="run-1")
    events = live.events.subscribe()
    put, text = COLLECTIONS[where]
    put(live)
    assert text(live) == CLEANED
    assert events.pending() == (TextCleaned(session_id="main", where=where, count=1),)


def test_names_of_files_in_metadata_of_a_trace_event_are_cleaned() -> None:
    event = tool_execution(
        "ls",
        success=True,
        exit_code=0,
        duration_ms=1,
        output_bytes=1,
        metadata={FILE: 1, "artifact_uri": FILE},
    )
    assert event.artifact_uris == (CLEANED,)
    assert event.metadata_keys == ("artifact_uri", CLEANED)


def test_a_summary_that_cannot_be_written_is_cleaned() -> None:
    class Half(Summaries):
        async def summarize(self, prompt: str) -> str:
            return FILE

    async def main() -> None:
        live = Session("main")
        live.messages = (Message.user("again"),) * 40
        events = live.events.subscribe()
        assert await live.compact(Half())
        assert live.messages[2].text.endswith(CLEANED)
        assert events.pending() == (TextCleaned(session_id="main", where="summary", count=1),)

    asyncio.run(main())
