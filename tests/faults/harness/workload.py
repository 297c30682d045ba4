"""Sessions with states that are a function of the seed, so that a check needs no copy of them.

Session `number` after so many turns is `state(seed, number, turns)`: a snapshot in which every part
says how many turns there were, so that parts of two saves cannot pass for one. A state shares its
messages and values with the one before, as an application's would; now and then the conversation is
compacted, and old runs, trace events and artifacts are dropped.
"""

from __future__ import annotations

import functools
import random
from typing import Final

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    LoopCheckpoint,
    Message,
    RunRecord,
    RunStatus,
    SessionData,
    ToolArtifact,
)
from a3s_store.testing import samples
from a3s_store.testing.samples import numbered

# How many items of each list are kept, so that states do not grow without end.
_RUNS: Final = 6
_EVENTS: Final = 12
_ARTIFACTS: Final = 3
# One turn in so many compacts the conversation, one in so many has an artifact of blob size.
_COMPACTION: Final = 17
_BLOB: Final = 5


class BrokenPromiseError(AssertionError):
    """A store broke a promise."""


def session_id(number: int) -> str:
    """The id of the session with this number."""
    return f"session-{number}"


@functools.lru_cache(maxsize=4096)
def state(seed: str, number: int, turns: int) -> SessionSnapshot:
    """The session after so many turns, one at least."""
    if turns == 1:
        empty = SessionData(id=session_id(number), created_at=1, updated_at=0)
        return _turn(seed, SessionSnapshot(session=empty), number, 1)
    # Built up from the first, so that the stack stays short and states share what they can.
    for earlier in range(max(1, turns - 200), turns, 100):
        state(seed, number, earlier)
    return _turn(seed, state(seed, number, turns - 1), number, turns)


def turns_of(snapshot: SessionSnapshot) -> int:
    """How many turns a snapshot says it has had."""
    return snapshot.session.updated_at


def checkpoint(seed: str, number: int, turns: int) -> LoopCheckpoint:
    """The checkpoint that a run saves before the state after so many turns."""
    return LoopCheckpoint(
        run_id=f"run-of-{number}",
        session_id=session_id(number),
        turn=turns,
        messages=state(seed, number, turns).session.messages,
        checkpoint_ms=turns,
    )


def _turn(seed: str, before: SessionSnapshot, number: int, turns: int) -> SessionSnapshot:
    chance = random.Random(f"{seed}/{number}/{turns}")
    messages = before.session.messages
    if turns % _COMPACTION == 0:
        messages = (Message.user(f"summary of {turns - 1} turns"), *messages[-4:])
    messages += _messages(chance, turns)
    artifacts = before.artifacts or ()
    if turns % _BLOB == 0:
        artifacts = (*artifacts, _artifact(chance, number, turns))[-_ARTIFACTS:]
    trace = numbered.trace(turns, success=turns % 2 == 0)
    return SessionSnapshot(
        session=before.session.evolve(
            messages=messages, updated_at=turns, total_cost=turns / 8, model_name=f"model/{turns}"
        ),
        artifacts=artifacts,
        trace_events=(*(before.trace_events or ()), trace)[-_EVENTS:],
        run_records=(*(before.run_records or ()), _run(chance, number, turns))[-_RUNS:],
    )


def _messages(chance: random.Random, turns: int) -> tuple[Message, ...]:
    texts = [_text(chance, f"{turns}.{index}") for index in range(chance.randrange(2, 5))]
    return tuple(
        Message.user(text) if index % 2 == 0 else Message.assistant(text)
        for index, text in enumerate(texts)
    )


def _text(chance: random.Random, mark: str) -> str:
    size = chance.choice((20, 120, 120, 900, 900, 5000))
    return f"{mark} " + chance.randbytes(size // 2).hex()


def _artifact(chance: random.Random, number: int, turns: int) -> ToolArtifact:
    content = chance.randbytes(10_000).hex()
    return samples.artifact(
        f"{number}-{turns}", content, original_bytes=len(content), shown_bytes=100
    )


def _run(chance: random.Random, number: int, turns: int) -> RunRecord:
    return numbered.run(
        turns,
        chance.randrange(1, 8),
        session_id(number),
        id=f"run-{number}-{turns}",
        status=RunStatus.COMPLETED,
        prompt=f"turn {turns}",
    )
