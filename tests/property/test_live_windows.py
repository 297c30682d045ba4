"""Random programs on three live sessions of one stored session: nothing acknowledged is lost.

The windows save, talk, compact, take back, crash, take runs over from each other and delete the
session, in each mode of `on_conflict`; saves have an unknown outcome now and then, or something
else is saved just before them. After each step the store is looked at. `A3S_PROFILE=soak` tries
many more; `LIVE_EXAMPLES` and `LIVE_STEPS` set the numbers.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from a3s_store.core.protocol import ConditionalStore
from a3s_store.core.tool_pairs import check_pairs
from a3s_store.core.turns import turns
from a3s_store.errors import (
    RunCancelledError,
    RunClaimedError,
    SessionDeletedError,
    SessionError,
    StaleSessionError,
)
from a3s_store.models import Message, PermissionPolicy, PermissionRule, Task, TaskStatus
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.state.runs import TERMINAL
from tests.support import artifact, trace
from tests.unit.runtime.live import Summaries, crash
from tests.unit.runtime.windows import (
    CUT,
    FAILED,
    ID,
    Interference,
    InterferingFiles,
    InterferingMemory,
    InterferingSqlite,
    Running,
    calls,
    open_window,
    results,
    resume,
    send,
    taken_for_dead,
    texts,
    turn,
)

# (programs on the memory store, on the others, steps of each) by profile.
_SIZES = {"dev": (60, 15, 30), "ci": (30, 10, 30), "soak": (2000, 200, 60)}
_IN_MEMORY, _ON_DISK, _STEPS = _SIZES[os.environ.get("A3S_PROFILE", "dev")]
_IN_MEMORY = int(os.environ.get("LIVE_EXAMPLES", _IN_MEMORY))
_ON_DISK = int(os.environ.get("LIVE_EXAMPLES", _ON_DISK))
_STEPS = int(os.environ.get("LIVE_STEPS", _STEPS))

_REFUSED: Final = (
    StaleSessionError,
    RunClaimedError,
    ConnectionError,
    RuntimeError,
    asyncio.CancelledError,
)
# So many messages that the conversation can be compacted.
_SEED: Final = tuple(Message.user(f"seed {number}") for number in range(31))
WINDOWS: Final = st.integers(0, 2)


@attrs.define
class Said:
    """Things that must not be lost: texts, costs (by their tokens), runs that ended, traces."""

    texts: set[str] = attrs.Factory(set)
    costs: set[int] = attrs.Factory(set)
    runs: set[str] = attrs.Factory(set)
    traces: set[str] = attrs.Factory(set)

    def add(self, other: Said) -> None:
        for name in ("texts", "costs", "runs", "traces"):
            getattr(self, name).update(getattr(other, name))

    def keep(self, there: Said) -> None:
        """Forget what is not there."""
        for name in ("texts", "costs", "runs", "traces"):
            getattr(self, name).intersection_update(getattr(there, name))

    def missing(self, there: Said) -> dict[str, set[Any]]:
        names = ("texts", "costs", "runs", "traces")
        found = {name: getattr(self, name) - getattr(there, name) for name in names}
        return {name: lost for name, lost in found.items() if lost}


@attrs.define
class Window:
    """A live session, its run under way, and what was done since it was last clean."""

    live: AgentSession
    running: Running | None = None
    said: list[str] = attrs.Factory(list)
    unsaved: Said = attrs.Factory(Said)
    busy: bool = False
    # Whether its session was deleted: nothing of it is stored any more.
    is_over: bool = False

    @property
    def is_clean(self) -> bool:
        return not (self.live.is_dirty or self.live.persistence.is_unsure)


class Machine(RuleBasedStateMachine):
    """The rules; subclasses say on which store."""

    mode: ClassVar[OnConflict] = "merge"
    # Whether the store compares and writes in one transaction, and knows who has claimed a run.
    conditional: ClassVar[bool] = True

    async def open(self, place: Path) -> list[Any]:
        """Three stores of the same content, which may be one."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="a3s-windows-")
        self.between = Interference()
        self.windows: list[Window | None] = [None, None, None]
        self.acknowledged = Said()
        self.generation = self.number = 0
        self.was_deleted = False
        self.complaints: list[str] = []
        self.stores: list[Any] = self.do(self.open(Path(self.folder.name)))

    def do(self, work: Awaitable[Any]) -> Any:
        async def doing() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, found: self.complaints.append(found["message"]))
            return await work

        return self.runner.run(doing())

    def teardown(self) -> None:
        for number in range(3):
            self.crash(number)
        stores = list(dict.fromkeys(self.stores))
        for store in stores:
            self.do(store.close())
        self.runner.close()
        self.folder.cleanup()
        assert self.complaints == []

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind} {self.number}"

    def tokens(self) -> int:
        """Tokens of a call: sums of different ones differ."""
        return self.number * 2_654_435_761 % 2**40 + 1

    @initialize()
    def a_conversation(self) -> None:
        self.do(self._make())

    async def _make(self) -> None:
        live = await open_window(self.stores[0], self.mode)
        live.session.replace_messages(_SEED)
        await live.save()
        await live.close()

    # -- Helpers ------------------------------------------------------------------------------

    async def window(self, number: int) -> Window:
        found = self.windows[number]
        if found is None:
            store, between = self.stores[number], self.between
            store.interference = None
            found = Window(await open_window(store, self.mode))
            store.interference = between
            self.windows[number] = found
        return found

    async def attempt(
        self, number: int, work: Callable[[Window], Awaitable[Any]], *, compares: bool = False
    ) -> Any:
        """Do one operation in a window; None when it was refused. `compares`: it may be stale."""
        window = await self.window(number)
        await self.look(number, window)
        window = await self.window(number)
        window.busy = True
        task = asyncio.ensure_future(work(window))
        self.between.caller = task
        try:
            await asyncio.wait((task,))
            return task.result()
        except SessionDeletedError:
            assert self.was_deleted
            await self.leave(number)
        except _REFUSED as error:
            if not self.is_expected(error, task, compares):
                raise
        finally:
            self.between.caller = None
            window.busy = False
            await self.look(number, window)
        return None

    def is_expected(self, error: BaseException, task: asyncio.Task[Any], compares: bool) -> bool:
        """Whether this is how an operation may be refused."""
        if isinstance(error, StaleSessionError):
            return compares or self.mode == "raise" or error.forked_as is not None
        if isinstance(error, RunClaimedError):
            return self.conditional
        if isinstance(error, asyncio.CancelledError):
            return task.cancelled()
        return str(error) in (CUT, FAILED)

    async def ended(self, number: int, window: Window) -> None:
        """Take note of a run that is over, by the result of its work."""
        running, window.running = window.running, None
        assert running is not None, "asked before"
        error = None if running.work.cancelled() else running.work.exception()
        if isinstance(error, SessionDeletedError):
            assert self.was_deleted
            await self.leave(number)
        elif isinstance(error, RunClaimedError):
            assert self.conditional  # its rounds are another window's
        elif error is None or isinstance(error, RunCancelledError | RuntimeError):
            spent = running.agent.active.usage.prompt_tokens
            window.unsaved.add(
                Said(texts=set(window.said), costs={spent} - {0}, runs={running.run_id})
            )
        else:
            raise error
        window.said = []

    async def look(self, number: int, window: Window) -> None:
        """See whether its run is over. All that a window did is acknowledged once it is clean."""
        if window.running is not None and window.running.work.done():
            await self.ended(number, window)
        if window.running is None and window.is_clean and not window.is_over:
            self.acknowledged.add(window.unsaved)
            window.unsaved = Said()

    async def leave(self, number: int) -> None:
        """The process of a window ends."""
        window, self.windows[number] = self.windows[number], None
        if window is not None:
            crash(window.live)
            if window.running is not None and window.running.work.done():
                window.running.work.cancelled() or window.running.work.exception()
            elif window.running is not None:
                await window.running.die()

    async def kept(self, running: Running, said: Iterable[str]) -> None:
        """The store has a checkpoint of the run: what it has is not lost any more."""
        self.acknowledged.add(Said(texts=set(said)))

    async def there(self) -> Said:
        """Return all that the store has, in checkpoints and sessions.

        A run may end meanwhile: what its checkpoint had is in a session that is read afterwards.
        """
        store, found = self.stores[0], Said()
        for run_id in (await store.inventory()).loop_checkpoints:
            checkpoint = await store.load_loop_checkpoint(run_id)
            if checkpoint is not None:
                found.texts.update(texts(checkpoint.messages))
        for one in await store.list():
            snapshot = await store.load_snapshot(one)
            found.texts.update(texts(snapshot.session.messages))
            found.costs.update(cost.prompt_tokens for cost in snapshot.session.cost_records)
            found.runs.update(run.snapshot.id for run in snapshot.run_records or ())
            found.traces.update(event.name for event in snapshot.trace_events or ())
        return found

    # -- Runs ---------------------------------------------------------------------------------

    async def _begun(self, window: Window, begin: Callable[[], Awaitable[Running]]) -> None:
        running = await begin()
        window.running, window.said = running, texts(running.agent.messages)
        base = running.agent.active.base_length or 0
        window.said = window.said[base:]
        if await self.stores[0].load_loop_checkpoint(running.run_id) is not None:
            await self.kept(running, window.said)

    @rule(number=WINDOWS)
    def begin(self, number: int) -> None:
        async def begin(window: Window) -> None:
            if window.running is None:
                await self._begun(window, lambda: send(window.live, self.new("prompt")))

        self.do(self.attempt(number, begin))

    @rule(
        number=WINDOWS,
        count=st.integers(1, 3),
        split=st.booleans(),
        same=st.booleans(),
        open_call=st.sampled_from((False, False, False, True)),
    )
    def round(self, number: int, count: int, split: bool, same: bool, open_call: bool) -> None:
        async def round_(window: Window) -> None:
            running = window.running
            if running is None:
                return
            said: list[Message] = []
            if waiting := running.agent.waiting:
                said.append(results(self.new("late result"), *waiting))
            names = ["same" if same and count == 1 else self.new("call") for _ in range(count)]
            said.append(calls(self.new("calls"), *names))
            if not open_call:
                parts = [[name] for name in names] if split else [names]
                said += [results(self.new("result"), *part) for part in parts]
            kept = await running.round(*said, tokens=self.tokens())
            if kept is not None:
                window.said += texts(tuple(said))
            if kept:
                await self.kept(running, window.said)

        self.do(self.attempt(number, round_))

    @rule(number=WINDOWS)
    def finish(self, number: int) -> None:
        async def finish(window: Window) -> None:
            running = window.running
            if running is None:
                return
            if waiting := running.agent.waiting:
                late = self.new("late result")
                if await running.round(results(late, *waiting)) is None:
                    return
                window.said.append(late)
            reply = self.new("reply")
            await running.finish(reply, self.tokens())
            window.said.append(reply)

        self.do(self.attempt(number, finish))

    @rule(number=WINDOWS, status=st.sampled_from(("failed", "cancelled")))
    def stop(self, number: int, status: Literal["failed", "cancelled"]) -> None:
        async def stop(window: Window) -> None:
            if window.running is not None:
                await (window.running.fail() if status == "failed" else window.running.cancel())

        self.do(self.attempt(number, stop))

    @rule(number=WINDOWS)
    def crash(self, number: int) -> None:
        self.do(self.leave(number))

    @rule(number=WINDOWS, keep=st.sampled_from(("rounds", "rounds", "fork")))
    def give_up(self, number: int, keep: Literal["rounds", "fork"]) -> None:
        async def give_up(window: Window) -> None:
            found = await window.live.interrupted_runs()
            if window.running is None and found:
                await window.live.abandon_run(found[0].run_id, keep=keep)

        self.do(self.attempt(number, give_up))

    @rule(number=WINDOWS)
    def resume(self, number: int) -> None:
        async def resume_(window: Window) -> None:
            found = await window.live.interrupted_runs()
            if window.running is not None or not found:
                return
            try:
                await self._begun(window, lambda: resume(window.live, found[0].run_id))
            except SessionError as error:
                if "went on without" not in str(error) and "has ended" not in str(error):
                    raise

        self.do(self.attempt(number, resume_, compares=True))

    @precondition(lambda self: self.conditional)
    @rule(number=WINDOWS, other=WINDOWS, racing=st.booleans())
    def take_over_a_living_run(self, number: int, other: int, racing: bool) -> None:
        """Liveness misjudged: another window gives up a run that goes on."""

        async def take(window: Window) -> None:
            one = self.windows[number]
            if one is None or one.running is None or window.running is not None:
                return
            with taken_for_dead(one.live):
                await window.live.abandon_run(one.running.run_id)

        async def meanwhile() -> None:
            window = self.windows[other]
            if window is None or not window.busy:
                await self.attempt(other, take)

        if number == other:
            return
        if racing:
            self.between.meanwhile = meanwhile
        else:
            self.do(meanwhile())

    @precondition(lambda self: self.conditional)
    @rule(number=WINDOWS, other=WINDOWS)
    def give_up_a_run_that_goes_on(self, number: int, other: int) -> None:
        """It is refused, and the run keeps its checkpoint."""

        async def give_up(window: Window) -> None:
            one = self.windows[number]
            if one is not None and one.running is not None and window.running is None:
                await window.live.abandon_run(one.running.run_id)

        if number != other:
            self.do(self.attempt(other, give_up))

    # -- Other changes ------------------------------------------------------------------------

    @rule(number=WINDOWS, kind=st.sampled_from(("trace", "artifact", "name", "rule", "tasks")))
    def change(self, number: int, kind: str) -> None:
        async def change(window: Window) -> None:
            session, new = window.live.session, self.number
            if kind == "trace":
                name = self.new("trace")
                session.trace.record(trace(0).evolve(name=name))
                window.unsaved.traces.add(name)
            elif kind == "artifact":
                session.artifacts.put(artifact(new % 3).evolve(content=f"content {new % 2}"))
            elif kind == "name":
                session.config = session.config.evolve(name=self.new("name"))
            elif kind == "rule":
                policy = session.config.permission_policy or PermissionPolicy()
                policy = policy.evolve(deny=(*policy.deny, PermissionRule(rule=self.new("rule"))))
                session.config = session.config.evolve(permission_policy=policy)
                session.set_permission_policy(policy)
            else:
                session.set_tasks(
                    (
                        *session.tasks,
                        Task(id=self.new("task"), content="do it", status=TaskStatus.PENDING),
                    )
                )

        self.do(self.attempt(number, change))

    @rule(number=WINDOWS)
    def save(self, number: int) -> None:
        async def save(window: Window) -> None:
            if window.running is None:
                await window.live.save()

        self.do(self.attempt(number, save))

    @rule(number=WINDOWS, with_summary=st.booleans())
    def compact(self, number: int, with_summary: bool) -> None:
        async def compact(window: Window) -> None:
            if window.running is None:
                before = set(texts(window.live.session.messages)) | await self._stored_texts()
                try:
                    await window.live.compact(Summaries() if with_summary else None)
                finally:
                    self._forget(before)

        self.do(self.attempt(number, compact))

    @rule(number=WINDOWS)
    def clear(self, number: int) -> None:
        async def clear(window: Window) -> None:
            if window.running is None:
                before = set(texts(window.live.session.messages)) | await self._stored_texts()
                try:
                    await window.live.clear()
                except StaleSessionError:
                    raise
                except BaseException:
                    # It may be done or not.
                    self._forget(before)
                    raise
                self._forget(before)

        self.do(self.attempt(number, clear, compares=True))

    @rule(number=WINDOWS, count=st.integers(1, 2))
    def undo(self, number: int, count: int) -> None:
        async def undo(window: Window) -> None:
            before = window.live.session.messages
            prompts = [one for one in turns(before) if one.index]
            if window.running is not None or len(prompts) < count:
                return
            stored = await self._stored_texts()
            try:
                undone = await window.live.undo_turn(count)
            except StaleSessionError:
                raise
            except BaseException:
                # It may be done or not.
                self._forget(set(texts(before)) | stored)
                raise
            assert window.live.session.messages + undone == before
            self._forget(set(texts(undone)))

        self.do(self.attempt(number, undo, compares=True))

    def _forget(self, before: set[str]) -> None:
        self.acknowledged.texts -= before
        for window in self.windows:
            if window is not None:
                window.unsaved.texts -= before
                window.said = [text for text in window.said if text not in before]

    async def _stored_texts(self) -> set[str]:
        found = await self.stores[0].load(ID)
        return set() if found is None else set(texts(found.messages))

    @rule(number=WINDOWS)
    def close_idle(self, number: int) -> None:
        async def close(window: Window) -> None:
            if window.running is not None or not window.is_clean:
                return
            before, saves = await self.revision(), self.between.saves
            assert await window.live.close()
            assert (await self.revision(), self.between.saves) == (before, saves)
            self.windows[number] = None

        self.do(self.attempt(number, close))

    async def revision(self) -> Any:
        store = self.stores[0]
        if isinstance(store, ConditionalStore):
            return await store.revision(ID)
        found = await store.load_snapshot(ID)
        return None if found is None else found.digest()

    @rule(number=WINDOWS, keep=st.sampled_from(("both", "both", "stored", "ours_as_fork")))
    def reload(self, number: int, keep: Literal["both", "stored", "ours_as_fork"]) -> None:
        async def reload(window: Window) -> None:
            if window.running is not None:
                return
            if keep == "stored" and not window.is_clean:
                # It is dropped: afterwards the store has only what others have.
                lost = {*window.unsaved.texts, *texts(window.live.session.history.appended)}
                self._forget(lost)
                window.unsaved = Said()
            await window.live.reload(keep)

        self.do(self.attempt(number, reload))

    @rule(when=st.sampled_from(("before", "after", "cancelled")))
    def cut(self, when: Literal["before", "after", "cancelled"]) -> None:
        self.between.outcome = when

    @rule(other=WINDOWS, what=st.sampled_from(("save", "turn", "clear")))
    def something_meanwhile(self, other: int, what: str) -> None:
        async def act(window: Window) -> None:
            if window.running is not None:
                return
            if not self.conditional and (await self.stores[0].inventory()).loop_checkpoints:
                # Without claims two of them may keep what one crashed run finished.
                return
            if what == "turn":
                prompt = self.new("prompt")
                tokens = self.tokens()
                await turn(window.live, prompt, tokens)
                window.unsaved.add(Said(texts={prompt, f"re: {prompt}"}, costs={tokens}))
            elif what == "save":
                window.live.session.trace.record(trace(self.number))
                await window.live.save()

        async def meanwhile() -> None:
            window = self.windows[other]
            if window is None or not window.busy:
                await self.attempt(other, act)

        self.between.meanwhile = meanwhile

    @precondition(lambda self: self.conditional)
    @rule(again=st.booleans())
    def delete(self, again: bool) -> None:
        async def delete() -> None:
            await self.stores[0].delete(ID)
            self.was_deleted = True
            self.acknowledged.keep(await self.there())
            for window in self.windows:
                if window is not None:
                    window.is_over = True
            if again:
                self.stores[0].interference = None
                await self._make()
                self.stores[0].interference = self.between

        self.do(delete())

    # -- Facts --------------------------------------------------------------------------------

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        assert self.acknowledged.missing(self.do(self.there())) == {}

    @invariant()
    def what_is_stored_is_whole(self) -> None:
        self.do(self._whole())

    async def _whole(self) -> None:
        store = self.stores[0]
        for one in await store.list():
            snapshot = await store.load_snapshot(one)
            session = snapshot.session
            broken = [p for p in check_pairs(session.messages) if p.kind != "open_call"]
            assert broken == [], one
            said = [text for text in texts(session.messages) if text and text[0] != "["]
            assert len(said) == len(set(said)), said
            costs = [cost.prompt_tokens for cost in session.cost_records]
            assert len(costs) == len(set(costs)), costs
            assert session.total_usage.prompt_tokens == sum(costs), one
            names = [event.name for event in snapshot.trace_events or () if " " in event.name]
            assert len(names) == len(set(names)), names
            runs = [run.snapshot.id for run in snapshot.run_records or ()]
            assert len(runs) == len(set(runs)), runs
            for run in snapshot.run_records or ():
                numbers = [event.sequence for event in run.events]
                assert numbers == sorted(set(numbers)), run.snapshot.id
                if run.snapshot.id in self.acknowledged.runs:
                    assert run.snapshot.status in TERMINAL, run.snapshot.id

    @invariant()
    def generations_only_rise(self) -> None:
        if self.conditional:
            revision = self.do(self.revision())
            if revision is not None:
                assert revision.generation >= self.generation
                self.generation = revision.generation

    @invariant()
    def no_run_that_has_ended_has_a_checkpoint(self) -> None:
        if self.conditional:
            self.do(self._no_leftovers())

    async def _no_leftovers(self) -> None:
        snapshot = await self.stores[0].load_snapshot(ID)
        records = () if snapshot is None else snapshot.run_records or ()
        ended = {run.snapshot.id for run in records if run.snapshot.status in TERMINAL}
        assert not ended & set((await self.stores[0].inventory()).loop_checkpoints)


# -- The stores -----------------------------------------------------------------------------------


class InMemory(Machine):
    """One store for all three."""

    async def open(self, place: Path) -> list[Any]:
        return [InterferingMemory()] * 3


class InSqlite(Machine):
    """A store for each, on one file."""

    async def open(self, place: Path) -> list[Any]:
        path = place / "store.a3s"
        return [await InterferingSqlite.open(path, durability="normal") for _ in range(3)]


class InFiles(Machine):
    """A store for each, on one folder."""

    conditional = False

    async def open(self, place: Path) -> list[Any]:
        return [await InterferingFiles.open(place / "store") for _ in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["merge", "fork", "raise"])
@pytest.mark.parametrize("store", [InMemory, InSqlite, InFiles])
def test_nothing_is_lost_between_windows(store: type[Machine], mode: OnConflict) -> None:
    programs = _IN_MEMORY if store is InMemory else _ON_DISK

    class Chosen(store):  # type: ignore[misc, valid-type]
        """In one mode."""

    Chosen.mode = mode
    case = Chosen.TestCase
    case.settings = settings(
        max_examples=programs,
        stateful_step_count=_STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()
