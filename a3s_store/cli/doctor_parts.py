"""The parts of `doctor` about run checkpoints, tool pairs and keys, and the repairs of `--fix`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import connect, failing_reads
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.maintenance import secret_scan
from a3s_store.backends.sqlite.maintenance.health import Recommendation
from a3s_store.backends.sqlite.maintenance.secret_scan import SecretPlace, SecretScan
from a3s_store.backends.sqlite.read.run_states import State
from a3s_store.cli import output
from a3s_store.cli.failures import Failure
from a3s_store.cli.opening import existing
from a3s_store.core.tool_pairs import check_pairs, repair_pairs
from a3s_store.core.transfer_report import SessionPairs
from a3s_store.errors import StaleGenerationError, StoreError
from a3s_store.runtime.runs.run_checkpoints import left_over


def checkpoint_facts(counts: Mapping[State, int]) -> dict[str, int]:
    """Return the counts under the names that are printed."""
    return {
        "running_runs": counts["running"],
        "interrupted_runs": counts["interrupted"],
        "leftover_checkpoints": counts["left_over"],
        "orphaned_checkpoints": counts["orphaned"],
    }


def checkpoint_recommendations(counts: Mapping[State, int]) -> Iterator[Recommendation]:
    """Yield a recommendation for each kind of checkpoint there is; none needs attention."""
    if number := counts["interrupted"]:
        yield Recommendation(
            f"Interrupted: {output.amount(number, 'run')}. `list` and `show` have their messages. "
            "Resume them; otherwise the next turn of the session keeps their finished rounds.",
            attention=False,
        )
    if number := counts["left_over"]:
        yield Recommendation(
            f"Left over by ended runs: {output.amount(number, 'checkpoint')}. --fix removes them.",
            attention=False,
        )
    if number := counts["orphaned"]:
        yield Recommendation(
            f"Of sessions that are not stored: {output.amount(number, 'checkpoint')}. `orphaned` "
            "of a3s_store.runtime.runs.run_checkpoints lists them.",
            attention=False,
        )


async def remove_left_over(store: Path) -> tuple[str, ...]:
    """Remove the checkpoints of ended runs; return the ids of the runs."""
    async with existing(store, read_only=False) as opened:
        found = await left_over(opened)
        for one in found:
            await opened.delete_loop_checkpoint(one.run_id)
    return tuple(one.run_id for one in found)


async def repair_pairs_of(store: Path, session_ids: Iterable[str]) -> tuple[SessionPairs, ...]:
    """Save these sessions repaired; return the problems of those that had any.

    Each save is a generation, and the one before stays. Open calls at the end of a conversation are
    kept if an unfinished run has a checkpoint, since the run continues with them. A session that
    another process saves at the same moment is not changed, and not `repaired`.
    """
    async with existing(store, read_only=False) as opened:
        unfinished = await _with_checkpoint(opened)
        found = [
            await _repair_session(opened, session_id, open_calls=session_id not in unfinished)
            for session_id in session_ids
        ]
    return tuple(one for one in found if one is not None)


async def _repair_session(
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
    """Return the ids of the sessions with a checkpoint of a run."""
    inventory = await store.inventory()
    found: set[str] = set()
    for run_id in inventory.loop_checkpoints:
        try:
            checkpoint = await store.load_loop_checkpoint(run_id)
        except StoreError:
            continue  # no run can continue from a damaged checkpoint
        if checkpoint is not None:
            found.add(checkpoint.session_id)
    return found


# The number of places that are printed; `--json` has all.
_SHOWN = 50


def scan_secrets(path: Path) -> SecretScan:
    """Search a readable store for keys. Raises Failure."""
    try:
        settings = Settings(path=path, network_mount=True)
        conn = failing_reads.opening(path, lambda: connect.open_reader(settings))
        try:
            with during("doctor", str(path)):
                return secret_scan.scan(conn)
        finally:
            conn.close()
    except StoreError as error:
        raise Failure(str(error)) from error


def secret_recommendations(scanned: SecretScan) -> Iterator[Recommendation]:
    """Yield recommendations about the keys that were found."""
    if scanned.found:
        yield Recommendation(
            f"Found in the store: {output.amount(scanned.found, 'key')}. Revoke each key at its "
            "provider, and erase the sessions; `redact=` prevents storing keys.",
            attention=True,
        )
    if scanned.unreadable:
        yield Recommendation(
            f"{output.amount(scanned.unreadable, 'text')} could not be searched for keys: run "
            "`verify`.",
            attention=True,
        )


def secrets_as_json(scanned: SecretScan) -> dict[str, Any]:
    """Return the object that `--json` prints."""
    return attrs.asdict(scanned)


def print_secret_places(scanned: SecretScan) -> None:
    """Print the places of the keys."""
    for place in scanned.places[:_SHOWN]:
        output.note(f"{place.kind}: {_named(place)}")
    if scanned.found > _SHOWN:
        output.note(f"... and {scanned.found - _SHOWN} more; --json lists them.")


def _named(place: SecretPlace) -> str:
    at = place.part if place.position is None else f"{place.part}[{place.position}]"
    whose = "" if place.session_id is None else f" of session {place.session_id!r}"
    return f"{at}.{place.path}{whose}"
