"""`list`, `show`, `info`: what they print, as text and as JSON, and what never gets through."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from a3s_store.backends.sqlite.schema import migrate
from a3s_store.cli.collection_printers import COLLECTION_WORDS
from a3s_store.cli.listing import sessions_table
from a3s_store.cli.output import fold
from a3s_store.core.listing.values import SessionSummary
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    SessionConfig,
    SessionData,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    UnknownBlock,
)
from a3s_store.wire import encode, pretty
from examples.demo import session as demo_session
from tests.support import with_store
from tests.unit.cli.cli_runs import NOW, SESSION_ID, files_under, invoke, make_store, run

EVIL = "\x1b]0;owned\x07\x1b[31m\x9b31m[bold red]markup[/bold red] :smile:\u202egnp.exe"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "agent.a3s")


def evil_session() -> SessionData:
    content = (
        TextBlock(text=EVIL),
        ImageBlock(source=ImageSource(media_type=EVIL, data="AAAA")),
        ToolUseBlock(id=EVIL, name=EVIL, input={EVIL: EVIL, "long": EVIL * 9}),
        ToolResultBlock(tool_use_id=EVIL, content=EVIL, is_error=True),
        UnknownBlock(type=EVIL, body={}),
    )
    return SessionData(
        id=f"evil{EVIL}",
        config=SessionConfig(name=EVIL, workspace=EVIL),
        messages=(Message(role=EVIL, content=content, reasoning_content=EVIL),),
        model_name=EVIL,
        created_at=NOW,
        updated_at=NOW,
    )


def test_list_has_a_line_for_each_session(tmp_path: Path) -> None:
    later = SessionData(id="later", created_at=NOW, updated_at=NOW + 60)
    store = make_store(tmp_path / "agent.a3s", later)
    done = run("list", store)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert re.split(r" {2,}", lines[0]) == [
        "id", "name", "state", "msgs", "model", "updated", "cost",
    ]  # fmt: skip
    assert re.split(r" {2,}", lines[1]) == ["later", "Active", "0", "2026-05-18 10:27"]
    assert re.split(r" {2,}", lines[2]) == [
        "fix-login",
        "Login fails for names with umlauts",
        "Active",
        "12",
        "example-large",
        "2026-05-18 10:26",
        "$0.0427",
    ]
    found = json.loads(invoke("list", store, "--json").stdout)
    assert [summary["id"] for summary in found] == ["later", "fix-login"]
    assert found[1]["messages"] == 12
    assert found[1]["generation"] == 2
    assert found[1]["total_cost"] == 0.0427


def test_list_has_a_column_for_parents_where_there_are_some(store: Path) -> None:
    assert "parent" not in invoke("list", store).stdout.splitlines()[0]
    child = SessionData(id="child", parent_id=SESSION_ID, created_at=NOW, updated_at=NOW + 1)
    with_store(store, lambda opened: opened.save(child))
    header, first, second = invoke("list", store).stdout.splitlines()
    at = header.index("parent")
    assert first[at:].split()[0] == SESSION_ID
    assert second[at:].split()[0] != "child"
    listed = json.loads(invoke("list", store, "--json").stdout)
    assert [one["parent_id"] for one in listed] == [SESSION_ID, None]


def test_erase_with_tree_erases_child_sessions_too(store: Path) -> None:
    child = SessionData(id="child", parent_id=SESSION_ID, created_at=NOW, updated_at=NOW)
    with_store(store, lambda opened: opened.save(child))
    done = invoke("erase", store, SESSION_ID, "--tree", "--yes", "--json")
    assert json.loads(done.stdout)["found"] == ["child", SESSION_ID]
    assert json.loads(invoke("list", store, "--json").stdout) == []


def test_list_of_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def nothing(_: Any) -> None:
        return None

    with_store(path, nothing)
    result = invoke("list", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no sessions" in result.stderr
    assert json.loads(invoke("list", path, "--json").stdout) == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("session_id", ["x", "fix-login", "4fd2c1de-97f4-4c2f-b1cc-2c3f9d2d9f0e"])
def test_ids_are_whole_however_narrow_it_is(width: int, session_id: str) -> None:
    summary = SessionSummary(
        id=session_id,
        name="A name that is rather long and goes on for ever",
        state="Completed",
        workspace="/srv",
        model_name="provider/some-large-model-2026",
        messages=1234,
        total_tokens=1,
        total_cost=1.5,
        created_at=NOW,
        updated_at=NOW,
        generation=1,
    )
    console = Console(width=width, force_terminal=True, color_system=None, record=True)
    with console.capture() as captured:
        console.print(sessions_table(console, [summary]))
    lines = captured.get().splitlines()
    assert all(len(re.sub("\x1b\\[[0-9;]*m", "", line)) <= width for line in lines)
    if width >= 80:
        assert len(lines) == 2
        assert session_id in lines[1]
        assert "$1.50" in lines[1]


def test_show_reads_like_a_conversation(store: Path) -> None:
    done = run("show", store, SESSION_ID)
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert text.startswith("fix-login  Login fails for names with umlauts\nActive · 12 messages")
    for part in (
        "   1  user\n      Since this morning",
        "   2  assistant\n      Umlauts point to an encoding.",
        '→ bash  command="pytest -q"  timeout=120',
        "   3  tools\n      ← bash  failed\n        tests/test_session.py::test_cookie_000 PASSED",
        "… 110 more lines\n        tests/test_session.py::test_cookie_119 PASSED",
        "1 failed, 120 passed in 4.21s",
        "      → edit\n        file_path: app/login.py\n        old_string: key = name.encode(",
        "  12  assistant\n      Yes. They arrive decomposed",
    ):
        assert part in text
    assert "more lines" not in run("show", store, SESSION_ID, "--full").stdout


def test_show_the_last_messages_and_an_older_generation(store: Path) -> None:
    text = invoke("show", store, SESSION_ID, "--last", "1").stdout
    assert "… 11 earlier messages" in text
    assert "  12  assistant" in text
    assert "  11  user" not in text
    older = invoke("show", store, SESSION_ID, "--generation", "1")
    assert "10 messages" in older.stdout
    assert "as of generation 1" in older.stdout
    missing = invoke("show", store, SESSION_ID, "--generation", "9")
    assert (missing.exit_code, missing.stdout) == (3, "")
    assert "generation 9" in missing.stderr


def test_show_json_is_what_the_engine_would_write(store: Path) -> None:
    session = with_store(store, lambda opened: opened.load(SESSION_ID))
    assert session is not None
    found = json.loads(invoke("show", store, SESSION_ID, "--json").stdout)
    assert found == json.loads(pretty(encode(session)))
    last = json.loads(invoke("show", store, SESSION_ID, "--json", "--last", "2").stdout)
    assert last["messages"] == found["messages"][-2:]
    none = json.loads(invoke("show", store, SESSION_ID, "--json", "--last", "0").stdout)
    assert none["messages"] == []


COLLECTION_SAYS = {
    "runs": ["run-1  completed", "tool_end", "⇒ Fixed: names"],
    "traces": ["bash  tool  failed     1   4.4 s  5.5 KiB"],
    "artifacts": ["a3s://tool-output/bash/5f1c", "… 110 more lines"],
    "verification": ["app/login.py  passed", "login-tests  required", "risk: Names stored"],
    "subagents": ["task-1  reviewer  completed", "+4.0s  reading", "⇒ The change is right."],
    "findings": ["finding-1  warning  completeness  pending", "suggestion: Normalise"],
    "costs": ["example-large  3010", "$0.0108"],
    "tasks": ["pending    medium    Look for the same mistake elsewhere"],
    "checkpoints": ["      3           3         7    8530"],
}


@pytest.mark.parametrize("word", COLLECTION_WORDS)
def test_each_collection_can_be_shown(word: str, store: Path) -> None:
    done = invoke("show", store, SESSION_ID, "--collection", word)
    assert (done.exit_code, done.stderr) == (0, "")
    for part in COLLECTION_SAYS[word]:
        assert part in done.stdout
    values = json.loads(invoke("show", store, SESSION_ID, "--collection", word, "--json").stdout)
    assert len(values) >= 1
    last = json.loads(
        invoke("show", store, SESSION_ID, "--collection", word, "--json", "--last", "1").stdout
    )
    assert last == values[-1:]


def test_never_saved_saved_empty_and_not_there_are_three_things(tmp_path: Path) -> None:
    path = make_store(tmp_path / "a.a3s", SessionData(id="bare", created_at=NOW, updated_at=NOW))
    with_store(path, lambda store: store.save_artifacts("bare", []))
    with_store(path, lambda store: store.save_trace_events("families-only", []))
    never = invoke("show", path, "bare", "--family", "runs")
    assert (never.exit_code, never.stdout) == (0, "")
    assert "never saved" in never.stderr
    assert json.loads(invoke("show", path, "bare", "--family", "runs", "--json").stdout) is None
    empty = invoke("show", path, "bare", "--family", "artifacts", "--json")
    assert json.loads(empty.stdout) == []
    assert invoke("show", path, "families-only", "--family", "traces").exit_code == 0
    for args in (["nope"], ["families-only"], *(["nope", "--family", w] for w in COLLECTION_WORDS)):
        result = invoke("show", path, *args)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "there is no session" in result.stderr


def test_images_and_unknown_blocks_are_named(tmp_path: Path) -> None:
    source = ImageSource(media_type="image/png", data="A" * 4096)
    content = (
        ImageBlock(source=source),
        UnknownBlock(type="hologram", body={}),
        ToolResultBlock(
            tool_use_id="call-1",
            content=(ToolResultText(text="seen"), ToolResultImage(source=source)),
        ),
    )
    session = SessionData(
        id="images",
        messages=(Message(role="user", content=content),),
        created_at=NOW,
        updated_at=NOW,
    )
    text = invoke("show", make_store(tmp_path / "a.a3s", session), "images").stdout
    assert text.count("[image image/png, 3.0 KiB]") == 2
    assert "[hologram: a block that this release does not know]" in text
    assert "seen" in text
    assert "AAAA" not in text


@pytest.mark.parametrize("forced", [{}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}])
def test_stored_text_cannot_command_the_terminal(tmp_path: Path, forced: dict[str, str]) -> None:
    session = evil_session()
    path = make_store(tmp_path / "a.a3s", session)
    snapshot = demo_session.snapshot(NOW).fork(session.id)
    assert snapshot.run_records is not None
    run_record = snapshot.run_records[0]
    with_store(
        path,
        lambda store: store.save_run_records(
            session.id,
            [
                run_record.evolve(
                    snapshot=run_record.snapshot.evolve(id=EVIL, prompt=EVIL, result_text=EVIL)
                )
            ],
        ),
    )
    commands: list[list[str | Path]] = [
        ["list", path],
        ["show", path, session.id],
        ["show", path, session.id, "--full"],
        ["show", path, session.id, "--family", "runs"],
        ["show", path, session.id, "--family", "tasks"],
        ["show", path, session.id + "x"],
    ]
    for args in commands:
        done = run(*args, env=forced)
        for text in (done.stdout, done.stderr):
            ours = re.sub("\x1b\\[[0-9;]*m", "", text) if forced else text
            assert CONTROLS.findall(ours) == []
        if forced and args[0] == "show" and done.returncode == 0:
            assert "\x1b[31m[bold" not in done.stdout
    shown = run("show", path, session.id).stdout
    assert "[bold red]markup[/bold red] :smile:" in shown
    assert "\\x1b]0;owned\\x07" in shown
    as_json = run("show", path, session.id, "--json").stdout
    assert CONTROLS.findall(as_json) == []
    assert json.loads(as_json)["model_name"] == EVIL


def test_info_says_what_the_file_is(store: Path) -> None:
    result = invoke("info", store)
    assert result.exit_code == 0
    lines = dict(
        re.split(r" {2,}", line, maxsplit=1) for line in result.stdout.splitlines() if "  " in line
    )
    assert lines["store"] == str(store)
    assert lines["schema"] == str(migrate.newest())
    assert lines["journal mode"] == "wal"
    assert lines["sessions"] == "1"
    assert lines["messages"].startswith("12 ")
    assert lines["loop checkpoints"] == "1"
    assert lines["-wal"] == "empty"
    found = json.loads(invoke("info", store, "--json").stdout)
    assert found["location"] == str(store)
    assert found["counts"]["messages"] == 12
    assert found["facts"]["log_bytes"] == 0
    assert isinstance(found["advice"], list)
    assert list(files_under(store.parent)) == ["agent.a3s"]


def test_times_no_calendar_has_are_shown_as_they_are(tmp_path: Path) -> None:
    far = SessionData(id="far", created_at=0, updated_at=2**62)
    store = make_store(tmp_path / "a.a3s", far)
    assert str(2**62) in invoke("list", store).stdout
    assert str(2**62) in invoke("show", store, "far").stdout


def test_folding_counts_what_is_left_out() -> None:
    assert fold("a\nb\nc\n", 2) == ("a\nb\nc", "", "")  # one line less would save none
    assert fold("a\nb\nc\nd", 2) == ("a\nb", "… 2 more lines", "")
    assert fold("a\nb\nc\nd\ne", 3, 1) == ("a\nb", "… 2 more lines", "e")
    head, left, tail = fold("x" * 10_000, 5)
    assert (len(head), left, tail) == (4_000, "… 6 000 more characters", "")


def test_ids_names_and_paths_keep_to_their_lines(tmp_path: Path) -> None:
    """A text may have lines of its own; whatever names something must not imitate another line."""
    sly = "x\nrefused everything"
    named = SessionData(
        id=sly,
        config=SessionConfig(name=sly, workspace=sly),
        messages=(
            Message(
                role=sly,
                content=(
                    ImageBlock(source=ImageSource(media_type=sly, data="AAAA")),
                    ToolUseBlock(id=sly, name=sly, input={sly: "y" * 200}),
                    ToolResultBlock(
                        tool_use_id=sly,
                        content=(
                            ToolResultImage(source=ImageSource(media_type=sly, data="AAAA")),
                            UnknownBlock(type=sly, body={}),
                        ),
                    ),
                    UnknownBlock(type=sly, body={}),
                ),
            ),
        ),
        model_name=sly,
        created_at=NOW,
        updated_at=NOW,
    )
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(named))
    for command, *ids in (["show", sly], ["list"], ["show", f"?{sly}"]):
        printed = invoke(command, path, *ids)
        assert "refused everything" in printed.output
        assert not any(line.startswith("refused") for line in printed.output.split("\n"))
    printed = invoke("list", str(tmp_path / sly))
    assert not any(line.startswith("refused") for line in printed.output.split("\n"))
