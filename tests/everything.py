"""A store with something in every table: what tests of the whole file begin with."""

from __future__ import annotations

from a3s_store.agent_memory import MemoryItem, MemoryType
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
)
from a3s_store.core.drafts import Draft
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    LlmCostRecord,
    Message,
    ReviewFinding,
    StepOutcome,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.testing import samples
from tests.support import artifact, checkpoint, messages, run, session, trace

# Beyond what lies in a row: in blobs.
LARGE = 20_000


def cost(number: int) -> LlmCostRecord:
    """A cost record that differs from those of other numbers."""
    return LlmCostRecord(
        model="m",
        provider="p",
        prompt_tokens=number,
        completion_tokens=2,
        total_tokens=number + 2,
        cost_usd=number / 8,
        timestamp="2026-05-18T10:00:00Z",
    )


def report(number: int, checks: int = 2) -> VerificationReport:
    """A verification report with so many checks."""
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
    """A subagent task with so many progress entries."""
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


def image(number: int, size: int) -> Message:
    """A message with an image of about so many bytes."""
    source = ImageSource(media_type="image/png", data=f"{number:08d}" * (size // 8))
    return Message(role="user", content=(ImageBlock(source=source),))


def workflow(workflow_id: str = "release", steps: int = 3) -> WorkflowCheckpoint:
    """A workflow with so many finished steps."""
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


def finding(number: int, session_id: str) -> ReviewFinding:
    """A finding whose numbers all fit a column."""
    return samples.review_finding(str(number), session_id=session_id, updated_at_ms=number + 1)


def everything(session_id: str = "fix-login", count: int = 8) -> SessionSnapshot:
    """A snapshot with something in every family, `count` messages and images, large and small."""
    history = (*messages(count), image(1, 100), image(3, LARGE))
    tasks = tuple(
        Task(id=f"t{i}", content=f"do {i}", status=TaskStatus.PENDING, dependencies=("t0",))
        for i in range(3)
    )
    made = {
        ARTIFACTS: (artifact(1), artifact(2, LARGE), artifact(3)),
        TRACE_EVENTS: tuple(trace(n) for n in range(5)),
        RUN_RECORDS: tuple(run(n, 3, session_id) for n in range(3)),
        VERIFICATION_REPORTS: tuple(report(n) for n in range(2)),
        SUBAGENT_TASKS: tuple(subagent(n, session_id) for n in range(2)),
        REVIEW_FINDINGS: tuple(finding(n, session_id) for n in range(2)),
    }
    others = {
        one: one.bound_to(session_id, samples.items(one.name, "1", "2"))
        for one in COLLECTIONS
        if one not in made
    }
    return SessionSnapshot.of(
        session(
            session_id,
            messages=history,
            cost_records=tuple(cost(n) for n in range(4)),
            tasks=tasks,
            tool_names=("bash", "read"),
            total_cost=1.25,
            model_name="p/m",
            thinking_budget=100,
        ),
        {**made, **others},
        (artifact(1).artifact_uri,),
    )


def entry(number: int, kind: str = "external_task", **more: object) -> QueueEntry:
    """A queue entry whose value names its number."""
    value = {"command_type": "bash", "payload": {"command": f"make {number}"}, **more}
    return QueueEntry(kind=kind, command_id=f"command-{number}", value=value)


def memory(number: int, content: str = "use tabs") -> MemoryItem:
    """A memory with every field set, unknown keys too."""
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


async def fill(store: SqliteSessionStore) -> SessionSnapshot:
    """Put something into every table; answers what "fix-login" is in the end.

    It was compacted once, so it has two branches; "again" is a fork of it and went on by itself;
    "run-1" has a checkpoint that goes beyond the history and a draft, and "release" is a workflow.
    "fix-login" has three memories and three queue entries, "an agent", which is no session, two.
    """
    first = everything(count=12)
    await store.save_snapshot(first)
    summary = (Message.user("what came before, in short"), *first.session.messages[-3:])
    compacted = first.evolve(
        session=first.session.evolve(messages=summary, updated_at=1_779_100_009)
    )
    await store.save_snapshot(compacted)
    await store.save_queue_entries(
        "fix-login", claimed_by="a window", put=[entry(1), entry(2), entry(1, "dead_letter")]
    )
    await store.save_loop_checkpoint("run-1", checkpoint((*summary, *messages(3, tag="c"))))
    draft = Draft(position=7, text="a part", reasoning_content="as I thought", updated_at_ms=9)
    await store.save_draft("run-1", draft)
    await store.save_workflow_checkpoint("release", workflow())
    await store.fork("fix-login", "again", at=3)
    forked = await store.load("again")
    assert forked is not None
    await store.save(forked.evolve(messages=(*forked.messages, *messages(4, tag="f"))))
    await store.save_trace_events("families-only", (trace(1),))
    await store.save(session("deleted"))
    await store.delete("deleted")
    await store.memories("fix-login").store_all(memory(n) for n in range(1, 4))
    await store.memories("an agent").store_all(memory(n) for n in range(1, 3))
    return compacted
