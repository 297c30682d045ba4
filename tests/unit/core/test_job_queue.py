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
from a3s_store.core.job_queue import GROUP, PER_LANE, Job, JobQueue
from tests.support import session, with_store


@attrs.frozen
class Put:
    """`count` jobs of a lane; lane None: a job that runs alone and keeps its place in the order."""

    lane: str | None
    together: bool
    count: int


TAKE = None
PUTS = st.one_of(
    st.builds(Put, st.sampled_from("abc"), st.just(True), st.integers(1, 30)),
    st.builds(Put, st.sampled_from("abcdefghijkl"), st.just(True), st.integers(1, 12)),
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
    return job.lane is None or not job.batchable


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
        lanes: dict[str | None, list[int]] = collections.defaultdict(list)
        for group in groups:
            for job in group:
                lanes[job.lane].append(job.work)
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
            lanes = collections.Counter(job.lane for job in group)
            assert max(lanes.values()) <= PER_LANE

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
            assert job.lane is not None
            if room[job.lane] < PER_LANE and len(expected) < GROUP:
                room[job.lane] += 1
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
            await asyncio.gather(*(store.save(session(f"s{n % 100:02}")) for n in range(1000)))
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
