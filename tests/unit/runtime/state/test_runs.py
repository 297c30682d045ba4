"""Runs of a live session: statuses, sequences, limits, pages, and what stays the same object."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from a3s_store.errors import EncodeError, SessionConfigError
from a3s_store.models import (
    AgentEnd,
    AgentError,
    AgentEvent,
    AgentStart,
    PlanningStart,
    RunRecord,
    RunStatus,
    StepStart,
    TextDelta,
    TokenUsage,
    ToolStart,
    TurnStart,
    VerificationStatus,
    VerificationSummary,
)
from a3s_store.runtime.state.runs import TERMINAL, RunLimits, RunReservation, RunStore
from a3s_store.wire import encode

NOTHING_VERIFIED = VerificationSummary(
    status=VerificationStatus.SKIPPED,
    report_count=0,
    required_check_count=0,
    pending_required_check_count=0,
    failed_check_count=0,
    residual_risk_count=0,
)
START = AgentStart(prompt="asked later")
PLANNING = PlanningStart(prompt="plan")
STEP = StepStart(step_id="1", description="a", step_number=1, total_steps=2)
TOOL = ToolStart(id="c", name="bash")
TURN = TurnStart(turn=1)
END = AgentEnd(text="done", usage=TokenUsage(), verification_summary=NOTHING_VERIFIED)
ERROR = AgentError(message="broke")
EVENTS: list[AgentEvent] = [
    START,
    PLANNING,
    STEP,
    TOOL,
    TURN,
    END,
    ERROR,
    TextDelta(text="x"),
    TextDelta(text="größer als ein Wort"),
]


class Hands:
    """A clock that is moved by hand, also backwards."""

    def __init__(self, now: int = 1000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def delta(text: str = "x") -> TextDelta:
    return TextDelta(text=text)


def filled(count: int, limits: RunLimits | None = None) -> tuple[RunStore, str]:
    """A store of one run with so many events."""
    store = RunStore(limits, clock=Hands())
    run = store.create_run("s", "p").id
    for index in range(count):
        store.record_event(run, delta(str(index)))
    return store, run


def sequences(store: RunStore, run: str) -> list[int]:
    return [event.sequence for event in store.events(run)]


# -- A random program against a plain model ---------------------------------------------------

LIMITS = st.none() | st.integers(0, 5)
BYTES = st.none() | st.integers(0, 400)
RUNS = st.sampled_from(["a", "b", "c", "d", "e"])
AT_WORK: dict[type, RunStatus] = {
    AgentStart: RunStatus.EXECUTING,
    PlanningStart: RunStatus.PLANNING,
    StepStart: RunStatus.EXECUTING,
    ToolStart: RunStatus.EXECUTING,
    TurnStart: RunStatus.EXECUTING,
    AgentEnd: RunStatus.COMPLETED,
    AgentError: RunStatus.FAILED,
}


class Model:
    """One run as lists and plain values."""

    def __init__(self, run_id: str, prompt: str, now: int) -> None:
        self.id = run_id
        self.prompt = prompt
        self.created = self.updated = now
        self.status = RunStatus.CREATED
        self.result: str | None = None
        self.error: str | None = None
        self.count = 0
        self.events: list[tuple[int, int, AgentEvent]] = []

    def copy(self) -> Model:
        made = Model(self.id, self.prompt, self.created)
        made.__dict__.update(self.__dict__, events=list(self.events))
        return made

    def record(self, event: AgentEvent, now: int) -> None:
        self.updated = max(now, self.updated)
        self.events.append((self.count, self.updated, event))
        self.count += 1
        after = AT_WORK.get(type(event))
        if self.status in TERMINAL or after is None:
            return
        if isinstance(event, StepStart | ToolStart | TurnStart):
            after = RunStatus.PLANNING if self.status is RunStatus.PLANNING else after
        self.status = after
        if isinstance(event, AgentStart):
            self.prompt = self.prompt or event.prompt
        elif isinstance(event, AgentEnd):
            self.result, self.error = event.text, None
        elif isinstance(event, AgentError):
            self.error = event.message

    def trim(self, limits: RunLimits) -> None:
        def size(sequence: int, at: int, event: AgentEvent) -> int:
            tree = {"sequence": sequence, "timestamp_ms": at, "event": encode(event)}
            return len(json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode())

        if limits.max_events is not None:
            del self.events[: max(0, len(self.events) - limits.max_events)]
        while limits.max_event_bytes is not None and (
            sum(size(*event) for event in self.events) > limits.max_event_bytes
        ):
            del self.events[0]


class RunMachine(RuleBasedStateMachine):
    """R1 to R7: after any calls in any order the store returns what a list of runs would."""

    @initialize(runs=LIMITS, events=LIMITS, size=BYTES)
    def begin(self, runs: int | None, events: int | None, size: int | None) -> None:
        self.limits = RunLimits(max_runs=runs, max_events=events, max_event_bytes=size)
        self.clock = Hands()
        self.store = RunStore(self.limits, clock=self.clock)
        self.model: list[Model] = []
        self.saved: tuple[tuple[RunRecord, ...], list[Model]] = ((), [])
        self.before: dict[str, RunRecord] = {}
        self.touched: set[str] = set()

    def find(self, run_id: str) -> Model | None:
        return next((run for run in self.model if run.id == run_id), None)

    def cap(self) -> None:
        while self.limits.max_runs is not None and len(self.model) > self.limits.max_runs:
            ended = [place for place, run in enumerate(self.model) if run.status in TERMINAL]
            del self.model[ended[0] if ended else 0]

    @rule(to=st.integers(0, 5000))
    def move_the_clock(self, to: int) -> None:
        self.clock.now = to

    @rule(run_id=RUNS, prompt=st.sampled_from(["", "p"]))
    def create(self, run_id: str, prompt: str) -> None:
        made = self.store.create_run("s", prompt, run_id=run_id)
        assert (made.id, made.status, made.event_count) == (run_id, RunStatus.CREATED, 0)
        self.model = [run for run in self.model if run.id != run_id]
        self.model.append(Model(run_id, prompt, self.clock.now))
        self.touched.add(run_id)
        self.cap()

    @rule(run_id=RUNS)
    def reserve(self, run_id: str) -> None:
        there = self.find(run_id)
        found = self.store.reserve_run_with_id(run_id, "s", "reserved")
        assert found.created == (there is None)
        assert found.snapshot.prompt == ("reserved" if there is None else there.prompt)
        if there is None:
            self.model.append(Model(run_id, "reserved", self.clock.now))
            self.touched.add(run_id)
            self.cap()

    @rule(run_id=RUNS, events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=4))
    def record(self, run_id: str, events: list[AgentEvent]) -> None:
        there = self.find(run_id)
        for event in events:
            answer = self.store.record_event(run_id, event)
            assert (answer is None) == (there is None)
            if there is not None:
                there.record(event, self.clock.now)
                there.trim(self.limits)
                self.touched.add(run_id)

    @rule(run_id=RUNS, cancelled=st.booleans())
    def end(self, run_id: str, cancelled: bool) -> None:
        there = self.find(run_id)
        if cancelled:
            answer = self.store.mark_cancelled(run_id)
        else:
            answer = self.store.mark_failed(run_id, "gone")
        assert (answer is None) == (there is None)
        if there is not None and there.status not in TERMINAL:
            there.status = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
            there.error = there.error if cancelled else "gone"
            there.updated = max(self.clock.now, there.updated)
            self.touched.add(run_id)

    @rule()
    def save(self) -> None:
        self.saved = (self.store.records(), [run.copy() for run in self.model])

    @rule()
    def restore(self) -> None:
        records, runs = self.saved
        self.store.replace_records(records)
        self.model = sorted((run.copy() for run in runs), key=lambda run: run.created)
        # Runs saved under these limits fit into them: the same objects come back.
        assert {id(record) for record in self.store.records()} == {id(one) for one in records}
        self.before = {record.snapshot.id: record for record in records}
        self.touched = set()

    @rule(run_id=RUNS, after=st.none() | st.integers(0, 12), limit=st.integers(0, 4))
    def page(self, run_id: str, after: int | None, limit: int) -> None:
        page, there = self.store.event_page(run_id, after, limit), self.find(run_id)
        if there is None or page is None:
            assert page is None
            assert there is None
            return
        start = 0 if after is None else after + 1
        rest = [event for event in there.events if event[0] >= start]
        assert [event.sequence for event in page.events] == [s for s, *_ in rest[:limit]]
        assert page.has_more == (len(rest) > limit)
        kept = {sequence for sequence, *_ in there.events}
        assert page.first_available == min(kept, default=None)
        assert page.latest_exclusive == there.count
        # A gap is exactly that an event asked for is no longer there.
        assert page.retention_gap == bool(set(range(start, there.count)) - kept)
        assert page.next_after == (rest[:limit][-1][0] if rest[:limit] else after)

    @invariant()
    def answers_are_those_of_the_model(self) -> None:
        found = self.store.records()
        assert [plain(record) for record in found] == [
            (r.id, r.prompt, r.created, r.updated, r.status, r.result, r.error, r.count, r.events)
            for r in self.model
        ]
        assert self.store.snapshots() == tuple(record.snapshot for record in found)
        assert self.store.records() is found, "nothing happened in between"
        for record in found:
            old = self.before.get(record.snapshot.id)
            if record.snapshot.id not in self.touched:
                assert record is old
            elif old is not None and old.snapshot.created_at_ms == record.snapshot.created_at_ms:
                events = {id(event) for event in old.events}
                last = old.snapshot.event_count
                assert all(id(event) in events for event in record.events if event.sequence < last)
        self.before = {record.snapshot.id: record for record in found}
        self.touched = set()


def plain(record: RunRecord) -> tuple[Any, ...]:
    run = record.snapshot
    events = [(event.sequence, event.timestamp_ms, event.event) for event in record.events]
    head = (run.id, run.prompt, run.created_at_ms, run.updated_at_ms, run.status)
    return (*head, run.result_text, run.error, run.event_count, events)


TestRunMachine = RunMachine.TestCase


# -- R1 ---------------------------------------------------------------------------------------


def test_a_run_of_no_given_id_gets_one_of_a_uuid() -> None:
    """R1."""
    store = RunStore(clock=Hands(7))
    made = store.create_run("s", "p")
    assert re.fullmatch(r"run-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made.id)
    assert (made.session_id, made.status) == ("s", RunStatus.CREATED)
    assert (made.created_at_ms, made.updated_at_ms, made.event_count) == (7, 7, 0)


def test_creating_a_run_again_replaces_it_and_makes_it_the_newest() -> None:
    """R1."""
    store = RunStore()
    for run_id in ("a", "b", "a"):
        store.create_run_with_id(run_id, "s", "p")
        store.record_event(run_id, delta())
    assert [run.id for run in store.snapshots()] == ["b", "a"]
    assert sequences(store, "a") == [0]


def test_of_32_callers_one_creates_the_run() -> None:
    """R1."""

    async def main() -> list[RunReservation]:
        store = RunStore()

        async def reserve(number: int) -> RunReservation:
            await asyncio.sleep(0)
            return store.reserve_run_with_id("r", "s", f"prompt {number}")

        return await asyncio.gather(*(reserve(number) for number in range(32)))

    answers = asyncio.run(main())
    assert [answer.created for answer in answers].count(True) == 1
    assert len({answer.snapshot.prompt for answer in answers}) == 1


# -- R2, R3 -----------------------------------------------------------------------------------


def test_an_event_of_an_unknown_run_is_not_recorded() -> None:
    """R2."""
    store = RunStore()
    assert store.record_event("nowhere", delta()) is None
    assert store.records() == ()


def test_times_never_go_back_when_the_clock_does() -> None:
    """R2."""
    clock = Hands(50)
    store = RunStore(clock=clock)
    run = store.create_run("s", "p").id
    for now in (60, 10, 70):
        clock.now = now
        store.record_event(run, delta())
    assert [event.timestamp_ms for event in store.events(run)] == [60, 60, 70]


def test_each_event_moves_the_status_as_upstream_does() -> None:
    """R3."""
    store = RunStore()
    run = store.create_run("s", "").id
    seen = []
    for event in (START, PLANNING, TOOL, STEP, TURN, START, TOOL, ERROR, END):
        after = store.record_event(run, event)
        assert after is not None
        seen.append(after.status.value)
    assert seen == ["executing", *["planning"] * 4, *["executing"] * 2, "failed", "failed"]
    found = store.snapshot(run)
    assert found is not None
    assert (found.prompt, found.error, found.result_text) == ("asked later", "broke", None)
    assert found.event_count == 9, "late events are recorded all the same"


def test_a_prompt_that_is_there_stays_and_an_end_brings_the_result() -> None:
    """R3."""
    store = RunStore()
    run = store.create_run("s", "asked first").id
    store.record_event(run, START)
    found = store.record_event(run, END)
    assert found is not None
    assert (found.prompt, found.status) == ("asked first", RunStatus.COMPLETED)
    assert (found.result_text, found.error) == ("done", None)


def test_an_end_clears_an_error_that_came_before() -> None:
    """R3."""
    store, run = filled(0)
    (record,) = store.records()
    snapshot = record.snapshot.evolve(status=RunStatus.EXECUTING, error="survived")
    store.replace_records([record.evolve(snapshot=snapshot)])
    found = store.record_event(run, END)
    assert found is not None
    assert (found.status, found.error) == (RunStatus.COMPLETED, None)


# -- R4 ---------------------------------------------------------------------------------------


def test_sequences_go_on_when_events_are_let_go() -> None:
    """R4."""
    store, run = filled(10, RunLimits(max_events=3))
    assert sequences(store, run) == [7, 8, 9]
    found = store.snapshot(run)
    assert found is not None
    assert found.event_count == 10


def test_an_event_larger_than_the_limit_is_counted_and_not_kept() -> None:
    """R4."""
    store, run = filled(1, RunLimits(max_event_bytes=0))
    assert store.events(run) == ()
    found = store.snapshot(run)
    assert found is not None
    assert found.event_count == 1


def test_bytes_are_those_of_the_compact_json_of_an_event() -> None:
    """R4."""
    one = len('{"sequence":0,"timestamp_ms":1000,"event":{"type":"text_delta","text":"0"}}')
    for limit, kept in ((3 * one, [0, 1, 2]), (3 * one - 1, [1, 2])):
        store, run = filled(3, RunLimits(max_event_bytes=limit))
        assert sequences(store, run) == kept


def test_an_event_that_cannot_be_written_is_refused_and_nothing_recorded() -> None:
    """R4."""
    store, run = filled(2)
    before = store.records()
    with pytest.raises(EncodeError):
        store.record_event(run, TurnStart(turn=-1))
    assert store.records() is before
    store.record_event(run, delta())
    assert sequences(store, run) == [0, 1, 2]


def test_limits_are_upstreams_newest_unless_told_otherwise() -> None:
    """R4, R6."""
    assert RunStore().limits == RunLimits(
        max_runs=64, max_events=2048, max_event_bytes=8 * 1024 * 1024
    )
    store = RunStore(RunLimits.unbounded())
    for _ in range(65):
        run = store.create_run("s", "p").id
    for _ in range(2049):
        store.record_event(run, delta())
    assert len(store) == 65
    assert len(store.events(run)) == 2049


def test_the_oldest_runs_go_when_there_are_too_many() -> None:
    """R6."""
    store = RunStore(RunLimits(max_runs=2))
    for run_id in "abc":
        store.create_run_with_id(run_id, "s", "p")
    assert [record.snapshot.id for record in store.records()] == ["b", "c"]
    assert store.snapshot("a") is None


@pytest.mark.parametrize("name", ["max_runs", "max_events", "max_event_bytes"])
@pytest.mark.parametrize("bad", [-1, 1.5, True, "9"])
def test_a_limit_that_is_none_is_refused_by_name(name: str, bad: Any) -> None:
    """R4, R6."""
    with pytest.raises(SessionConfigError) as caught:
        RunLimits(**{name: bad})
    assert caught.value.field == name


# -- R5, R6, R7 -------------------------------------------------------------------------------


@given(st.sampled_from(["completed", "failed", "cancelled"]))
def test_a_run_that_ended_is_not_ended_again(how: str) -> None:
    """R5."""
    store = RunStore()
    run = store.create_run("s", "p").id
    ends = {
        "completed": lambda: store.record_event(run, END),
        "failed": lambda: store.mark_failed(run, "why"),
        "cancelled": lambda: store.mark_cancelled(run, "resumed elsewhere"),
    }
    ended = ends[how]()
    assert ended is not None
    assert ended.status == how
    assert ended.error == {"failed": "why", "cancelled": "resumed elsewhere"}.get(how)
    assert store.mark_failed(run, "again") is ended
    assert store.mark_cancelled(run, "again") is ended
    assert store.mark_failed("nowhere", "x") is None
    assert store.mark_cancelled("nowhere") is None


def test_stored_runs_come_back_by_creation_under_the_limits_with_their_counts() -> None:
    """R6."""
    clock = Hands()
    source = RunStore(clock=clock)
    for run_id, created in (("late", 30), ("early", 10), ("middle", 20)):
        clock.now = created
        source.create_run_with_id(run_id, "s", "p")
        for _ in range(5):
            source.record_event(run_id, delta())
    target = RunStore(RunLimits(max_runs=2, max_events=2))
    target.create_run("s", "this goes")
    target.replace_records(source.records())
    assert [run.id for run in target.snapshots()] == ["middle", "late"]
    assert [run.event_count for run in target.snapshots()] == [5, 5]
    assert sequences(target, "late") == [3, 4]
    target.record_event("late", delta())
    assert sequences(target, "late") == [4, 5]


def test_limits_of_zero_keep_nothing_of_what_was_stored() -> None:
    """R6."""
    source, _ = filled(1)
    none = RunStore(RunLimits(max_runs=0))
    none.replace_records(source.records())
    assert none.records() == ()
    no_events = RunStore(RunLimits(max_events=0))
    no_events.replace_records(source.records())
    assert [len(record.events) for record in no_events.records()] == [0]


def test_stored_events_are_held_to_the_limit_on_bytes_when_their_run_goes_on() -> None:
    """R4, R6."""
    source, run = filled(3)
    one = len('{"sequence":0,"timestamp_ms":1000,"event":{"type":"text_delta","text":"0"}}')
    target = RunStore(RunLimits(max_event_bytes=2 * one), clock=Hands())
    target.replace_records(source.records())
    assert target.records() == source.records()
    with pytest.raises(EncodeError):
        target.record_event(run, TurnStart(turn=-1))
    assert target.records() == source.records()
    for _ in range(2):
        target.record_event(run, delta())
    assert sequences(target, run) == [3, 4]


@given(st.integers(0, 4), st.integers(0, 4), LIMITS, LIMITS)
def test_runs_made_for_a_stored_session_keep_all_of_it(
    runs: int, events: int, max_runs: int | None, max_events: int | None
) -> None:
    """R6, P18: limits are raised to what is stored, and hold from there on."""
    source = RunStore(RunLimits.unbounded(), clock=Hands())
    for number in range(runs):
        source.create_run_with_id(str(number), "s", "p")
        for _ in range(events):
            source.record_event(str(number), delta())
    limits = RunLimits(max_runs=max_runs, max_events=max_events)
    made = RunStore.for_saved(source.records(), limits, clock=Hands())
    for found, stored in zip(made.records(), source.records(), strict=True):
        assert found is stored
    assert made.limits.max_runs == (None if max_runs is None else max(max_runs, runs))
    most = events if runs else 0
    assert made.limits.max_events == (None if max_events is None else max(max_events, most))
    made.create_run("s", "one more")
    assert len(made) == (runs + 1 if max_runs is None else min(runs + 1, max(max_runs, runs)))


def test_of_stored_runs_of_one_id_the_later_stays() -> None:
    """R6."""
    source = RunStore(clock=Hands(5))
    source.create_run_with_id("a", "s", "earlier")
    earlier = source.records()
    source.create_run_with_id("a", "s", "later")
    target = RunStore()
    target.replace_records([*earlier, *source.records()])
    assert [run.prompt for run in target.snapshots()] == ["later"]


def test_a_page_tells_what_was_let_go_and_where_to_go_on() -> None:
    """R7."""
    store, run = filled(6, RunLimits(max_events=3))
    first = store.event_page(run, None, 2)
    assert first is not None
    assert [event.sequence for event in first.events] == [3, 4]
    assert (first.first_available, first.latest_exclusive, first.next_after) == (3, 6, 4)
    assert (first.retention_gap, first.has_more) == (True, True)
    second = store.event_page(run, first.next_after, 2)
    assert second is not None
    assert [event.sequence for event in second.events] == [5]
    assert (second.retention_gap, second.has_more, second.next_after) == (False, False, 5)
    assert store.event_page("nowhere", None, 2) is None
    with pytest.raises(SessionConfigError):
        store.event_page(run, None, -1)


def test_a_page_of_a_run_that_kept_nothing_says_so() -> None:
    """R7."""
    store, run = filled(1, RunLimits(max_events=0))
    page = store.event_page(run, None, 10)
    assert page is not None
    assert (page.events, page.first_available, page.latest_exclusive) == ((), None, 1)
    assert (page.retention_gap, page.has_more) == (True, False)
