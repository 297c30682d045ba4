"""Jobs that form a group: each is taken once, in order, and no lane delays the others."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.worker_thread import MAX_ACCEPTED, WorkerThread
from a3s_store.core.job_queue import GROUP, PER_LANE, Job, JobQueue, Lane
from tests.support import session, with_store


@attrs.frozen
class Put:
    """`count` jobs of a lane or of several; None: a job that runs alone and keeps its place."""

    lane: Lane
    together: bool
    count: int


TAKE = None
COUNTS = st.integers(1, 9)
PUTS = st.one_of(
    st.builds(Put, st.sampled_from("abc"), st.just(True), st.integers(1, 30)),
    st.builds(Put, st.sampled_from("abcdefghijkl"), st.just(True), st.integers(1, 12)),
    st.builds(Put, st.frozensets(st.sampled_from("abcd"), min_size=1), st.just(True), COUNTS),
    st.builds(Put, st.none(), st.booleans(), st.integers(1, 2)),
)
PROGRAMS = st.lists(st.one_of(PUTS, PUTS, st.just(TAKE)), max_size=25)


def on_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the test on an event loop, to which the jobs it makes belong."""
    asyncio.run(test())


def run(program: Sequence[Put | None]) -> tuple[list[Job], list[list[Job]]]:
    """The jobs in the order of their puts, and the groups in which they were taken."""
    put: list[Job] = []
    groups: list[list[Job]] = []
    queue = JobQueue()
    for step in program:
        if step is None:
            groups.append(queue.take())
        else:
            for _ in range(step.count):
                put.append(Job(len(put), step.lane, batchable=step.together))
                queue.put(put[-1])
    while group := queue.take():
        groups.append(group)
    return put, [group for group in groups if group]


def is_barrier(job: Job) -> bool:
    return not job.lanes or not job.batchable


@given(PROGRAMS)
def test_every_job_is_taken_exactly_once(program: list[Put | None]) -> None:
    async def test() -> None:
        put, groups = run(program)
        taken = [job for group in groups for job in group]
        assert sorted(job.work for job in taken) == [job.work for job in put]

    on_a_loop(test)


@given(PROGRAMS)
def test_jobs_of_a_lane_are_taken_in_order(program: list[Put | None]) -> None:
    async def test() -> None:
        _, groups = run(program)
        lanes: dict[str, list[int]] = collections.defaultdict(list)
        for group in groups:
            for job in group:
                for lane in job.lanes:
                    lanes[lane].append(job.work)
        for order in lanes.values():
            assert order == sorted(order)

    on_a_loop(test)


@given(PROGRAMS)
def test_a_job_without_a_lane_is_neither_overtaken_nor_overtakes(
    program: list[Put | None],
) -> None:
    async def test() -> None:
        _, groups = run(program)
        taken = [job for group in groups for job in group]
        for place, job in enumerate(taken):
            if is_barrier(job):
                assert all(before.work < job.work for before in taken[:place])
                assert all(after.work > job.work for after in taken[place + 1 :])
        for group in groups:
            assert len(group) == 1 or not any(map(is_barrier, group))

    on_a_loop(test)


@given(PROGRAMS)
def test_no_group_is_too_large_nor_has_too_many_of_a_lane(program: list[Put | None]) -> None:
    async def test() -> None:
        _, groups = run(program)
        for group in groups:
            assert len(group) <= GROUP
            lanes = collections.Counter(lane for job in group for lane in job.lanes)
            assert max(lanes.values(), default=0) <= PER_LANE

    on_a_loop(test)


@given(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=120))
def test_a_group_takes_whoever_may_go_along(lanes: list[str]) -> None:
    """No job is left behind that could have shared the transaction."""

    async def test() -> None:
        queue = JobQueue()
        jobs = [Job(number, lane, batchable=True) for number, lane in enumerate(lanes)]
        for job in jobs:
            queue.put(job)
        room: collections.Counter[str] = collections.Counter()
        expected: list[Job] = []
        for job in jobs:
            (lane,) = job.lanes
            if room[lane] < PER_LANE and len(expected) < GROUP:
                room[lane] += 1
                expected.append(job)
        assert queue.take() == expected

    on_a_loop(test)


def test_a_crowd_of_many_lanes_goes_in_full_groups() -> None:
    async def test() -> None:
        put, groups = run([Put(lane, True, 7) for lane in "abcdefghijklmnopqrst"])
        assert [len(group) for group in groups] == [GROUP, GROUP, len(put) - 2 * GROUP]

    on_a_loop(test)


def test_nothing_waits_in_an_empty_queue() -> None:
    assert JobQueue().take() == []


def test_a_thousand_saves_of_one_session_do_not_keep_another_waiting() -> None:
    async def test() -> None:
        queue = JobQueue()
        for number in range(1000):
            queue.put(Job(number, "busy", batchable=True))
        other = Job("other", "calm", batchable=True)
        queue.put(other)
        first = queue.take()
        assert other in first
        assert len(first) == PER_LANE + 1
        taken = [job.work for job in first if job is not other]
        while group := queue.take():
            taken += [job.work for job in group]
        assert taken == list(range(1000))

    on_a_loop(test)


def test_a_thousand_callers_never_have_more_waiting_than_there_is_room_for(tmp_path: Path) -> None:
    """Those who come later wait before theirs is accepted; in the end all are done."""
    accepted: list[Job] = []
    outstanding: set[int] = set()

    async def use(store: SqliteSessionStore) -> None:
        worker = store._engine.writer
        assert isinstance(worker, WorkerThread)
        put = worker._queue.put

        def note_and_put(job: Job) -> None:
            accepted.append(job)
            outstanding.add(sum(not job._told.done() for job in accepted))
            put(job)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker._queue, "put", note_and_put)
            saves = (store.save(session(f"s{n % 100:02}", updated_at=n)) for n in range(1000))
            await asyncio.gather(*saves)
        assert len(accepted) == 1000
        assert max(outstanding) == MAX_ACCEPTED
        assert sum([await store.generation(name) for name in await store.list()]) == 1000

    with_store(tmp_path / "agent.a3s", use, durability="normal")


def test_a_caller_who_gives_up_before_there_is_room_has_saved_nothing(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        saves = [
            asyncio.create_task(store.save(session(f"s{n:03}"))) for n in range(MAX_ACCEPTED + 20)
        ]
        await asyncio.sleep(0)
        for save in saves[MAX_ACCEPTED:]:
            save.cancel()
        answers = await asyncio.gather(*saves, return_exceptions=True)
        assert answers[:MAX_ACCEPTED] == [None] * MAX_ACCEPTED
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[MAX_ACCEPTED:])
        assert await store.list() == [f"s{n:03}" for n in range(MAX_ACCEPTED)]
        await asyncio.gather(*(store.save(session(f"t{n:03}")) for n in range(MAX_ACCEPTED + 20)))
        assert len(await store.list()) == 2 * MAX_ACCEPTED + 20, "their places are free again"

    with_store(tmp_path / "agent.a3s", use, durability="normal")


def test_callers_of_two_loops_are_each_told_on_their_own(tmp_path: Path) -> None:
    """The jobs of one loop take none of the other's places."""

    async def use(store: SqliteSessionStore) -> None:
        def elsewhere(name: str) -> None:
            async def crowd() -> None:
                saves = (store.save(session(f"{name}{n:03}")) for n in range(MAX_ACCEPTED + 50))
                await asyncio.gather(*saves)

            asyncio.run(crowd())

        await asyncio.gather(*(asyncio.to_thread(elsewhere, name) for name in "ab"))
        assert len(await store.list()) == 2 * (MAX_ACCEPTED + 50)

    with_store(tmp_path / "agent.a3s", use, durability="normal")


# -- Jobs that take several turns -----------------------------------------------------------------

_TURNS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(1, 4)), min_size=1, max_size=30
)


def run_in_turns(program: Sequence[tuple[str | None, int]]) -> list[list[Job]]:
    """Return the groups in which jobs ran, each as often as its turns; half is put meanwhile."""
    queue = JobQueue()
    left: dict[Job, int] = {}
    waiting: list[Job] = []
    for number, (lane, turns) in enumerate(program):
        job = Job(number, lane, batchable=True)
        left[job] = turns if lane else 1
        waiting.append(job)
    for job in waiting[: len(waiting) // 2]:
        queue.put(job)
    del waiting[: len(waiting) // 2]
    groups: list[list[Job]] = []
    while True:
        group = queue.take()
        if waiting:
            queue.put(waiting.pop(0))
        elif not group:
            return groups
        # As `Writing.commit_group`: what follows the first turn of a large job was not begun.
        first_large = next((at for at, job in enumerate(group) if left[job] > 1), len(group))
        ran = group[: first_large + 1]
        groups.append(ran)
        for job in ran:
            left[job] -= 1
            if left[job]:
                job.begun = "some of it"
            else:
                job.settle(lambda: None)
        queue.put_back([job for job in group if not job.is_settled])


@given(_TURNS)
def test_jobs_of_several_turns_keep_the_order_of_their_lane(
    program: list[tuple[str | None, int]],
) -> None:
    async def test() -> None:
        groups = run_in_turns(program)
        ended: dict[int, int] = {}
        begun: dict[int, int] = {}
        for at, group in enumerate(groups):
            for job in group:
                begun.setdefault(job.work, at)
                ended[job.work] = at
        assert set(ended) == set(range(len(program)))
        for one, (lane, _) in enumerate(program):
            for other in range(one + 1, len(program)):
                if program[other][0] == lane or None in (lane, program[other][0]):
                    assert (ended[one], one) < (begun[other], other)

    on_a_loop(test)


@given(_TURNS)
def test_a_further_turn_is_alone_and_comes_after_what_waits(
    program: list[tuple[str | None, int]],
) -> None:
    async def test() -> None:
        seen: set[Job] = set()
        for group in run_in_turns(program):
            assert len(group) == 1 or not seen & set(group)
            seen |= set(group)

    on_a_loop(test)


def test_jobs_of_other_lanes_are_taken_between_two_turns() -> None:
    async def test() -> None:
        queue = JobQueue()
        large, behind = (Job(name, "a", batchable=True) for name in ("large", "behind"))
        queue.put(large)
        queue.put(behind)
        taken = queue.take()
        assert taken == [large, behind]
        large.begun = "some of it"
        for number in range(3):
            other = Job(number, "c", batchable=True)
            queue.put(other)
            queue.put_back(taken)
            assert queue.take() == [other]
            taken = queue.take()
            assert taken == [large]
        assert queue.take() == [behind]

    on_a_loop(test)
