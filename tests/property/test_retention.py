"""Any program of saves and policies: SQLite prunes what the memory store prunes, and no more."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, RetentionPolicy, SqliteSessionStore
from a3s_store.core.reports import PruneReport
from a3s_store.models import ImageBlock, ImageSource, Message
from tests.support import artifact, checkpoint, messages, policy, session

DAY = 86_400.0
BEGIN = 1_800_000_000.0
_IDS = ("a", "b", "c")
_NUMBERS = st.integers(0, 9)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("grow", "grow", "rewrite", "rewrite", "rewind", "fork", "picture", "artifact"),
                *("checkpoint", "drop", "trash", "archive", "archive", "pin", "wait", "wait"),
            )
        ),
        st.sampled_from(_IDS),
        _NUMBERS,
    ),
    min_size=4,
    max_size=20,
)
_DAYS = st.one_of(st.none(), st.integers(1, 20))
_POLICIES = st.builds(
    RetentionPolicy,
    keep_generations=st.one_of(st.none(), st.integers(1, 4)),
    keep_branches_days=_DAYS,
    trash_days=st.one_of(st.none(), st.integers(0, 10)),
    max_bytes=st.one_of(st.none(), st.none(), st.just(1)),
    log_rows=st.one_of(st.none(), st.integers(1, 6)),
    log_days=_DAYS,
)


class Program:
    """The same steps on both stores, by one clock."""

    def __init__(self, *stores: Any) -> None:
        self.stores = stores
        self.number = 0

    async def do(self, step: tuple[str, str, int], clock: list[float]) -> None:
        kind, name, number = step
        clock[0] += number * DAY if kind == "wait" else 1
        self.number += 1
        for store in self.stores:
            await self._on(store, kind, name, number)

    async def _on(self, store: Any, kind: str, name: str, number: int) -> None:
        found = await store.load(name)
        history = () if found is None else found.messages
        some = number % (len(history) + 1)
        more = messages(number % 3 + 1, tag=f"new {self.number}")
        match kind:
            case "grow":
                await self._save(store, name, history + more)
            case "rewrite":
                await self._save(store, name, history[:some] + more)
            case "picture":
                source = ImageSource(media_type="image/png", data="AB"[number % 2] * 20_000)
                image = Message(role="user", content=(ImageBlock(source=source),))
                await self._save(store, name, (*history, image))
            case "artifact":
                text = "xy"[number % 2] * 20_000
                await store.save_artifacts(name, (artifact(number).evolve(content=text),))
            case "checkpoint":
                run = checkpoint(history[:some] + more, f"run-{name}", name)
                await store.save_loop_checkpoint(run.run_id, run)
            case "drop":
                await store.delete_loop_checkpoint(f"run-{name}")
        if found is None:
            return
        match kind:
            case "rewind":
                await store.rewind(name, some)
            case "fork" if not await store.generation(f"{name}-fork"):
                await store.fork(name, f"{name}-fork", some)
            case "trash":
                await store.trash(name)
            case "archive":
                await store.update(name, archived=number < 8)
            case "pin":
                await store.update(name, pinned=number < 3)

    async def _save(self, store: Any, name: str, history: tuple[Message, ...]) -> None:
        await store.save(session(name, messages=history))


async def generations(store: Any) -> dict[str, list[int]]:
    ids = (await store.inventory()).sessions
    return {one: [save.number for save in await store.generations(one)] for one in ids}


async def present(store: Any) -> dict[str, Any]:
    ids = (await store.inventory()).sessions
    runs = (await store.inventory()).loop_checkpoints
    return {
        **{one: await store.load_snapshot(one) for one in ids},
        **{one: await store.load_loop_checkpoint(one) for one in runs},
    }


async def log(store: Any) -> Any:
    page = await store.commits(limit=1000)
    found = [(one.sequence, one.subject, one.op, one.generation) for one in page.entries]
    return page.first_available, page.latest, page.gap, found


def removed_of(entries: Any, policy: RetentionPolicy) -> int:
    """Return how many entries of a log are not kept, by the words of the policy."""
    rows, days = policy.log_rows, policy.log_days
    if not entries or (rows, days) == (None, None):
        return 0
    since = entries[-1].committed_at_ms - (days or 7) * 86_400_000
    kept = [
        one.committed_at_ms >= since or number >= len(entries) - (rows or 100_000)
        for number, one in enumerate(entries)
    ]
    return kept.index(True)


def compared(report: PruneReport) -> PruneReport:
    return attrs.evolve(report, dry_run=False, bytes_free_pages=None, seconds=0.0, location="")


@settings(max_examples=50, deadline=None)
@given(steps=_STEPS, policy=_POLICIES)
def test_a_policy_removes_the_same_from_both_stores_and_a_dry_run_says_what(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, int]],
    policy: RetentionPolicy,
) -> None:
    clock = [BEGIN]

    async def main() -> None:
        path = tmp_path_factory.mktemp("retention") / "agent.a3s"
        model = MemorySessionStore(clock=lambda: clock[0])
        async with SqliteSessionStore.open(path, clock=lambda: clock[0]) as store:
            program = Program(store, model)
            for step in steps:
                await program.do(step, clock)
            clock[0] += 1.5 * DAY
            before = await present(store)
            entries = (await store.commits(limit=1000)).entries
            reports = []
            for one in (store, model):
                dry = await one.prune(policy, dry_run=True)
                assert await present(one) == before
                real = await one.prune(policy)
                assert compared(real) == compared(dry)
                reports.append(real)
            ours, models = reports
            assert (ours.deleted, ours.generations, ours.sessions, ours.commits) == (
                models.deleted,
                models.generations,
                models.sessions,
                models.commits,
            )
            assert await log(store) == await log(model)
            assert ours.commits == removed_of(entries, policy)
            assert await generations(store) == await generations(model)
            after = await present(store)
            assert after == {key: before[key] for key in after}
            gone = {key for key in before if key not in after}
            assert {key for key in gone if not key.startswith("run-")} == set(ours.deleted)
            assert (await store.verify(depth="deep")).damage == ()
            again = await store.prune(policy)
            assert (again.deleted, again.generations, again.messages) == ((), 0, 0)

    asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(steps=_STEPS, newest=st.integers(1, 3))
def test_without_days_every_conversation_stays_the_beginning_of_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]], newest: int
) -> None:
    clock = [BEGIN]

    async def histories(store: Any) -> dict[str, list[tuple[Message, ...]]]:
        found = {}
        for name, numbers in (await generations(store)).items():
            loaded = [
                await store.load(name, generation=one.number)
                for one in await store.generations(name)
                if one.length is not None
            ]
            assert numbers
            found[name] = [one.messages for one in loaded]
        return found

    async def main() -> None:
        path = tmp_path_factory.mktemp("lossless") / "agent.a3s"
        async with SqliteSessionStore.open(path, clock=lambda: clock[0]) as store:
            program = Program(store)
            for step in steps:
                await program.do(step, clock)
            clock[0] += 2 * DAY
            before = await histories(store)
            report = await store.prune(policy(newest))
            assert (report.messages, report.deleted) == (0, ())
            after = await histories(store)
            for name, conversations in before.items():
                for one in conversations:
                    assert any(other[: len(one)] == one for other in after[name])

    asyncio.run(main())
