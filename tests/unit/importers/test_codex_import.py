"""Histories of Codex: which items make a message, compactions, roll-backs, forks, old versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.interop import import_history
from a3s_store.models import ImageBlock, ToolResultBlock, ToolResultImage, ToolUseBlock
from a3s_store.pairs import check_pairs
from tests.unit.importers.history_files import (
    CODEX,
    CODEX_ID,
    imported,
    in_memory,
    said,
    write_lines,
)

BEGUN = [
    "developer: <permissions>read-only</permissions>",
    "user: <environment_context><cwd>/home/me/project</cwd></environment_context>",
    "user: List the files.",
    "assistant: I run two commands. ->call_1 ->call_2",
    "user: <-call_1",
    "user: <-call_2!",
    "assistant: ->call_3",
    "user: <-call_3",
    "assistant: [web_search_call] There are two files.",
]


async def conversations(store: MemorySessionStore, session_id: str) -> list[list[str]]:
    found = []
    for branch in await store.branches(session_id):
        session = await store.load(session_id, generation=branch.generation)
        assert session is not None
        assert check_pairs(session.messages) == ()
        found.append(said(session.messages))
    return found


def test_what_was_rolled_back_or_compacted_is_an_older_conversation() -> None:
    async def use(store: MemorySessionStore) -> list[list[str]]:
        assert (await import_history(store, CODEX)).ok
        return await conversations(store, CODEX_ID)

    rolled_back, before, present = in_memory(use)
    assert rolled_back == [*BEGUN, "user: Delete them.", "assistant: I do not want to."]
    assert before == [
        *BEGUN,
        "user: Rename them. [input_image]",
        "assistant: ->call_4",
        "user: <-call_4",
        "assistant: Renamed.",
    ]
    assert present == [
        "user: Rename them.",
        "assistant: Summary: files renamed.",
        "user: Thanks.",
        "assistant: You are welcome.",
    ]


def test_calls_keep_their_arguments_and_results_their_parts() -> None:
    async def use(store: MemorySessionStore) -> None:
        await import_history(store, CODEX)
        oldest = (await store.branches(CODEX_ID))[0]
        session = await store.load(CODEX_ID, generation=oldest.generation)
        assert session is not None
        calls = [b for m in session.messages for b in m.content if isinstance(b, ToolUseBlock)]
        assert [one.input for one in calls] == [
            {"cmd": "ls"},
            "not json",
            "*** Begin Patch\n*** End Patch",
        ]
        results = [b for m in session.messages for b in m.content if isinstance(b, ToolResultBlock)]
        assert [one.is_error for one in results] == [None, True, None]
        assert results[1].content == "no such command"
        parts = results[2].content
        assert isinstance(parts, tuple)
        assert isinstance(parts[1], ToolResultImage)
        assert session.messages[3].reasoning_content == "Two commands."
        assert "gAAAA" in str(session.messages[3].extra)

    in_memory(use)


def test_costs_and_usage_come_from_running_totals() -> None:
    _, session = imported(CODEX, CODEX_ID)
    # The event that repeats its total is no call.
    assert [(one.model, one.total_tokens) for one in session.cost_records] == [
        ("gpt-5.2-codex", 120),
        ("gpt-5.2-codex", 180),
    ]
    assert session.total_usage.total_tokens == 300
    assert session.config.name == "Rename files"
    assert session.config.workspace == "/home/me/project"


def test_a_spawned_thread_is_a_child_with_a_task() -> None:
    async def use(store: MemorySessionStore) -> None:
        await import_history(store, CODEX)
        child = await store.load(CODEX_ID[:-1] + "b")
        assert child is not None
        assert child.parent_id == CODEX_ID
        assert said(child.messages)[0] == "user: The summary of an old release."
        (task,) = await store.load_subagent_tasks(CODEX_ID) or ()
        assert (task.agent, task.child_session_id) == ("explorer", child.id)

    in_memory(use)


def test_the_oldest_rollouts_have_no_envelope() -> None:
    _, session = imported(CODEX, "0196a000-0000-4000-8000-00000000000d")
    assert said(session.messages) == [
        "user: hi", "assistant: ->c1", "user: <-c1", "assistant: hello"
    ]  # fmt: skip
    assert session.created_at == 1746612000


def test_a_data_url_is_an_image_and_no_other_url_is_opened(tmp_path: Path) -> None:
    urls = ["data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,%%%", "file:///etc/passwd"]
    content = [{"type": "input_image", "image_url": url} for url in urls]
    item = {"type": "message", "role": "user", "content": content}
    rows = [{"timestamp": "", "type": "response_item", "payload": item}]
    _, session = imported(write_lines(tmp_path / "a.jsonl", rows), "a.jsonl")
    blocks = session.messages[0].content
    assert [isinstance(one, ImageBlock) for one in blocks] == [True, False, False]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "user", "content": 5},
        {"type": "message", "role": "user", "content": [1, None, {"type": {}}]},
        {"type": "function_call", "name": 1, "call_id": [], "arguments": {"a": 1}},
        {
            "type": "function_call_output",
            "call_id": None,
            "output": {"content": 5, "success": "no"},
        },
        {
            "type": "function_call_output",
            "call_id": "x",
            "output": json.dumps({"output": 1, "metadata": 2}),
        },
        {"type": "reasoning", "summary": "text", "content": {"a": 1}},
        {"type": "local_shell_call", "action": None},
    ],
)
def test_items_of_wrong_types_are_kept(tmp_path: Path, item: Any) -> None:
    rows = [
        {"timestamp": 5, "type": "response_item", "payload": item},
        {"timestamp": None, "type": "event_msg", "payload": {"type": "token_count", "info": []}},
        {
            "timestamp": None,
            "type": "event_msg",
            "payload": {"type": "thread_rolled_back", "num_turns": "x"},
        },
        {"timestamp": None, "type": "compacted", "payload": {"replacement_history": [None, 5, {}]}},
        {
            "timestamp": None,
            "type": "response_item",
            "payload": {"type": "message", "role": "user", "content": "end"},
        },
    ]
    report, session = imported(write_lines(tmp_path / "a.jsonl", rows), "a.jsonl")
    assert report.ok
    assert said(session.messages) == ["user: end"]
