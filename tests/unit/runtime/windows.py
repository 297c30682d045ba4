"""Several live sessions of one stored session, each driven step by step, and stores that interfere.

`Interfering` stores are a third party's: they raise or are slow where the application's own code
decides. The write below them is the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core import live_window
from a3s_store.core.protocol import SessionStore
from a3s_store.core.tool_pairs import calls_of
from a3s_store.models import Message, TokenUsage, ToolResultBlock, ToolUseBlock
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.events import Subscription
from a3s_store.runtime.observation.session_events import SessionChangedElsewhere
from a3s_store.runtime.options import OnConflict, SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.unit.runtime.live import Ticks, crash

ID: Final = "fix-login"
CUT: Final = "the connection was cut"
FAILED: Final = "no model today"


class Crash(BaseException):
    """Nothing is settled after this, as after a kill."""


# -- Stores ---------------------------------------------------------------------------------------


@attrs.define
class Interference:
    """What happens around the next save: `outcome` says when the connection is cut, or that the
    caller is cancelled while the save is under way; `meanwhile` is done just before it. `saves`
    counts those that were made.
    """

    outcome: Literal["", "before", "after", "cancelled"] = ""
    meanwhile: Callable[[], Awaitable[object]] | None = None
    caller: asyncio.Task[Any] | None = None
    saves: int = 0

    async def around(self, save: Callable[[], Awaitable[Any]]) -> Any:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        outcome, self.outcome = self.outcome, ""
        if outcome == "before":
            raise ConnectionError(CUT)
        if outcome == "cancelled" and self.caller is not None:
            self.caller.cancel()
            await asyncio.sleep(0)
        made = await save()
        self.saves += 1
        if outcome == "after":
            raise ConnectionError(CUT)
        return made


Work: TypeAlias = Callable[[Any, Any], Awaitable[None]]


def on_two_stores(kind: str, folder: Path) -> Callable[[Work], None]:
    """Does a piece of work with two stores of the same content, which in memory are one."""

    async def main(work: Work) -> None:
        if kind == "memory":
            async with InterferingMemory() as memory:
                await work(memory, memory)
            return
        opens: Any = InterferingSqlite.open if kind == "sqlite" else FileSessionStore.open
        place = folder / "sessions"
        async with opens(place) as one, opens(place) as other:
            await work(one, other)

    return lambda work: asyncio.run(main(work))


class Interfering:
    """Before a store's own class: each save goes through `interference`, if it has any."""

    interference: Interference | None = None

    async def save_changes(self, *given: Any, **named: Any) -> Any:
        save = super().save_changes  # type: ignore[misc]
        if self.interference is None:
            return await save(*given, **named)
        return await self.interference.around(lambda: save(*given, **named))


class InterferingMemory(Interfering, MemorySessionStore):
    """In this process."""


class InterferingSqlite(Interfering, SqliteSessionStore):
    """In a file."""


class InterferingFiles(FileSessionStore):
    """In a folder, where snapshots are compared by digest."""

    interference: Interference | None = None

    async def save_snapshot_cas(self, *given: Any, **named: Any) -> bool:
        if self.interference is None:
            return await super().save_snapshot_cas(*given, **named)
        save = super().save_snapshot_cas
        made: bool = await self.interference.around(lambda: save(*given, **named))
        return made


# -- Live sessions --------------------------------------------------------------------------------


async def open_window(
    store: SessionStore, on_conflict: OnConflict = "merge", session_id: str = ID, **given: Any
) -> AgentSession:
    """A live session of the stored one, which is made if there is none."""
    options = SessionOptions(auto_save=True, on_conflict=on_conflict, **given)
    if await store.exists(session_id):
        return AgentSession(*await restore_session(store, session_id, options, clock=Ticks()))
    session = Session(session_id, clock=Ticks())
    live = AgentSession(session, SessionPersistence(session, store, options=options))
    await live.save()
    return live


@contextlib.contextmanager
def taken_for_dead(live: AgentSession) -> Iterator[None]:
    """Others take the process of this live session for ended, though it goes on."""
    crash(live)
    try:
        yield
    finally:
        live_window._open.add(live.persistence.token)


def told(events: Subscription) -> list[SessionChangedElsewhere]:
    """The events about changes made elsewhere, in order."""
    return [event for event in events.pending() if isinstance(event, SessionChangedElsewhere)]


def texts(messages: tuple[Message, ...]) -> list[str]:
    """The texts of messages; of a call or a result its own."""
    return [_text(message) for message in messages]


def _text(message: Message) -> str:
    for block in message.content:
        if isinstance(block, ToolResultBlock):
            return str(block.content)
    return message.text


async def stored(store: SessionStore, session_id: str = ID) -> list[str]:
    """The texts of the stored conversation."""
    found = await store.load(session_id)
    assert found is not None
    return texts(found.messages)


async def forks_in(store: SessionStore, session_id: str = ID) -> list[str]:
    """The ids of the session's forks."""
    return [one for one in await store.list() if one.startswith(f"{session_id}~")]


def used(tokens: int) -> TokenUsage:
    """A call of the model with so many tokens in its prompt."""
    return TokenUsage(prompt_tokens=tokens, completion_tokens=1, total_tokens=tokens + 1)


def calls(text: str, *names: str) -> Message:
    """A message with a text and these calls."""
    blocks = [ToolUseBlock(id=name, name="bash", input={}) for name in names]
    said = Message.assistant(text)
    return said.evolve(content=(*said.content, *blocks))


def results(text: str, *names: str) -> Message:
    """A message with a result for each of these calls."""
    blocks = [ToolResultBlock(tool_use_id=name, content=text) for name in names]
    return Message(role="user", content=tuple(blocks))


# -- The agent ------------------------------------------------------------------------------------


class Scripted:
    """An agent that does one step after the other, each when it is told to."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self._steps: asyncio.Queue[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]]
        self._steps = asyncio.Queue()
        self._active: ActiveRun | None = None
        self.messages: tuple[Message, ...] = ()
        self._result: AgentResult | None = None

    @property
    def active(self) -> ActiveRun:
        assert self._active is not None, "it has begun"
        return self._active

    @property
    def waiting(self) -> tuple[str, ...]:
        """The calls of the last message, which have no result."""
        return tuple(calls_of(self.messages[-1])) if self.messages else ()

    async def run(self, run: ActiveRun) -> AgentResult:
        self._active, self.messages = run, run.messages
        self.began.set()
        while self._result is None:
            step, done = await self._steps.get()
            try:
                done.set_result(await step())
            finally:
                done.cancel()
        return self._result

    async def do(self, work: asyncio.Task[Any], step: Callable[[], Awaitable[Any]]) -> Any:
        """Have the run in `work` do a step; its result, None when that ended the run."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._steps.put_nowait((step, done))
        await asyncio.wait((done, work), return_when=asyncio.FIRST_COMPLETED)
        return done.result() if done.done() and not done.cancelled() else None

    async def round(self, *said: Message, tokens: int = 0) -> bool:
        if tokens:
            self.active.add_usage(used(tokens))
        self.active.tool_calls_count += 1
        self.messages += said
        return await self.active.checkpoint(self.messages)

    async def finish(self, reply: Message, tokens: int = 0) -> None:
        if tokens:
            self.active.add_usage(used(tokens))
        self._result = AgentResult(
            text=reply.text,
            messages=(*self.messages, reply),
            usage=self.active.usage,
            tool_calls_count=self.active.tool_calls_count,
        )

    async def fail(self) -> None:
        raise RuntimeError(FAILED)

    async def die(self) -> None:
        raise Crash


@attrs.define
class Running:
    """A run under way in a live session: its agent, and the task that waits for its end."""

    live: AgentSession
    agent: Scripted
    work: asyncio.Task[Any]

    @property
    def run_id(self) -> str:
        return self.agent.active.id

    async def round(self, *said: Message, tokens: int = 0) -> bool | None:
        """Whether the round was kept; None when it ended the run."""
        kept: bool | None = await self.agent.do(
            self.work, lambda: self.agent.round(*said, tokens=tokens)
        )
        return kept

    async def finish(self, reply: str, tokens: int = 0) -> AgentResult:
        said = Message.assistant(reply)
        await self.agent.do(self.work, lambda: self.agent.finish(said, tokens))
        found: AgentResult = await self.work
        return found

    async def fail(self) -> None:
        """Have the agent fail, and wait for the end of the run, whatever it is."""
        await self.agent.do(self.work, self.agent.fail)
        await asyncio.wait((self.work,))

    async def cancel(self) -> None:
        """Cancel the run, and wait for its end, whatever it is."""
        await self.live.cancel()
        await asyncio.wait((self.work,))

    async def die(self) -> None:
        """End the process in the middle of the run."""
        crash(self.live)
        await self.agent.do(self.work, self.agent.die)
        await asyncio.wait((self.work,))
        self.work.exception()


async def start(
    live: AgentSession, begin: Callable[[Scripted], Coroutine[Any, Any, Any]]
) -> Running:
    """Begin a run and wait until its agent is asked. Raises what kept it from beginning."""
    agent = Scripted()
    work: asyncio.Task[Any] = asyncio.create_task(begin(agent))
    began = asyncio.ensure_future(agent.began.wait())
    try:
        await asyncio.wait((began, work), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        work.cancel()
        began.cancel()
        await asyncio.wait((work,))
        raise
    if not began.done():
        began.cancel()
        await work
    return Running(live, agent, work)


async def send(live: AgentSession, prompt: str) -> Running:
    """Begin a run with a prompt."""
    return await start(live, lambda agent: live.send(prompt, agent))


async def resume(live: AgentSession, run_id: str) -> Running:
    """Go on with an interrupted run."""
    return await start(live, lambda agent: live.resume_run(run_id, agent))


async def turn(live: AgentSession, prompt: str, tokens: int = 0) -> AgentResult:
    """A run without rounds; the reply is `re: ` and the prompt."""
    running = await send(live, prompt)
    return await running.finish(f"re: {prompt}", tokens)
