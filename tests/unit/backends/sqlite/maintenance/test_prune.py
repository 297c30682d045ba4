"""`prune` removes old generations and nothing else, in small steps, whatever happens between."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import RetentionPolicy, SqliteSessionStore
from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.reports import PruneReport
from a3s_store.errors import (
    GenerationGoneError,
    InvalidArgumentError,
    SessionNotFoundError,
    StoreReadOnlyError,
)
from a3s_store.models import ImageBlock, ImageSource, Message
from tests.support import all_rows, checkpoint, database, messages, policy, session, with_store

DAY: Final = 86_400.0
BEGIN: Final = 1_800_000_000.0
ID: Final = "fix-login"


class Clock:
    """The store's clock, in Unix seconds."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


def in_store(path: Path, use: Callable[[SqliteSessionStore, Clock], Awaitable[Any]]) -> Any:
    clock = Clock()
    return with_store(path, lambda store: use(store, clock), clock=clock)


async def save(store: SqliteSessionStore, history: tuple[Message, ...], name: str = ID) -> None:
    await store.save(session(name, messages=history))


async def grown(store: SqliteSessionStore, count: int, name: str = ID) -> None:
    """A session that was saved after each of its messages."""
    for length in range(1, count + 1):
        await save(store, messages(length), name)


async def rewritten(store: SqliteSessionStore, times: int, length: int = 5) -> None:
    """A session saved several times, each time with another first message."""
    for number in range(times):
        await save(store, messages(1, tag=f"first {number}") + messages(length, start=1))


async def numbers(store: SqliteSessionStore, name: str = ID) -> list[int]:
    return [generation.number for generation in await store.generations(name)]


def compared(report: PruneReport) -> PruneReport:
    """A report without the fields that differ between a dry run and a real one."""
    return attrs.evolve(report, dry_run=False, bytes_free_pages=None, seconds=0.0)


# -- Going and staying ----------------------------------------------------------------------------


def test_by_default_generations_go_that_lose_no_message(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 150)
        clock.now += 2 * DAY
        report = await store.prune()
        assert (report.sessions, report.generations) == (1, 50)
        assert (report.messages, report.blobs, report.skipped) == (0, 0, ())
        assert await numbers(store) == [*range(51, 151)]
        assert await store.generation(ID) == 150
        assert (await store.verify(depth="deep")).ok
        await store.save(session(count=151), expected_generation=150)
        assert await store.generation(ID) == 151

    in_store(tmp_path / "agent.a3s", use)


def test_generations_of_the_last_day_stay(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 10)
        clock.now += 0.9 * DAY
        assert (await store.prune(policy(1, 1))).generations == 0
        clock.now += 0.2 * DAY
        assert (await store.prune(policy(1))).generations == 9

    in_store(tmp_path / "agent.a3s", use)


def test_a_save_is_found_by_its_id_also_once_its_generation_is_pruned(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        asked = bytes(range(16))
        changes = SessionChanges(session_id=ID, save_id=asked, session=session(count=3))
        saved = await store.save_changes(changes, on=None)
        await save(store, messages(4))
        clock.now += 0.5 * DAY
        await store.prune(policy(1))
        assert await store.landed(ID, asked) == saved.revision
        clock.now += DAY
        await store.prune(policy(1))
        assert [one.number for one in await store.generations(ID)] == [2]
        assert await store.landed(ID, asked) == saved.revision, "by the commit log"
        await store.delete(ID)
        await save(store, messages(1))
        assert await store.landed(ID, asked) is None, "it was of another life"

    in_store(tmp_path / "agent.a3s", use)


def test_earlier_histories_go_only_when_days_are_given(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 10)
        await store.rewind(ID, 4)
        clock.now += 40 * DAY
        await save(store, messages(4) + messages(2, tag="other"))
        report = await store.prune(policy(1))
        assert await numbers(store) == [10, 12]
        assert report.messages == 0
        assert report.skipped == (
            "1 generations with messages that no later one has: `keep_branches_days` removes them",
        )
        assert (await store.load(ID, generation=10)).messages == messages(10)  # type: ignore[union-attr]
        assert (await store.prune(policy(1, 50))).generations == 0
        report = await store.prune(policy(1, 30))
        assert (report.generations, report.messages) == (1, 6)
        assert report.bytes_logical > 6 * len("m 0: ")
        assert await numbers(store) == [12]
        assert (await store.verify(depth="deep")).ok

    in_store(tmp_path / "agent.a3s", use)


def test_a_tip_is_the_longest_of_a_history_that_was_rewound_twice(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 10)
        await store.rewind(ID, 7)
        await store.rewind(ID, 3)
        await save(store, messages(3) + messages(1, tag="other"))
        clock.now += 2 * DAY
        await store.prune(policy(1))
        assert await numbers(store) == [10, 13]

    in_store(tmp_path / "agent.a3s", use)


def test_of_equal_conversations_the_newest_generation_stays(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await save(store, messages(5))
        await store.save_trace_events(ID, ())
        await store.save_artifacts(ID, ())
        await save(store, messages(1, tag="other"))
        clock.now += 2 * DAY
        await store.prune(policy(1))
        assert await numbers(store) == [3, 4]

    in_store(tmp_path / "agent.a3s", use)


def test_a_pruned_generation_is_named_when_it_is_loaded(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 3)
        clock.now += 2 * DAY
        await store.prune(policy(1))
        with pytest.raises(GenerationGoneError, match="generation 2 was pruned") as raised:
            await store.load(ID, generation=2)
        assert raised.value.generation == 2
        with pytest.raises(GenerationGoneError):
            await store.load(ID, generation=1, on_damage="report")
        with pytest.raises(SessionNotFoundError) as other:
            await store.load(ID, generation=9)
        assert not isinstance(other.value, GenerationGoneError)

    in_store(tmp_path / "agent.a3s", use)


def test_a_session_made_again_knows_nothing_of_what_was_pruned_before(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 3)
        clock.now += 2 * DAY
        await store.prune(policy(1))
        await store.delete(ID)
        await grown(store, 2)
        assert await numbers(store) == [5, 6]
        assert (await store.verify()).ok
        with pytest.raises(SessionNotFoundError) as raised:
            await store.load(ID, generation=2)
        assert not isinstance(raised.value, GenerationGoneError)

    in_store(tmp_path / "agent.a3s", use)
    with database(tmp_path / "agent.a3s") as conn:
        assert conn.execute("SELECT name FROM meta WHERE name GLOB 'pruned*'").fetchall() == []


def test_a_live_session_goes_on_from_what_it_read_before(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 6)
        read = await store.load_versioned(ID)
        assert read is not None
        await save(store, messages(8))
        clock.now += 40 * DAY
        assert (await store.prune(policy(1, 1))).generations == 6
        changes = SessionChanges(session_id=ID, save_id=bytes(16), session=session(count=9))
        seen = []

        def merge(ours: SessionChanges, theirs: Stored) -> SessionChanges:
            seen.append((theirs.revision, theirs.value.session.messages))
            return ours

        committed = await store.save_changes(changes, on=read.revision, merge=merge)
        assert seen == [((7, 1), messages(8))]
        assert committed.revision == (8, 1)
        assert await store.rewind(ID, 3) == 9
        await store.fork(ID, "forked")
        assert await store.load("forked") == session("forked", count=3)

    in_store(tmp_path / "agent.a3s", use)


def test_run_checkpoints_and_forks_keep_their_messages(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await save(store, messages(9))
        await store.fork(ID, "forked", 6)
        run = checkpoint(messages(7) + messages(1, tag="round"))
        await store.save_loop_checkpoint(run.run_id, run)
        await save(store, messages(2, tag="anew"))
        clock.now += 40 * DAY
        report = await store.prune(policy(1, 1))
        assert (report.generations, report.messages) == (1, 2)
        forked = await store.load("forked")
        assert forked is not None
        assert forked.messages == messages(6)
        assert await store.load_loop_checkpoint(run.run_id) == run
        assert (await store.verify(depth="deep")).ok

    in_store(tmp_path / "agent.a3s", use)


def test_of_a_conversation_that_slid_the_messages_before_the_oldest_kept_go(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        for first in range(30):
            await save(store, messages(5, start=first))
        clock.now += 40 * DAY
        dry = await store.prune(policy(2, 1), dry_run=True)
        report = await store.prune(policy(2, 1))
        assert (report.generations, report.messages) == (28, 28)
        assert compared(dry) == compared(report)
        await save(store, messages(5, start=30))
        assert (await store.verify(depth="deep")).ok

    in_store(tmp_path / "agent.a3s", use)
    # Five generations of the present conversation, and one of each of the two earlier ones.
    assert len(all_rows(tmp_path / "agent.a3s")["message"]) == 7


def test_images_go_with_the_last_message_that_has_them(tmp_path: Path) -> None:
    def picture(data: str) -> Message:
        source = ImageSource(media_type="image/png", data=data * 30_000)
        return Message(role="user", content=(ImageBlock(source=source),))

    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await save(store, (picture("A"), picture("B")))
        await save(store, (picture("B"),))
        clock.now += 40 * DAY
        dry = await store.prune(policy(1, 1), dry_run=True)
        report = await store.prune(policy(1, 1))
        assert (report.messages, report.blobs) == (1, 1)
        assert compared(dry) == compared(report)
        assert (await store.verify(depth="deep")).ok

    in_store(tmp_path / "agent.a3s", use)


def test_a_session_that_is_damaged_is_skipped_and_named(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 3)
        await grown(store, 3, "other")

    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        clock.now += 2 * DAY
        report = await store.prune(policy(1))
        assert report.generations == 2
        assert await numbers(store, "other") == [3]
        assert len(report.skipped) == 1
        assert report.skipped[0].startswith("session 'fix-login': generation[1]")
        assert report.skipped[0] in str(report)

    in_store(path, fill)
    with database(path) as conn:
        conn.execute("UPDATE generation SET saved_at_ms = 1 WHERE owner_key = 1 AND generation = 1")
        conn.commit()
    in_store(path, use)


def test_a_lost_generation_of_a_pruned_session_is_still_noticed(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await grown(store, 5)
        await store.rewind(ID, 2)
        await save(store, messages(2) + messages(1, tag="other"))
        clock.now += 2 * DAY
        await store.prune(policy(1))
        assert await numbers(store) == [5, 7]
        await save(store, messages(2) + messages(2, tag="other"))

    path = tmp_path / "agent.a3s"
    in_store(path, use)
    for number in (5, 7, 8):
        copy = Path(shutil.copy(path, tmp_path / "copy.a3s"))
        with database(copy) as conn:
            conn.execute("DELETE FROM generation WHERE generation = ?", (number,))
            conn.commit()
        report = in_store(copy, lambda store, _: store.verify())
        assert not report.ok, number


def test_a_session_whose_last_save_is_lost_keeps_its_messages(tmp_path: Path) -> None:
    """The session's row still has its head, so pruning others removes none of its messages."""
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore, _: Clock) -> None:
        await grown(store, 5)
        await store.fork(ID, "again", at=2)

    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        clock.now += 2 * DAY
        report = await store.prune(policy(1))
        assert (report.generations, report.messages) == (0, 0)
        assert ID in report.skipped[0]
        await store.delete("again")
        rest = await store.load(ID, on_damage="report")
        assert rest.value is not None
        assert rest.value.messages == messages(5)

    in_store(path, fill)
    with database(path) as conn:
        conn.execute("DELETE FROM generation WHERE generation = 5")
        conn.commit()
    in_store(path, use)


@pytest.mark.parametrize(
    "numbers",
    [
        {"keep_generations": 0},
        {"keep_branches_days": 0},
        {"keep_branches_days": 1.5},
        {"trash_days": -1},
        {"trash_days": True},
        {"max_bytes": 0},
        {"max_bytes": 2**63},
    ],
)
def test_a_policy_refuses_numbers_that_keep_nothing(numbers: dict[str, Any]) -> None:
    (name,) = numbers
    with pytest.raises(InvalidArgumentError, match=f"{name} is an integer from [01] to ") as raised:
        RetentionPolicy(**numbers)
    assert raised.value.argument == name


def test_a_store_that_is_open_for_reading_is_pruned_dry_only(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: grown(store, 3), clock=lambda: BEGIN)
    before = path.read_bytes()

    async def use(store: SqliteSessionStore) -> None:
        assert (await store.prune(policy(1), dry_run=True)).generations == 2
        with pytest.raises(StoreReadOnlyError):
            await store.prune(policy(1))

    with_store(path, use, clock=lambda: BEGIN + 2 * DAY, read_only=True)
    assert path.read_bytes() == before


# -- Any program ----------------------------------------------------------------------------------

_NAMES: Final = st.sampled_from(["a", "b"])
_STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), _NAMES, st.integers(1, 4)),
        st.tuples(st.just("rewrite"), _NAMES, st.integers(0, 6)),
        st.tuples(st.just("rewind"), _NAMES, st.integers(0, 6)),
        st.tuples(st.just("fork"), _NAMES, st.integers(0, 6)),
        st.tuples(st.just("checkpoint"), _NAMES, st.integers(0, 6)),
        st.tuples(st.just("drop"), _NAMES, st.just(0)),
        st.tuples(st.just("delete"), _NAMES, st.just(0)),
        st.tuples(st.just("wait"), _NAMES, st.integers(1, 30)),
        st.tuples(st.just("prune"), st.sampled_from(["", "tips"]), st.integers(1, 3)),
    ),
    max_size=14,
)


class Program:
    """Carries out the steps, and keeps the expected value of every generation."""

    def __init__(self, store: SqliteSessionStore, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.count = 0

    async def do(self, step: tuple[str, str, int]) -> None:
        kind, name, number = step
        self.count += 1
        found = await self.store.load(name or "a")
        history = () if found is None else found.messages
        more = messages(max(number, 1), tag=f"step {self.count}")
        match kind:
            case "grow":
                await save(self.store, history + more, name)
            case "rewrite":
                await save(self.store, history[:number] + more, name)
            case "rewind" if found is not None:
                await self.store.rewind(name, min(number, len(history)))
            case "fork" if found is not None:
                await self.store.delete(f"{name}-fork")
                await self.store.fork(name, f"{name}-fork", min(number, len(history)))
            case "checkpoint":
                run = checkpoint(history[:number] + more, f"run-{name}", name)
                await self.store.save_loop_checkpoint(run.run_id, run)
            case "drop":
                await self.store.delete_loop_checkpoint(f"run-{name}")
            case "delete":
                await self.store.delete(name)
            case "wait":
                self.clock.now += number * DAY
            case "prune":
                present = await self.everything()
                days = 10 if name else None
                await self.store.prune(policy(number, days))
                assert await self.everything() == present

    async def everything(self) -> dict[Any, Any]:
        """All sessions and checkpoints, loaded."""
        ids = await self.store.list()
        runs = ["run-a", "run-b"]
        return {
            **{name: await self.store.load(name) for name in ids},
            **{run: await self.store.load_loop_checkpoint(run) for run in runs},
        }

    async def histories(self) -> dict[tuple[str, int], tuple[Message, ...]]:
        """The conversation of every generation, loaded."""
        found = {}
        for name in await self.store.list():
            for generation in await self.store.generations(name):
                if generation.length is not None:
                    loaded = await self.store.load(name, generation=generation.number)
                    assert loaded is not None
                    found[name, generation.number] = loaded.messages
        return found


def _begins(later: tuple[Message, ...], earlier: tuple[Message, ...]) -> bool:
    return later[: len(earlier)] == earlier


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, keep=st.integers(1, 4), days=st.one_of(st.none(), st.integers(1, 40)))
def test_after_any_program_a_prune_removes_only_what_it_may(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, int]],
    keep: int,
    days: int | None,
) -> None:
    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        program = Program(store, clock)
        for step in steps:
            await program.do(step)
        clock.now += 1.5 * DAY
        present, before = await program.everything(), await program.histories()
        saved = {
            (name, each.number): each.saved_at_ms
            for name in await store.list()
            for each in await store.generations(name)
        }
        dry = await store.prune(policy(keep, days), dry_run=True)
        assert await program.histories() == before
        real = await store.prune(policy(keep, days))
        assert compared(real) == compared(dry)
        assert (await store.verify(depth="deep")).damage == ()
        assert await program.everything() == present
        after = await program.histories()
        assert after == {key: before[key] for key in after}
        for (name, number), history in before.items():
            newest = await store.generation(name)
            if number > newest - keep:
                assert (name, number) in after
            age = clock.now * 1000 - saved[name, number]
            if days is None or age < days * DAY * 1000:
                assert any(
                    _begins(other, history) for (owner, _), other in after.items() if owner == name
                )
            elif number <= newest - keep:
                assert (name, number) not in after
        again = await store.prune(policy(keep, days))
        assert (again.generations, again.branches, again.messages, again.blobs) == (0, 0, 0, 0)

    in_store(tmp_path_factory.mktemp("program") / "agent.a3s", use)


# -- Beside others, and stopped -------------------------------------------------------------------


async def filled(store: SqliteSessionStore) -> None:
    await rewritten(store, 20, 120)
    await grown(store, 300, "grown")
    await store.fork(ID, "forked", 60)


def test_no_step_removes_more_than_256_messages_and_saves_go_between(tmp_path: Path) -> None:
    executed: list[str] = []

    async def use(store: SqliteSessionStore, clock: Clock) -> None:
        await save(store, messages(3_000, tag="first"))
        await save(store, messages(1))
        clock.now += 40 * DAY
        writer = store._engine.writer
        assert writer is not None
        await writer.run(lambda conn: conn.set_trace_callback(executed.append))
        pruning = asyncio.create_task(store.prune(policy(1, 1)))
        between = 0
        while not pruning.done():
            await save(store, messages(between % 5 + 1), "other")
            between += not pruning.done()
        assert (await pruning).messages == 3_000
        assert between > 5

    in_store(tmp_path / "agent.a3s", use)
    first_seq = re.compile(r"DELETE FROM message WHERE branch_key = 1 AND seq >= (\d+)")
    starts, last = [3_000], 3_000
    for statement in executed:
        found = first_seq.search(statement)
        if found is not None and statement.startswith("DELETE"):
            last = int(found[1])
        elif statement == "COMMIT" and last < starts[-1]:
            starts.append(last)
    steps = [one - other for one, other in itertools.pairwise(starts)]
    assert sum(steps) == 3_000
    assert max(steps) <= 256


_STOPPED: Final = """
import asyncio, os, signal, sys
from a3s_store import RetentionPolicy, SqliteSessionStore

def rows(conn):
    sql = "SELECT (SELECT count(*) FROM generation) + (SELECT count(*) FROM message)"
    return conn.execute(sql).fetchone()[0]

async def stop_at(store, most):
    while await store._engine.read("count", "", rows, lambda _, found: found) > most:
        pass
    os.kill(os.getpid(), signal.SIGKILL)

async def main(path, most):
    async with SqliteSessionStore.open(path) as store:
        killer = asyncio.create_task(stop_at(store, most))
        await store.prune(RetentionPolicy(keep_generations=2, keep_branches_days=1))
        await killer

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_prune_leaves_a_whole_store_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path, whole = tmp_path / "agent.a3s", tmp_path / "whole.a3s"
    with_store(path, filled, clock=lambda: BEGIN - 400 * DAY)
    shutil.copy(path, whole)
    prune = policy(2, 1)
    with_store(whole, lambda store: store.prune(prune), clock=lambda: BEGIN)
    expected = _rows(whole)
    for most in (3_000, 2_700, 2_000, 1_000):
        copy = Path(shutil.copy(path, tmp_path / f"{most}.a3s"))
        ended = subprocess.run(
            [sys.executable, "-c", _STOPPED, str(copy), str(most)], check=False, timeout=120
        )
        assert ended.returncode == -signal.SIGKILL
        report = with_store(copy, lambda store: store.verify(depth="deep"))
        assert report.damage == ()
        assert report.generations + report.messages <= most
        with_store(copy, lambda store: store.prune(prune), clock=lambda: BEGIN)
        assert _rows(copy) == expected


def _rows(path: Path) -> dict[str, Any]:
    rows = all_rows(path)
    return {table: rows[table] for table in rows if table not in ("meta", "file_link")}


def test_two_prunes_at_once_remove_what_one_does(tmp_path: Path) -> None:
    path, whole = tmp_path / "agent.a3s", tmp_path / "whole.a3s"
    with_store(path, filled, clock=lambda: BEGIN)
    shutil.copy(path, whole)
    later = {"clock": lambda: BEGIN + 40 * DAY}
    one = with_store(whole, lambda store: store.prune(policy(2, 9)), **later)

    async def both(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path, clock=lambda: BEGIN + 40 * DAY) as other:
            reports = await asyncio.gather(
                store.prune(policy(2, 9)),
                other.prune(policy(2, 9)),
            )
            for name in ("generations", "branches", "messages", "blobs", "bytes_logical"):
                assert sum(getattr(each, name) for each in reports) == getattr(one, name)
        assert (await store.verify(depth="deep")).ok

    with_store(path, both, **later)
    assert _rows(path) == _rows(whole)
