"""`doctor --fix`: sessions whose tool calls and results do not match are repaired."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli.opening import existing
from a3s_store.core.tool_pairs import check_pairs, repair_pairs
from a3s_store.core.transfer_report import SessionPairs
from a3s_store.errors import StaleGenerationError, StoreError


async def repair(store: Path, session_ids: Iterable[str]) -> tuple[SessionPairs, ...]:
    """Save these sessions repaired; return those of them that had problems.

    Each save is a generation of its own and the one before stays. Calls at the end of a
    conversation wait on where a checkpoint of an unfinished run is there to go on with them. A
    session that another process saves at the same moment is left as it is, not `repaired`.
    """
    async with existing(store, read_only=False) as opened:
        unfinished = await _with_checkpoint(opened)
        found = [
            await _repair(opened, session_id, open_calls=session_id not in unfinished)
            for session_id in session_ids
        ]
    return tuple(one for one in found if one is not None)


async def _repair(
    store: SqliteSessionStore, session_id: str, *, open_calls: bool
) -> SessionPairs | None:
    generation = await store.generation(session_id)
    session = await store.load(session_id)
    if session is None:
        return None
    repaired = repair_pairs(session.messages, open_calls=open_calls)
    if repaired == session.messages:
        return None
    problems = tuple(
        problem
        for problem in check_pairs(session.messages)
        if open_calls or problem.kind != "open_call"
    )
    try:
        await store.save(session.evolve(messages=repaired), expected_generation=generation)
    except StaleGenerationError:
        return SessionPairs.of(session_id, problems)
    return SessionPairs.of(session_id, problems, repaired=True)


async def _with_checkpoint(store: SqliteSessionStore) -> set[str]:
    """The ids of the sessions that have a checkpoint of a run."""
    inventory = await store.inventory()
    found: set[str] = set()
    for run_id in inventory.loop_checkpoints:
        try:
            checkpoint = await store.load_loop_checkpoint(run_id)
        except StoreError:
            continue  # damaged, and so nothing to go on with
        if checkpoint is not None:
            found.add(checkpoint.session_id)
    return found
