"""Turns that are transactions over three sessions: all of a turn is stored, or nothing of it.

The first session is read and saved with more messages, the second one is appended to, the third is
deleted, and made again in odd turns.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.models import Message, SessionData
from tests.faults.harness.workload import BrokenPromiseError

# Messages that a turn adds to the first session.
_EACH: Final = 3


def _ids(number: int) -> tuple[str, str, str]:
    return f"unit-{number}-saved", f"unit-{number}-appended", f"unit-{number}-remade"


def _new(session_id: str) -> SessionData:
    return SessionData(id=session_id, created_at=0, updated_at=0)


def _said(turn: int, of: int = 1) -> tuple[Message, ...]:
    return tuple(Message.user(f"turn {turn}, message {at}") for at in range(of))


async def save_turn(store: Any, number: int, turn: int) -> None:
    """Make a turn in one transaction."""
    saved, appended, remade = _ids(number)
    async with store.transaction() as tx:
        found = await tx.load(saved) or _new(saved)
        tx.append(appended, _said(turn), create=_new(appended))
        tx.save(found.evolve(messages=(*found.messages, *_said(turn, _EACH))))
        tx.delete(remade)
        if turn % 2:
            tx.save(_new(remade).evolve(messages=_said(turn)))


async def stored_turns(store: Any, number: int) -> int:
    """How many turns are stored. Raises BrokenPromiseError when a part of one is."""
    found = [await store.load(one) for one in _ids(number)]
    first, second, third = [None if one is None else one.messages for one in found]
    turns = len(second or ())
    expected = (
        tuple(said for turn in range(1, turns + 1) for said in _said(turn, _EACH)) or None,
        tuple(said for turn in range(1, turns + 1) for said in _said(turn)) or None,
        _said(turns) if turns % 2 else None,
    )
    if (first, second, third) != expected:
        lengths = [None if one is None else len(one) for one in (first, second, third)]
        raise BrokenPromiseError(f"unit {number}: a part of turn {turns} is stored: {lengths}")
    return turns
