"""Values of collections with every field set; counts, times and references need not agree."""

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
from a3s_store.models import (
    FindingSeverity,
    FindingStatus,
    ReviewFinding,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextDelta,
    ToolArtifact,
    ToolEnd,
    TraceEvent,
    TraceEventKind,
    TranscriptSubject,
    UnknownEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.testing._filled import filled
from a3s_store.testing.samples.sessions import ODD_JSON, U64_MAX


def artifact(name: str = "1", content: str = "output", **changes: Any) -> ToolArtifact:
    """Return an artifact; its byte counts differ from the size of its content."""
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
    """Return a trace event with every field set."""
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
    """Return a run; every third event has an unknown type, and sequence numbers repeat.

    `changes` are fields of its snapshot.
    """
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
    """Return a report that passed although its check failed: stores recompute nothing."""
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
    """Return a task with every field set; its progress entries repeat."""
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
    """Return a pending finding with every field set that it may have."""
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


# A function that makes a value of each collection, by the collection's name.
MAKERS: Final[dict[str, Callable[..., Any]]] = {
    one.name: _MAKERS.get(one) or functools.partial(_value_of, one) for one in COLLECTIONS
}


def items(collection: str, *names: str) -> tuple[Any, ...]:
    """Return one value of a collection for each name; equal names give equal values."""
    return tuple(MAKERS[collection](name) for name in names)
