"""What `doctor` says of runs with a checkpoint, and the removal of checkpoints left over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from a3s_store.backends.sqlite.maintenance.health import Recommendation
from a3s_store.backends.sqlite.read.run_states import State
from a3s_store.cli import output
from a3s_store.cli.opening import existing
from a3s_store.runtime.runs.run_checkpoints import left_over


def facts(counts: Mapping[State, int]) -> dict[str, int]:
    """The counts under the names that people read."""
    return {
        "running_runs": counts["running"],
        "interrupted_runs": counts["interrupted"],
        "leftover_checkpoints": counts["left_over"],
        "orphaned_checkpoints": counts["orphaned"],
    }


def recommendations(counts: Mapping[State, int]) -> Iterator[Recommendation]:
    """One sentence or two on each kind that there is; none of them needs attention."""
    if number := counts["interrupted"]:
        yield Recommendation(
            f"Interrupted: {output.amount(number, 'run')}. `list` and `show` have their messages; "
            "resume them, or the next turn of the session keeps what they finished.",
            attention=False,
        )
    if number := counts["left_over"]:
        yield Recommendation(
            f"Left over by runs that have ended: {output.amount(number, 'checkpoint')}. --fix "
            "removes them.",
            attention=False,
        )
    if number := counts["orphaned"]:
        yield Recommendation(
            f"Of sessions that are not stored: {output.amount(number, 'checkpoint')}. `orphaned` "
            "of a3s_store.runtime.runs.run_checkpoints names them.",
            attention=False,
        )


async def remove_left_over(store: Path) -> tuple[str, ...]:
    """Remove the checkpoints whose run has ended; return the ids of the runs."""
    async with existing(store, read_only=False) as opened:
        found = await left_over(opened)
        for one in found:
            await opened.delete_loop_checkpoint(one.run_id)
    return tuple(one.run_id for one in found)
