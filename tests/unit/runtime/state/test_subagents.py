"""Tasks given to subagents: what their events make of them, cancelling, and how many are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import SessionConfigError
from a3s_store.models import (
    AgentEvent,
    SubagentEnd,
    SubagentProgress,
    SubagentStart,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextDelta,
)
from a3s_store.runtime.state.subagents import SubagentTracker


class Hands:
    """A clock that is moved by hand."""

    def __init__(self, now: int = 1000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def start(task: str, parent: str = "parent", description: str = "find things") -> SubagentStart:
    return SubagentStart(
        task_id=task,
        session_id=f"child of {task}",
        parent_session_id=parent,
        agent="explore",
        description=description,
    )


def progress(task: str, status: str = "reading") -> SubagentProgress:
    return SubagentProgress(
        task_id=task, session_id=f"child of {task}", status=status, metadata={"n": 1}
    )


def end(task: str, success: bool = True, output: str = "found") -> SubagentEnd:
    return SubagentEnd(
        task_id=task,
        session_id=f"child of {task}",
        agent="explore",
        output=output,
        success=success,
    )


def get(tracker: SubagentTracker, task: str = "t") -> SubagentTaskSnapshot:
    found = tracker.get(task)
    assert found is not None
    return found


def ids(tasks: tuple[SubagentTaskSnapshot, ...]) -> list[str]:
    return [task.task_id for task in tasks]


def tracked(*events: AgentEvent, **given: Any) -> SubagentTracker:
    tracker = SubagentTracker(clock=Hands(), **given)
    for event in events:
        tracker.record_event(event)
    return tracker


# -- Events -----------------------------------------------------------------------------------


def test_a_task_starts_shows_progress_and_ends() -> None:
    """11.3: start, progress, end."""
    clock = Hands(10)
    tracker = SubagentTracker(clock=clock)
    assert tracker.record_event(start("t"))
    clock.now = 20
    tracker.record_event(progress("t"))
    running = get(tracker)
    clock.now = 30
    tracker.record_event(end("t"))
    done = get(tracker)
    assert (running.status, running.finished_ms, running.updated_ms) == ("running", None, 20)
    assert [(e.timestamp_ms, e.status, e.metadata) for e in running.progress] == [
        (20, "reading", {"n": 1})
    ]
    assert (done.parent_session_id, done.child_session_id) == ("parent", "child of t")
    assert (done.agent, done.description) == ("explore", "find things")
    assert (done.status, done.success, done.output) == ("completed", True, "found")
    assert (done.started_ms, done.updated_ms, done.finished_ms) == (10, 30, 30)
    assert done.progress == running.progress


def test_a_task_that_ends_badly_failed() -> None:
    """11.3."""
    assert get(tracked(start("t"), end("t", success=False))).status is SubagentStatus.FAILED


@pytest.mark.parametrize("first", [progress("t"), end("t")])
def test_the_first_event_of_an_unknown_task_makes_one_without_a_parent(first: AgentEvent) -> None:
    """11.3: unknown id."""
    found = get(tracked(first))
    assert (found.parent_session_id, found.description) == ("", "")
    assert found.child_session_id == "child of t"
    assert found.agent == ("explore" if isinstance(first, SubagentEnd) else "")


@given(st.lists(st.sampled_from([progress("t"), end("t")]), min_size=1, max_size=4))
def test_a_late_start_fills_in_what_is_missing_and_changes_nothing_else(
    events: list[AgentEvent],
) -> None:
    """11.3: late start."""
    clock = Hands(10)
    tracker = SubagentTracker(clock=clock)
    for event in events:
        tracker.record_event(event)
    before = get(tracker)
    clock.now = 50
    tracker.record_event(start("t"))
    assert get(tracker) == before.evolve(
        parent_session_id="parent", agent="explore", description="find things", updated_ms=50
    )


def test_other_events_change_nothing() -> None:
    """11.3."""
    tracker = tracked(start("t"))
    before = tracker.snapshots()
    assert not tracker.record_event(TextDelta(text="x"))
    assert tracker.snapshots() is before


def test_times_of_a_task_never_go_back() -> None:
    """11.3."""
    clock = Hands(100)
    tracker = SubagentTracker(clock=clock)
    tracker.record_event(start("t"))
    clock.now = 5
    tracker.record_event(progress("t"))
    tracker.record_event(end("t"))
    found = get(tracker)
    assert (found.updated_ms, found.finished_ms) == (100, 100)
    assert found.progress[0].timestamp_ms == 100


# -- Cancelling -------------------------------------------------------------------------------


def test_a_cancelled_task_stays_cancelled_and_still_gets_its_output() -> None:
    """11.3: cancelled is not overwritten."""
    stopped: list[str] = []
    tracker = tracked(start("t"))
    tracker.register_canceller("t", lambda: stopped.append("t"))
    assert tracker.cancel("t")
    assert stopped == ["t"]
    assert get(tracker).status is SubagentStatus.CANCELLED
    tracker.record_event(end("t", success=False, output="partly"))
    found = get(tracker)
    assert found.status is SubagentStatus.CANCELLED
    assert (found.success, found.output, found.finished_ms) == (False, "partly", 1000)


def test_an_end_that_comes_while_the_canceller_runs_does_not_win() -> None:
    """11.3: cancelled is not overwritten."""
    tracker = tracked(start("t"))
    tracker.register_canceller("t", lambda: tracker.record_event(end("t")))
    assert tracker.cancel("t")
    assert get(tracker).status is SubagentStatus.CANCELLED


def test_only_a_task_with_a_canceller_can_be_cancelled_and_once() -> None:
    """11.3: `cancel` is true only with a canceller."""
    tracker = tracked(start("t"), start("cleared"), start("ended"))
    assert not tracker.cancel("t")
    assert not tracker.cancel("unknown")
    assert get(tracker).status is SubagentStatus.RUNNING
    stopped: list[int] = []
    for task in ("t", "cleared", "ended"):
        tracker.register_canceller(task, lambda: stopped.append(1))
    tracker.clear_canceller("cleared")
    tracker.record_event(end("ended"))
    assert [tracker.cancel(task) for task in ("t", "t", "cleared", "ended")] == [True, *[False] * 3]
    assert stopped == [1]


def test_to_cancel_what_ended_does_not_change_how_it_ended() -> None:
    """11.3: `cancel` is true only with a canceller."""
    tracker = tracked(start("t"), end("t"))
    before = tracker.snapshots()
    tracker.register_canceller("t", lambda: None)
    assert tracker.cancel("t")
    assert tracker.snapshots() is before


def test_a_canceller_may_be_there_before_its_task() -> None:
    """11.3: `cancel` is true only with a canceller."""
    tracker = SubagentTracker(clock=Hands())
    stopped: list[int] = []
    tracker.register_canceller("t", lambda: stopped.append(1))
    assert tracker.cancel("t")
    assert (stopped, tracker.snapshots()) == ([1], ())


def test_cancelling_all_stops_what_can_be_stopped() -> None:
    """11.3, for the close of a session."""
    tracker = tracked(start("a"), start("b"), start("c"))
    stopped: list[str] = []
    tracker.register_canceller("a", lambda: stopped.append("a"))
    tracker.register_canceller("c", lambda: stopped.append("c"))
    assert tracker.cancel_all() == 2
    assert stopped == ["a", "c"]
    assert ids(tracker.pending()) == ["b"]


# -- Lists ------------------------------------------------------------------------------------


def test_lists_are_in_the_order_of_the_start() -> None:
    """11.3: lists."""
    clock = Hands()
    tracker = SubagentTracker(clock=clock)
    for now, task, parent in ((30, "c", "p"), (10, "a", "q"), (20, "b", "p"), (20, "b2", "p")):
        clock.now = now
        tracker.record_event(start(task, parent))
    tracker.record_event(end("b"))
    assert ids(tracker.snapshots()) == ["a", "b", "b2", "c"]
    assert ids(tracker.pending()) == ["a", "b2", "c"]
    assert ids(tracker.for_parent("p")) == ["b", "b2", "c"]
    assert len(tracker) == 4


def test_what_did_not_change_is_the_same_object() -> None:
    tracker = tracked(start("a"), progress("a"), start("b"), progress("b"))
    before = tracker.snapshots()
    assert tracker.snapshots() is before
    tracker.record_event(progress("b"))
    after = tracker.snapshots()
    assert after[0] is before[0]
    assert after[1].progress[0] is before[1].progress[0]
    assert len(after[1].progress) == 2


# -- Limits and restoring ---------------------------------------------------------------------


def test_finished_tasks_go_by_the_time_of_their_end_and_running_ones_stay() -> None:
    """11.1, 512 finished subagent tasks by default."""
    assert SubagentTracker().max_finished == 512
    tracker = tracked(
        start("runs"),
        *(start(task) for task in "abc"),
        *(end(task) for task in "cab"),
        max_finished=2,
    )
    assert ids(tracker.snapshots()) == ["runs", "a", "b"]
    tracker.record_event(start("d"))
    tracker.register_canceller("d", lambda: None)
    tracker.cancel("d")
    assert ids(tracker.snapshots()) == ["runs", "b", "d"]


def test_a_task_that_ends_again_ended_last() -> None:
    """11.1."""
    events = [start(task) for task in "abc"] + [end(task) for task in "abac"]
    assert ids(tracked(*events, max_finished=2).snapshots()) == ["a", "c"]


def test_without_a_limit_all_are_kept_and_with_zero_none_that_ended() -> None:
    """11.1."""
    events = [event for n in range(600) for event in (start(str(n)), end(str(n)))]
    assert len(tracked(*events, max_finished=None)) == 600
    assert ids(tracked(*events, start("runs"), max_finished=0).snapshots()) == ["runs"]
    with pytest.raises(SessionConfigError):
        SubagentTracker(max_finished=-1)


def test_stored_tasks_replace_all_and_cannot_be_cancelled() -> None:
    """11.3: `replace_snapshots`."""
    stored = tracked(start("t"), progress("t"), start("u"), end("u")).snapshots()
    tracker = tracked(start("gone"))
    for task in ("gone", "t"):
        tracker.register_canceller(task, lambda: None)
    tracker.replace_snapshots(stored)
    assert all(new is old for new, old in zip(tracker.snapshots(), stored, strict=True))
    assert not tracker.cancel("t")
    assert not tracker.cancel("gone")
    tracker.record_event(progress("t"))
    assert get(tracker, "t").progress[0] is stored[0].progress[0]
    assert len(get(tracker, "t").progress) == 2
    assert get(tracker, "u") is stored[1]


def test_stored_tasks_are_kept_under_the_limit_by_their_ends() -> None:
    """11.1, 11.3."""

    def ended(task: str, at: int, finished: int | None) -> SubagentTaskSnapshot:
        return SubagentTaskSnapshot(
            task_id=task,
            parent_session_id="parent",
            child_session_id="child",
            agent="explore",
            description="",
            status=SubagentStatus.CANCELLED,
            started_ms=1,
            updated_ms=at,
            finished_ms=finished,
        )

    # Of one that was cancelled and not heard of since, the last change is its end.
    stored = [ended("late", 40, 40), ended("z, early", 90, 10), ended("unheard", 20, None)]
    tracker = SubagentTracker(max_finished=2)
    tracker.replace_snapshots(stored)
    assert ids(tracker.snapshots()) == ["late", "unheard"]
