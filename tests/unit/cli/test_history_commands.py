"""`history` and `switch`: turns and branches as text and JSON, and going back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.models import Message
from tests.support import session, with_store
from tests.unit.cli.cli_runs import files_under, invoke

NOW = 1_779_100_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two turns, of which the second was taken back and asked in another way."""

    async def fill(opened: SqliteSessionStore) -> None:
        said = [Message.user("fix it"), Message.assistant("done"), Message.user("and \x1b[1mtest")]
        await opened.append("s", said, create=session("s", messages=()))
        await opened.rewind("s", 2)
        await opened.append("s", [Message.user("and document it")])

    path = tmp_path / "agent.a3s"
    with_store(path, fill, clock=lambda: NOW)
    return path


def test_history_prints_turns_and_branches(store: Path) -> None:
    before = files_under(store.parent)
    done = invoke("history", store, "s")
    assert done.exit_code == 0, done.output
    turns, branches = done.stdout.split("\n\n")
    assert [line.split(maxsplit=6)[0] for line in turns.splitlines()] == ["turn", "1", "2"]
    assert "and document it" in turns
    _, left, present = branches.splitlines()
    assert left.split()[:2] == ["1", "3"]
    assert present.split()[:3] == ["3", "*", "3"]
    assert "1 at 2" in present
    assert "\x1b" not in done.stdout
    assert files_under(store.parent) == before


def test_history_as_json_and_switch(store: Path) -> None:
    found = json.loads(invoke("history", store, "s", "--json").stdout)
    assert [one["prompt"] for one in found["turns"]] == ["fix it", "and document it"]
    assert [(one["generation"], one["current"]) for one in found["branches"]] == [
        (1, False),
        (3, True),
    ]
    done = invoke("switch", store, "s", "1")
    assert (done.exit_code, done.stdout) == (
        0,
        "The session is at generation 4, with the conversation of 1.\n",
    )
    assert json.loads(invoke("switch", store, "s", "3", "--json").stdout) == {"generation": 5}


@pytest.mark.parametrize(
    "given", [("history", "other"), ("switch", "other", "1"), ("switch", "s", "9")]
)
def test_what_is_not_there_exits_with_3(store: Path, given: tuple[str, ...]) -> None:
    command, *rest = given
    assert invoke(command, store, *rest).exit_code == 3
