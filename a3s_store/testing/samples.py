"""The values the checks save: each model with every field set, and the awkward corners of JSON.

Plain functions, no strategies: a third party should see at once what its store was given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Collection,
)
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    AutoDelegationConfig,
    ConfirmationPolicy,
    ContextUsage,
    FindingSeverity,
    FindingStatus,
    ImageBlock,
    ImageSource,
    LaneHandlerConfig,
    LlmConfigData,
    LlmCostRecord,
    LoopCheckpoint,
    Message,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    ReviewFinding,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionConfig,
    SessionData,
    SessionLane,
    SessionQueueConfig,
    SessionState,
    StepOutcome,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TextBlock,
    TextDelta,
    TimeoutAction,
    TokenUsage,
    ToolArtifact,
    ToolEnd,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    TraceEvent,
    TraceEventKind,
    TranscriptSubject,
    UnknownBlock,
    UnknownEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.testing._filled import filled

U64_MAX: Final = 2**64 - 1

# Opaque JSON as it comes: order of keys, null, booleans beside numbers, integers beyond 64 bits.
ODD_JSON: Final[dict[str, Any]] = {
    "z": [True, 1, 1.0, False, 0, -0.0, None],
    "a": {"": "", "nested": [[], {}, [{"b": [None]}]]},
    "big": [2**63, U64_MAX, -(2**63), 2**130],
    "small": [5e-324, 1e300, 0.1 + 0.2, 1e16, 1e-7],
    "text": "\x00 \x1f \u2028 \ufeff \U0001f600 e\u0301 \u00e9 \\ud800 ' \" \\",
}


def session(session_id: str, texts: tuple[str, ...] = (), **changes: Any) -> SessionData:
    """A small session; `texts` become messages of user and assistant in turn."""
    given = {"created_at": 1_700_000_000, "updated_at": 1_700_000_100, **changes}
    return SessionData(id=session_id, messages=talk(*texts), **given)


def talk(*texts: str) -> tuple[Message, ...]:
    """Messages of user and assistant in turn."""
    makers = (Message.user, Message.assistant)
    return tuple(makers[index % 2](text) for index, text in enumerate(texts))


def rich_session(session_id: str) -> SessionData:
    """A session in which every field is set."""
    return SessionData(
        id=session_id,
        config=rich_config(),
        state=SessionState.PAUSED,
        messages=rich_messages(),
        context_usage=ContextUsage(used_tokens=100, max_tokens=200_000, percent=0.0005, turns=2),
        total_usage=TokenUsage(
            prompt_tokens=50, completion_tokens=50, total_tokens=100, cache_read_tokens=0
        ),
        total_cost=0.1 + 0.2,
        model_name="model-1",
        cost_records=(cost_record(), cost_record(), cost_record(cost_usd=None, session_id=None)),
        tool_names=("bash", "read", "bash"),
        thinking_enabled=True,
        thinking_budget=0,
        created_at=-1,
        updated_at=1_700_000_100,
        llm_config=LlmConfigData(provider="p", model="m", base_url="http://localhost:1"),
        tasks=(
            Task(
                id="t1",
                content="Look",
                status=TaskStatus.IN_PROGRESS,
                tool="bash",
                dependencies=("t0",),
                success_criteria="seen",
                extra={"later": [1]},
            ),
            Task(id="t1", content="Look", status=TaskStatus.PENDING),
        ),
        parent_id="nobody",
        tenant_id="tenant",
        principal="someone",
        agent_template_id="template",
        correlation_id="",
        extra={"future": ODD_JSON},
    )


def rich_config() -> SessionConfig:
    """A configuration in which the nested policies are set."""
    return SessionConfig(
        name="Test Session",
        workspace="/somewhere/else",
        system_prompt="You are helpful.",
        max_context_length=2**32 - 1,
        auto_compact=True,
        auto_compact_threshold=0.1,
        queue_config=SessionQueueConfig(
            lane_handlers={
                SessionLane.GENERATE: LaneHandlerConfig(timeout_ms=U64_MAX),
                SessionLane.CONTROL: LaneHandlerConfig(),
            },
            lane_timeouts={SessionLane.QUERY: 1},
        ),
        confirmation_policy=ConfirmationPolicy(
            timeout_action=TimeoutAction.AUTO_APPROVE,
            yolo_lanes=frozenset({SessionLane.QUERY, SessionLane.CONTROL}),
        ),
        permission_policy=PermissionPolicy(
            deny=(PermissionRule(rule="Bash(rm:*)"),),
            allow=(PermissionRule(rule="Read"), PermissionRule(rule="Read")),
            default_decision=PermissionDecision.DENY,
        ),
        auto_delegation=AutoDelegationConfig(min_confidence=0.8),
        parent_id="",
        extra={"newSwitch": True},
    )


def rich_messages() -> tuple[Message, ...]:
    """Messages with blocks of every type, unknown ones too, and equal ones that repeat."""
    png = ImageSource(media_type="image/png", data="iVBORw0KGgo=")
    call = ToolUseBlock(id="call-1", name="bash", input=ODD_JSON)
    parts = (
        ToolResultText(text="ok"),
        ToolResultImage(source=png),
        UnknownBlock(type="x", body={}),
    )
    return (
        Message.user("Hello"),
        Message(
            role="assistant",
            content=(TextBlock(text=""), call, call),
            reasoning_content="because",
        ),
        Message(
            role="user",
            content=(
                ToolResultBlock(tool_use_id="call-1", content=parts, is_error=False),
                ToolResultBlock(tool_use_id="call-1", content="plain", is_error=None),
                ToolResultBlock(tool_use_id="call-1", content=()),
            ),
        ),
        Message(role="system", content=()),
        Message(role="a role of its own", content=(ImageBlock(source=png),)),
        Message.user("Hello"),
        Message.user("Hello"),
        Message(role="user", content=(UnknownBlock(type="thinking_2", body={"b": 1, "a": None}),)),
        Message(
            role="user", content=(TextBlock(text="t", extra={"cache": {"a": 1}}),), extra={"n": 0}
        ),
    )


def cost_record(**changes: Any) -> LlmCostRecord:
    """A cost record with every field set."""
    given = {
        "model": "model-1",
        "provider": "p",
        "prompt_tokens": 1,
        "completion_tokens": U64_MAX,
        "total_tokens": 2,
        "cost_usd": 0.25,
        "timestamp": "2026-05-18T08:00:00.123456789Z",
        "session_id": "s",
        **changes,
    }
    return LlmCostRecord(**given)


def artifact(name: str = "1", content: str = "output", **changes: Any) -> ToolArtifact:
    """An artifact whose byte counts do not fit its content."""
    given = {
        "artifact_id": f"artifact-{name}",
        "artifact_uri": f"a3s://artifacts/{name}",
        "tool_name": "bash",
        "content": content,
        "original_bytes": U64_MAX,
        "shown_bytes": 0,
        **changes,
    }
    return ToolArtifact(**given)


def trace_event(name: str = "1", **changes: Any) -> TraceEvent:
    """A trace event with every field set."""
    given = {
        "kind": TraceEventKind.TOOL_EXECUTION,
        "name": name,
        "success": True,
        "exit_code": -1,
        "duration_ms": 5,
        "output_bytes": 6,
        "metadata_keys": ("b", "a"),
        "artifact_uris": ("a3s://artifacts/nowhere",),
        "details": ODD_JSON,
        **changes,
    }
    return TraceEvent(**given)


def run_record(name: str = "1", events: int = 3, **changes: Any) -> RunRecord:
    """A run with events, the last of a type nobody knows; sequences repeat and go back."""
    snapshot = {
        "id": f"run-{name}",
        "session_id": "another session",
        "status": RunStatus.EXECUTING,
        "prompt": "do",
        "created_at_ms": 10,
        "updated_at_ms": 9,
        "result_text": "",
        "event_count": 1,
        **changes,
    }
    kinds = (
        TextDelta(text="a"),
        ToolEnd(id="c", name="bash", output="o", exit_code=0, metadata=ODD_JSON),
        UnknownEvent(type="from_tomorrow", body={"z": 1, "a": {"b": []}}),
    )
    recorded = tuple(
        RunEventRecord(sequence=index % 2, timestamp_ms=U64_MAX - index, event=kinds[index % 3])
        for index in range(events)
    )
    return RunRecord(snapshot=RunSnapshot(**snapshot), events=recorded)


def verification_report(name: str = "1", **changes: Any) -> VerificationReport:
    """A report that passed although its check failed: nothing is recomputed."""
    check = VerificationCheck(
        id="c",
        kind="test",
        description="d",
        status=VerificationStatus.FAILED,
        required=True,
        suggested_tools=("bash",),
        residual_risk="some",
    )
    given = {
        "subject": name,
        "status": VerificationStatus.PASSED,
        "checks": (check, check),
        "residual_risks": ("r",),
        **changes,
    }
    return VerificationReport(**given)


def subagent_task(name: str = "1", **changes: Any) -> SubagentTaskSnapshot:
    """A task with every field set, and progress entries that repeat."""
    entry = SubagentProgressEntry(timestamp_ms=1, status="working", metadata=ODD_JSON)
    given = {
        "task_id": f"task-{name}",
        "parent_session_id": "",
        "child_session_id": "child",
        "agent": "explorer",
        "description": "d",
        "status": SubagentStatus.COMPLETED,
        "started_ms": 1,
        "updated_ms": U64_MAX,
        "finished_ms": 0,
        "output": "",
        "success": False,
        "progress": (entry, entry, entry.evolve(metadata=None)),
        **changes,
    }
    return SubagentTaskSnapshot(**given)


def review_finding(name: str = "1", **changes: Any) -> ReviewFinding:
    """A finding with every field set that a pending one may have."""
    given = {
        "finding_id": f"finding-{name}",
        "session_id": "s",
        "scenario_id": "reply transcript",
        "status": FindingStatus.PENDING,
        "severity": FindingSeverity.BLOCKER,
        "category": "correctness",
        "claim": f"the reply {name!r} is wrong",
        "evidence": "a test fails",
        "quote": "e\u0301 \u2028",
        "suggestion": "mend it",
        "subject": TranscriptSubject(turn_id="turn", run_id="run", char_start=0, char_end=U64_MAX),
        "source_review_id": "review",
        "reopen_reason": "not yet",
        "observed_at_ms": 1,
        "updated_at_ms": U64_MAX,
        "extra": {"later": ODD_JSON},
        **changes,
    }
    return ReviewFinding(**given)


_MAKERS: Final[dict[Collection, Callable[..., Any]]] = {
    ARTIFACTS: artifact,
    TRACE_EVENTS: trace_event,
    RUN_RECORDS: run_record,
    VERIFICATION_REPORTS: verification_report,
    SUBAGENT_TASKS: subagent_task,
    REVIEW_FINDINGS: review_finding,
}


def _value_of(collection: Collection, name: str = "1", **changes: Any) -> Any:
    return filled(collection.model, name).evolve(**changes)


# What makes a value of each collection, by its name.
MAKERS: Final[dict[str, Callable[..., Any]]] = {
    one.name: _MAKERS.get(one) or functools.partial(_value_of, one) for one in COLLECTIONS
}


def items(collection: str, *names: str) -> tuple[Any, ...]:
    """Values of a collection, one for each name; the same name twice gives equal values."""
    return tuple(MAKERS[collection](name) for name in names)


def loop_checkpoint(run_id: str, session_id: str = "s", **changes: Any) -> LoopCheckpoint:
    """A loop checkpoint of a rich conversation."""
    given = {
        "turn": 3,
        "messages": rich_messages(),
        "total_usage": TokenUsage(total_tokens=U64_MAX),
        "tool_calls_count": 2,
        "verification_reports": (verification_report(),),
        "checkpoint_ms": U64_MAX,
        "extra": {"later": None},
        **changes,
    }
    return LoopCheckpoint(run_id=run_id, session_id=session_id, **given)


def workflow_checkpoint(workflow_id: str, **changes: Any) -> WorkflowCheckpoint:
    """A workflow checkpoint of two steps with one id."""
    outcome = StepOutcome(
        task_id="t", session_id="s", agent="a", output="o", success=True, structured=ODD_JSON
    )
    steps = (
        WorkflowStepRecord(task_id="t", outcome=outcome),
        WorkflowStepRecord(task_id="t", outcome=outcome.evolve(structured=None)),
    )
    given = {"steps": steps, "checkpoint_ms": 7, "extra": {"later": 1}, **changes}
    return WorkflowCheckpoint(workflow_id=workflow_id, **given)


CHECKPOINT_MAKERS: Final[dict[str, Callable[..., Any]]] = {
    "loop_checkpoint": loop_checkpoint,
    "workflow_checkpoint": workflow_checkpoint,
}


def rich_snapshot(session_id: str) -> SessionSnapshot:
    """A snapshot in which every collection has values."""
    collections: dict[str, Any] = {
        collection: items(collection, "1", "2", "1") for collection in MAKERS
    }
    return SessionSnapshot(
        session=rich_session(session_id),
        retained_artifact_uris=("a3s://artifacts/1", "a3s://artifacts/not-there"),
        **collections,
    )


def small_snapshot(session_id: str, text: str) -> SessionSnapshot:
    """A snapshot that says `text` in its session and in each of its collections."""
    collections: dict[str, Any] = {collection: items(collection, text) for collection in MAKERS}
    return SessionSnapshot(session=session(session_id, (text, text)), **collections)
