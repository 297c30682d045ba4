"""Three-way merges of whole sessions: laws on arbitrary ones, and each row of the table."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.batch import MADE
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.merging.sessions import Merged, Sides, merge_snapshots
from a3s_store.core.snapshot import ENDED, SessionSnapshot, check_snapshot
from a3s_store.models import (
    ContextUsage,
    LlmConfigData,
    LlmCostRecord,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    RunEventRecord,
    RunRecord,
    RunStatus,
    SessionConfig,
    SessionData,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TextDelta,
    TokenUsage,
    ToolArtifact,
)
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.testing import samples, strategies
from a3s_store.wire import evolved
from tests.support import artifact, run, session, trace

ID: Final = "fix-login"
PLAIN: Final = SessionSnapshot(session=session(ID, 1))
SNAPSHOTS: Final = strategies.session_snapshot(ID, size=2)
SOURCES: Final = st.sampled_from([None, MADE])


def sides(snapshot: SessionSnapshot, source: str | None = None) -> Sides:
    return Sides(snapshot=snapshot, name_source=source)


def merge(base: SessionSnapshot, ours: SessionSnapshot, theirs: SessionSnapshot) -> Merged:
    return merge_snapshots(sides(base), sides(ours), sides(theirs))


def with_session(**changes: Any) -> SessionSnapshot:
    return PLAIN.evolve(session=PLAIN.session.evolve(**changes))


def with_config(**changes: Any) -> SessionSnapshot:
    return with_session(config=PLAIN.session.config.evolve(**changes))


# -- Arbitrary sessions, and what grew out of them -------------------------------------------------


@st.composite
def grown(draw: st.DrawFn, base: SessionSnapshot) -> SessionSnapshot:
    """Some parts as in `base`, some of another session; lists trimmed and longer."""
    other = draw(SNAPSHOTS)
    session_parts = _mixed(draw, base.session, other.session)
    config = _mixed(draw, base.session.config, other.session.config)
    return _storable(
        _mixed(draw, base, other).evolve(session=session_parts.evolve(id=ID, config=config))
    )


def _mixed(draw: st.DrawFn, base: Any, other: Any) -> Any:
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(base)):
        old, new = getattr(base, field.name), getattr(other, field.name)
        if field.name in ("schema_version", "api_key") or isinstance(old, SessionData):
            continue
        how = draw(st.sampled_from(["old", "old", "new", "grown"]))
        if how == "new":
            changes[field.name] = new
        elif how == "grown" and isinstance(old, tuple) and isinstance(new, tuple):
            changes[field.name] = old[draw(st.integers(0, 1)) :] + new
    return base.evolve(**changes)


def _storable(snapshot: SessionSnapshot) -> SessionSnapshot:
    uris = () if snapshot.artifacts is None else snapshot.retained_artifact_uris
    return snapshot.evolve(retained_artifact_uris=tuple(dict.fromkeys(uris)), extra={})


def valid(snapshot: SessionSnapshot) -> SessionSnapshot:
    """With runs and tasks that belong to the session, of different ids, and events in order."""
    runs: dict[str, RunRecord] = {}
    for record in snapshot.run_records or ():
        start = record.snapshot.created_at_ms % 3
        events = tuple(
            one.evolve(sequence=start + number) for number, one in enumerate(record.events)
        )
        count = start + len(events) + record.snapshot.event_count % 2
        mine = record.snapshot.evolve(session_id=ID, event_count=count)
        runs[mine.id] = record.evolve(snapshot=mine, events=events)
    tasks = {one.task_id: one.evolve(parent_session_id=ID) for one in snapshot.subagent_tasks or ()}
    findings = {
        name: samples.review_finding(name, session_id=ID, claim=ascii(one.claim)[:99])
        for one in snapshot.review_findings or ()
        for name in (ascii(one.finding_id)[:99],)
    }
    found = snapshot.evolve(
        review_findings=None if snapshot.review_findings is None else tuple(findings.values()),
        run_records=None if snapshot.run_records is None else tuple(runs.values()),
        subagent_tasks=None if snapshot.subagent_tasks is None else tuple(tasks.values()),
    )
    validate_snapshot(found)
    return found


@st.composite
def three(draw: st.DrawFn) -> tuple[Sides, Sides, Sides]:
    """A session, and two that went on from it."""
    base = draw(SNAPSHOTS)
    return (
        sides(base, draw(SOURCES)),
        sides(draw(grown(base)), draw(SOURCES)),
        sides(draw(grown(base)), draw(SOURCES)),
    )


def comparable(snapshot: SessionSnapshot, messages: SessionSnapshot) -> SessionSnapshot:
    """Give both the same messages: those are merged by another function."""
    given_session = snapshot.session.evolve(messages=messages.session.messages)
    return snapshot.evolve(session=given_session)


@given(three())
def test_nothing_of_ours_is_theirs(found: tuple[Sides, Sides, Sides]) -> None:
    base, _, theirs = found
    merged = merge_snapshots(base, base, theirs)
    assert merged.snapshot == theirs.snapshot
    assert merged.name_source == theirs.name_source
    assert (merged.overwritten, merged.renamed_artifacts) == ((), ())


@given(three())
def test_nothing_of_theirs_is_ours(found: tuple[Sides, Sides, Sides]) -> None:
    """Except for fields that are always theirs, and a collection that we do not have."""
    base, ours, _ = found
    merged = merge_snapshots(base, ours, base)
    expected = comparable(ours.snapshot, base.snapshot)
    expected = expected.evolve(
        session=expected.session.evolve(
            created_at=base.session.created_at,
            parent_id=base.session.parent_id,
            config=expected.session.config.evolve(parent_id=base.session.config.parent_id),
        )
    )
    for name in (one.name for one in COLLECTIONS):
        if getattr(ours.snapshot, name) is None:
            expected = expected.evolve(**{name: getattr(base.snapshot, name)})
    if merged.snapshot.artifacts == () and base.snapshot.artifacts is None:
        expected = expected.evolve(artifacts=())
    for name in ("cache_read_tokens", "cache_write_tokens"):
        if getattr(ours.session.total_usage, name) is None:
            was = getattr(base.session.total_usage, name)
            usage = expected.session.total_usage.evolve(**{name: was})
            expected = expected.evolve(session=expected.session.evolve(total_usage=usage))
    assert merged.snapshot == expected
    assert merged.name_source == ours.name_source
    assert (merged.overwritten, merged.renamed_artifacts) == ((), ())


@given(three())
def test_any_merge_can_be_saved_and_changes_nothing_it_was_given(
    found: tuple[Sides, Sides, Sides],
) -> None:
    before = [side.snapshot.digest() for side in found]
    merged = merge_snapshots(*found)
    check_snapshot(merged.snapshot)
    merged.snapshot.digest()
    assert merge_snapshots(*found) == merged
    assert [side.snapshot.digest() for side in found] == before


@given(SNAPSHOTS, SNAPSHOTS, SNAPSHOTS)
def test_sessions_that_have_nothing_in_common_can_be_merged(
    base: SessionSnapshot, ours: SessionSnapshot, theirs: SessionSnapshot
) -> None:
    merged = merge(base, ours, theirs)
    check_snapshot(merged.snapshot)
    merged.snapshot.digest()


@given(three())
def test_valid_sessions_come_to_a_valid_one(found: tuple[Sides, Sides, Sides]) -> None:
    base, ours, theirs = (sides(valid(side.snapshot), side.name_source) for side in found)
    merged = merge_snapshots(base, ours, theirs).snapshot
    validate_snapshot(merged)
    for name, attribute in (("run_records", "snapshot.id"), ("subagent_tasks", "task_id")):
        was, our, their, now = (
            _by(getattr(side, name), attribute)
            for side in (base.snapshot, ours.snapshot, theirs.snapshot, merged)
        )
        for side in (our, their):
            for key, value in side.items():
                # All that was added or changed is there; trimmed elsewhere, it may be gone.
                assert key in now or value == was.get(key)


def _by(values: tuple[Any, ...] | None, path: str) -> dict[str, Any]:
    found = {}
    for value in values or ():
        key = value
        for name in path.split("."):
            key = getattr(key, name)
        found[key] = value
    return found


@given(three(), st.lists(st.integers(0, 9), max_size=3), st.lists(st.integers(0, 9), max_size=3))
def test_nothing_that_either_side_added_is_missing(
    found: tuple[Sides, Sides, Sides], mine: list[int], added: list[int]
) -> None:
    base = found[0].snapshot

    def longer(prefix: str, numbers: list[int]) -> SessionSnapshot:
        events = tuple(trace(number).evolve(name=f"{prefix}{number}") for number in numbers)
        costs = tuple(cost(0.5, prefix) for _ in numbers)
        put = tuple(
            artifact(number).evolve(content=f"{prefix}{number}")
            for number in dict.fromkeys(numbers)
        )
        old = {value.artifact_uri: value for value in (*(base.artifacts or ()), *put)}
        return base.evolve(
            trace_events=(*(base.trace_events or ()), *events),
            artifacts=tuple(old.values()),
            session=base.session.evolve(cost_records=(*base.session.cost_records, *costs)),
        )

    ours, theirs = longer("o", mine), longer("t", added)
    merged = merge(base, ours, theirs).snapshot
    names = Counter(event.name for event in merged.trace_events or ())
    models = Counter(record.model for record in merged.session.cost_records)
    contents = {value.content for value in merged.artifacts or ()}
    for prefix, numbers in (("o", mine), ("t", added)):
        assert models[prefix] >= len(numbers)
        for number, count in Counter(f"{prefix}{number}" for number in numbers).items():
            assert names[number] >= count
            assert number in contents


def cost(usd: float | None, model: str = "m") -> LlmCostRecord:
    return samples.cost_record(cost_usd=usd).evolve(model=model)


@given(st.lists(st.integers(0, 50), max_size=4), st.lists(st.integers(0, 50), max_size=4))
def test_what_both_counted_is_counted_once(mine: list[int], added: list[int]) -> None:
    base = with_session(total_cost=0.3, total_usage=TokenUsage(total_tokens=7))

    def counted(numbers: list[int]) -> SessionSnapshot:
        total = base.session.total_cost
        for number in numbers:
            total += number / 10
        return base.evolve(
            session=base.session.evolve(
                cost_records=tuple(cost(number / 10) for number in numbers),
                total_cost=total,
                total_usage=TokenUsage(total_tokens=7 + sum(numbers)),
            )
        )

    ours, theirs = counted(mine), counted(added)
    found = merge(base, ours, theirs).snapshot.session
    assert found.total_usage.total_tokens == 7 + sum(mine) + sum(added)
    assert math.isclose(found.total_cost, 0.3 + sum(mine) / 10 + sum(added) / 10, abs_tol=1e-9)
    # In two steps as in one.
    first = merge(base, ours, base).snapshot
    assert merge(base, first, theirs).snapshot.session == found


# -- No field is forgotten -------------------------------------------------------------------------

# Theirs in any case; or merged by a test of its own below.
_NEVER_OURS: Final = {"id", "created_at", "parent_id", "messages"}


def _changed(model: type[Any]) -> list[str]:
    fields = [field.name for field in attrs.fields(model)]
    return [name for name in fields if name not in _NEVER_OURS | {"api_key", "config"}]


@pytest.mark.parametrize("name", _changed(SessionData))
def test_a_field_of_the_session_that_only_we_changed_is_ours(name: str) -> None:
    rich = samples.rich_session(ID)
    base = SessionSnapshot(session=SessionData(id=ID, created_at=0, updated_at=0))
    ours = base.evolve(session=base.session.evolve(**{name: getattr(rich, name)}))
    assert ours != base
    theirs = base.evolve(trace_events=(trace(1),))
    merged = merge(base, ours, theirs)
    assert merged.snapshot == ours.evolve(trace_events=(trace(1),))


@pytest.mark.parametrize("name", _changed(SessionConfig))
def test_a_setting_that_only_we_changed_is_ours(name: str) -> None:
    base = with_config(max_parallel_tasks=None)
    now = {"storage_type": "memory", "planning_mode": "Disabled", "max_parallel_tasks": 3}
    rich = samples.rich_config()
    old, new = getattr(base.session.config, name), getattr(rich, name)
    if old == new:
        new = type(old)(now[name]) if name in now and old is not None else now.get(name, not old)
    ours = with_config(**{name: new})
    assert ours != base
    merged = merge(base, ours, with_session(state=samples.rich_session(ID).state))
    assert getattr(merged.snapshot.session.config, name) == new
    assert merged.snapshot.session.state == samples.rich_session(ID).state


# -- Table 2.2, row by row, with the smallest input ------------------------------------------------


def runs(*records: RunRecord) -> SessionSnapshot:
    return PLAIN.evolve(run_records=records)


def ended(record: RunRecord, status: RunStatus, **changes: Any) -> RunRecord:
    return record.evolve(snapshot=record.snapshot.evolve(status=status, **changes))


def event(sequence: int, text: str, at: int = 0) -> RunEventRecord:
    return RunEventRecord(sequence=sequence, timestamp_ms=at, event=TextDelta(text=text))


def with_events(record: RunRecord, *events: RunEventRecord) -> RunRecord:
    count = events[-1].sequence + 1 if events else 0
    return record.evolve(snapshot=record.snapshot.evolve(event_count=count), events=events)


def only_run(merged: Merged) -> RunRecord:
    validate_snapshot(merged.snapshot)
    (found,) = merged.snapshot.run_records or ()
    return found


def test_runs_are_united_theirs_first() -> None:
    merged = merge(runs(run(1, 1)), runs(run(1, 1), run(2, 1)), runs(run(1, 1), run(3, 1)))
    assert merged.snapshot.run_records == (run(1, 1), run(3, 1), run(2, 1))


def test_the_end_of_a_run_that_is_stored_stands() -> None:
    base = run(1, 2)
    ours = ended(base, RunStatus.COMPLETED, result_text="done")
    theirs = ended(base, RunStatus.CANCELLED, error="kept as 'x'")
    assert only_run(merge(runs(base), runs(ours), runs(theirs))) == theirs


@pytest.mark.parametrize("theirs", [RunStatus.PLANNING, RunStatus.VERIFYING])
def test_the_end_of_a_run_is_ours_where_none_is_stored(theirs: RunStatus) -> None:
    base = run(1, 2)
    ours = ended(base, RunStatus.COMPLETED)
    merged = only_run(merge(runs(base), runs(ours), runs(ended(base, theirs))))
    assert merged.snapshot.status in ENDED


def test_events_of_a_run_that_both_added_are_renumbered_behind_theirs() -> None:
    base = with_events(run(1, 0), event(0, "b", 5))
    ours = with_events(base, event(0, "b", 5), event(1, "o", 6), event(2, "o2", 9))
    theirs = with_events(base, event(0, "b", 5), event(1, "t", 8))
    found = only_run(merge(runs(base), runs(ours), runs(theirs)))
    assert found.events == (event(0, "b", 5), event(1, "t", 8), event(2, "o", 8), event(3, "o2", 9))
    assert found.snapshot.event_count == 4


def test_events_of_a_run_that_both_have_are_not_there_twice() -> None:
    """Also of a run that `base` does not have."""
    theirs = with_events(run(1, 0), event(0, "a"), event(1, "b"))
    ours = with_events(run(1, 0), event(0, "a"), event(1, "b"), event(2, "c"))
    assert only_run(merge(PLAIN, runs(ours), runs(theirs))) == ours
    base = with_events(run(1, 0), event(0, "a"))
    assert only_run(merge(runs(base), runs(ours), runs(theirs))) == ours


def test_events_of_a_run_that_either_side_trimmed_stay_trimmed() -> None:
    base = with_events(run(1, 0), *(event(number, "b") for number in range(4)))
    ours = with_events(base, *base.events[2:], event(4, "o"))
    theirs = with_events(base, *base.events[1:], event(4, "t"))
    found = only_run(merge(runs(base), runs(ours), runs(theirs)))
    assert [one.sequence for one in found.events] == [2, 3, 4, 5]


def test_events_of_a_run_cannot_be_numbered_beyond_the_largest_integer() -> None:
    last = with_events(run(1, 0), event(2**64 - 1, "b")).evolve(snapshot=run(1, 0).snapshot)
    ours = last.evolve(events=(*last.events, event(1, "o")))
    theirs = last.evolve(events=(*last.events, event(1, "t")))
    merge(runs(last), runs(ours), runs(theirs)).snapshot.digest()


def test_a_run_that_was_trimmed_is_gone_unless_it_was_touched() -> None:
    base = runs(run(1, 1), run(2, 1))
    assert merge(base, base, runs(run(2, 1))).snapshot.run_records == (run(2, 1),)
    ours = runs(run(1, 2), run(2, 1), run(3, 1))
    found = merge(base, ours, runs(run(2, 1))).snapshot.run_records
    assert found == (run(2, 1), run(1, 2), run(3, 1))
    found = merge(base, runs(run(2, 1), run(3, 1)), runs(run(1, 1), run(2, 2))).snapshot.run_records
    assert found == (run(2, 2), run(3, 1))


@pytest.mark.parametrize("name", ["trace_events", "verification_reports", "cost_records"])
def test_what_has_no_identity_is_theirs_then_ours(name: str) -> None:
    make: dict[str, Callable[[int], Any]] = {
        "trace_events": trace,
        "verification_reports": lambda n: samples.verification_report().evolve(subject=f"s{n}"),
        "cost_records": lambda n: cost(float(n)),
    }
    a, b, o, t = map(make[name], range(4))

    def of(*values: Any) -> SessionSnapshot:
        if name == "cost_records":
            return with_session(cost_records=values)
        return evolved(PLAIN, {name: values})

    merged = merge(of(a, b), of(b, o), of(a, b, t)).snapshot
    assert merged == of(b, t, o)
    # One that was replaced counts as all new.
    assert merge(of(a, b), of(o, o), of(a, b, t)).snapshot == of(t, o, o)


def artifacts(*values: ToolArtifact, pins: tuple[str, ...] = ()) -> SessionSnapshot:
    return PLAIN.evolve(artifacts=values, retained_artifact_uris=pins)


def test_an_artifact_that_both_put_is_kept_twice_unless_it_is_equal() -> None:
    ours, theirs = artifact(1).evolve(content="o"), artifact(1).evolve(content="t")
    uri = ours.artifact_uri
    other = f"{uri}?other={hashlib.sha256(b'o').hexdigest()[:12]}"
    merged = merge(PLAIN, artifacts(ours), artifacts(theirs))
    assert merged.snapshot.artifacts == (theirs, ours.evolve(artifact_uri=other))
    assert merged.renamed_artifacts == (other,)
    merged = merge(PLAIN, artifacts(ours), artifacts(ours, artifact(2)))
    assert merged.snapshot.artifacts == (ours, artifact(2))
    assert merged.renamed_artifacts == ()


def test_an_artifact_put_here_and_untouched_there_is_ours() -> None:
    ours = artifact(1).evolve(content="o")
    merged = merge(artifacts(artifact(1)), artifacts(ours), artifacts(artifact(1), artifact(2)))
    assert merged.snapshot.artifacts == (ours, artifact(2))


def test_pins_are_a_set() -> None:
    base = artifacts(artifact(1), artifact(2), artifact(3), pins=("a", "b"))
    ours = base.evolve(retained_artifact_uris=("b", "c"))
    theirs = base.evolve(retained_artifact_uris=("a", "b", "d"))
    assert merge(base, ours, theirs).snapshot.retained_artifact_uris == ("b", "d", "c")


def test_an_artifact_that_we_pinned_is_not_let_go_elsewhere() -> None:
    base = artifacts(artifact(1), artifact(2))
    ours = base.evolve(retained_artifact_uris=(artifact(1).artifact_uri,))
    theirs = artifacts(artifact(2), artifact(3))
    merged = merge(base, ours, theirs).snapshot
    assert merged.artifacts == (artifact(2), artifact(3), artifact(1))
    assert merged.retained_artifact_uris == (artifact(1).artifact_uri,)


def test_pins_without_artifacts_can_be_saved() -> None:
    base = artifacts(artifact(1))
    ours = base.evolve(retained_artifact_uris=("elsewhere",))
    merged = merge(base, ours, PLAIN).snapshot
    check_snapshot(merged)
    assert merged.artifacts == ()


def subagent(status: SubagentStatus, *progress: str, updated: int = 0) -> SessionSnapshot:
    entries = tuple(
        SubagentProgressEntry(timestamp_ms=0, status=one, metadata=None) for one in progress
    )
    task = SubagentTaskSnapshot(
        task_id="t",
        parent_session_id=ID,
        child_session_id="c",
        agent="a",
        description="d",
        status=status,
        started_ms=0,
        updated_ms=updated,
        progress=entries,
    )
    return PLAIN.evolve(subagent_tasks=(task,))


RUNNING, DONE = SubagentStatus.RUNNING, SubagentStatus.COMPLETED
FAILED, CANCELLED = SubagentStatus.FAILED, SubagentStatus.CANCELLED


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (RUNNING, DONE, DONE),
        (DONE, RUNNING, DONE),
        (DONE, FAILED, FAILED),
        (FAILED, DONE, DONE),
        (CANCELLED, DONE, CANCELLED),
        (DONE, CANCELLED, CANCELLED),
        (CANCELLED, RUNNING, CANCELLED),
        (RUNNING, RUNNING, RUNNING),
    ],
)
def test_a_subagents_task_is_cancelled_before_ended_before_running(
    ours: SubagentStatus, theirs: SubagentStatus, expected: SubagentStatus
) -> None:
    merged = merge(
        subagent(RUNNING, "b"),
        subagent(ours, "b", "o", updated=9),
        subagent(theirs, "b", "t", updated=8),
    )
    assert merged.snapshot == subagent(expected, "b", "t", "o", updated=9)


def test_progress_that_both_have_is_not_there_twice() -> None:
    merged = merge(PLAIN, subagent(RUNNING, "a", "b", "o"), subagent(RUNNING, "a", "b"))
    assert merged.snapshot == subagent(RUNNING, "a", "b", "o")


def test_counters_of_the_cache_are_none_where_both_are() -> None:
    def used(read: int | None, write: int | None, total: int) -> SessionSnapshot:
        usage = TokenUsage(total_tokens=total, cache_read_tokens=read, cache_write_tokens=write)
        return with_session(total_usage=usage)

    assert merge(used(None, None, 1), used(None, 2, 2), used(3, None, 4)).snapshot == used(3, 2, 5)
    assert merge(used(None, 1, 1), used(None, 3, 2), used(None, 2, 3)).snapshot == used(None, 4, 4)


def test_a_total_that_the_host_set_back_replaces_theirs_and_is_told() -> None:
    def used(tokens: int, usd: float) -> SessionSnapshot:
        return with_session(total_usage=TokenUsage(total_tokens=tokens), total_cost=usd)

    merged = merge(used(5, 5.0), used(0, 0.0), used(7, 7.0))
    assert merged.snapshot == used(0, 0.0)
    assert merged.overwritten == ("total_cost", "total_usage")


def test_totals_saturate() -> None:
    def used(tokens: int, usd: float) -> SessionSnapshot:
        return with_session(total_usage=TokenUsage(total_tokens=tokens), total_cost=usd)

    merged = merge(used(0, 0.0), used(2**63, 1.5e308), used(2**63, 1.5e308)).snapshot.session
    assert merged.total_usage.total_tokens == 2**64 - 1
    assert math.isfinite(merged.total_cost)


def tasks(**by_id: tuple[TaskStatus, str]) -> SessionSnapshot:
    return with_session(
        tasks=tuple(
            Task(id=key, status=status, content=content) for key, (status, content) in by_id.items()
        )
    )


PENDING, STARTED = TaskStatus.PENDING, TaskStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (PENDING, STARTED, STARTED),
        (STARTED, PENDING, STARTED),
        (STARTED, TaskStatus.FAILED, TaskStatus.FAILED),
        (TaskStatus.SKIPPED, STARTED, TaskStatus.SKIPPED),
        (TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.COMPLETED),
    ],
)
def test_a_task_has_the_status_that_is_further_on(
    ours: TaskStatus, theirs: TaskStatus, expected: TaskStatus
) -> None:
    merged = merge(tasks(a=(PENDING, "b")), tasks(a=(ours, "o")), tasks(a=(theirs, "t")))
    assert merged.snapshot == tasks(a=(expected, "o"))
    assert merged.overwritten == ("tasks",)


def test_tasks_are_united_by_id_and_told_only_where_both_changed_one() -> None:
    base = tasks(a=(PENDING, "a"), b=(PENDING, "b"))
    ours = tasks(c=(PENDING, "c"), a=(STARTED, "a"), b=(PENDING, "b"))
    theirs = tasks(a=(PENDING, "a"), b=(STARTED, "b"), d=(PENDING, "d"))
    merged = merge(base, ours, theirs)
    assert merged.snapshot == tasks(
        a=(STARTED, "a"), b=(STARTED, "b"), d=(PENDING, "d"), c=(PENDING, "c")
    )
    assert merged.overwritten == ()


def test_a_task_list_that_repeats_an_id_is_ours_as_a_whole_and_told() -> None:
    twice = tasks(a=(PENDING, "a")).session.tasks * 2
    ours, theirs = with_session(tasks=twice), tasks(b=(PENDING, "b"))
    merged = merge(PLAIN, ours, theirs)
    assert merged.snapshot == ours
    assert merged.overwritten == ("tasks",)


def test_the_order_of_tasks_that_only_we_changed_is_ours() -> None:
    base = tasks(a=(PENDING, "a"), b=(PENDING, "b"))
    ours = tasks(b=(PENDING, "b"), x=(PENDING, "x"), a=(PENDING, "a"))
    theirs = base.evolve(trace_events=(trace(1),))
    assert merge(base, ours, theirs).snapshot.session.tasks == ours.session.tasks


@pytest.mark.parametrize(
    ("ours", "theirs", "expected", "told"),
    [
        (("o", None), ("t", None), ("o", None), ("name",)),
        (("o", MADE), ("t", None), ("t", None), ()),
        (("o", None), ("t", MADE), ("o", None), ()),
        (("o", MADE), ("t", MADE), ("o", MADE), ("name",)),
        (("", None), ("t", MADE), ("t", MADE), ()),
        (("o", MADE), ("", None), ("o", MADE), ()),
        (("x", None), ("x", MADE), ("x", None), ()),
        (("x", MADE), ("x", MADE), ("x", MADE), ()),
    ],
)
def test_a_persons_title_is_before_a_made_one(
    ours: tuple[str, str | None],
    theirs: tuple[str, str | None],
    expected: tuple[str, str | None],
    told: tuple[str, ...],
) -> None:
    base = sides(with_config(name=""))
    merged = merge_snapshots(base, *(sides(with_config(name=n), s) for n, s in (ours, theirs)))
    assert (merged.snapshot.session.config.name, merged.name_source) == expected
    assert merged.overwritten == told


def test_a_person_who_keeps_a_made_title_makes_it_theirs() -> None:
    made, kept = sides(with_config(name="x"), MADE), sides(with_config(name="x"))
    assert merge_snapshots(made, kept, made).name_source is None
    assert merge_snapshots(made, made, kept).name_source is None


def policy(*deny: str, allow: tuple[str, ...] = (), **changes: Any) -> SessionSnapshot:
    def rules(names: tuple[str, ...]) -> tuple[PermissionRule, ...]:
        return tuple(PermissionRule(rule=name) for name in names)

    return with_config(
        permission_policy=PermissionPolicy(deny=rules(deny), allow=rules(allow), **changes)
    )


def test_permission_rules_are_united_list_by_list() -> None:
    base = policy("a", "b", allow=("x",))
    ours = policy("b", "o", allow=("x",), default_decision=PermissionDecision.ALLOW)
    theirs = policy("a", "b", "t", allow=("x", "y"))
    merged = merge(base, ours, theirs)
    assert merged.snapshot == policy(
        "b", "t", "o", allow=("x", "y"), default_decision=PermissionDecision.ALLOW
    )
    assert merged.overwritten == ()


def test_a_policy_against_none_is_a_field_like_others() -> None:
    merged = merge(PLAIN, policy("o"), policy("t"))
    assert merged.snapshot == policy("o")
    assert merged.overwritten == ("permission_policy",)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("system_prompt", "o", "t"),
        ("workspace", "o", "t"),
        ("max_context_length", 1, 2),
        ("auto_compact_threshold", 0.25, 0.5),
    ],
)
def test_a_setting_that_both_changed_is_ours_and_only_its_name_is_told(
    name: str, ours: Any, theirs: Any
) -> None:
    merged = merge(PLAIN, with_config(**{name: ours}), with_config(**{name: theirs}))
    assert merged.snapshot == with_config(**{name: ours})
    assert merged.overwritten == (name,)
    merged = merge(PLAIN, PLAIN, with_config(**{name: theirs}))
    assert merged.snapshot == with_config(**{name: theirs})


@pytest.mark.parametrize("name", ["tenant_id", "principal", "agent_template_id", "correlation_id"])
def test_a_label_that_both_changed_is_ours_and_told(name: str) -> None:
    merged = merge(PLAIN, with_session(**{name: "o"}), with_session(**{name: "t"}))
    assert merged.snapshot == with_session(**{name: "o"})
    assert merged.overwritten == (name,)


def test_unknown_keys_are_merged_key_by_key() -> None:
    base = with_session(extra={"a": 1, "b": 1, "c": 1})
    ours = with_session(extra={"a": True, "b": 2, "n": None})
    theirs = with_session(extra={"a": 1, "b": 3, "c": 1, "t": 1})
    merged = merge(base, ours, theirs)
    assert merged.snapshot == with_session(extra={"a": True, "b": 2, "t": 1, "n": None})
    assert merged.overwritten == ("extra",)


def test_a_model_and_how_it_thinks_go_together() -> None:
    def model(name: str, budget: int | None) -> SessionSnapshot:
        return with_session(
            llm_config=LlmConfigData(provider="p", model=name),
            model_name=name,
            thinking_enabled=budget is not None,
            thinking_budget=budget,
        )

    base = model("b", None)
    merged = merge(base, model("o", None), model("b", 5))
    assert merged.snapshot == model("o", None)
    assert merged.overwritten == ("model",)
    merged = merge(base, base.evolve(trace_events=(trace(1),)), model("t", 5))
    assert merged.snapshot == model("t", 5).evolve(trace_events=(trace(1),))


def test_times_of_creation_and_parents_are_theirs_and_the_later_update_counts() -> None:
    def at(created: int, updated: int, parent: str) -> SessionSnapshot:
        return with_session(created_at=created, updated_at=updated, parent_id=parent)

    assert merge(at(1, 1, "b"), at(2, 9, "o"), at(3, 8, "t")).snapshot == at(3, 9, "t")


def test_the_context_is_ours_where_we_counted_else_theirs() -> None:
    def used(tokens: int, turns: int) -> SessionSnapshot:
        return with_session(context_usage=ContextUsage(used_tokens=tokens, turns=turns))

    assert merge(used(1, 1), used(5, 2), used(7, 3)).snapshot == used(5, 2)
    assert merge(used(1, 1), used(1, 2), used(7, 3)).snapshot == used(7, 3)


def test_names_of_tools_travel_with_what_else_we_changed() -> None:
    ours = with_session(tool_names=("o",), state=samples.rich_session(ID).state)
    theirs = with_session(tool_names=("t",))
    assert merge(PLAIN, ours, theirs).snapshot.session.tool_names == ("o",)
    assert merge(PLAIN, PLAIN, theirs).snapshot.session.tool_names == ("t",)
