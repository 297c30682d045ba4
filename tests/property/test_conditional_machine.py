"""Random conditional saves, merges, claims and deletes: SQLite and memory agree at every step.

Two SQLite stores have one file open and take turns, as two processes would, so that neither knows
what the other wrote.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.changes import Merge, RunCheckpoint, RunClaim, SessionChanges, Stored
from a3s_store.core.collections import RUN_RECORDS, TRACE_EVENTS
from a3s_store.core.merging.history import History, HistoryConflictError, merge_history
from a3s_store.core.merging.sessions import Sides, merge_snapshots
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import RunClaimedError, SessionNotFoundError, StaleGenerationError
from a3s_store.models import Message
from tests.support import checkpoint, run, session, trace

_SIZES = {"dev": (40, 30), "ci": (40, 30), "soak": (600, 60)}
_PROGRAMS, _STEPS = _SIZES[os.environ.get("A3S_PROFILE", "dev")]

IDS = st.sampled_from(["s", "t"])
RUNS = st.sampled_from(["r", "q"])
TOKENS = st.sampled_from(["A", "B"])
WINDOWS = st.integers(0, 2)
TEXTS = st.sampled_from(["a", "b", "c"])
Step = Callable[[Any], Awaitable[Any]]


@attrs.define
class Window:
    """One live session: the stored values that it last read or wrote, by session id."""

    base: dict[str, Stored] = attrs.field(factory=dict)

    def on(self, one: str) -> Revision | None:
        found = self.base.get(one)
        return None if found is None else found.revision


class _OwnError(Exception):
    """Raised by a merge."""


class ConditionalMachine(RuleBasedStateMachine):
    """Each step is done to memory and to a SQLite store: both return, or raise, the same."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="a3s-conditional-")
        self.memory = MemorySessionStore()
        self.stores = [self.runner.run(self._open()) for _ in range(2)]
        self.windows = [Window() for _ in range(3)]
        self.saves: list[tuple[str, bytes]] = []
        self.highest: dict[str, int] = {}
        self.number = 0

    async def _open(self) -> SqliteSessionStore:
        path = Path(self.folder.name, "store.a3s")
        return await SqliteSessionStore.open(path, durability="normal", cache_bytes=20_000)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            for store in self.stores:
                self.runner.run(store.close())
            self.runner.close()
            self.folder.cleanup()

    # -- Steps ------------------------------------------------------------------------------------

    def both(self, step: Step) -> Any:
        """Return what the step comes to on memory, after SQLite came to the same."""
        self.number += 1
        expected = self.runner.run(_outcome(self.memory, step))
        found = self.runner.run(_outcome(self.stores[self.number % 2], step))
        assert found == expected
        self.runner.run(self._compare())
        return expected

    async def _compare(self) -> None:
        store = self.stores[self.number // 2 % 2]
        for one in ("s", "t"):
            revision = await self.memory.revision(one)
            assert await store.revision(one) == revision
            expected = await self.memory.load_versioned(one, snapshot=True)
            assert await store.load_versioned(one, snapshot=True) == expected
            assert expected is None or expected.revision == revision
            assert await _generations(store, one) == await _generations(self.memory, one)
            runs = await self.memory.run_checkpoints(one)
            assert await store.run_checkpoints(one) == runs
            if revision is not None:
                assert revision.generation >= self.highest.get(one, 1)
                assert revision.life <= revision.generation
                self.highest[one] = revision.generation
        for one, save_id in self.saves[-5:]:
            assert await store.landed(one, save_id) == await self.memory.landed(one, save_id)

    @rule(i=WINDOWS, one=IDS)
    def look(self, i: int, one: str) -> None:
        found = self.both(lambda store: store.load_versioned(one, snapshot=True))
        if found is None:
            self.windows[i].base.pop(one, None)
        else:
            self.windows[i].base[one] = found

    @rule(
        i=WINDOWS,
        one=IDS,
        text=st.none() | TEXTS,
        back=st.integers(0, 3),
        events=st.none() | st.integers(0, 3),
        runs=st.none() | st.integers(0, 2),
        source=st.sampled_from([None, "made"]),
        how=st.sampled_from(["refuse", "merge", "merge", "merge", "raise", "theirs"]),
        put=st.none() | st.tuples(RUNS, TOKENS, st.booleans()),
        ended=st.none() | st.just("known") | st.tuples(RUNS, TOKENS),
    )
    def save(
        self,
        i: int,
        one: str,
        text: str | None,
        back: int,
        events: int | None,
        runs: int | None,
        source: str | None,
        how: str,
        put: tuple[str, str, bool] | None,
        ended: str | tuple[str, str] | None,
    ) -> None:
        window = self.windows[i]
        base = window.base.get(one)
        old = base.value.session if base is not None else session(one, 0)
        given: dict[str, Any] = {"collections": {}, "name_source": source}
        if text is not None:
            kept = old.messages[: len(old.messages) - back] if back > 1 else old.messages
            named = old.config.evolve(name=text if back == 3 else old.config.name)
            messages = (*kept, Message.user(f"{text} {self.number}"))
            given["session"] = old.evolve(messages=messages, config=named)
        if events is not None:
            before = () if base is None else base.value.trace_events or ()
            given["collections"][TRACE_EVENTS] = (*before[-2:], *map(trace, range(events)))
        if runs is not None:
            given["collections"][RUN_RECORDS] = (run(1, runs, one),)
        if put is not None:
            run_id, token, begins = put
            history = (*old.messages, Message.user(f"round {self.number}"))
            given["checkpoint"] = RunCheckpoint(
                checkpoint=checkpoint(history, run_id, one),
                base_length=len(old.messages),
                claimed_by=token,
            )
            given["begins_run"] = begins
        save_id = self.number.to_bytes(16, "big")
        claims: tuple[RunClaim, ...] = ()
        if ended == "known":
            claims = tuple(
                RunClaim(known.run_id, known.claimed_by)
                for known in self.runner.run(self.memory.run_checkpoints(one))
                if known.claimed_by is not None and (put is None or known.run_id != put[0])
            )
        elif ended is not None:
            claims = (RunClaim(*ended),)
        changes = SessionChanges(session_id=one, save_id=save_id, ended_runs=claims, **given)
        merge = _merge(how, base)
        self.saves.append((one, save_id))
        on = window.on(one)
        self.both(lambda store: store.save_changes(changes, on=on, merge=merge))
        if how != "raise":
            self.look(i, one)

    @rule(one=IDS, text=TEXTS)
    def save_without_a_condition(self, one: str, text: str) -> None:
        value = session(one, 2)
        value = value.evolve(config=value.config.evolve(name=text))
        self.both(lambda store: store.save(value))

    @rule(one=IDS, events=st.integers(0, 2))
    def save_a_collection(self, one: str, events: int) -> None:
        values = tuple(map(trace, range(events)))
        self.both(lambda store: store.save_trace_events(one, values))

    @rule(one=IDS)
    def delete(self, one: str) -> None:
        self.both(lambda store: store.delete(one))

    @rule(one=IDS, length=st.integers(0, 3))
    def rewind(self, one: str, length: int) -> None:
        self.both(lambda store: store.rewind(one, length))

    @rule(at=st.none() | st.integers(0, 3))
    def fork(self, at: int | None) -> None:
        self.both(lambda store: store.fork("s", "t", at))

    @rule(one=IDS, back=st.integers(0, 4))
    def go_back_in_time(self, one: str, back: int) -> None:
        number = self.highest.get(one, 0) - back
        self.both(lambda store: store.load(one, generation=number))

    @rule(run_id=RUNS, seen=st.none() | TOKENS, by=TOKENS)
    def claim(self, run_id: str, seen: str | None, by: str) -> None:
        self.both(lambda store: store.claim_run(run_id, seen=seen, by=by))

    @rule(run_id=RUNS, one=IDS)
    def save_a_checkpoint_without_a_claim(self, run_id: str, one: str) -> None:
        value = checkpoint((Message.user(f"{self.number}"),), run_id, one)
        self.both(lambda store: store.save_loop_checkpoint(run_id, value))

    @rule(run_id=RUNS)
    def delete_a_checkpoint(self, run_id: str) -> None:
        self.both(lambda store: store.delete_loop_checkpoint(run_id))


async def _outcome(store: Any, step: Step) -> Any:
    """Return what a step returns, or what there is to compare of the error it raises."""
    try:
        return await step(store)
    except StaleGenerationError as error:
        return "stale", error.expected, error.actual, error.expected_revision, error.actual_revision
    except RunClaimedError as error:
        return "claimed", error.run_id
    except SessionNotFoundError as error:
        return type(error), error.what
    except (HistoryConflictError, _OwnError) as error:
        return type(error), str(error)


async def _generations(store: Any, one: str) -> Any:
    """All generations, without the times of clocks."""
    return [(each.number, each.length, each.digest) for each in await store.generations(one)]


def _merge(how: str, base: Stored | None) -> Merge | None:
    """Return a merge for where the session is elsewhere; None to be refused there."""
    if how == "refuse":
        return None

    def merge(ours: SessionChanges, theirs: Stored) -> SessionChanges:
        if how == "raise":
            raise _OwnError(f"at {theirs.revision}")
        if how == "theirs":
            return attrs.evolve(ours, session=None, collections={})
        assert base is not None, "without one it is not asked"
        return _merged(ours, base, theirs)

    return merge


def _merged(ours: SessionChanges, base: Stored, theirs: Stored) -> SessionChanges:
    """As a live session merges: the conversation, then everything else."""
    collections = {**base.value.collections(), **ours.collections}
    mine = SessionSnapshot.of(
        ours.session or base.value.session, collections, base.value.retained_artifact_uris
    )
    source = ours.name_source if ours.session is not None else base.name_source
    merged = merge_snapshots(
        Sides(snapshot=base.value, name_source=base.name_source),
        Sides(snapshot=mine, name_source=source),
        Sides(snapshot=theirs.value, name_source=theirs.name_source),
    )
    history = History(base.value.session.messages).now(mine.session.messages)
    messages = merge_history(history, theirs.value.session.messages).view
    return attrs.evolve(
        ours,
        session=merged.snapshot.session.evolve(messages=messages),
        collections=merged.snapshot.collections(),
        retained_artifact_uris=merged.snapshot.retained_artifact_uris,
        name_source=merged.name_source,
    )


TestConditionalSaves = ConditionalMachine.TestCase
TestConditionalSaves.settings = settings(
    max_examples=_PROGRAMS,
    stateful_step_count=_STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
