"""`list` with filters, `rename`, `label`, `archive`, `trash` and `untrash`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store.models import Message, SessionConfig, SessionData
from tests.unit.cli.cli_runs import NOW, SESSION_ID, files_under, invoke, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    others = (
        SessionData(
            id=name,
            config=SessionConfig(name=name.upper()),
            messages=(Message.user(f"about {name}"),),
            created_at=NOW,
            updated_at=NOW - days * 86_400,
        )
        for days, name in enumerate(("a", "b", "c"), 1)
    )
    return make_store(tmp_path / "agent.a3s", *others)


def listed(store: Path, *options: str) -> list[str]:
    done = invoke("list", store, "--json", *options)
    assert done.exit_code == 0, done.output
    return [row["id"] for row in json.loads(done.stdout)]


def test_list_orders_cuts_and_filters(store: Path) -> None:
    assert listed(store) == [SESSION_ID, "a", "b", "c"]
    assert listed(store, "--limit", "2") == [SESSION_ID, "a"]
    assert listed(store, "--sort", "name") == ["a", "b", "c", SESSION_ID]
    assert listed(store, "--sort", "name", "--reverse") == [SESSION_ID, "c", "b", "a"]
    assert listed(store, "--text", "ABOUT B") == ["b"]
    assert listed(store, "--since", "2026-05-16") == [SESSION_ID, "a", "b"]
    assert listed(store, "--since", "5m") == []
    assert invoke("list", store, "--since", "yesterday").exit_code == 2


def test_a_session_gets_another_name(store: Path) -> None:
    assert invoke("rename", store, "a", "Zebra").exit_code == 0
    assert listed(store, "--text", "zebra") == ["a"]
    assert invoke("rename", store, "none", "x").exit_code == 3


def test_labels_are_set_removed_and_found(store: Path) -> None:
    assert invoke("label", store, "a", "kind=bug", "at=home=1").exit_code == 0
    assert invoke("label", store, "b", "kind=idea").exit_code == 0
    shown = json.loads(invoke("label", store, "a", "--json").stdout)
    assert shown == {"session": "a", "labels": {"at": "home=1", "kind": "bug"}}
    assert listed(store, "--label", "kind") == ["a", "b"]
    assert listed(store, "--label", "kind=bug", "--label", "at=home=1") == ["a"]
    assert invoke("label", store, "a", "--remove", "kind").exit_code == 0
    assert listed(store, "--label", "kind") == ["b"]
    assert invoke("label", store, "a", "kind").exit_code == 2
    assert invoke("label", store, "none").exit_code == 3


def test_archived_sessions_are_listed_with_all(store: Path) -> None:
    assert invoke("archive", store, "a", "b").exit_code == 0
    assert listed(store) == [SESSION_ID, "c"]
    assert listed(store, "--all") == [SESSION_ID, "a", "b", "c"]
    hint = invoke("list", store)
    assert "2 sessions are archived or in the trash" in hint.stderr
    assert "[archived] A" in invoke("list", store, "--all").stdout
    assert invoke("archive", store, "a", "--undo").exit_code == 0
    assert listed(store) == [SESSION_ID, "a", "c"]


def test_the_trash_is_emptied_by_age(store: Path) -> None:
    assert invoke("trash", store, "a", "b").exit_code == 0
    assert listed(store) == [SESSION_ID, "c"]
    assert invoke("untrash", store, "b").exit_code == 0
    done = invoke("trash", store, "--empty", "--days", "1", "--json")
    assert json.loads(done.stdout)["deleted"] == []
    before = files_under(store.parent)
    assert "1 session would be deleted" in invoke("trash", store, "--empty", "--dry-run").stderr
    assert files_under(store.parent) == before
    assert "1 session deleted" in invoke("trash", store, "--empty").stderr
    assert listed(store, "--all") == [SESSION_ID, "b", "c"]
    for wrong in (
        ("trash", store),
        ("trash", store, "a", "--empty"),
        ("trash", store, "a", "--days", "1"),
    ):
        assert invoke(*wrong).exit_code == 2
