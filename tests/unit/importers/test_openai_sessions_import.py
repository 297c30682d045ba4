"""Histories of the OpenAI Agents SDK: sessions of its SQLite database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from a3s_store import MemorySessionStore
from a3s_store.interop import import_history
from tests.unit.importers.history_files import imported, in_memory, said

SCHEMA = """
CREATE TABLE IF NOT EXISTS agent_sessions (
    session_id TEXT PRIMARY KEY,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS agent_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    message_data TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
"""
ITEMS: list[Any] = [
    {"role": "user", "content": "What is the weather in Rome?"},
    {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Look up."}]},
    {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "weather",
     "arguments": '{"city":"Rome"}'},
    {"id": "fc_2", "type": "function_call", "call_id": "c2", "name": "time", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    {"type": "function_call_output", "call_id": "c2",
     "output": [{"type": "input_text", "text": "noon"}]},
    {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
     "content": [{"type": "output_text", "text": "Sunny.", "annotations": [], "logprobs": []}]},
    {"type": "item_reference", "id": "x"},
]  # fmt: skip


def database(path: Path, items: list[Any], session_id: str = "chat") -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        connection.execute(
            "INSERT OR IGNORE INTO agent_sessions VALUES (?, ?, ?)",
            (session_id, "2026-05-01 10:00:00", "2026-05-01 10:05:00"),
        )
        for item in items:
            text = item if isinstance(item, str) else json.dumps(item)
            connection.execute(
                "INSERT INTO agent_messages (session_id, message_data, created_at) "
                "VALUES (?, ?, '2026-05-01 10:01:00')",
                (session_id, text),
            )
    connection.close()
    return path


def test_items_make_messages_with_their_calls_and_results(tmp_path: Path) -> None:
    report, session = imported(database(tmp_path / "agents.db", ITEMS), "chat")
    assert report.formats == ("openai-agents",)
    assert said(session.messages) == [
        "user: What is the weather in Rome?",
        "assistant: ->c1 ->c2",
        "user: <-c1",
        "user: <-c2",
        "assistant: Sunny.",
    ]
    assert session.messages[1].reasoning_content == "Look up."
    assert (session.created_at, session.updated_at) == (1777629600, 1777629900)
    assert report.opaque["item item_reference"] == 1
    assert report.pairs == ()


def test_a_database_that_has_grown_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"

    async def use(store: MemorySessionStore) -> None:
        for count in range(1, len(ITEMS) + 1):
            path.unlink(missing_ok=True)
            database(path, ITEMS[:count])
            assert (await import_history(store, path)).ok
        session = await store.load("chat")
        assert session is not None
        assert said(session.messages)[-1] == "assistant: Sunny."
        assert len(session.messages) == 5
        assert (await import_history(store, path)).count("read") == 0

    in_memory(use)


def test_items_that_are_no_items_are_kept_as_text(tmp_path: Path) -> None:
    odd = ["{broken", "[]", "5", {"type": ["x"]}, {"role": 5}, ITEMS[0]]
    report, session = imported(database(tmp_path / "agents.db", odd), "chat")
    assert report.ok
    assert len(session.messages) == 1
    assert sum(report.opaque.values()) == 5


def test_nothing_is_written_beside_the_database(tmp_path: Path) -> None:
    path = database(tmp_path / "agents.db", ITEMS)
    before = path.read_bytes()
    imported(path, "chat")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["agents.db"]


def test_damaged_and_planted_databases_are_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "agents.db", ITEMS * 200)
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
    report = in_memory(lambda store: import_history(store, path))
    assert not report.ok
    path.unlink()
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE agent_sessions (session_id TEXT, created_at TEXT, updated_at TEXT);"
        "CREATE VIEW agent_messages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM n) SELECT i AS id, 'x' AS session_id, '{}' AS message_data, '' AS created_at FROM n;"
    )
    connection.close()
    report = in_memory(lambda store: import_history(store, path))
    assert not report.ok
    assert "not those of the OpenAI Agents SDK" in str(report)


def test_messages_without_the_row_of_their_session_are_a_session(tmp_path: Path) -> None:
    path = database(tmp_path / "agents.db", ITEMS)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM agent_sessions")
    connection.close()
    report, session = imported(path, "chat")
    assert report.count("read") == 1
    assert len(session.messages) == 5
    assert session.created_at == 0
