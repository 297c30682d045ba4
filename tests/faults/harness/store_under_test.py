"""The store under attack, and the comparison of its sessions with the acknowledged saves.

A subject is named `module:function`, or by one of the names in `SUBJECTS`; the function takes a
path and returns an opener of a store, as `SqliteSessionStore.open` does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.protocol import SessionStore, Verifiable
from a3s_store.errors import StoreError
from tests.faults.harness import runtime_turns
from tests.faults.harness.workload import (
    BrokenPromiseError,
    checkpoint,
    session_id,
    state,
    turns_of,
)

# One turn in so many has a checkpoint, the first one to begin with.
CHECKPOINT: Final = 4

# Opens the store at a path: returns an async context manager, as `SqliteSessionStore.open` does.
Open = Callable[[Path], Any]


def sqlite(path: Path) -> Any:
    """Our store, with its default settings."""
    return SqliteSessionStore.open(path)


def sqlite_normal(path: Path) -> Any:
    """Our store with `durability="normal"`: a power cut may take the last moments."""
    return SqliteSessionStore.open(path, durability="normal")


SUBJECTS: Final[Mapping[str, Open]] = {"sqlite": sqlite, "sqlite-normal": sqlite_normal}


def find(name: str) -> Open:
    """The subject with this name. Raises ValueError, ImportError or AttributeError."""
    if name in SUBJECTS:
        return SUBJECTS[name]
    module, _, function = name.partition(":")
    if not function:
        raise ValueError(f"a subject is module:function or one of {sorted(SUBJECTS)}, not {name!r}")
    found: Open = getattr(importlib.import_module(module), function)
    return found


async def save_turn(store: SessionStore, seed: str, number: int, turn: int) -> None:
    """Make a turn: a checkpoint of a run now and then, then a snapshot; or see `runtime_turns`."""
    if number >= runtime_turns.LIVE:
        await runtime_turns.save_turn(store, number, turn)
        return
    if turn % CHECKPOINT == 1:
        found = checkpoint(seed, number, turn)
        await store.save_loop_checkpoint(found.run_id, found)
    await store.save_snapshot(state(seed, number, turn))


async def stored_turns(store: SessionStore, seed: str, sessions: Sequence[int]) -> dict[int, int]:
    """How many turns each of these sessions has, 0 for one that is not stored.

    Raises:
        BrokenPromiseError: a session is stored in a state that was never saved.
        StoreError: as the store raises it.
    """
    found: dict[int, int] = {}
    for number in sessions:
        if number >= runtime_turns.LIVE:
            found[number] = await runtime_turns.stored_turns(store, number)
            continue
        snapshot = await store.load_snapshot(session_id(number))
        found[number] = 0 if snapshot is None else turns_of(snapshot)
        if snapshot is not None and snapshot != state(seed, number, found[number]):
            raise BrokenPromiseError(
                f"session {number}: the stored state is not its state after {found[number]} turns"
            )
        saved = await store.load_loop_checkpoint(f"run-of-{number}")
        if saved is not None and saved != checkpoint(seed, number, saved.turn):
            raise BrokenPromiseError(f"session {number}: its checkpoint was never saved")
    return found


async def check(
    store: SessionStore,
    seed: str,
    acknowledged: Mapping[int, int],
    begun: Mapping[int, int],
    *,
    verify: bool = True,
) -> dict[int, int]:
    """Compare the stored sessions with the acknowledged and begun turns; return the stored turns.

    Raises:
        BrokenPromiseError: a save was lost, or half of one is stored, or damage was found.
    """
    try:
        found = await stored_turns(store, seed, sorted(begun))
        if verify:
            await verified(store)
    except StoreError as error:
        raise BrokenPromiseError(f"{type(error).__name__}: {error}") from error
    compare(found, acknowledged, begun)
    return found


def compare(
    found: Mapping[int, int], acknowledged: Mapping[int, int], begun: Mapping[int, int]
) -> None:
    """Compare stored turns with acknowledged and begun ones. Raises BrokenPromiseError."""
    for number, last in begun.items():
        turns = found.get(number, 0)
        if turns < acknowledged.get(number, 0):
            raise BrokenPromiseError(
                f"LOST: session {number} was acknowledged up to turn {acknowledged[number]}, "
                f"{turns} are stored"
            )
        if turns > last:
            raise BrokenPromiseError(f"session {number} has turn {turns}, which was never begun")


async def verified(store: SessionStore) -> None:
    """Verify the store, if it can be verified. Raises BrokenPromiseError."""
    if not isinstance(store, Verifiable):
        return
    report = await store.verify()
    if not report.ok:
        raise BrokenPromiseError(f"damage: {'; '.join(map(str, report.damage[:3]))}")
