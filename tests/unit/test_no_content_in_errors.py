"""No error, no cause of it and no log record has a text of a session."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import BaseStore, FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreError
from a3s_store.interop import import_directory
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    LlmConfigData,
    LlmCostRecord,
    Message,
    SessionConfig,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TextBlock,
    ToolEnd,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.models.checkpoint import StepOutcome
from a3s_store.wire import Model, decode, evolved
from tests.support import artifact, checkpoint, database, run, session, trace, with_store

MARK = "tell-no-one-4711"


def texts_of(error: BaseException) -> Iterator[str]:
    """Yield every text that an error and its causes could print."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        # Attributes that are in no dict, of errors made in C.
        yield from (repr(getattr(one, n, "")) for n in ("object", "doc", "name", "obj", "filename"))
        yield from getattr(one, "__notes__", ())
        # Not printed, but tools that collect errors may read it.
        waiting += [one.__cause__, one.__context__]


def assert_silent(error: BaseException) -> None:
    assert [text for text in texts_of(error) if MARK in text or ascii(MARK) in text] == []


@pytest.fixture(autouse=True)
def silent_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log records of a test must not have the text either."""
    caplog.set_level(logging.DEBUG, logger="a3s_store")
    yield
    assert MARK not in caplog.text


def whole() -> SessionSnapshot:
    """Return a snapshot with the mark in every text of every collection."""
    message = Message(
        role="user",
        reasoning_content=MARK,
        content=(
            TextBlock(text=MARK),
            ImageBlock(source=ImageSource(media_type=MARK, data=MARK)),
            ToolUseBlock(id="1", name=MARK, input={"a": [MARK]}),
            ToolResultBlock(tool_use_id="1", content=MARK),
            UnknownBlock(type="new", body={"a": MARK}),
        ),
        extra={"more": MARK},
    )
    event = ToolEnd(id="1", name=MARK, output=MARK, exit_code=1, metadata={"a": MARK})
    one = run(1, 1)
    return SessionSnapshot(
        session=session(
            messages=(message, message),
            config=SessionConfig(name=MARK, workspace=MARK, system_prompt=MARK),
            llm_config=LlmConfigData(provider=MARK, model=MARK, base_url=MARK),
            model_name=MARK,
            tool_names=(MARK,),
            tasks=(Task(id="1", content=MARK, status=TaskStatus.PENDING, tool=MARK),),
            cost_records=(
                LlmCostRecord(
                    model=MARK,
                    provider=MARK,
                    prompt_tokens=1,
                    completion_tokens=1,
                    total_tokens=1,
                    timestamp="2026-01-01T00:00:00Z",
                ),
            ),
        ),
        artifacts=(
            artifact(1).evolve(content=MARK, tool_name=MARK),
            artifact(2).evolve(content=MARK * 5_000),
        ),
        trace_events=(trace(1).evolve(name=MARK, details={"a": MARK}),),
        run_records=(
            one.evolve(
                snapshot=one.snapshot.evolve(prompt=MARK, result_text=MARK, error=MARK),
                events=(one.events[0].evolve(event=event),),
            ),
        ),
        verification_reports=(
            VerificationReport(
                subject=MARK,
                status=VerificationStatus.PASSED,
                residual_risks=(MARK,),
                checks=(
                    VerificationCheck(
                        id="1", kind=MARK, description=MARK, status=VerificationStatus.PASSED
                    ),
                ),
            ),
        ),
        subagent_tasks=(
            SubagentTaskSnapshot(
                task_id="1",
                parent_session_id="p",
                child_session_id="c",
                agent=MARK,
                description=MARK,
                status=SubagentStatus.RUNNING,
                started_ms=1,
                updated_ms=1,
                output=MARK,
                progress=(SubagentProgressEntry(timestamp_ms=1, status=MARK, metadata=[MARK]),),
            ),
        ),
    )


def workflow() -> WorkflowCheckpoint:
    outcome = StepOutcome(
        task_id="1", session_id="s", agent=MARK, output=MARK, success=True, structured={"a": MARK}
    )
    return WorkflowCheckpoint(
        workflow_id="w",
        steps=(WorkflowStepRecord(task_id="1", outcome=outcome),),
        checkpoint_ms=1,
    )


def spoilt(value: Any, bad: Any) -> Iterator[Any]:
    """Yield copies of a value, each with one attribute, at any depth, replaced by `bad`."""
    if isinstance(value, Model):
        for field in attrs.fields(type(value)):
            if field.name in {"id", "run_id", "session_id", "workflow_id", "api_key"}:
                continue
            before = getattr(value, field.name)
            for part in [*spoilt(before, bad), bad]:
                try:
                    yield evolved(value, {field.name: part})
                except StoreError as error:
                    assert_silent(error)  # refused at once
    elif type(value) is tuple:
        for index, item in enumerate(value):
            for part in [*spoilt(item, bad), bad]:
                yield (*value[:index], part, *value[index + 1 :])


BAD: list[Any] = [
    f"{MARK}\ud800",
    [f"{MARK}\udfff"],
    {"a": {"b": f"{MARK}\ud800"}},
    (MARK, object()),
    {"a": [MARK, float("nan")]},
    {1: MARK},
    MARK.encode(),
    TextBlock(text=f"{MARK}\ud800"),
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("kind", ["memory", "sqlite", "files"])
def test_what_cannot_be_saved_is_not_repeated(tmp_path: Path, kind: str, bad: Any) -> None:
    """In any attribute of any collection."""

    async def refused(saving: Awaitable[None]) -> int:
        try:
            await saving
        except StoreError as error:
            assert_silent(error)
            return 1
        return 0

    async def main() -> int:
        count = 0
        async with opened(kind, tmp_path) as store:
            for snapshot in spoilt(whole(), bad):
                count += await refused(store.save_snapshot(snapshot))
            for loop in spoilt(checkpoint(whole().session.messages), bad):
                count += await refused(store.save_loop_checkpoint("run-1", loop))
            for flow in spoilt(workflow(), bad):
                count += await refused(store.save_workflow_checkpoint("w", flow))
            for value in (bad, MARK, [MARK], (MARK,)):
                anything: Any = value
                count += await refused(store.save(anything))
                count += await refused(store.save_snapshot(anything))
                count += await refused(store.save_artifacts("a", anything))
                count += await refused(store.save_loop_checkpoint("r", anything))
        return count

    assert asyncio.run(main()) > 150


def opened(kind: str, folder: Path) -> Any:
    if kind == "memory":
        return MemorySessionStore()
    if kind == "files":
        return FileSessionStore.open(folder / "files")
    return SqliteSessionStore.open(folder / "s.db")


@pytest.mark.parametrize("text", [f"{MARK}\ud800", f"{MARK}\0", MARK * 100])
def test_what_cannot_be_an_id_is_not_repeated(text: str) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            calls: list[Callable[[], Awaitable[Any]]] = [
                lambda: store.load(text),
                lambda: store.delete(text),
                lambda: store.save(session(text)),
                lambda: store.load_loop_checkpoint(text),
                lambda: store.save_artifacts(text, []),
            ]
            for call in calls:
                with pytest.raises(StoreError) as caught:
                    await call()
                assert_silent(caught.value)

    asyncio.run(main())


async def save_all(store: BaseStore) -> None:
    await store.save_snapshot(whole())
    await store.save_loop_checkpoint("run-1", checkpoint(whole().session.messages))
    await store.save_workflow_checkpoint("w", workflow())


DAMAGE = {
    "other text": f"'{MARK}'",
    "broken JSON": f'\'{{"a": "{MARK}\'',
    "other JSON": f'\'{{"{MARK}": ["{MARK}"], "type": "{MARK}"}}\'',
    "no UTF-8": f"CAST(CAST('[\"{MARK}' AS BLOB) || X'ff' AS TEXT)",
    "a blob": f"CAST('{MARK}' AS BLOB)",
    "a number": "7",
}
# Ids may be repeated.
NOT_TOUCHED = {
    "meta.name",
    "owner.id",
    "loop_checkpoint.run_id",
    "workflow_checkpoint.workflow_id",
    "file_link.name",  # without the link the file does not open
    "file_link.value",
}


def columns(path: Path) -> list[tuple[str, str]]:
    with database(path) as conn:
        tables = conn.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return [
            (table, column[1])
            for (table,) in tables
            for column in conn.execute(f"PRAGMA table_info({table})").fetchall()
            if column[2] in {"TEXT", "BLOB"} and f"{table}.{column[1]}" not in NOT_TOUCHED
        ]


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_damaged_is_not_repeated(tmp_path: Path, what: str) -> None:
    """In any column: neither by loads, nor by verification, nor by partial loads."""
    path = tmp_path / "s.db"
    with_store(path, save_all)
    whole_file = path.read_bytes()
    errors = 0
    for table, column in columns(path):
        path.write_bytes(whole_file)
        with database(path) as conn:
            try:
                changed = conn.execute(f"UPDATE {table} SET {column} = {DAMAGE[what]}").rowcount
            except sqlite3.IntegrityError:
                continue  # the column takes no such value
            conn.commit()
        if not changed:
            continue  # the table has no rows
        errors += asyncio.run(_look(path))
    assert errors > 10


async def _look(path: Path) -> int:
    errors = 0
    async with SqliteSessionStore.open(path) as store:
        looks: list[Callable[[], Awaitable[Any]]] = [
            lambda: store.load("fix-login"),
            lambda: store.load_snapshot("fix-login"),
            lambda: store.load_loop_checkpoint("run-1"),
            lambda: store.load_workflow_checkpoint("w"),
            store.summaries,
            lambda: store.generations("fix-login"),
            lambda: store.fork("fix-login", "copy"),
            lambda: store.save_snapshot(whole()),
        ]
        for look in looks:
            try:
                await look()
            except StoreError as error:
                assert_silent(error)
                errors += 1
        report = await store.verify(depth="deep")
        assert MARK not in repr(report)
        assert MARK not in repr(report.as_json())
        try:
            recovered = await store.load_snapshot("fix-login", on_damage="report")
        except StoreError as error:
            assert_silent(error)
        else:
            assert MARK not in repr(recovered.damage)
    return errors


@pytest.mark.parametrize(
    "data",
    [
        f'{{"id": "fix-login", "{MARK}',
        f'{{"id": "fix-login", "messages": "{MARK}"}}',
        f'{{"id": "fix-login", "state": "{MARK}"}}',
        f'{{"id": "fix-login", "total_cost": "{MARK}", "created_at": 1, "updated_at": 1}}',
        f'["{MARK}"]',
        f'"{MARK}\\ud800"',
        f'{{"a": "{MARK}", "b": NaN}}',
        MARK,
    ],
)
def test_what_stands_in_a_broken_file_is_not_repeated(tmp_path: Path, data: str) -> None:
    folder = tmp_path / "files"

    async def main() -> None:
        async with FileSessionStore.open(folder) as store:
            await save_all(store)
        files = list(folder.rglob("*.json"))
        assert len(files) == 8
        for path in files:
            before = path.read_bytes()
            for text in (data.encode(), data.encode() + b"\xff"):
                path.write_bytes(text)
                await look()
            path.write_bytes(before)

    async def look() -> None:
        async with FileSessionStore.open(folder) as store:
            looks: list[Callable[[], Awaitable[Any]]] = [
                store.list,
                store.inventory,
                lambda: store.load_snapshot("fix-login"),
                lambda: store.load_loop_checkpoint("run-1"),
                lambda: store.load_workflow_checkpoint("w"),
            ]
            for one in looks:
                try:
                    await one()
                except StoreError as error:
                    assert_silent(error)
        async with MemorySessionStore() as target:
            report = await import_directory(target, folder)
            assert MARK not in repr(report)

    asyncio.run(main())


@pytest.mark.parametrize(
    "text",
    [f'{{"role": "{MARK}', f'"{MARK}"', f'{{"role": 5, "content": "{MARK}"}}', f"{MARK}\ud800"],
)
def test_what_cannot_be_decoded_is_not_repeated(text: str) -> None:
    for form in (text, text.encode("utf-8", "surrogatepass")):
        with pytest.raises(StoreError) as caught:
            decode(Message, form)
        assert_silent(caught.value)
