"""Which engines there are: our stores, upstream's way, floors, and the peers that are installed."""

from __future__ import annotations

import importlib
import importlib.util

from benchmarks.engine import Engine
from benchmarks.engines.floors import AppendAndSync, OverwriteAndSync, SqliteFloor
from benchmarks.engines.naive import Naive
from benchmarks.engines.stores import Files, Memory, Sqlite, SqliteNormal
from benchmarks.engines.upstream import UpstreamDocument, UpstreamFiles

OWN: dict[str, type[Engine]] = {
    "sqlite": Sqlite,
    "sqlite-normal": SqliteNormal,
    "memory": Memory,
    "file": Files,
    "upstream-files": UpstreamFiles,
    "upstream-document": UpstreamDocument,
    "naive": Naive,
    "sqlite3-floor": SqliteFloor,
    "write-fsync": AppendAndSync,
    "overwrite-fsync": OverwriteAndSync,
}


def peers() -> dict[str, type[Engine]]:
    """Other projects' stores whose packages are installed; empty when none is."""
    if importlib.util.find_spec("benchmarks.peers") is None:
        return {}
    found: dict[str, type[Engine]] = importlib.import_module("benchmarks.peers").available()
    return found


def engines() -> dict[str, type[Engine]]:
    """Every engine that can run here, by its name on the command line."""
    return {**OWN, **peers()}
