"""The session that the demonstration saves: an agent finds why a login fails, and repairs it.

It is small, but has a value in every collection, as an engine would have saved it.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from a3s_store import SessionSnapshot
from a3s_store.models import (
    AgentEvent,
    AgentStart,
    ContextUsage,
    FindingSeverity,
    FindingStatus,
    LlmCostRecord,
    LoopCheckpoint,
    Message,
    ReviewFinding,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionConfig,
    SessionData,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskPriority,
    TaskStatus,
    TextBlock,
    TextDelta,
    TokenUsage,
    ToolArtifact,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
    TraceEvent,
    TraceEventKind,
    TranscriptSubject,
    TurnEnd,
    TurnStart,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)

SESSION_ID: Final = "fix-login"
RUN_ID: Final = "run-1"
_PROMPT: Final = "Since this morning users whose names have an umlaut cannot log in. Please fix it."
_MODEL: Final = "example-large"
_ARTIFACT: Final = "a3s://tool-output/bash/5f1c"
_OLD: Final = 'key = name.encode("ascii", "ignore")'
_NEW: Final = 'key = unicodedata.normalize("NFC", name).encode("utf-8")'

_TEST_LOG: Final = "\n".join(
    [f"tests/test_session.py::test_cookie_{number:03} PASSED" for number in range(120)]
    + ["tests/test_login.py::test_name_with_umlaut FAILED", "1 failed, 120 passed in 4.21s"]
)
_SOURCE: Final = f"""\
def find_user(name: str) -> User | None:
    {_OLD}
    return users.get(key)
"""


def _call(
    text: str, call_id: str, tool: str, arguments: Any, thought: str | None = None
) -> Message:
    blocks = (TextBlock(text=text), ToolUseBlock(id=call_id, name=tool, input=arguments))
    return Message(role="assistant", content=blocks, reasoning_content=thought)


_MESSAGES: Final = (
    Message.user(_PROMPT),
    _call(
        "I will run the tests first.",
        "call-1",
        "bash",
        {"command": "pytest -q", "timeout": 120},
        "Umlauts point to an encoding. The tests should say where.",
    ),
    Message.tool_result("call-1", _TEST_LOG, is_error=True),
    _call("One fails. Here is the lookup:", "call-2", "read", {"file_path": "app/login.py"}),
    Message.tool_result("call-2", _SOURCE),
    _call(
        "The name is cut down to ASCII before it is looked up. I will keep all of it.",
        "call-3",
        "edit",
        {"file_path": "app/login.py", "old_string": _OLD, "new_string": _NEW},
        'encode("ascii", "ignore") turns "Jürgen" into "Jrgen", who does not exist.',
    ),
    Message.tool_result("call-3", "1 replacement in app/login.py"),
    _call("Again, the tests.", "call-4", "bash", {"command": "pytest -q tests/test_login.py"}),
    Message.tool_result("call-4", "9 passed in 0.31s"),
    Message.assistant("Fixed: names are compared as Unicode now. All login tests pass."),
)

TWO_MORE: Final = (
    Message.user("Thank you. Does that hold for names typed on a Mac, too?"),
    Message.assistant("Yes. They arrive decomposed, and NFC makes them the same."),
)


def snapshot(now: int) -> SessionSnapshot:
    """Return the session with all its collections, last updated at `now` (Unix seconds)."""
    start_ms = (now - 95) * 1000
    return SessionSnapshot(
        session=_session(now),
        artifacts=(
            ToolArtifact(
                artifact_id="tool-output:bash:5f1c",
                artifact_uri=_ARTIFACT,
                tool_name="bash",
                content=_TEST_LOG,
                original_bytes=len(_TEST_LOG),
                shown_bytes=len(_TEST_LOG),
            ),
        ),
        retained_artifact_uris=(_ARTIFACT,),
        trace_events=_traces(),
        run_records=(_run(start_ms),),
        verification_reports=(_report(),),
        subagent_tasks=(_subagent(start_ms),),
        review_findings=(_finding(start_ms),),
    )


def checkpoint(now: int) -> LoopCheckpoint:
    """Return the run after its third tool round, as it would go on after a crash."""
    return LoopCheckpoint(
        run_id=RUN_ID,
        session_id=SESSION_ID,
        turn=3,
        messages=_MESSAGES[:7],
        total_usage=TokenUsage(prompt_tokens=8_120, completion_tokens=410, total_tokens=8_530),
        tool_calls_count=3,
        checkpoint_ms=(now - 30) * 1000,
    )


def _session(now: int) -> SessionData:
    return SessionData(
        id=SESSION_ID,
        config=SessionConfig(
            name="Login fails for names with umlauts",
            workspace="/srv/shop",
            system_prompt="You are a careful programmer. Test before and after each change.",
            max_context_length=200_000,
        ),
        messages=_MESSAGES,
        context_usage=ContextUsage(used_tokens=9_310, percent=0.04655, turns=4),
        total_usage=TokenUsage(prompt_tokens=11_240, completion_tokens=602, total_tokens=11_842),
        total_cost=0.0427,
        model_name=_MODEL,
        cost_records=_costs(now),
        tool_names=("bash", "edit", "read"),
        thinking_enabled=True,
        created_at=now - 95,
        updated_at=now,
        tasks=_tasks(),
    )


def _costs(now: int) -> tuple[LlmCostRecord, ...]:
    calls = ((3_010, 120, 0.0108), (4_110, 240, 0.0159), (4_120, 242, 0.016))
    first = datetime.datetime.fromtimestamp(now - 80, datetime.UTC)
    return tuple(
        LlmCostRecord(
            model=_MODEL,
            provider="example",
            prompt_tokens=sent,
            completion_tokens=received,
            total_tokens=sent + received,
            cost_usd=cost,
            timestamp=(first + datetime.timedelta(seconds=30 * number)).isoformat(),
            session_id=SESSION_ID,
        )
        for number, (sent, received, cost) in enumerate(calls)
    )


def _tasks() -> tuple[Task, ...]:
    done, high = TaskStatus.COMPLETED, TaskPriority.HIGH
    return (
        Task(id="1", content="Find the failing test", status=done, priority=high),
        Task(id="2", content="Mend the lookup", status=done, priority=high, dependencies=("1",)),
        Task(id="3", content="Look for the same mistake elsewhere", status=TaskStatus.PENDING),
    )


def _traces() -> tuple[TraceEvent, ...]:
    calls = (
        ("bash", False, 1, 4_420, len(_TEST_LOG), (_ARTIFACT,)),
        ("read", True, 0, 3, len(_SOURCE), ()),
        ("edit", True, 0, 5, 29, ()),
        ("bash", True, 0, 610, 17, ()),
    )
    return tuple(
        TraceEvent(
            kind=TraceEventKind.TOOL_EXECUTION,
            name=name,
            success=success,
            exit_code=exit_code,
            duration_ms=duration_ms,
            output_bytes=output_bytes,
            artifact_uris=uris,
        )
        for name, success, exit_code, duration_ms, output_bytes, uris in calls
    )


def _run(start_ms: int) -> RunRecord:
    usage = TokenUsage(prompt_tokens=3_010, completion_tokens=120, total_tokens=3_130)
    events: tuple[AgentEvent, ...] = (
        AgentStart(prompt=_PROMPT),
        TurnStart(turn=1),
        TextDelta(text="I will run the tests first."),
        ToolStart(id="call-1", name="bash"),
        ToolEnd(id="call-1", name="bash", output="1 failed, 120 passed", exit_code=1),
        TurnEnd(turn=1, usage=usage),
    )
    return RunRecord(
        snapshot=RunSnapshot(
            id=RUN_ID,
            session_id=SESSION_ID,
            status=RunStatus.COMPLETED,
            prompt=_PROMPT,
            created_at_ms=start_ms,
            updated_at_ms=start_ms + 91_000,
            result_text="Fixed: names are compared as Unicode now.",
            event_count=len(events),
        ),
        events=tuple(
            RunEventRecord(sequence=number, timestamp_ms=start_ms + 900 * number, event=event)
            for number, event in enumerate(events)
        ),
    )


def _report() -> VerificationReport:
    return VerificationReport(
        subject="app/login.py",
        status=VerificationStatus.PASSED,
        checks=(
            VerificationCheck(
                id="login-tests",
                kind="test",
                description="pytest -q tests/test_login.py",
                status=VerificationStatus.PASSED,
                required=True,
                evidence_uris=(_ARTIFACT,),
            ),
        ),
        residual_risks=("Names stored decomposed before the change are not found.",),
    )


def _subagent(start_ms: int) -> SubagentTaskSnapshot:
    return SubagentTaskSnapshot(
        task_id="task-1",
        parent_session_id=SESSION_ID,
        child_session_id="fix-login-review",
        agent="reviewer",
        description="Read the change to app/login.py as a stranger would.",
        status=SubagentStatus.COMPLETED,
        started_ms=start_ms + 60_000,
        updated_ms=start_ms + 78_000,
        finished_ms=start_ms + 78_000,
        output="The change is right. Old rows may need to be normalised, too.",
        success=True,
        progress=(
            SubagentProgressEntry(
                timestamp_ms=start_ms + 64_000, status="reading", metadata={"files": 2}
            ),
        ),
    )


def _finding(start_ms: int) -> ReviewFinding:
    return ReviewFinding(
        finding_id="finding-1",
        session_id=SESSION_ID,
        status=FindingStatus.PENDING,
        severity=FindingSeverity.WARNING,
        category="completeness",
        claim="Names that were stored decomposed before the change are still not found.",
        evidence="The report of the tests names this risk, and the reply does not.",
        suggestion="Normalise the stored names once.",
        subject=TranscriptSubject(turn_id="turn-2"),
        source_review_id="review-1",
        observed_at_ms=start_ms + 90_000,
        updated_at_ms=start_ms + 90_000,
    )
