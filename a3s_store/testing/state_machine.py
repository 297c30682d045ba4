"""Random programs on stores, compared with `MemorySessionStore` after every step.

    class TestMyStore(store_machine({"mine": lambda place: MyStore.open(place)}).TestCase):
        settings = hypothesis.settings(max_examples=50, deadline=None)

This takes seconds on a correct store. A fault is found as quickly, but Hypothesis then looks for
the shortest program that shows it, which may take minutes; leave `Phase.shrink` out of `phases=` to
see the first program found.

`store_machine` makes a Hypothesis state machine. It draws one program (saves, growing
conversations, compactions, checkpoints, deletes, compare-and-swap, reopenings) and runs it on each
store, at a place of its own. Results are compared as values and as canonical JSON, because == finds
True equal to 1 and -0.0 equal to 0.0.

Invariants:

1. A step is a small async function of a store. It runs on the store and on the store's model, and
   both must return or raise the same.
2. Each store has a model of its own. A write that a store refuses for its id (IdCollisionError,
   InvalidIdError) does not run on its model, and still runs on the other pairs. Only stores in
   `may_refuse` may refuse ids, only in writes, and a collision needs a stored id.
3. Steps build on values loaded from the same store, since a store may recognise its own objects by
   identity, or on equal copies, since a store may rely on identity wrongly.
4. After the last step everything is compared, and once more after reopening.
5. A store with generations has those of its model after every step: number, length, digest and
   conversation. Other stores do rewinds and forks by loads and saves.

Source: Hypothesis's own test_database_agreement.py has the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint, Message, SessionData
from a3s_store.testing import strategies
from a3s_store.testing._pairs import (
    COLLECTION_VALUES,
    COSTS,
    LOOKALIKE_GROUPS,
    LOOKALIKES,
    MESSAGES,
    NUMBERS,
    PLAIN,
    TURNS,
    OpenStore,
    Pair,
    call,
    copied,
    look_at,
    with_unknown_key,
)
from a3s_store.testing._pairs import Clock as Clock
from a3s_store.testing._pairs_machine import NEW
from a3s_store.testing._stream_unit_rules import StreamUnitRules
from a3s_store.testing._unit_rules import UnitRules
from a3s_store.testing.conformance.expect import load_collection, save_collection


def store_machine(
    open_stores: Mapping[str, OpenStore],
    *,
    may_refuse: Collection[str] = (),
    clock: Clock | None = None,
) -> type[StoreMachine]:
    """Return a state machine over these stores, for `.TestCase` or `run_state_machine_as_test`.

    Each opener takes an empty folder and returns an awaitable of an open store, which keeps its
    data there or in memory. A store that declares `durable` is closed and reopened from time to
    time. `may_refuse` has the names of stores that cannot keep every id. With a `clock`, which all
    stores have to use, items of streams expire: a rule moves it on.
    """

    given = clock

    class Machine(StoreMachine):
        openers = open_stores
        refusing = may_refuse
        clock = given

    return Machine


class StoreMachine(StreamUnitRules, UnitRules):
    """The rules of the machine; `store_machine` makes a subclass for given stores."""

    ids = StreamUnitRules.ids
    digests = Bundle("digests")

    # -- Sessions -----------------------------------------------------------------------------

    @rule(one=ids, session=strategies.session_data(size=1))
    def save(self, one: str, session: SessionData) -> None:
        """Save an arbitrary session."""
        self.change("save", lambda store: store.save(session.evolve(id=one)), one)

    def edit(self, what: str, one: str, fresh: bool, change: Callable[[Any], Any]) -> None:
        """Load the session, apply `change` to its messages, and save it."""

        async def step(store: Any) -> None:
            session = await store.load(one) or NEW.evolve(id=one)
            session = session.evolve(messages=change(session.messages))
            await store.save(copied(session) if fresh else session)

        self.change(what, step, one)

    @rule(one=ids, turns=st.lists(TURNS, min_size=1, max_size=5), fresh=st.booleans())
    def grow(self, one: str, turns: list[tuple[Message, ...]], fresh: bool) -> None:
        """Save a conversation that grows by several turns, one save for each."""
        for turn in turns:
            self.grow_once(one, turn, fresh)

    # Hypothesis draws all rules equally often; sessions mostly grow, so this is a rule too.
    @rule(one=ids, turn=TURNS, fresh=st.booleans())
    def grow_once(self, one: str, turn: tuple[Message, ...], fresh: bool) -> None:
        """Save a conversation with one more turn."""
        self.edit("grow", one, fresh, lambda old: (*old, *turn))

    @rule(one=ids, words=st.lists(PLAIN, min_size=3, max_size=12))
    def talk(self, one: str, words: list[Message]) -> None:
        """Save a conversation with several plain messages more."""
        self.edit("talk", one, False, lambda old: (*old, *words))

    @rule(one=ids, words=st.lists(PLAIN, min_size=3, max_size=6))
    def talk_turn_by_turn(self, one: str, words: list[Message]) -> None:
        """Save a conversation message by message."""
        for word in words:
            self.grow_once(one, (word,), False)

    @rule(one=ids, summary=PLAIN, keep=NUMBERS, fresh=st.booleans())
    def compact(self, one: str, summary: Message, keep: int, fresh: bool) -> None:
        """Replace the first messages with a summary."""
        self.edit("compact", one, fresh, lambda old: (summary, *old[max(0, len(old) - keep) :]))

    @rule(one=ids, drop=st.integers(0, 2), fresh=st.booleans())
    def shorten(self, one: str, drop: int, fresh: bool) -> None:
        """Drop the last messages."""
        self.edit("shorten", one, fresh, lambda old: old[: max(0, len(old) - drop)])

    @rule(one=ids, back=NUMBERS, message=MESSAGES, fresh=st.booleans())
    def replace(self, one: str, back: int, message: Message, fresh: bool) -> None:
        """Replace a message near the end."""

        def change(old: tuple[Message, ...]) -> tuple[Message, ...]:
            at = max(0, len(old) - 1 - back)
            return (*old[:at], message, *old[at + 1 :])

        self.edit("replace", one, fresh, change)

    @rule(one=ids, values=LOOKALIKE_GROUPS, fresh=st.booleans())
    def save_lookalikes(self, one: str, values: tuple[Any, ...], fresh: bool) -> None:
        """Add a message and replace it with one that Python's == finds equal."""
        first, second = map(call, values)
        self.edit("add a call", one, fresh, lambda old: (*old, first))
        self.edit("make it look alike", one, fresh, lambda old: (*old[:-1], second))

    @rule(one=ids, up=ids, value=LOOKALIKES, time=st.integers(-1, 1), cost=COSTS)
    def touch(self, one: str, up: str, value: Any, time: int, cost: float) -> None:
        """Change fields of a session and leave its messages."""

        async def step(store: Any) -> None:
            session = await store.load(one) or NEW.evolve(id=one)
            changed = session.evolve(updated_at=time, total_cost=cost, parent_id=up)
            await store.save(with_unknown_key(changed, value))

        self.change("touch", step, one)

    @rule(one=ids, tree=st.booleans())
    def delete(self, one: str, tree: bool) -> None:
        """Delete a session, with or without its descendants."""
        self.change("delete", lambda store: store.delete(one, tree=tree), one, *sorted(self.used))

    @rule(one=ids)
    def look(self, one: str) -> None:
        """Load everything under an id."""
        self.used.add(one)

        async def work(pair: Pair) -> None:
            await pair.read(f"look at {one!r}", look_at(one))

        self.each(work)

    @rule()
    def reopen(self) -> None:
        """Close and open every durable store."""
        self.each(Pair.reopen)

    # -- Collections --------------------------------------------------------------------------

    @rule(one=ids, values=COLLECTION_VALUES)
    def save_a_collection(self, one: str, values: tuple[str, tuple[Any, ...]]) -> None:
        """Save a collection."""
        self.change(
            f"save_{values[0]}",
            lambda store: save_collection(store, values[0], one, values[1]),
            one,
        )
        self.look(one)

    @rule(one=ids, added=COLLECTION_VALUES, trim=NUMBERS, fresh=st.booleans())
    def grow_a_collection(
        self, one: str, added: tuple[str, tuple[Any, ...]], trim: int, fresh: bool
    ) -> None:
        """Add values at the end and drop some at the front, as live collections do."""
        collection, more = added

        async def step(store: Any) -> None:
            values = ((await load_collection(store, collection, one) or ()) + more)[trim // 3 :]
            await save_collection(store, collection, one, copied(values) if fresh else values)

        self.change(f"grow {collection}", step, one)
        self.look(one)

    @rule(one=ids, value=LOOKALIKES, at=NUMBERS, fresh=st.booleans())
    def change_a_value(self, one: str, value: Any, at: int, fresh: bool) -> None:
        """One value of each collection gets another unknown key, or one that only looks equal."""

        async def step(store: Any) -> None:
            for collection in COLLECTIONS:
                values = list(await load_collection(store, collection.name, one) or ())
                if values:
                    old = values[at % len(values)]
                    new = with_unknown_key(old, value)
                    values[at % len(values)] = copied(new) if fresh else new
                    await save_collection(store, collection.name, one, values)

        self.change("change a value", step, one)

    @rule(one=ids, record=strategies.run_records(size=3), trim=st.integers(0, 2))
    def grow_a_run(self, one: str, record: Any, trim: int) -> None:
        """Events are added to the last run, and its oldest dropped."""

        async def step(store: Any) -> None:
            runs = await store.load_run_records(one) or (record,)
            last = runs[-1].evolve(events=(*runs[-1].events, *record.events)[trim:])
            await store.save_run_records(one, (*runs[:-1], last))

        self.change("grow a run", step, one)

    # -- Checkpoints --------------------------------------------------------------------------

    @rule(run=ids, one=ids, found=strategies.loop_checkpoints(size=1))
    def save_a_loop_checkpoint(self, run: str, one: str, found: LoopCheckpoint) -> None:
        """Save a loop checkpoint."""
        value = found.evolve(run_id=run, session_id=one)
        self.change("loop", lambda store: store.save_loop_checkpoint(run, value), run, one)

    @rule(run=ids, one=ids, turn=TURNS, keep=st.integers(0, 9), fresh=st.booleans())
    def end_a_tool_round(
        self, run: str, one: str, turn: tuple[Message, ...], keep: int, fresh: bool
    ) -> None:
        """The run's checkpoint has the session's conversation and then some."""

        async def step(store: Any) -> None:
            session = await store.load(one)
            before = await store.load_loop_checkpoint(run)
            messages = before.messages if before else session.messages if session else ()
            value = _CHECKPOINT.evolve(run_id=run, session_id=one, messages=(*messages, *turn))
            if keep < 3:
                value = value.evolve(messages=value.messages[:keep])
            await store.save_loop_checkpoint(run, copied(value) if fresh else value)

        self.change("tool round", step, run, one)

    @rule(run=ids, fresh=st.booleans())
    def end_a_run(self, run: str, fresh: bool) -> None:
        """The session is saved with the conversation of its checkpoint, which is then deleted."""

        async def step(store: Any) -> None:
            found = await store.load_loop_checkpoint(run)
            if found is not None:
                session = await store.load(found.session_id) or NEW.evolve(id=found.session_id)
                messages = copied(found.messages) if fresh else found.messages
                await store.save(session.evolve(messages=messages))
                await store.delete_loop_checkpoint(run)

        self.change("end of run", step, run)

    @rule(key=ids, found=strategies.workflow_checkpoints(size=2), fresh=st.booleans())
    def grow_a_workflow(self, key: str, found: Any, fresh: bool) -> None:
        """Save a workflow checkpoint with more steps."""

        async def step(store: Any) -> None:
            old = await store.load_workflow_checkpoint(key)
            steps = (*old.steps, *found.steps)[-4:] if old else found.steps
            value = found.evolve(workflow_id=key, steps=steps)
            await store.save_workflow_checkpoint(key, copied(value) if fresh else value)

        self.change("workflow", step, key)

    @rule(key=ids, kind=st.sampled_from(("loop_checkpoint", "workflow_checkpoint")))
    def delete_a_checkpoint(self, key: str, kind: str) -> None:
        """Delete a checkpoint of either kind."""
        self.change(f"delete_{kind}", lambda store: getattr(store, f"delete_{kind}")(key), key)

    # -- Snapshots ----------------------------------------------------------------------------

    @rule(one=ids, found=strategies.session_snapshot(size=1))
    def save_a_snapshot(self, one: str, found: SessionSnapshot) -> None:
        """Save an arbitrary snapshot."""
        value = found.evolve(session=found.session.evolve(id=one))
        self.change("save_snapshot", lambda store: store.save_snapshot(value), one)

    @rule(one=ids, other=ids)
    def copy_a_snapshot(self, one: str, other: str) -> None:
        """Save a stored snapshot under another id."""

        async def step(store: Any) -> None:
            found = await store.load_snapshot(one)
            if found is not None:
                await store.save_snapshot(found.fork(other))

        self.change("copy", step, one, other)

    @rule(target=digests, one=ids)
    def take_a_digest(self, one: str) -> str:
        """Remember the digest of a snapshot; of an absent one, a digest that none has."""
        found = self.runner.run(self.pairs[0].model.load_snapshot(one))
        return found.digest() if found else "sha256:" + "0" * 64

    @rule(one=ids, found=strategies.session_snapshot(size=1), digest=st.none() | digests)
    def compare_and_swap(self, one: str, found: SessionSnapshot, digest: str | None) -> None:
        """Save a snapshot on a digest that may be stale."""
        value = found.evolve(session=found.session.evolve(id=one))
        self.change("CAS", lambda store: store.save_snapshot_cas(value, digest), one)

    @rule(one=ids, turn=TURNS)
    def compare_and_grow(self, one: str, turn: tuple[Message, ...]) -> None:
        """Save a longer conversation on the stored digest, and once more on the same one."""

        async def step(store: Any) -> Any:
            seen = await store.load_snapshot(one)
            if seen is None:
                return None
            session = seen.session.evolve(messages=(*seen.session.messages, *turn))
            grown = seen.evolve(session=session)
            first = await store.save_snapshot_cas(grown, seen.digest())
            return seen.digest(), first, await store.save_snapshot_cas(grown, seen.digest())

        self.change("CAS that grows", step, one)


_CHECKPOINT = LoopCheckpoint(run_id="r", session_id="s", turn=1, messages=(), checkpoint_ms=1)
