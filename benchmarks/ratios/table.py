"""The parts of a run in their order, and the table that shows their lines."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.machine import is_in_memory, machine
from benchmarks.ratios.blocks import Row
from benchmarks.ratios.everyday import everyday
from benchmarks.ratios.keyvalue import keyvalue
from benchmarks.ratios.loads import loads
from benchmarks.ratios.many import imports, savers, sessions_in_turn
from benchmarks.ratios.processes import processes
from benchmarks.ratios.saves import appends, rebuilt_histories, saves
from benchmarks.ratios.scale import Part, Scale
from benchmarks.ratios.starts import starts
from benchmarks.ratios.waits import waits

PARTS: Final[dict[str, Part]] = {
    "saves": saves,
    "appends": appends,
    "rebuilt": rebuilt_histories,
    "sessions": sessions_in_turn,
    "savers": savers,
    "imports": imports,
    "waits": waits,
    "processes": processes,
    "loads": loads,
    "everyday": everyday,
    "keyvalue": keyvalue,
    "starts": starts,
}
_HEAD: Final = "| what | beside | CPU | wall | ours | asked for |\n|---|---|---:|---:|---:|---|"


async def measured(names: Sequence[str], scale: Scale, folder: Path | None) -> list[Row]:
    """Return the lines of these parts; each part has a folder of its own."""
    found: list[Row] = []
    for name in names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ratios-", dir=folder) as place:
            if name == names[0] and is_in_memory(machine(Path(place))):
                print("The folder is in memory: name one on a disk with --folder.", file=sys.stderr)
            async for row in PARTS[name](Path(place), scale):
                found.append(row)
        print(f"{name}: {time.monotonic() - began:.0f} seconds", file=sys.stderr, flush=True)
    return found


def table(rows: Sequence[Row]) -> str:
    """Return the lines as Markdown; ratios are medians of blocks with the smallest and largest."""
    return "\n".join([_HEAD, *map(_line, rows)]) + "\n"


def _line(row: Row) -> str:
    cells = (
        [f"skipped: {row.skipped}", "", "", ""]
        if row.skipped
        else [str(row.cpu or ""), str(row.wall or ""), row.figures, row.asked]
    )
    return "| " + " | ".join([row.what, row.against, *cells]) + " |"
