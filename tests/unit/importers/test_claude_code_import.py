"""Histories of Claude Code: which records make a message, branches, compactions and subagents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.interop import import_history
from a3s_store.models import TextBlock, ToolResultBlock, ToolUseBlock, UnknownBlock
from a3s_store.pairs import check_pairs
from tests.unit.importers.history_files import (
    CLAUDE,
    CLAUDE_ID,
    imported,
    in_memory,
    lines_of,
    said,
    write_lines,
)

FIRST = [
    "user: The login fails since yesterday. Find out why.",
    "assistant: I look at both files. ->toolu_1 ->toolu_2",
    "user: <-toolu_1",
    "user: <-toolu_2",
    "assistant: The session expires at once.",
]


async def conversations(store: MemorySessionStore, session_id: str) -> list[list[str]]:
    found = []
    for branch in await store.branches(session_id):
        session = await store.load(session_id, generation=branch.generation)
        assert session is not None
        found.append(said(session.messages))
    return found


def test_a_left_prompt_and_a_compaction_are_older_conversations() -> None:
    async def use(store: MemorySessionStore) -> list[list[str]]:
        assert (await import_history(store, CLAUDE)).ok
        return await conversations(store, CLAUDE_ID)

    left, before, present = in_memory(use)
    assert left == [*FIRST, "user: Fix it in login.py.", "assistant: I change login.py."]
    assert before == [
        *FIRST,
        "user: Fix it in session.py instead.",
        "assistant: ->toolu_3",
        "user: <-toolu_3!",
        "assistant: One test fails. [server_tool_use]",
    ]
    assert present == [
        "user: This session is continued. The login fails because sessions expire.",
        "user: And now? [document]",
        "assistant: Now the tests pass.",
        "assistant: API Error: overloaded",
    ]


def test_no_conversation_has_a_call_without_its_result() -> None:
    async def use(store: MemorySessionStore) -> None:
        report = await import_history(store, CLAUDE)
        assert report.pairs == ()
        for session_id in await store.list():
            for branch in await store.branches(session_id):
                session = await store.load(session_id, generation=branch.generation)
                assert session is not None
                assert check_pairs(session.messages) == ()

    in_memory(use)


def test_ids_times_costs_and_names_are_those_of_the_source() -> None:
    async def use(store: MemorySessionStore) -> None:
        await import_history(store, CLAUDE)
        session = await store.load(CLAUDE_ID)
        assert session is not None
        assert session.config.name == "Fix the login"
        assert session.config.workspace == "/home/me/project"
        assert session.model_name == "claude-opus-4-5"
        # msg_1 has four records with the usage so far; the last one counts, and no synthetic one.
        assert [one.completion_tokens for one in session.cost_records] == [31, 20, 20, 20, 20, 20]
        assert session.total_usage.prompt_tokens == 590
        assert session.total_usage.cache_read_tokens == 30
        assert (session.created_at, session.updated_at) == (1777629600, 1777629645)
        page = await store.messages(CLAUDE_ID)
        assert page is not None
        assert [one.at_ms for one in page] == [
            1777629641517, 1777629642554, 1777629643591, 1777629644628
        ]  # fmt: skip
        uuids = [one.message.extra["x.claude"][0]["uuid"] for one in page]
        assert uuids == ["u4", "u5", "a9", "a10"]

    in_memory(use)


def test_a_subagent_is_a_session_of_its_own_and_a_task() -> None:
    async def use(store: MemorySessionStore) -> None:
        await import_history(store, CLAUDE)
        child = await store.load(f"{CLAUDE_ID}.agent-a1b2c3d")
        assert child is not None
        assert child.parent_id == CLAUDE_ID
        assert len(child.messages) == 4
        (task,) = await store.load_subagent_tasks(CLAUDE_ID) or ()
        assert (task.agent, task.description) == ("Explore", "Search the tests")
        assert (task.child_session_id, task.started_ms) == (child.id, 1777629622814)

    in_memory(use)


def test_a_sidechain_inside_a_file_is_a_session_of_its_own() -> None:
    async def use(store: MemorySessionStore) -> None:
        await import_history(store, CLAUDE)
        old = "22222222-2222-4222-8222-222222222222"
        parent = await store.load(old)
        assert parent is not None
        assert said(parent.messages) == [
            "user: hello",
            "assistant: Hello! ->toolu_o1",
            "user: <-toolu_o1",
            "assistant: Done.",
        ]
        assert parent.config.name == "Old session"
        assert parent.total_cost == 0.0125
        (task,) = await store.load_subagent_tasks(old) or ()
        child = await store.load(task.child_session_id)
        assert child is not None
        assert said(child.messages) == ["user: look", "assistant: I looked."]
        assert (child.parent_id, child.total_cost) == (old, 0.5)

    in_memory(use)


def test_what_has_no_place_is_kept_and_counted() -> None:
    async def use(store: MemorySessionStore) -> None:
        report = await import_history(store, CLAUDE)
        assert report.lost == {}
        assert report.opaque["toolUseResult"] == 1
        assert report.opaque["attachment record"] == 1
        assert report.opaque["keys of a tool_use block"] == 1
        assert report.opaque["document block"] == 1
        stream = store.stream(f"import:claude-code:{CLAUDE_ID}")
        kept = await stream.items()
        kinds = [item.labels.get("kind") for item in kept]
        assert kinds.count("toolUseResult") == 1
        assert {"attachment", "system", "progress", "pr-link"} <= set(kinds)
        session = await store.load(CLAUDE_ID, generation=1)
        assert session is not None
        asked = session.messages[1]
        assert asked.reasoning_content == "Two files may tell."
        thinking = asked.extra["x.claude"][0]["thinking"]
        assert thinking[0]["signature"] == "c2lnbmF0dXJl"
        (first, _) = (one for one in asked.content if isinstance(one, ToolUseBlock))
        assert first.extra["caller"] == {"type": "direct"}

    in_memory(use)


def record(uuid: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more.pop("message", {})}
    return {
        "type": role,
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s",
        "timestamp": "2026-01-01T00:00:00Z",
        "message": message,
        **more,
    }


def test_results_written_between_the_blocks_of_a_message_follow_it(tmp_path: Path) -> None:
    def call(uuid: str, parent: str, call_id: str) -> dict[str, Any]:
        block = {"type": "tool_use", "id": call_id, "name": "t", "input": {}}
        return record(uuid, parent, "assistant", [block], message={"id": "m"})

    def result(uuid: str, parent: str, call_id: str) -> dict[str, Any]:
        block = {"type": "tool_result", "tool_use_id": call_id, "content": "x"}
        return record(uuid, parent, "user", [block])

    file = write_lines(
        tmp_path / "s.jsonl",
        [
            record("u", None, "user", "go"),
            call("a", "u", "1"),
            result("ra", "a", "1"),
            call("b", "a", "2"),
            result("rb", "b", "2"),
            record("c", "ra", "assistant", [{"type": "text", "text": "done"}]),
        ],
    )
    _, session = imported(file, "s")
    assert said(session.messages) == [
        "user: go",
        "assistant: ->1 ->2",
        "user: <-1",
        "user: <-2",
        "assistant: done",
    ]


def test_parents_that_form_a_cycle_or_are_missing_lose_no_message(tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "s.jsonl",
        [
            record("a", "b", "user", "one"),
            record("b", "a", "assistant", "two"),
            record("c", "c", "user", "three"),
            record("d", "nowhere", "assistant", "four"),
        ],
    )
    report, session = imported(file, "s")
    assert said(session.messages) == [
        "user: one", "assistant: two", "user: three", "assistant: four"
    ]  # fmt: skip
    assert report.opaque["parent that is missing"] == 2


def test_a_repeated_uuid_is_counted_and_not_said_twice(tmp_path: Path) -> None:
    rows = [record("a", None, "user", "one"), record("b", "a", "assistant", "two")]
    report, session = imported(write_lines(tmp_path / "s.jsonl", [*rows, *rows]), "s")
    assert said(session.messages) == ["user: one", "assistant: two"]
    assert report.lost == {}
    assert report.opaque["repeated record"] == 2


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        {"type": "text"},
        [None, 3, "loose"],
        [{"type": "tool_use", "id": 5, "name": "x"}],
        [{"type": "tool_result", "tool_use_id": "c", "content": 9}],
        [{"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}],
        [{"type": ["text"], "text": "x"}],
        [{"text": "no type"}],
        [{"type": "thinking", "thinking": 5}],
    ],
)
def test_content_of_wrong_types_is_kept_opaquely(tmp_path: Path, content: Any) -> None:
    rows = [record("a", None, "user", content), record("b", "a", "assistant", "two")]
    report, session = imported(write_lines(tmp_path / "s.jsonl", rows), "s")
    assert report.ok
    assert len(session.messages) == 2
    if content is not None:
        assert report.opaque


def test_blocks_of_known_types_keep_their_other_keys(tmp_path: Path) -> None:
    part = {"type": "text", "text": "inner", "citations": [1]}
    blocks = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "c", "content": [part], "name": "x"},
        {"type": "mcp_thing", "value": 1},
    ]
    _, session = imported(
        write_lines(tmp_path / "s.jsonl", [record("a", None, "user", blocks)]), "s"
    )
    text, result, unknown = session.messages[0].content
    assert isinstance(text, TextBlock)
    assert text.extra == {"cache_control": {"type": "ephemeral"}}
    assert isinstance(result, ToolResultBlock)
    assert result.extra == {"name": "x"}
    assert isinstance(result.content, tuple)
    assert result.content[0].extra == {"citations": [1]}
    assert isinstance(unknown, UnknownBlock)
    assert unknown.type == "mcp_thing"


def test_a_message_that_was_being_written_is_completed_by_the_next_import(tmp_path: Path) -> None:
    rows = lines_of(CLAUDE / f"{CLAUDE_ID}.jsonl")
    file = tmp_path / f"{CLAUDE_ID}.jsonl"

    async def main() -> list[list[str]]:
        async with MemorySessionStore() as store:
            for count in range(1, len(rows) + 1):
                file.write_bytes(b"".join(rows[:count]))
                report = await import_history(store, file)
                assert not report.count("refused"), (count, report)
            return await conversations(store, CLAUDE_ID)

    direct = in_memory(lambda store: both(store))
    found = asyncio.run(main())
    assert found[-1] == direct[-1]
    assert all(one in found for one in direct)


async def both(store: MemorySessionStore) -> list[list[str]]:
    await import_history(store, CLAUDE)
    return await conversations(store, CLAUDE_ID)


def test_a_subagent_belongs_to_the_session_of_its_folder(
    tmp_path: Path,
) -> None:
    row = record("a", None, "user", "look", isSidechain=True)
    row["sessionId"] = "agent-7"  # as some releases write it
    file = write_lines(tmp_path / "parent" / "subagents" / "agent-7.jsonl", [row])
    _, session = imported(file, "parent.agent-7")
    assert session.parent_id == "parent"
