"""Histories of ChatGPT: the tree of a conversation, its parts, and a file of any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore
from a3s_store.interop import TransferReport, import_history
from a3s_store.wire import Limits
from tests.unit.importers.history_files import (
    HISTORIES,
    imported,
    in_memory,
    replace_somewhere,
    said,
)

FILE = HISTORIES / "chatgpt" / "conversations.json"
ONE = "68000000-0000-8000-8000-000000000001"


def test_the_current_path_is_the_present_conversation_and_others_are_branches() -> None:
    async def use(store: MemorySessionStore) -> list[list[str]]:
        report = await import_history(store, FILE)
        assert report.ok
        assert report.count("read") == 2
        found = []
        for branch in await store.branches(ONE):
            session = await store.load(ONE, generation=branch.generation)
            assert session is not None
            found.append(said(session.messages))
        page = await store.messages(ONE)
        assert page is not None
        assert [one.at_ms for one in page][:2] == [1767225601500, 1767225610000]
        return found

    left, present = in_memory(use)
    assert left == ["user: How do I sort a list?", "assistant: Use sorted()."]
    assert present == [
        "user: How do I sort a list?",
        "assistant: Use sort.",
        "user: [chatgpt.image_asset_pointer] And this?",
        "assistant: ",
        "assistant: print(1)",
        "tool: 1",
        "assistant: Done.",
    ]


def test_titles_times_models_and_thoughts_are_kept() -> None:
    _, session = imported(FILE, ONE)
    assert session.config.name == "Two ways"
    assert session.model_name == "gpt-5-thinking" or session.model_name == "gpt-5"
    assert (session.created_at, session.updated_at) == (1767225600, 1767225700)
    assert session.messages[3].reasoning_content == "Looking\n\nIt is a picture."


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "conversations.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def report_of(file: Path, **options: Any) -> tuple[TransferReport, list[str]]:
    async def use(store: MemorySessionStore) -> tuple[TransferReport, list[str]]:
        return await import_history(store, file, format="chatgpt", **options), await store.list()

    return in_memory(use)


def test_a_file_that_ends_early_keeps_what_is_whole_and_is_refused(tmp_path: Path) -> None:
    whole = FILE.read_bytes()
    first = whole.index(b'"Short"')
    report, stored = report_of(write(tmp_path, whole[: first + 200]))
    assert stored == [ONE]
    assert not report.ok
    assert "incomplete" in str(report)


def test_one_conversation_without_an_array_is_read_too(tmp_path: Path) -> None:
    one = json.loads(FILE.read_bytes())[0]
    report, stored = report_of(write(tmp_path, json.dumps(one)))
    assert report.ok
    assert stored == [ONE]


def test_many_conversations_are_read_one_at_a_time(tmp_path: Path) -> None:
    one = json.loads(FILE.read_bytes())[1]
    many = [{**one, "conversation_id": f"c{n:04}", "note": "x" * 9_000} for n in range(300)]
    report, stored = report_of(write(tmp_path, json.dumps(many)))
    assert report.ok
    assert stored == [f"c{n:04}" for n in range(300)]
    again, _ = report_of(write(tmp_path, json.dumps(many)), limits=Limits(value_size=5_000))
    assert again.ok, "the limit is for one conversation, and more than that is read at once"


def test_a_conversation_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    one = {**json.loads(FILE.read_bytes())[1], "note": "x" * 5_000_000}
    report, stored = report_of(write(tmp_path, json.dumps([one])), limits=Limits(value_size=10**6))
    assert not report.ok
    assert stored == []


@pytest.mark.parametrize(
    "change",
    [
        {"mapping": {"a": {"parent": "b", "message": {"content": {"parts": ["x"]}}},
                     "b": {"parent": "a", "message": {"content": {"parts": ["y"]}}}}},
        {"mapping": {"a": {"parent": "a", "message": {"content": {"parts": ["x"]}}}}},
        {"mapping": {"a": {"parent": 5, "children": 7, "message": {"content": {"parts": [5, None]},
                     "author": [], "create_time": "soon"}}}},
        {"mapping": {"a": None, "b": 5, "c": {"message": {"content": {"text": "t"}}}}},
        {"create_time": "x", "update_time": None, "title": 5, "current_node": ["q"]},
    ],
)  # fmt: skip
def test_wrong_types_and_cycles_stop_no_import(tmp_path: Path, change: dict[str, Any]) -> None:
    one = {**json.loads(FILE.read_bytes())[0], **change}
    report, stored = report_of(write(tmp_path, json.dumps([one])))
    assert report.ok
    assert stored == [ONE]


def test_halves_of_pairs_and_infinite_numbers_are_replaced(tmp_path: Path) -> None:
    text = json.dumps(json.loads(FILE.read_bytes()))
    text = text.replace('"hi"', '"\\ud83d hi", {"n": 1e999, "m": NaN}')
    report, stored = report_of(write(tmp_path, text))
    assert report.ok
    assert len(stored) == 2


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_wrong_type_anywhere_stops_an_import(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    given_file = json.loads(FILE.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        replace_somewhere(data, given_file)
        given_file = json.loads(json.dumps(given_file))
    file = write(tmp_path_factory.mktemp("wrong"), json.dumps(given_file))

    async def use(store: MemorySessionStore) -> None:
        first = await import_history(store, file, format="chatgpt")
        second = await import_history(store, file, format="chatgpt")
        assert second.count("read") == 0 or not first.ok

    in_memory(use)
