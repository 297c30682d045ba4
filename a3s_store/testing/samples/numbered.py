"""Plain values as an agent would save them, told apart by a number.

Every number fits a signed column, ids are unique, and counts fit their lists. Keyword arguments
replace fields.
"""

from __future__ import annotations

from typing import Any

from a3s_store.agent_memory import MemoryItem, MemoryType
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    LlmCostRecord,
    LoopCheckpoint,
    Message,
    ReviewFinding,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    StepOutcome,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TextDelta,
    ToolArtifact,
    TraceEvent,
    TraceEventKind,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.testing.samples.collections import review_finding


def messages(count: int, *, start: int = 0, tag: str = "m") -> tuple[Message, ...]:
    """Return messages that are all different, of user and assistant in turn."""
    made = []
    for number in range(start, start + count):
        text = f"{tag} {number}: " + "words " * (number % 7)
        made.append(Message.user(text) if number % 2 == 0 else Message.assistant(text))
    return tuple(made)


def image(number: int, size: int) -> Message:
    """Return a message with an image of about `size` characters of base64."""
    source = ImageSource(media_type="image/png", data=f"{number:08d}" * (size // 8))
    return Message(role="user", content=(ImageBlock(source=source),))


def session(session_id: str = "fix-login", count: int = 4, **changes: Any) -> SessionData:
    """Return a session with `count` messages."""
    given: dict[str, Any] = {"messages": messages(count)}
    given |= {"created_at": 1_779_100_000, "updated_at": 1_779_100_000}
    return SessionData(id=session_id, **(given | changes))


def cost(number: int) -> LlmCostRecord:
    """Return a cost record."""
    return LlmCostRecord(
        model="m",
        provider="p",
        prompt_tokens=number,
        completion_tokens=2,
        total_tokens=number + 2,
        cost_usd=number / 8,
        timestamp="2026-05-18T10:00:00Z",
    )


def task(number: int) -> Task:
    """Return a pending task that depends on task 0."""
    return Task(
        id=f"t{number}", content=f"do {number}", status=TaskStatus.PENDING, dependencies=("t0",)
    )


def artifact(number: int, size: int = 10) -> ToolArtifact:
    """Return an artifact; its content has `size` ASCII characters and depends on the number."""
    text = f"{number:08d}" * (size // 8 + 1)
    return ToolArtifact(
        artifact_id=f"tool-output:bash:{number:016x}",
        artifact_uri=f"a3s://tool-output/bash/{number:016x}",
        tool_name="bash",
        content=text[:size],
        original_bytes=size,
        shown_bytes=min(size, 100),
    )


def trace(number: int, *, success: bool = True) -> TraceEvent:
    """Return a trace event of a tool call."""
    return TraceEvent(
        kind=TraceEventKind.TOOL_EXECUTION,
        name=f"tool-{number}",
        success=success,
        exit_code=0,
        duration_ms=number,
        output_bytes=10,
    )


def run(number: int, events: int, session_id: str = "fix-login", **changes: Any) -> RunRecord:
    """Return a run with `events` events; `changes` are fields of its snapshot."""
    given: dict[str, Any] = {
        "id": f"run-{number}",
        "status": RunStatus.EXECUTING,
        "prompt": "go on",
        "created_at_ms": 1_000 + number,
        "updated_at_ms": 2_000 + events,
    }
    return RunRecord(
        snapshot=RunSnapshot(session_id=session_id, event_count=events, **(given | changes)),
        events=tuple(
            RunEventRecord(sequence=i, timestamp_ms=i, event=TextDelta(text=f"{number}/{i}"))
            for i in range(events)
        ),
    )


def report(number: int, checks: int = 2) -> VerificationReport:
    """Return a verification report with `checks` checks."""
    return VerificationReport(
        subject=f"subject {number}",
        status=VerificationStatus.PASSED,
        checks=tuple(
            VerificationCheck(
                id=f"check-{number}-{i}",
                kind="test",
                description=f"check {i} of {number}",
                status=VerificationStatus.PASSED,
            )
            for i in range(checks)
        ),
    )


def subagent(number: int, session_id: str = "fix-login", entries: int = 2) -> SubagentTaskSnapshot:
    """Return a subagent task of this session with `entries` progress entries."""
    return SubagentTaskSnapshot(
        task_id=f"task-{number}",
        parent_session_id=session_id,
        child_session_id=f"child-{number}",
        agent="explore",
        description=f"look into {number}",
        status=SubagentStatus.COMPLETED,
        started_ms=number,
        updated_ms=number + 1,
        progress=tuple(
            SubagentProgressEntry(timestamp_ms=i, status=f"step {i} of {number}", metadata={"n": i})
            for i in range(entries)
        ),
    )


def finding(number: int, session_id: str = "fix-login") -> ReviewFinding:
    """Return a review finding of this session."""
    return review_finding(str(number), session_id=session_id, updated_at_ms=number + 1)


def checkpoint(
    history: tuple[Message, ...], run_id: str = "run-1", session_id: str = "fix-login"
) -> LoopCheckpoint:
    """Return a loop checkpoint with these messages."""
    return LoopCheckpoint(
        run_id=run_id, session_id=session_id, turn=1, messages=history, checkpoint_ms=5
    )


def workflow(workflow_id: str = "release", steps: int = 3) -> WorkflowCheckpoint:
    """Return a workflow checkpoint with `steps` finished steps."""
    return WorkflowCheckpoint(
        workflow_id=workflow_id,
        steps=tuple(
            WorkflowStepRecord(
                task_id=f"step-{i}",
                outcome=StepOutcome(
                    task_id=f"step-{i}",
                    session_id=f"child-{i}",
                    agent="build",
                    output=f"built {i}",
                    success=True,
                    structured={"n": i},
                ),
            )
            for i in range(steps)
        ),
        checkpoint_ms=7,
    )


def queue_entry(number: int, kind: str = "external_task", **changes: Any) -> QueueEntry:
    """Return a queue entry; `changes` are keys of its value."""
    value = {"command_type": "bash", "payload": {"command": f"make {number}"}, **changes}
    return QueueEntry(kind=kind, command_id=f"command-{number}", value=value)


def memory(number: int, content: str = "use tabs") -> MemoryItem:
    """Return a memory item with every field set, unknown keys too."""
    return MemoryItem(
        id=f"memory-{number}-{number}",
        content=f"{number}: {content}",
        timestamp=f"2026-05-18T10:00:0{number % 10}Z",
        importance=number / 8,
        tags=("success", f"tag-{number}"),
        memory_type=MemoryType.PROCEDURAL,
        metadata={"prompt": f"do {number}", "tools": "bash"},
        access_count=number,
        last_accessed="2026-05-18T11:00:00Z",
        extra={"later": {"n": number}},
    )
