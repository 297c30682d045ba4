"""Checkpoints of runs and workflows, with every field set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from a3s_store.models import (
    LoopCheckpoint,
    StepOutcome,
    TokenUsage,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.testing.samples.collections import verification_report
from a3s_store.testing.samples.sessions import ODD_JSON, U64_MAX, rich_messages


def loop_checkpoint(run_id: str, session_id: str = "s", **changes: Any) -> LoopCheckpoint:
    """Return a loop checkpoint with every field set and the messages of `rich_messages`."""
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
    """Return a workflow checkpoint; its two steps have the same id."""
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
