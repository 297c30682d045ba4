"""`search`: hits as text and as JSON, filters, and queries without words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store.models import Message, SessionData
from tests.support import with_store
from tests.unit.cli.cli_runs import NOW, invoke, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    others = (
        SessionData(
            id=name,
            messages=tuple(
                make(f"about {name} zebra number {n}")
                for n, make in enumerate((Message.user, Message.assistant))
            ),
            created_at=NOW,
            updated_at=NOW,
        )
        for name in ("a", "b")
    )
    return make_store(tmp_path / "agent.a3s", *others)


def found(store: Path, *options: str) -> list[tuple[str, int]]:
    done = invoke("search", store, *options, "--json")
    assert done.exit_code == 0, done.output
    return [(hit["session_id"], hit["seq"]) for hit in json.loads(done.stdout)]


def test_hits_are_printed_with_session_position_and_text(store: Path) -> None:
    done = invoke("search", store, '"b zebra"', "--newest")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("b  message 1  assistant  20")
    assert lines[1:3] == ["  about b zebra number 1", ""]
    assert done.exit_code == 0


def test_options_choose_hits(store: Path) -> None:
    assert found(store, "zebra", "--newest") == [("b", 1), ("b", 0), ("a", 1), ("a", 0)]
    assert found(store, "zebra", "--newest", "--limit", "3") == [("b", 1), ("b", 0), ("a", 1)]
    assert set(found(store, "zebra", "--session", "a")) == {("a", 0), ("a", 1)}
    assert set(found(store, "zebra", "--role", "user")) == {("a", 0), ("b", 0)}
    assert len(found(store, "zebra", "--since", "5m")) == 4
    assert found(store, "zebra", "--since", "2200-01-01") == []
    assert invoke("label", store, "b", "kind=x").exit_code == 0
    assert {one for one, _ in found(store, "zebra", "--label", "kind=x")} == {"b"}


def test_messages_that_were_taken_back_are_found_when_asked_for(store: Path) -> None:
    with_store(store, lambda opened: opened.rewind("b", 1))
    assert found(store, "b zebra") == [("b", 0)]
    assert found(store, "b zebra", "--all-branches", "--newest") == [("b", 1), ("b", 0)]
    done = invoke("search", store, "b zebra", "--all-branches", "--newest")
    assert done.stdout.startswith("b  message 1 of generation 1  assistant")


def test_expressions_of_fts5_are_taken_when_asked_for(store: Path) -> None:
    assert found(store, "zebra NOT (a OR 1)", "--fts5") == [("b", 0)]
    done = invoke("search", store, "zebra AND", "--fts5")
    assert done.exit_code == 2
    assert "is no expression of FTS5" in done.stderr


def test_nothing_found_is_said_and_a_query_without_words_is_refused(store: Path) -> None:
    done = invoke("search", store, "nowhere")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "No message" in done.stderr
    done = invoke("search", store, "--", "- /")
    assert done.exit_code == 2
    assert "has no word" in done.stderr
