"""Other turns than snapshots: of a live session, an agent's memories, a queue's journal, appends.

The campaigns count turns of numbered sessions. The number decides the kind of turn: from `LIVE` on
a prompt is sent to a live session, and its agent has a round with a checkpoint; from `MEMORIES` on
a memory is stored, and now and then an older one is deleted; from `JOURNALS` on a queue's journal
is saved; from `UNITS` on a transaction changes three sessions (`unit_turns`); from `APPENDS` on
messages are appended. The stored state is a function of the number and the turn. Sessions below
`LIVE` are saved as snapshots.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from a3s_store.agent_memory import MemoryItem
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.tool_pairs import check_pairs
from a3s_store.models import (
    Message,
    RunStatus,
    SessionData,
    SessionLane,
    TokenUsage,
    ToolResultBlock,
    ToolUseBlock,
)
from a3s_store.runtime import StoreJournal
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.runtime.queue.journal import Kept
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.faults.harness import unit_turns
from tests.faults.harness.workload import BrokenPromiseError, session_id

LIVE: Final = 100
MEMORIES: Final = 200
JOURNALS: Final = 300
UNITS: Final = 400
APPENDS: Final = 500

# One turn in so many deletes a memory; how many dead letters a queue keeps.
_FORGET: Final = 3
_LETTERS: Final = 5
# How many messages a turn appends.
_APPENDED: Final = 7
_TIME: Final = "2026-05-18T10:00:00Z"


async def save_turn(store: Any, number: int, turn: int) -> None:
    """Make a turn. All of it must be stored once this returns; a part may be stored before."""
    if number < MEMORIES:
        await _talk(store, number, turn)
    elif number < JOURNALS:
        await _store_memory(store, number, turn)
    elif number >= APPENDS:
        await _append(store, number, turn)
    elif number >= UNITS:
        await unit_turns.save_turn(store, number, turn)
    else:
        await _keep_queue(store, number, turn)


async def stored_turns(store: Any, number: int) -> int:
    """How many turns are stored. Raises BrokenPromiseError and the store's errors."""
    if number < MEMORIES:
        return await _said(store, number)
    if number < JOURNALS:
        return await _stored_memories(store, number)
    if number >= APPENDS:
        return await _appended(store, number)
    if number >= UNITS:
        return await unit_turns.stored_turns(store, number)
    return await _kept_queue(store, number)


# -- Live sessions ------------------------------------------------------------------------------


class _Agent:
    """An agent with one round, saved as a checkpoint, and a reply."""

    def __init__(self, turn: int) -> None:
        self._turn = turn

    async def run(self, run: ActiveRun) -> AgentResult:
        # A round of an earlier attempt may be in the conversation already.
        call_id = f"call-{uuid.uuid4()}"
        call = ToolUseBlock(id=call_id, name="bash", input={"turn": self._turn})
        result = ToolResultBlock(tool_use_id=call_id, content=f"result {self._turn}")
        messages = (
            *run.messages,
            Message(role="assistant", content=(call,)),
            Message(role="user", content=(result,)),
        )
        run.add_usage(_usage(self._turn))
        await run.checkpoint(messages)
        reply = Message.assistant(f"reply {self._turn}")
        return AgentResult(text=reply.text, messages=(*messages, reply), usage=run.usage)


def _usage(turn: int) -> TokenUsage:
    return TokenUsage(prompt_tokens=turn, completion_tokens=1, total_tokens=turn + 1)


async def _talk(store: Any, number: int, turn: int) -> None:
    name = session_id(number)
    if not await store.exists(name):
        await SessionPersistence(Session(name), store).save()
    live = AgentSession(*await restore_session(store, name, SessionOptions(auto_save=True)))
    await live.send(f"prompt {turn}", _Agent(turn))
    if (outcome := await live.close()).kind != "unchanged":
        raise BrokenPromiseError(f"session {number}: closing after turn {turn} returned {outcome}")


async def _said(store: Any, number: int) -> int:
    """How many turns have a reply; the next one may have an interrupted run."""
    snapshot = await store.load_snapshot(session_id(number))
    if snapshot is None:
        return 0
    messages = snapshot.session.messages
    texts = [message.text for message in messages]
    replies = [text for text in texts if text.startswith("reply ")]
    turns = len(replies)
    if replies != [f"reply {turn}" for turn in range(1, turns + 1)]:
        raise BrokenPromiseError(f"session {number} has the replies {replies}")
    for turn in range(1, turns + 1):
        before = messages[: texts.index(f"reply {turn}")]
        if before[-3].text != f"prompt {turn}" or not _has_result(before[-1:], turn):
            raise BrokenPromiseError(f"session {number}: turn {turn} is not whole")
    if problems := check_pairs(messages):
        raise BrokenPromiseError(f"session {number} has calls or results alone: {problems}")
    done = [
        record.snapshot.prompt
        for record in snapshot.run_records or ()
        if record.snapshot.status is RunStatus.COMPLETED
    ]
    # A session keeps a limited number of runs: the last ones.
    if done != [f"prompt {turn}" for turn in range(1, turns + 1)][-len(done) :]:
        raise BrokenPromiseError(f"session {number} has {turns} turns, and the runs {done}")
    costs = [cost.prompt_tokens for cost in snapshot.session.cost_records]
    if not set(costs).issuperset(range(1, turns + 1)):
        raise BrokenPromiseError(f"LOST: session {number} has {turns} turns, and the costs {costs}")
    if snapshot.session.total_usage.prompt_tokens != sum(costs):
        raise BrokenPromiseError(f"session {number}: its total is not the sum of its costs")
    await _check_interrupted(store, number, turns)
    return turns


async def _check_interrupted(store: Any, number: int, turns: int) -> None:
    """Check that there is one checkpoint at most, of the turn after the stored ones."""
    run_ids = (await store.inventory()).loop_checkpoints
    found = [await store.load_loop_checkpoint(run_id) for run_id in run_ids]
    ours = [one for one in found if one.session_id == session_id(number)]
    for checkpoint in ours:
        prompts = [one.text for one in checkpoint.messages if one.text.startswith("prompt ")]
        if len(ours) > 1 or prompts[-1] != f"prompt {turns + 1}":
            raise BrokenPromiseError(
                f"session {number} has {turns} turns, checkpoints of {prompts}"
            )


def _has_result(messages: Sequence[Message], turn: int) -> bool:
    return any(
        isinstance(block, ToolResultBlock) and block.content == f"result {turn}"
        for message in messages
        for block in message.content
    )


# -- Memories -----------------------------------------------------------------------------------


def _memory(number: int, turn: int) -> MemoryItem:
    content = f"memory {turn} of {number} " * (turn % 7 * 40 + 1)
    return MemoryItem(id=f"memory-{turn}", content=content, timestamp=_TIME, tags=(f"{turn % 5}",))


async def _store_memory(store: Any, number: int, turn: int) -> None:
    memories = store.memories(session_id(number))
    await memories.store(_memory(number, turn))
    if turn % _FORGET == 0:
        await memories.delete(f"memory-{turn - 1}")


async def _stored_memories(store: Any, number: int) -> int:
    found = await store.memories(session_id(number)).get_recent(1_000_000)
    there = {int(item.id.removeprefix("memory-")): item for item in found}
    last = max(there, default=0)
    if any(item != _memory(number, turn) for turn, item in there.items()):
        raise BrokenPromiseError(f"the memories of {number} are not the stored ones")
    wanted = {turn for turn in range(1, last + 1) if turn % _FORGET != _FORGET - 1 or turn == last}
    if there.keys() == wanted:
        return last
    if last % _FORGET == 0 and there.keys() == wanted | {last - 1}:
        return last - 1  # the last turn is incomplete: its deletion is missing
    raise BrokenPromiseError(f"LOST: of the memories of {number} there are {sorted(there)}")


# -- Journals of queues -------------------------------------------------------------------------


def _queue(number: int, turns: int) -> Kept:
    """The queue after so many turns: its last dead letters, and a waiting task."""
    letters = tuple(
        DeadLetter(
            command_id=f"command-{turn}",
            command_type="tool",
            lane_id="execute",
            error=f"failed {turn} " * (turn % 5 * 40 + 1),
            attempts=turn,
            failed_at=_TIME,
        )
        for turn in range(max(1, turns - _LETTERS + 1), turns + 1)
    )
    task = ExternalTask(
        task_id=f"task-{turns}",
        session_id=session_id(number),
        lane=SessionLane.EXECUTE,
        command_type="tool",
        payload={"turn": turns},
        timeout_ms=1_000,
        created_at_ms=turns,
    )
    return letters, (task,) if turns else ()


async def _keep_queue(store: Any, number: int, turn: int) -> None:
    name = session_id(number)
    if not await store.exists(name):
        await store.save_snapshot(
            SessionSnapshot(session=SessionData(id=name, created_at=1, updated_at=1))
        )
    journal = StoreJournal(store, name)
    try:
        await journal.load()
        await journal.save(*_queue(number, turn))
    finally:
        journal.release()


async def _kept_queue(store: Any, number: int) -> int:
    journal = StoreJournal(store, session_id(number))
    try:
        letters, tasks = await journal.load()
    finally:
        journal.release()
    turns = max((letter.attempts for letter in letters), default=0)
    if (letters, tasks) != _queue(number, turns):
        raise BrokenPromiseError(f"the queue of {number} is not as it was after {turns} turns")
    return turns


# -- Appends ------------------------------------------------------------------------------------


def _messages(turn: int) -> list[Message]:
    return [Message.user(f"{turn}.{number} " * (turn % 5 * 40 + 1)) for number in range(_APPENDED)]


async def _append(store: Any, number: int, turn: int) -> None:
    name = session_id(number)
    new = SessionData(id=name, created_at=1, updated_at=1)
    await store.append(name, _messages(turn), create=new)


async def _appended(store: Any, number: int) -> int:
    session = await store.load(session_id(number))
    messages = () if session is None else session.messages
    turns = len(messages) // _APPENDED
    if list(messages) != [one for turn in range(1, turns + 1) for one in _messages(turn)]:
        raise BrokenPromiseError(
            f"session {number}: its {len(messages)} messages are no {turns} turns"
        )
    return turns
