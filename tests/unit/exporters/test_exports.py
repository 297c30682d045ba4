"""Exports as Markdown, JSON lines and provider formats: nothing lost that the format can say."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import itertools
import json
import re
import shutil
import sqlite3
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SessionSnapshot, SqliteSessionStore
from a3s_store.cli import transfer
from a3s_store.errors import InvalidArgumentError
from a3s_store.exporters import formats
from a3s_store.exporters.chat import anthropic_messages, openai_chat
from a3s_store.exporters.csv_tables import COLUMNS
from a3s_store.exporters.loading import Loaded
from a3s_store.exporters.markdown import markdown
from a3s_store.interop import TransferReport, export_transcripts, import_directory, import_history
from a3s_store.models import Message, SessionData, ToolUseBlock
from a3s_store.testing import strategies
from tests.unit.cli.cli_runs import invoke, make_store
from tests.unit.exporters.export_values import HOSTILE, session_saying
from tests.unit.importers.history_files import HISTORIES, ROOT

UPSTREAM = ROOT / "tests" / "data" / "upstream"


def exported(snapshots: list[SessionSnapshot], folder: Path, **options: Any) -> TransferReport:
    async def main() -> TransferReport:
        async with MemorySessionStore() as store:
            for snapshot in snapshots:
                await store.save_snapshot(snapshot)
            return await export_transcripts(store, folder, **options)

    return asyncio.run(main())


def document(snapshot: SessionSnapshot) -> str:
    return "".join(markdown(Loaded(snapshot=snapshot).transcript()))


def test_json_lines_of_real_sessions_come_back_as_the_same_snapshots(tmp_path: Path) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store, MemorySessionStore() as back:
            await import_history(store, HISTORIES)
            for version in ("2.6.0", "3.1.0"):
                await import_directory(store, UPSTREAM / version, on_conflict="skip")
            assert (await export_transcripts(store, tmp_path, format="jsonl")).ok
            report = await import_history(back, tmp_path)
            assert report.ok
            assert report.formats == ("jsonl",)
            assert await back.list() == await store.list()
            for session_id in await store.list():
                one, other = [await s.load_snapshot(session_id) for s in (store, back)]
                assert one is not None
                assert other is not None
                assert one.digest() == other.digest()
            assert (await import_history(back, tmp_path)).count("read") == 0

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(snapshot=strategies.session_snapshot())
def test_json_lines_keep_any_snapshot(
    tmp_path_factory: pytest.TempPathFactory, snapshot: SessionSnapshot
) -> None:
    folder = tmp_path_factory.mktemp("jsonl")

    async def main() -> None:
        async with MemorySessionStore() as store, MemorySessionStore() as back:
            await store.save_snapshot(snapshot)
            session_id = snapshot.session.id
            await export_transcripts(store, folder, format="jsonl", session_ids=[session_id])
            assert (await import_history(back, folder)).ok
            one, other = [await s.load_snapshot(session_id) for s in (store, back)]
            assert one is not None
            assert other is not None
            assert one.digest() == other.digest()

    asyncio.run(main())


@pytest.mark.parametrize("damage", ["cut", "line", "byte", "kind"])
def test_damaged_json_lines_are_refused_as_a_whole(tmp_path: Path, damage: str) -> None:
    assert exported([session_saying("text")], tmp_path, format="jsonl").ok
    file = tmp_path / "s.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    changed = {
        "cut": b"".join(lines)[:-20],
        "line": b"".join([lines[0], *lines[2:]]),
        "byte": b"".join([*lines[:2], lines[2].replace(b"role", b"ro\xffe"), *lines[3:]]),
        "kind": b"".join([*lines, b'{"type":"nothing"}\n']),
    }
    file.write_bytes(changed[damage])

    async def main() -> tuple[TransferReport, list[str]]:
        async with MemorySessionStore() as store:
            return await import_history(store, tmp_path), await store.list()

    report, stored = asyncio.run(main())
    assert not report.ok
    assert report.count("refused") == 1
    assert stored == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_no_markup_in_markdown(text: str) -> None:
    found = document(session_saying(text))
    assert not re.search("[\x00\x1b\u202e\u2066]", found)
    outside, fence = [], None
    for line in found.split("\n"):
        if fence is None and (begun := re.match(r"(`{3,})(text|json)$", line)):
            fence = begun[1]
        elif fence is not None:
            if line == fence:
                fence = None
        else:
            outside.append(line)
    assert fence is None
    for line in outside:
        tags = re.findall(r"<[^>]*>", line)
        assert set(tags) <= {"<details>", "</details>", "<summary>", "</summary>"}, line
        assert not re.search(r"(?<!\\)\]\(", line), "no link"


def test_markdown_has_calls_with_results_branches_tokens_and_costs() -> None:
    found = document(session_saying("text"))
    assert "# text\n" in found
    assert "| text/text | 1 | 1 | 2 | $0.5000 |" in found
    assert "<summary>Call of text: failed</summary>" in found
    assert "<summary>Call of open, without a result</summary>" in found
    assert "<summary>Result of call losttext</summary>" in found


def test_provider_formats_have_a_result_for_each_call() -> None:
    lost: Counter[str] = Counter()
    messages = session_saying("text").session.messages
    chat = openai_chat(messages, lost)
    calls = [one["id"] for message in chat for one in message.get("tool_calls", ())]
    results = [message["tool_call_id"] for message in chat if message["role"] == "tool"]
    assert sorted(calls) == sorted(results) == ["open", "text"]
    assert lost["reasoning"] == 1
    assert lost["xtext block"] == 1
    sent = anthropic_messages(messages, Counter())
    roles = [one["role"] for one in sent]
    assert all(one != other for one, other in itertools.pairwise(roles))
    used = [b["id"] for m in sent for b in m["content"] if b["type"] == "tool_use"]
    given_back = [
        b["tool_use_id"] for m in sent for b in m["content"] if b["type"] == "tool_result"
    ]
    assert sorted(used) == sorted(given_back)


@settings(max_examples=60, deadline=None)
@given(st.lists(strategies.messages(), max_size=6))
def test_any_conversation_has_provider_formats_without_unmatched_calls(
    messages: list[Message],
) -> None:
    waiting: list[str] = []
    for message in openai_chat(messages, Counter()):
        if message["role"] == "tool" and "tool_call_id" in message:
            waiting.remove(message["tool_call_id"])
        else:
            assert not waiting
        waiting += [one["id"] for one in message.get("tool_calls", ())]
    assert not waiting
    json.dumps(anthropic_messages(messages, Counter()))


def test_files_are_for_their_owner_and_nothing_else_is_replaced(tmp_path: Path) -> None:
    snapshot = session_saying("text")
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "s.md").symlink_to(outside)
    refused = exported([snapshot], folder, format="markdown", on_conflict="replace")
    assert not refused.ok
    assert outside.read_text() == "mine"
    (folder / "s.md").unlink()
    assert exported([snapshot], folder, format="markdown").count("written") == 1
    assert stat.S_IMODE((folder / "s.md").stat().st_mode) == 0o600
    assert exported([snapshot], folder, format="markdown").count("skipped") == 1
    (folder / "s.md").write_text("edited")
    assert not exported([snapshot], folder, format="markdown").ok
    assert (folder / "s.md").read_text() == "edited"
    assert exported([snapshot], folder, format="markdown", on_conflict="skip").ok
    assert exported([snapshot], folder, format="markdown", on_conflict="replace").ok
    assert (folder / "s.md").read_text().startswith("# text")
    assert [one.name for one in folder.iterdir()] == ["s.md"], "nothing is left behind"


def test_ids_never_name_a_file_outside_and_two_ids_never_share_one(tmp_path: Path) -> None:
    ids = ["../up", "a/b", "a_b", "A_b", ".hidden", "x" * 900, "line\nfeed", "..", "con"]
    sessions = [SessionData(id=one, created_at=1, updated_at=1) for one in ids]
    folder = tmp_path / "out"
    report = exported([SessionSnapshot(session=one) for one in sessions], folder, format="jsonl")
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert {one.session_id for one in report.entries if one.outcome == "written"} == set(ids)
    names = {one.name for one in folder.iterdir()}
    assert len({name.casefold() for name in names}) == len(ids)
    assert {"A_b.jsonl", "con.jsonl"} < names, "ids that can be names are those"


def test_a_session_does_not_replace_the_file_of_another(tmp_path: Path) -> None:
    sessions = [SessionData(id=one, created_at=1, updated_at=1) for one in ("a/b", "a_b")]
    snapshots = [SessionSnapshot(session=one) for one in sessions]
    exported(snapshots[:1], tmp_path, format="jsonl", on_conflict="replace")
    exported(snapshots[1:], tmp_path, format="jsonl", on_conflict="replace")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_wrong_argument_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="markdown"):
        exported([], tmp_path, format="pdf")
    with pytest.raises(InvalidArgumentError, match="list of ids"):
        exported([], tmp_path, format="html", session_ids="s")
    report = exported([], tmp_path, format="html", session_ids=["none"])
    assert [one.reason for one in report.entries] == ["nothing is stored under this id"]


def test_the_command_line_exports_each_format(tmp_path: Path) -> None:
    store = make_store(tmp_path / "a.a3s")
    for name in transfer.EXPORTED[1:]:
        out = tmp_path / name
        assert invoke("export", store, out, "--format", name).exit_code == 0
        assert list(out.iterdir())
        shutil.rmtree(out)
    assert transfer.EXPORTED == formats.NAMES
    report = json.loads(
        invoke("export", store, tmp_path / "o", "--format", "openai", "--json").stdout
    )
    assert report["formats"] == ["openai"]
    assert report["ok"]


def test_ids_that_repeat_stay_with_their_round_in_markdown() -> None:
    messages = []
    for n in range(3):
        call = ToolUseBlock(id="same", name=f"tool{n}", input={})
        messages += [
            Message(role="assistant", content=(call,)),
            Message.tool_result("same", f"r{n}"),
        ]
    session = SessionData(id="s", messages=tuple(messages), created_at=1, updated_at=1)
    found = document(SessionSnapshot(session=session))
    assert re.findall(r"Call of (tool\d): done|^(r\d)$", found, re.M) == [
        ("tool0", ""), ("", "r0"), ("tool1", ""), ("", "r1"), ("tool2", ""), ("", "r2")
    ]  # fmt: skip


def test_csv_files_have_the_rows_of_the_views(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.a3s", tmp_path / "out"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await import_history(store, HISTORIES)
            await import_directory(store, UPSTREAM / "3.1.0")
            assert (await export_transcripts(store, folder, format="csv")).ok

    asyncio.run(main())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for view, columns in COLUMNS.items():
            query = f"SELECT {', '.join(columns)} FROM {view}"
            wanted = [
                ["" if cell is None else str(cell) for cell in row]
                for row in connection.execute(query)
            ]
            found = []
            for file in folder.glob(f"*.{view}.csv"):
                with file.open(encoding="utf-8", newline="") as lines:
                    head, *rows = csv.reader(lines)
                assert tuple(head) == columns
                found += rows
            assert wanted
            assert sorted(found) == sorted(wanted)
