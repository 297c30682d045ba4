"""Values to keep in a directory, and ways to look at the directory itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import a3s_store
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    AgentStart,
    LlmConfigData,
    LoopCheckpoint,
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionConfig,
    SessionData,
    StepOutcome,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextBlock,
    ToolArtifact,
    TraceEvent,
    TraceEventKind,
    VerificationReport,
    VerificationStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)

T = TypeVar("T")
FAMILY_NAMES = (
    "artifacts",
    "trace_events",
    "run_records",
    "verification_reports",
    "subagent_tasks",
)
CHECKPOINT_NAMES = ("loop_checkpoint", "workflow_checkpoint")


def message(text: str) -> Message:
    return Message(role="user", content=(TextBlock(text=text),))


def session(session_id: str, *texts: str, updated_at: int = 1700000100) -> SessionData:
    return SessionData(
        id=session_id,
        config=SessionConfig(name="Test Session", workspace="/home/dev/app"),
        messages=tuple(map(message, texts or ("Hello", "Hi there!"))),
        tool_names=("bash", "read"),
        created_at=1700000000,
        updated_at=updated_at,
        llm_config=LlmConfigData(provider="openai", model="m", api_key="secret-key"),
    )


def values(collection: str, tag: str = "1") -> tuple[Any, ...]:
    """One value of a collection, told apart by `tag`."""
    made: dict[str, Any] = {
        "artifacts": ToolArtifact(
            artifact_id=f"tool-output:bash:{tag}",
            artifact_uri=f"a3s://tool-output/bash/{tag}",
            tool_name="bash",
            content=f"line {tag}\n",
            original_bytes=7,
            shown_bytes=6,
        ),
        "trace_events": TraceEvent(
            kind=TraceEventKind.TOOL_EXECUTION,
            name=tag,
            success=True,
            exit_code=0,
            duration_ms=1,
            output_bytes=2,
        ),
        "run_records": RunRecord(
            snapshot=RunSnapshot(
                id=f"run-{tag}",
                session_id="any",
                status=RunStatus.COMPLETED,
                prompt="go",
                created_at_ms=1,
                updated_at_ms=2,
                event_count=1,
            ),
            events=(RunEventRecord(sequence=0, timestamp_ms=1, event=AgentStart(prompt="go")),),
        ),
        "verification_reports": VerificationReport(subject=tag, status=VerificationStatus.PASSED),
        "subagent_tasks": SubagentTaskSnapshot(
            task_id=tag,
            parent_session_id="any",
            child_session_id="child",
            agent="explore",
            description="look",
            status=SubagentStatus.RUNNING,
            started_ms=1,
            updated_ms=2,
        ),
    }
    return (made[collection],)


def snapshot(session_id: str, tag: str = "1", **changes: Any) -> SessionSnapshot:
    """A session with one value in every collection."""
    collections = {collection: values(collection, tag) for collection in FAMILY_NAMES}
    return SessionSnapshot(session=session(session_id, tag), **{**collections, **changes})


def checkpoint(kind: str, key: str, session_id: str = "s", at: int = 5) -> Any:
    if kind == "loop_checkpoint":
        return LoopCheckpoint(
            run_id=key, session_id=session_id, turn=1, messages=(message("x"),), checkpoint_ms=at
        )
    outcome = StepOutcome(
        task_id="a", session_id="task-run-a", agent="explore", output="ok", success=True
    )
    step = WorkflowStepRecord(task_id="a", outcome=outcome)
    return WorkflowCheckpoint(workflow_id=key, steps=(step,), checkpoint_ms=at)


async def save_family(store: Any, collection: str, session_id: str, given: tuple[Any, ...]) -> None:
    await getattr(store, f"save_{collection}")(session_id, given)


async def load_family(store: Any, collection: str, session_id: str) -> Any:
    return await getattr(store, f"load_{collection}")(session_id)


def run(directory: Path, work: Callable[[FileSessionStore], Awaitable[T]], **options: Any) -> T:
    """Open a store there, do the work, close it."""

    async def whole() -> T:
        async with FileSessionStore.open(directory, **options) as store:
            return await work(store)

    return asyncio.run(whole())


def files_in(directory: Path) -> dict[str, bytes]:
    """Every file below a directory with its bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def child(script: str, *given: object) -> subprocess.Popen[str]:
    """Another interpreter that runs a script; it finds this package and these samples."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(a3s_store.__file__).parents[1])},
    )
