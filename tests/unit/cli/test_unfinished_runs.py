"""`list`, `show` and `doctor` tell of runs that did not end, which `load` knows nothing of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.core.changes import RunCheckpoint, SessionChanges
from a3s_store.core.drafts import Draft
from a3s_store.core.live_window import close_window, open_window
from a3s_store.models import (
    LoopCheckpoint,
    Message,
    RunRecord,
    RunSnapshot,
    RunStatus,
    ToolUseBlock,
)
from tests.support import database, session, with_store
from tests.unit.cli.cli_runs import files_under, invoke

BEGAN = (Message.user("Hello"), Message.assistant("Good morning"))
SAID = (Message.user("The login fails"), Message.assistant("I read the log"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A session of two messages, in a folder of its own."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    path = folder / "s.a3s"
    with_store(path, lambda opened: opened.save(session(messages=BEGAN)))
    return path


def begin(
    path: Path, run_id: str = "run-1", *, claimed_by: str | None = None, draft: str | None = None
) -> None:
    """Keep a run of the session as a live session does."""

    async def use(opened: SqliteSessionStore) -> None:
        kept = LoopCheckpoint(
            run_id=run_id, session_id="fix-login", turn=1, messages=BEGAN + SAID, checkpoint_ms=1
        )
        changes = SessionChanges(
            session_id="fix-login",
            save_id=os.urandom(16),
            checkpoint=RunCheckpoint(checkpoint=kept, base_length=2, claimed_by=claimed_by),
            begins_run=True,
        )
        await opened.save_changes(changes, on=await opened.revision("fix-login"))
        if draft is not None:
            made = Draft(position=4, text=draft, reasoning_content="Perhaps the umlaut")
            await opened.save_draft(run_id, made, claimed_by=claimed_by)

    with_store(path, use)


def end(path: Path, run_id: str) -> None:
    """Store the run as completed, and leave its checkpoint."""
    snapshot = RunSnapshot(
        id=run_id,
        session_id="fix-login",
        status=RunStatus.COMPLETED,
        prompt="The login fails",
        created_at_ms=1,
        updated_at_ms=2,
    )
    record = RunRecord(snapshot=snapshot, events=())
    with_store(path, lambda opened: opened.save_run_records("fix-login", [record]))


def test_list_counts_what_only_a_checkpoint_has(store: Path) -> None:
    begin(store)
    assert "  2 (+2 interrupted)  " in invoke("list", store).stdout
    (found,) = json.loads(invoke("list", store, "--json").stdout)
    assert {name: found[name] for name in ("messages", "interrupted", "running", "draft")} == {
        "messages": 2,
        "interrupted": 1,
        "running": 0,
        "draft": False,
    }
    assert found["unsaved_messages"] == 2


def test_list_tells_a_run_under_way_from_an_interrupted_one(store: Path) -> None:
    token = open_window()
    try:
        begin(store, claimed_by=token)
        assert "  2 (1 running)  " in invoke("list", store).stdout
        begin(store, "run-2", draft="It")
        assert "  2 (+2 interrupted, 1 running)  " in invoke("list", store).stdout
    finally:
        close_window(token)
    (found,) = json.loads(invoke("list", store, "--json").stdout)
    assert (found["interrupted"], found["running"], found["draft"]) == (2, 0, True)


def test_show_prints_the_messages_of_an_interrupted_run_behind_the_conversation(
    store: Path,
) -> None:
    before = invoke("show", store, "fix-login").stdout
    begin(store)
    shown = invoke("show", store, "fix-login").stdout
    assert shown == before + (
        "\nInterrupted run run-1, not yet part of the conversation\n"
        "\n   3  user\n      The login fails\n"
        "\n   4  assistant\n      I read the log\n"
    )
    (number,) = with_store(store, lambda opened: opened.generations("fix-login"))
    assert (
        invoke("show", store, "fix-login", "--generation", str(number.number)).stdout.count(
            "Interrupted"
        )
        == 0
    )
    as_json = json.loads(invoke("show", store, "fix-login", "--json").stdout)
    assert len(as_json["messages"]) == 2


def test_show_says_that_a_run_is_under_way(store: Path) -> None:
    token = open_window()
    try:
        begin(store, claimed_by=token)
        shown = invoke("show", store, "fix-login").stdout
    finally:
        close_window(token)
    assert "\nRun run-1 is in progress, not yet part of the conversation\n" in shown
    assert "I read the log" in shown


def test_show_marks_a_draft_as_unfinished(store: Path) -> None:
    begin(store, draft="The user name has an")
    assert invoke("show", store, "fix-login").stdout.endswith(
        "\n   5  assistant  unfinished\n      Perhaps the umlaut\n      The user name has an\n"
    )


def test_show_leaves_out_a_run_that_ended(store: Path) -> None:
    before = invoke("show", store, "fix-login").stdout
    begin(store)
    end(store, "run-1")
    assert invoke("show", store, "fix-login").stdout == before
    assert "  2     " in invoke("list", store).stdout


def test_a_checkpoint_that_cannot_be_read_hides_no_conversation(store: Path) -> None:
    before = invoke("show", store, "fix-login").stdout
    begin(store)
    with database(store) as conn:
        conn.execute("UPDATE loop_checkpoint SET turn = 99")
        conn.commit()
    done = invoke("show", store, "fix-login")
    assert (done.exit_code, done.stdout) == (0, before)
    assert "cannot be shown" in done.stderr


def test_the_doctor_counts_checkpoints_and_writes_nothing(store: Path) -> None:
    token = open_window()
    try:
        begin(store, "under-way", claimed_by=token)
        for run_id in ("interrupted", "ended"):
            begin(store, run_id)
        end(store, "ended")
        gone = LoopCheckpoint(run_id="x", session_id="gone", turn=1, messages=(), checkpoint_ms=1)
        with_store(store, lambda opened: opened.save_loop_checkpoint("x", gone))
        before = files_under(store.parent)
        done = invoke("doctor", store, "--json")
    finally:
        close_window(token)
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    for name in (
        "running_runs",
        "interrupted_runs",
        "leftover_checkpoints",
        "orphaned_checkpoints",
    ):
        assert told["facts"][name] == 1, name
    assert told["removed_checkpoints"] == []
    said = " ".join(one["text"] for one in told["advice"])
    assert "Interrupted: 1 run." in said
    assert "Left over by ended runs: 1 checkpoint." in said
    assert "Of sessions that are not stored: 1 checkpoint." in said
    assert files_under(store.parent) == before


def test_fix_removes_what_is_left_over_and_nothing_else(store: Path) -> None:
    for run_id in ("interrupted", "ended"):
        begin(store, run_id)
    end(store, "ended")
    done = invoke("doctor", store, "--fix")
    assert done.exit_code == 0
    assert "Removed the checkpoint of run ended, which has ended." in done.stderr
    inventory = with_store(store, lambda opened: opened.inventory())
    assert inventory.loop_checkpoints == ("interrupted",)
    again = json.loads(invoke("doctor", store, "--fix", "--json").stdout)
    assert (again["removed_checkpoints"], again["facts"]["leftover_checkpoints"]) == ([], 0)


def test_fix_ends_the_calls_that_only_an_ended_run_waited_for(store: Path) -> None:
    call = Message(role="assistant", content=(ToolUseBlock(id="a", name="ls", input={}),))
    with_store(store, lambda opened: opened.save(session(messages=(*BEGAN, call))))
    begin(store)
    end(store, "run-1")
    assert json.loads(invoke("doctor", store, "--fix", "--json").stdout)["fixed"] == ["fix-login"]
