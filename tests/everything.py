"""A store with rows in every table: what tests of a whole file begin with."""

from __future__ import annotations

from datetime import timedelta

from a3s_store.backends.sqlite import SqliteSessionStore
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
from a3s_store.core.streams.values import NewItem
from a3s_store.models import Message
from a3s_store.testing import samples
from a3s_store.testing.samples.numbered import (
    artifact,
    checkpoint,
    cost,
    finding,
    image,
    memory,
    messages,
    report,
    run,
    session,
    subagent,
    task,
    trace,
    workflow,
)
from a3s_store.testing.samples.numbered import queue_entry as entry

__all__ = ["LARGE", "entry", "everything", "fill", "image", "memory", "report", "workflow"]

# Characters of a text that is stored as a blob and not in its row.
LARGE = 20_000


def everything(session_id: str = "fix-login", count: int = 8) -> SessionSnapshot:
    """Return a snapshot with values in every collection, and with small and large images."""
    history = (*messages(count), image(1, 100), image(3, LARGE))
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
            tasks=tuple(task(n) for n in range(3)),
            tool_names=("bash", "read"),
            total_cost=1.25,
            model_name="p/m",
            thinking_budget=100,
        ),
        {**made, **others},
        (artifact(1).artifact_uri,),
    )


async def fill(store: SqliteSessionStore) -> SessionSnapshot:
    """Save rows into every table; return the last snapshot of the session "fix-login".

    "fix-login" was compacted once, so it has two branches; "again" is a fork of it with messages of
    its own. The run "run-1" has a draft and a checkpoint with more messages than the session has;
    "release" is a workflow. "fix-login" has three memory items and three queue entries, and the
    owner "an agent", for which there is no session, has two memory items. "fix-login" has a label,
    metadata and a mark, and a stream; "log" is a stream of no session.
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
    await store.save_trace_events("collections-only", (trace(1),))
    await store.save(session("deleted"))
    await store.delete("deleted")
    await store.memories("fix-login").store_all(memory(n) for n in range(1, 4))
    await store.memories("an agent").store_all(memory(n) for n in range(1, 3))
    await store.stream("host\x1ftied", session="fix-login").append(
        NewItem({"a": 1}, id="first", labels={"of": "run-1"}, metadata={"m": 1}),
        NewItem(b"bytes", id="second", ttl=timedelta(days=40_000)),
        {"large": "x" * LARGE},
        metadata={"version": 1},
    )
    await store.stream("log").append(b"y" * LARGE, "plain")
    await store.update("fix-login", labels={"kind": "bug"}, metadata={"since": [1]}, pinned=True)
    return compacted
