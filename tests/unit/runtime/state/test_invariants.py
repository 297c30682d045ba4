"""What must hold within one snapshot, before it is saved and after it is loaded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidSnapshotError
from a3s_store.models import (
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextDelta,
)
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.runtime.state.runs import RunLimits, RunStore

SESSION = SessionData(id="s", created_at=1, updated_at=1)


def run(
    run_id: str = "r", *, session: str = "s", sequences: tuple[int, ...] = (), count: int = 10
) -> RunRecord:
    return RunRecord(
        snapshot=RunSnapshot(
            id=run_id,
            session_id=session,
            status=RunStatus.EXECUTING,
            prompt="",
            created_at_ms=1,
            updated_at_ms=1,
            event_count=count,
        ),
        events=tuple(
            RunEventRecord(sequence=sequence, timestamp_ms=1, event=TextDelta(text="x"))
            for sequence in sequences
        ),
    )


def task(parent: str) -> SubagentTaskSnapshot:
    return SubagentTaskSnapshot(
        task_id="t",
        parent_session_id=parent,
        child_session_id="elsewhere",
        agent="a",
        description="",
        status=SubagentStatus.RUNNING,
        started_ms=1,
        updated_ms=1,
    )


def snapshot(*runs: RunRecord, tasks: tuple[SubagentTaskSnapshot, ...] = ()) -> SessionSnapshot:
    return SessionSnapshot(session=SESSION, run_records=runs, subagent_tasks=tasks)


def refused(found: SessionSnapshot) -> str:
    with pytest.raises(InvalidSnapshotError) as caught:
        validate_snapshot(found)
    return caught.value.what


def test_a_session_by_itself_is_valid() -> None:
    """S3x."""
    validate_snapshot(SessionSnapshot(session=SESSION))
    validate_snapshot(snapshot())


def test_a_run_id_that_stands_twice_is_refused() -> None:
    """S3x: run ids unique."""
    validate_snapshot(snapshot(run("a"), run("b")))
    assert refused(snapshot(run("a"), run("b"), run("a"))) == (
        'session snapshot "s" contains duplicate run id "a" at run record 2'
    )


def test_a_run_of_another_session_is_refused() -> None:
    """S3x: each run's session id is the session's."""
    assert refused(snapshot(run("a", session="other"))) == (
        'run "a" at record 0 belongs to session "other", but snapshot belongs to session "s"'
    )


def test_sequences_of_a_trimmed_run_are_accepted() -> None:
    """S3x: 7, 8, 9 with a count of 10."""
    validate_snapshot(snapshot(run(sequences=(7, 8, 9), count=10)))
    validate_snapshot(snapshot(run(sequences=(0, 3, 9), count=99)))
    validate_snapshot(snapshot(run(sequences=(), count=0)))


@pytest.mark.parametrize("sequences", [(7, 8, 8), (7, 8, 3)])
def test_a_sequence_that_does_not_rise_is_refused(sequences: tuple[int, ...]) -> None:
    """S3x: strictly rising."""
    assert refused(snapshot(run(sequences=sequences))) == (
        f'run "r" event 2 has sequence {sequences[2]}, which is not strictly greater than '
        "previous sequence 8"
    )


def test_a_count_behind_the_sequences_is_refused() -> None:
    """S3x: event_count covers the last sequence."""
    assert refused(snapshot(run(sequences=(7, 8, 9), count=9))) == (
        'run "r" event_count 9 does not cover retained event sequence 9; expected at least 10'
    )


def test_a_subagents_parent_is_this_session_or_not_known() -> None:
    """S3x: subagent parent."""
    validate_snapshot(snapshot(tasks=(task(""), task("s"))))
    assert refused(snapshot(tasks=(task("s"), task("other")))) == (
        'subagent task "t" at record 1 belongs to parent session "other", but snapshot belongs '
        'to session "s"'
    )


def test_another_schema_version_is_refused() -> None:
    """S1x."""
    assert refused(snapshot().evolve(schema_version=2)) == (
        "unsupported session snapshot schema version 2; expected 1"
    )


def test_ids_are_shown_in_quotes_with_line_breaks_escaped() -> None:
    """S3x."""
    assert '"a\\n\\"b"' in refused(snapshot(run('a\n"b', session="other")))


@given(st.lists(st.integers(0, 12), max_size=8), st.integers(0, 14))
def test_a_run_is_valid_exactly_when_a_run_store_could_have_made_it(
    sequences: list[int], count: int
) -> None:
    """S3x."""
    valid = sequences == sorted(set(sequences)) and all(n < count for n in sequences)
    found = snapshot(run(sequences=tuple(sequences), count=count))
    if valid:
        validate_snapshot(found)
    else:
        refused(found)


@given(st.integers(0, 30), st.none() | st.integers(0, 5))
def test_what_a_run_store_makes_is_valid_and_stays_so(events: int, cap: int | None) -> None:
    """S3x, R2, R4."""
    store = RunStore(RunLimits(max_events=cap))
    made = store.create_run("s", "p").id
    before: SessionSnapshot | None = None
    for _ in range(events):
        store.record_event(made, TextDelta(text="x"))
        found = snapshot(*store.records())
        validate_snapshot(found, before=before)
        before = found


def test_runs_that_were_looked_through_before_are_not_again_but_others_are() -> None:
    """S3x, for a save that costs what changed."""
    good, bad = run("a", sequences=(1, 2)), run("b", sequences=(2, 2))
    validate_snapshot(snapshot(good, bad), before=snapshot(bad))
    for before in (None, snapshot(good), snapshot(good, run("b", sequences=(2, 2)))):
        with pytest.raises(InvalidSnapshotError):
            validate_snapshot(snapshot(good, bad), before=before)
    with pytest.raises(InvalidSnapshotError):
        validate_snapshot(snapshot(good, good), before=snapshot(good))
