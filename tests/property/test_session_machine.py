"""Random programs on a manager of live sessions, compared with a plain model after every step.

Programs create, talk, fail, are cancelled, crash and go on, over a store that fails now and then
and is closed and opened again. Four facts are looked at each time: live sessions are the model's,
and so are those that were closed and not saved; the store has the last persisted state,
whatever failed since; a session has something to be saved exactly when the model has; and the
failures to persist were told, each by its operation, to who listens. After a crash everything that
was acknowledged is there: in the session, or in the checkpoints of its interrupted runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.protocol import Verifiable
from a3s_store.errors import (
    CompactionError,
    RunCancelledError,
    SessionBusyError,
    SessionError,
    SessionNotSavedError,
    SessionPausedError,
    StoreError,
    StoreUnavailableError,
    UnsavedSessionsError,
)
from a3s_store.models import (
    ConfirmationPolicy,
    LlmConfigData,
    Message,
    PermissionPolicy,
    PermissionRule,
    PersistenceFailed,
    SessionConfig,
    SessionData,
    StorageBackend,
    Task,
    TaskStatus,
    TokenUsage,
)
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.management.manager import SessionManager
from a3s_store.runtime.observation.events import Subscription
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.property.session_model import CALL, Model, Script, fresh, lines_of_round
from tests.support import trace
from tests.unit.runtime.live import crash

# (programs, steps of each) by profile.
_SIZES = {"dev": (12, 20), "ci": (12, 30), "soak": (1500, 60)}
_PROGRAMS, _STEPS = _SIZES[os.environ.get("A3S_PROFILE", "dev")]
_SETTINGS = settings(
    max_examples=_PROGRAMS,
    stateful_step_count=_STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_NOW_MS = 1_780_000_000_000
_IDS = ("main", "side", "kid.1")


class Failing:
    """Before a store's own class: nothing is saved, claimed or deleted while it is `down`.

    Nor does it say where a session stands; the rest can be read.
    """

    down = False

    def _say(self) -> None:
        if self.down:
            raise StoreUnavailableError("the disk is gone")

    async def _commit(self, *given: Any, **named: Any) -> Any:
        self._say()
        return await super()._commit(*given, **named)  # type: ignore[misc]

    async def _commit_changes(self, *given: Any) -> Any:
        self._say()
        return await super()._commit_changes(*given)  # type: ignore[misc]

    async def _claim_run(self, *given: Any) -> Any:
        self._say()
        return await super()._claim_run(*given)  # type: ignore[misc]

    async def _revision(self, *given: Any) -> Any:
        self._say()
        return await super()._revision(*given)  # type: ignore[misc]

    async def _delete(self, *given: Any, **named: Any) -> None:
        self._say()
        await super()._delete(*given, **named)  # type: ignore[misc]

    async def _put_checkpoint(self, *given: Any) -> None:
        self._say()
        await super()._put_checkpoint(*given)  # type: ignore[misc]

    async def _drop_checkpoint(self, *given: Any) -> None:
        self._say()
        await super()._drop_checkpoint(*given)  # type: ignore[misc]


class FailingMemory(Failing, MemorySessionStore):
    """In this process."""


class FailingFiles(Failing, FileSessionStore):
    """In a folder."""


class FailingSqlite(Failing, SqliteSessionStore):
    """In a file."""


class Crash(BaseException):
    """Nothing is settled after this, as after a kill."""


@attrs.define
class Actor:
    """An agent that does a script."""

    script: Script
    tag: str
    store: Any
    live: AgentSession
    # How to cancel who waits for the run, instead of the run.
    leave: Callable[[], object] | None = None
    run_id: str = ""
    acknowledged: list[str] = attrs.Factory(list)

    async def run(self, run: ActiveRun) -> AgentResult:
        self.run_id = run.id
        used = TokenUsage(
            prompt_tokens=CALL[0],
            completion_tokens=CALL[1],
            total_tokens=CALL[2],
            cache_read_tokens=CALL[3],
        )
        messages = run.messages
        run.add_usage(used)
        for number in range(self.script.rounds):
            self.store.down = self.script.down[number]
            run.tool_calls_count += 1
            lines = lines_of_round(self.tag, number)
            messages += tuple(map(_message, lines))
            run.session.trace.record(trace(0).evolve(name=f"{self.tag} {number}"))
            # Without a store nothing is promised, though a kept session of this id may be there.
            if await run.checkpoint(messages) and self.live.persistence.store is not None:
                self.acknowledged += [text for _, text in lines]
                if not number:
                    assert run.id not in await offered(self.store, self.live.id)
            with pytest.raises(SessionBusyError):
                await self.live.save()
            run.add_usage(used)
        self.store.down = self.script.down[-1]
        return await self.end(run, messages)

    async def end(self, run: ActiveRun, messages: tuple[Message, ...]) -> AgentResult:
        if self.script.ending == "failed":
            raise RuntimeError("no model today")
        if self.script.ending == "crash":
            raise Crash
        if self.script.ending == "cancelled":
            assert await self.live.cancel()
        if self.script.ending == "left":
            assert self.leave is not None
            self.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        text = f"{self.tag} done"
        return AgentResult(
            text=text,
            messages=(*messages, Message.assistant(text)),
            usage=run.usage,
            tool_calls_count=run.tool_calls_count,
        )


async def offered(store: Any, one: str) -> list[str]:
    """The interrupted runs of a stored session that another manager is offered.

    It changes nothing, and so it is closed even while the store fails.
    """
    beside = SessionManager(clock=lambda: _NOW_MS).with_store(store)
    live = await beside.restore_session_by_id(one)
    found = [run.run_id for run in await live.interrupted_runs()]
    assert (await beside.close_session(one)).outcome == "unchanged"
    return found


@attrs.define
class InShort:
    """A summarizer that fails when it is told to."""

    fails: bool = False

    async def summarize(self, prompt: str) -> str:
        if self.fails:
            raise RuntimeError("no model today")
        return "in short"


ids = st.sampled_from(("main", *_IDS))
often = st.sampled_from((True, True, True, False))
endings = st.sampled_from(("done", "done", "done", "failed", "cancelled", "left", "crash"))
scripts = st.integers(0, 3).flatmap(
    lambda rounds: st.builds(
        Script,
        rounds=st.just(rounds),
        ending=endings,
        down=st.tuples(*(st.sampled_from((False, False, False, True)) for _ in range(rounds + 1))),
    )
)


class SessionMachine(RuleBasedStateMachine):
    """The rules. Subclasses say on which store."""

    conditional = True

    async def open(self, place: Path, before: Any) -> Any:
        """The store of this folder; `before` is the one there was, None at first."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="a3s-sessions-")
        self.model = Model(conditional=self.conditional)
        self.summarizer = InShort()
        self.heard: dict[str, Subscription] = {}
        self.complaints: list[str] = []
        self.number = 0
        self.store: Any = None
        self.do(self._start())

    def do(self, work: Awaitable[Any]) -> Any:
        async def doing() -> Any:
            loop = asyncio.get_running_loop()
            # An exception that was never retrieved arrives here, when its task is collected.
            loop.set_exception_handler(lambda _, told: self.complaints.append(told["message"]))
            return await work

        return self.runner.run(doing())

    async def _start(self) -> None:
        self.store = await self.open(Path(self.folder.name), self.store)
        self.store.down = self.model.down
        summarizer = None if self.model.summary is None else self.summarizer
        self.manager = SessionManager(summarizer=summarizer, clock=lambda: _NOW_MS)
        self.manager.with_store(self.store)
        self.heard.clear()

    async def _leave(self) -> None:
        if not isinstance(self.store, MemorySessionStore):
            await self.store.close()

    def next(self, word: str) -> str:
        self.number += 1
        return f"{word} {self.number}"

    def listen(self, one: str) -> None:
        self.heard[one] = self.manager.get_session(one).session.events.subscribe()

    def refuses(self, work: Awaitable[Any], error: type[Exception] = SessionError) -> None:
        with pytest.raises(error):
            self.do(work)

    def on(self, one: str) -> bool:
        """Whether it is live. It is made live if it is stored; else asking for it is refused."""
        if one not in self.model.live:
            with pytest.raises(SessionError):
                self.manager.get_session(one)
            self.restore(one)
        return one in self.model.live

    # -- Come and go --------------------------------------------------------------------------

    @initialize(compacts=st.booleans())
    def a_conversation(self, compacts: bool) -> None:
        self.create("main", compacts, 10, True)
        self.add_messages("main", 18)
        self.update_usage("main", 10, 5)

    @rule(one=ids, compacts=st.booleans(), window=st.sampled_from((0, 10)), kept=often)
    def create(self, one: str, compacts: bool, window: int, kept: bool) -> None:
        config, found = _set_up(self.next("name"), compacts, window, kept)
        work = self.manager.create_session(one, config)
        if self.is_taken(one, found["kept"]):
            self.refuses(work)
            return
        self.do(work)
        self.model.create(one, found)
        self.listen(one)

    def is_taken(self, one: str, kept: bool) -> bool:
        model = self.model
        # One that is not kept is not looked for in the store either.
        return one in (*model.live, *model.unsaved) or (one in model.stored and kept)

    @rule(one=ids, other=ids, copied=st.booleans(), room=often)
    def make_another_of_it(self, one: str, other: str, copied: bool, room: bool) -> None:
        if room and one != other and self.on(one):
            self.leave(other, True)
        config, found = _set_up(self.next("child"), False, 0, True)
        if copied:
            work = self.manager.fork_session(one, other)
        else:
            work = self.manager.create_child_session(one, other, config)
        source = self.model.live.get(one)
        if source is None or self.is_taken(other, source["kept"] if copied else True):
            self.refuses(work)
            return
        self.do(work)
        if copied:
            self.model.fork(one, other)
        else:
            self.model.child(one, other, found)
        self.listen(other)

    @rule(one=ids)
    def restore(self, one: str) -> None:
        work = self.manager.restore_session_by_id(one)
        there = one in self.model.stored and one not in self.model.unsaved
        if one not in self.model.live and not there:
            self.refuses(work)
            return
        before = one in self.model.live
        self.do(work)
        self.model.restore(one)
        if not before:
            self.listen(one)

    @rule(one=ids, for_good=st.booleans())
    def leave(self, one: str, for_good: bool) -> None:
        if for_good:
            self.do(self.manager.destroy_session(one))
            self.model.destroy(one)
            return
        work = self.manager.close_session(one)
        if one not in (*self.model.live, *self.model.unsaved):
            assert not self.do(work)
        elif (outcome := self.model.close(one)) == "not_saved":
            with pytest.raises(SessionNotSavedError) as caught:
                self.do(work)
            assert caught.value.closed.outcome == outcome
        else:
            assert self.do(work).outcome == outcome

    @rule(one=ids, discarded=st.booleans())
    def settle_what_is_not_saved(self, one: str, discarded: bool) -> None:
        if discarded:
            assert self.manager.discard_unsaved(one) == self.model.discard_unsaved(one)
        elif one in self.model.unsaved:
            (live,) = (live for live in self.manager.unsaved_sessions() if live.id == one)
            if self.model.save(one):
                assert self.do(live.save())
            else:
                self.refuses(live.save(), StoreError)

    def shut_down(self) -> None:
        closed = {one: self.model.close(one) for one in [*self.model.live, *self.model.unsaved]}
        lost = sorted(one for one, outcome in closed.items() if outcome == "not_saved")
        if not lost:
            found = self.do(self.manager.shutdown())
            assert [(one.session_id, one.outcome) for one in found] == sorted(closed.items())
            return
        with pytest.raises(UnsavedSessionsError) as caught:
            self.do(self.manager.shutdown())
        assert [one.session_id for one in caught.value.closed] == lost

    @rule(everything=st.booleans(), summary=st.booleans())
    def restart(self, everything: bool, summary: bool) -> None:
        self.shut_down()
        self.model.summary = (not self.summarizer.fails) if summary else None
        self.begin_again(everything)

    def begin_again(self, everything: bool) -> None:
        self.model.crash()
        for live in (*self.manager.get_all_sessions(), *self.manager.unsaved_sessions()):
            crash(live)
        self.do(self._leave())
        self.do(self._start())
        if everything:
            report = self.do(self.manager.load_all_sessions())
            assert (sorted(report.loaded), report.failed) == (sorted(self.model.stored), {})
            for one in self.model.stored:
                self.model.restore(one)
                self.listen(one)

    @rule(store=st.booleans())
    def something_fails_or_works_again(self, store: bool) -> None:
        if store:
            self.model.down = self.store.down = not self.model.down
            return
        self.summarizer.fails = not self.summarizer.fails
        if self.model.summary is not None:
            self.model.summary = not self.summarizer.fails

    # -- Talk ---------------------------------------------------------------------------------

    @rule(one=ids, count=st.integers(1, 14))
    def add_messages(self, one: str, count: int) -> None:
        if self.on(one):
            lines = [("user", self.next("said")) for _ in range(count)]
            for line in lines:
                self.manager.get_session(one).session.add_message(_message(line))
            self.model.add(one, lines)

    @rule(one=ids, several=st.lists(scripts, min_size=1, max_size=4))
    def talk(self, one: str, several: list[Script]) -> None:
        for script in several:
            self.generate(one, script)

    @rule(one=ids, first=scripts, others=st.lists(scripts, max_size=3), which=st.integers(0, 2))
    def crash_and_go_on(self, one: str, first: Script, others: list[Script], which: int) -> None:
        self.generate(one, attrs.evolve(first, ending="crash"))
        for number, script in enumerate(others):
            crashes = number < len(others) - 1
            self.resume_a_run(
                one, attrs.evolve(script, ending="crash") if crashes else script, which
            )

    @rule(one=ids, script=scripts)
    def generate(self, one: str, script: Script) -> None:
        if not self.on(one):
            return
        tag = self.next("prompt")
        if self.model.live[one]["state"] == "Paused":
            self.manager.set_agent(one, self._actor(one, script, tag))
            self.refuses(self.manager.generate(one, tag), SessionPausedError)
            return
        doing = self.model.begin(one, tag)

        def ask(actor: Actor) -> Awaitable[AgentResult]:
            self.manager.set_agent(one, actor)
            return self.manager.generate(one, tag)

        actor = self._played(one, script, tag, ask)
        if self.model.live[one]["kept"] and not self.model.down:
            actor.acknowledged.append(tag)
        self.model.run(one, actor.run_id, script, doing, tag)
        if script.ending == "done":
            self.model.compact_if_full(one, script)
        self.name_copies()
        self._after(one, actor)

    @rule(one=ids, script=scripts, which=st.integers(0, 2))
    def resume_a_run(self, one: str, script: Script, which: int) -> None:
        if not self.on(one):
            return
        waiting = self.model.interrupted(one)
        if not waiting:
            live = self.manager.get_session(one)
            self.refuses(live.resume_run("run-0", self._actor(one, script, "")))
            return
        run, tag = waiting[which % len(waiting)], self.next("again")
        live = self.manager.get_session(one)
        if self.model.outdated(one, run):
            self.refuses(live.resume_run(run, self._actor(one, script, "")))
            self.model.refresh(one, "resume_run")
            self.abandon(one, run)
            return
        doing = self.model.resume(one, run)
        if doing is None:
            self.refuses(live.resume_run(run, self._actor(one, script, "")), StoreError)
            return
        actor = self._played(one, script, tag, lambda actor: live.resume_run(run, actor))
        self.model.run(one, actor.run_id, script, doing, tag)
        self._after(one, actor)

    def abandon(self, one: str, run: str) -> None:
        work = self.manager.get_session(one).abandon_run(run)
        kept = self.model.abandon(one, run)
        if kept is None:
            self.refuses(work, StoreError)
        else:
            assert self.do(work) == kept
        self.name_copies()

    @rule(one=ids)
    def abandon_a_run(self, one: str) -> None:
        if self.on(one):
            for run in (*self.model.interrupted(one), "run-0")[:1]:
                self.abandon(one, run)

    def name_copies(self) -> None:
        """Find the sessions that were made of runs."""
        made: dict[str, list[tuple[str, str]]] = {}
        for one in self.do(self.store.list()):
            if one not in self.model.stored:
                messages = self.do(self.store.load(one)).messages
                made[one] = [(message.role, message.text) for message in messages]
        self.model.name_copies(made)

    @rule(one=ids)
    def look_from_elsewhere(self, one: str) -> None:
        """Runs that a live session is at work on, or has ended and not saved, are not offered."""
        if one in self.model.stored:
            found = self.do(offered(self.store, one))
            assert found == self.model.offered_elsewhere(one)

    def _actor(self, one: str, script: Script, tag: str) -> Actor:
        live = self.manager.get_session(one)
        return Actor(script, tag, self.store, live)

    def _played(
        self, one: str, script: Script, tag: str, ask: Callable[[Actor], Awaitable[AgentResult]]
    ) -> Actor:
        actor = self._actor(one, script, tag)

        async def play() -> None:
            asking = asyncio.ensure_future(ask(actor))
            actor.leave = asking.cancel
            try:
                result = await asking
                assert result.text == f"{tag} done"
            finally:
                self.store.down = self.model.down

        raised: dict[str, type[BaseException]] = {
            "failed": RuntimeError,
            "cancelled": RunCancelledError,
            "left": asyncio.CancelledError,
            "crash": Crash,
        }
        error = raised.get(script.ending)
        with pytest.raises(error) if error else contextlib.nullcontext():
            self.do(play())
        return actor

    def _after(self, one: str, actor: Actor) -> None:
        if actor.script.ending != "crash":
            return
        self.do(self._stop_queues())
        self.begin_again(everything=True)
        if one not in self.model.live:
            return
        live = self.manager.get_session(one)
        interrupted = self.do(live.interrupted_runs())
        there = {message.text for message in live.session.messages}
        there |= {message.text for run in interrupted for message in run.messages}
        assert there >= set(actor.acknowledged)

    async def _stop_queues(self) -> None:
        for live in self.manager.get_all_sessions():
            await live.session.queue.stop()

    # -- Change -------------------------------------------------------------------------------

    @rule(one=ids, kept=often)
    def shorten(self, one: str, kept: bool) -> None:
        if self.on(one):
            if not kept:
                self.do(self.manager.clear(one))
                self.model.clear(one)
                return
            work = self.manager.compact(one)
            changed = self.model.compact(one)
            if changed is None:
                self.refuses(work, CompactionError)
            else:
                assert self.do(work) is changed

    @rule(one=ids, states=st.lists(st.sampled_from(TaskStatus), max_size=3))
    def set_tasks(self, one: str, states: list[TaskStatus]) -> None:
        if self.on(one):
            tasks = [Task(id=self.next("t"), content="do", status=state) for state in states]
            self.do(self.manager.set_tasks(one, tasks))
            self.model.change(one, "task update", tasks=[_task(task) for task in tasks])

    @rule(
        one=ids, thinking=st.none() | st.booleans(), name=st.sampled_from((None, "gpt-4o", "m/x"))
    )
    def configure(self, one: str, thinking: bool | None, name: str | None) -> None:
        if not self.on(one):
            return
        model = None if name is None else LlmConfigData(provider="openai", model=name)
        self.do(self.manager.configure(one, thinking=thinking, budget=7, model=model))
        changes: dict[str, Any] = {"budget": 7}
        if thinking is not None:
            changes["thinking"] = thinking
        if name is not None:
            changes |= {"model": name, "llm": ("openai", name)}
        self.model.change(one, "configure", **changes)

    @rule(one=ids, how=st.sampled_from(("pause", "resume", "resume", "fail", "complete")))
    def change_the_state(self, one: str, how: str) -> None:
        if not self.on(one):
            return
        session = self.manager.get_session(one).session
        if how == "pause":
            moved = self.do(self.manager.pause(one))
            assert moved is self.model.move(one, "Active", "Paused", "pause")
        elif how == "resume":
            moved = self.do(self.manager.resume(one))
            assert moved is self.model.move(one, "Paused", "Active", "resume")
        else:
            # In memory only, as upstream has it.
            (session.set_error if how == "fail" else session.set_completed)()
            self.model.live[one]["state"] = "Error" if how == "fail" else "Completed"

    @rule(one=ids, prompt=st.integers(0, 300), completion=st.integers(0, 300))
    def update_usage(self, one: str, prompt: int, completion: int) -> None:
        if self.on(one):
            used = (prompt, completion, prompt + completion)
            self.manager.get_session(one).session.update_usage(_usage(used))
            self.model.use(one, used)

    @rule(one=ids, how=st.sampled_from(("allowed", "rule", "asked", "not asked")))
    def change_a_policy(self, one: str, how: str) -> None:
        if not self.on(one):
            return
        text = self.next("tool")
        if how == "rule":
            self.manager.add_permission_rule(one, "deny", text)
            self.model.live[one]["rules"] += (text,)
        elif how == "allowed":
            policy = PermissionPolicy(deny=(PermissionRule(rule=text),))
            self.do(self.manager.set_permission_policy(one, policy))
            self.model.change(one, "set_permission_policy", policy=(text,), rules=(text,))
        else:
            asks = how == "asked"
            self.do(self.manager.set_confirmation_policy(one, ConfirmationPolicy(enabled=asks)))
            self.model.change(one, "set_confirmation_policy", confirms=asks, asks=asks)

    @rule(one=ids)
    def save(self, one: str) -> None:
        if self.on(one):
            work = self.manager.save_session(one)
            if self.model.save(one):
                self.do(work)
            else:
                self.refuses(work, StoreError)

    @rule(one=ids)
    def several_at_once(self, one: str) -> None:
        """Several changes at once are all in the stored session."""
        if not self.on(one):
            return
        task = Task(id=self.next("t"), content="do", status=TaskStatus.PENDING)

        async def together() -> None:
            await asyncio.gather(
                self.manager.set_tasks(one, [task]),
                self.manager.pause(one),
                self.manager.configure(one, thinking=True),
            )

        self.do(together())
        self.model.change(one, "task update", tasks=[_task(task)])
        self.model.move(one, "Active", "Paused", "pause")
        self.model.change(one, "configure", thinking=True)

    # -- Look ---------------------------------------------------------------------------------

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        self.do(self._look())

    async def _look(self) -> None:
        model, manager = self.model, self.manager
        assert manager.list_sessions() == sorted(model.live)
        unsaved = {live.id: live for live in manager.unsaved_sessions()}
        assert sorted(unsaved) == sorted(model.unsaved)
        for one, found in (*model.live.items(), *model.unsaved.items()):
            live = unsaved[one] if one in unsaved else manager.get_session(one)
            assert _live(live) == _expected(found, "rules", "asks", "policy", "runs", "trace"), one
            heard = self.heard[one].pending()
            told = [event.operation for event in heard if isinstance(event, PersistenceFailed)]
            assert told == model.told.pop(one, []), one
            if found["kept"]:
                assert live.is_dirty is model.dirty(one), one
            if one in unsaved:
                continue
            children = [kid for kid, other in model.live.items() if other["parent"] == one]
            assert [kid.id for kid in manager.get_child_sessions(one)] == sorted(children)
            waiting = await live.interrupted_runs()
            assert [run.run_id for run in waiting] == model.interrupted(one), one
            for run in waiting:
                expected = model.checkpoints[run.run_id]
                assert _checkpoint(run.checkpoint) | {"length": expected["length"]} == expected
                assert run.moved_on is model.outdated(one, run.run_id)
                assert run.base_length == model.own(one, run.run_id)
        assert await self.store.list() == sorted(model.stored)
        for one in {*_IDS, *model.stored}:
            snapshot = await self.store.load_snapshot(one)
            assert (snapshot is not None) == (one in model.stored), one
            if snapshot is not None:
                assert _stored(snapshot.session) == _expected(
                    model.stored[one], "asks", "policy", "cached"
                ), one
                runs, trace = model.runs_and_trace[one]
                assert _runs(snapshot.run_records or ()) == list(runs.items())
                assert [event.name for event in snapshot.trace_events or ()] == trace
        inventory = await self.store.inventory()
        assert set(inventory.loop_checkpoints) == set(model.checkpoints)

    def teardown(self) -> None:
        try:
            self.model.down = self.store.down = False
            self.shut_down()
            self.do(self._look())
            self.begin_again(everything=True)
            self.do(self._look())
            self.shut_down()
            if isinstance(self.store, Verifiable):
                assert self.do(self.store.verify(depth="deep")).ok
            assert self.complaints == []
            assert self.do(_tasks()) == 1
        finally:
            with contextlib.suppress(StoreError):
                self.do(self.store.close())
            self.runner.close()
            self.folder.cleanup()


# -- The same of both sides ------------------------------------------------------------------------

_COMMON = (
    *("state", "messages", "turns", "used", "percent", "window", "tasks", "tokens", "records"),
    *("cost", "model", "llm", "thinking", "budget", "parent", "name", "compacts"),
)


def _expected(found: dict[str, Any], *more: str) -> dict[str, Any]:
    expected = {name: found[name] for name in (*_COMMON, *more)}
    if "runs" in more:
        expected["runs"] = list(found["runs"].items())
    return expected


def _live(live: AgentSession) -> dict[str, Any]:
    session = live.session
    data = session.to_session_data(session.llm_config)
    policy = session.permission_policy
    return _common(data) | {
        "rules": tuple(one.rule for one in policy.deny),
        "policy": _policy(session.config),
        "asks": session.confirmation.policy.enabled,
        "runs": _runs(session.runs.records()),
        "trace": [event.name for event in session.trace.events()],
    }


def _stored(data: SessionData) -> dict[str, Any]:
    asks = data.config.confirmation_policy
    assert asks is not None
    return _common(data) | {
        "asks": asks.enabled,
        "policy": _policy(data.config),
        "cached": data.total_usage.cache_read_tokens,
    }


def _common(data: SessionData) -> dict[str, Any]:
    usage, context, llm = data.total_usage, data.context_usage, data.llm_config
    return {
        "state": str(data.state),
        "messages": [(message.role, message.text) for message in data.messages],
        "turns": context.turns,
        "used": context.used_tokens,
        "percent": context.percent,
        "window": context.max_tokens,
        "tasks": [_task(task) for task in data.tasks],
        "tokens": (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
        "records": [_record(record) for record in data.cost_records],
        "cost": data.total_cost,
        "model": data.model_name,
        "llm": None if llm is None else (llm.provider, llm.model),
        "thinking": data.thinking_enabled,
        "budget": data.thinking_budget,
        "parent": data.parent_id,
        "name": data.config.name,
        "compacts": data.config.auto_compact,
    }


def _policy(config: SessionConfig) -> tuple[str, ...] | None:
    policy = config.permission_policy
    return None if policy is None else tuple(one.rule for one in policy.deny)


def _record(record: Any) -> tuple[Any, ...]:
    counts = (record.prompt_tokens, record.completion_tokens, record.total_tokens)
    return (record.model, *counts, record.cost_usd)


def _checkpoint(run: Any) -> dict[str, Any]:
    used = run.total_usage
    return {
        "session": run.session_id,
        "turn": run.turn,
        "messages": [(message.role, message.text) for message in run.messages],
        "used": (
            *(used.prompt_tokens, used.completion_tokens, used.total_tokens),
            used.cache_read_tokens or 0,
        ),
        "calls": run.tool_calls_count,
    }


def _runs(records: Any) -> list[tuple[str, str]]:
    return [(record.snapshot.id, str(record.snapshot.status)) for record in records]


def _task(task: Task) -> tuple[str, str]:
    return task.id, str(task.status)


def _message(line: tuple[str, str]) -> Message:
    role, text = line
    return Message.user(text) if role == "user" else Message.assistant(text)


def _usage(used: tuple[int, int, int]) -> TokenUsage:
    prompt, completion, total = used
    return TokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


def _set_up(
    name: str, compacts: bool, window: int, kept: bool
) -> tuple[SessionConfig, dict[str, Any]]:
    config = SessionConfig(
        name=name,
        auto_compact=compacts,
        max_context_length=window,
        storage_type=StorageBackend.FILE if kept else StorageBackend.MEMORY,
    )
    given = {"window": window} if window else {}
    return config, fresh(name=name, compacts=compacts, kept=kept, **given)


async def _tasks() -> int:
    return len(asyncio.all_tasks())


# -- The stores -----------------------------------------------------------------------------------


class InMemory(SessionMachine):
    """Nothing is closed: the store is all that survives a crash."""

    async def open(self, place: Path, before: Any) -> Any:
        return before or FailingMemory()


class InSqlite(SessionMachine):
    """Verified deeply in the end."""

    async def open(self, place: Path, before: Any) -> Any:
        return await FailingSqlite.open(place / "store.a3s", durability="normal")


class InFiles(SessionMachine):
    """Neither claims runs nor says where a session stands: all of it is read and compared."""

    conditional = False

    async def open(self, place: Path, before: Any) -> Any:
        return await FailingFiles.open(place / "store")


@pytest.mark.slow
class TestInMemory(InMemory.TestCase):  # type: ignore[misc, valid-type]
    """The quickest, so that it is the first to tell."""

    settings = _SETTINGS


@pytest.mark.slow
class TestInSqlite(InSqlite.TestCase):  # type: ignore[misc, valid-type]
    """With real files, closed and opened again."""

    settings = _SETTINGS


@pytest.mark.slow
class TestInFiles(InFiles.TestCase):  # type: ignore[misc, valid-type]
    """A store that has no whole snapshots."""

    settings = _SETTINGS
