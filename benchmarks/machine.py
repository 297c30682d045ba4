"""What a result has to say of where it was measured, and nothing that names the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import a3s_store
from benchmarks.engine import Engine


def machine(folder: Path) -> dict[str, Any]:
    """Processor, memory, kernel and the kind of file system under a folder."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        # The numbers only: what builders append to them can name a site.
        "kernel": " ".join([platform.system(), *re.findall(r"^[\d.]+", platform.release())]),
        "filesystem": filesystem(folder),
    }


def versions(engines: Iterable[type[Engine]]) -> dict[str, str]:
    """Versions of Python, SQLite, this package and of every package an engine needs."""
    found = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "a3s-store": a3s_store.__version__,
    }
    needed = {"aiosqlite", "attrs", "orjson"}
    needed |= {engine.package for engine in engines if engine.package is not None}
    for package in sorted(needed):
        found[package] = importlib.metadata.version(package)
    return found


def _cpu() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemTotal:"):
            return round(int(line.split()[1]) / 1024**2, 1)
    return None


def filesystem(folder: Path) -> str | None:
    """The type of the file system a folder is on, such as ext4; None where it is not known."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _lines(Path("/proc/self/mountinfo")):
        fields = line.split()
        if fields[2] == wanted:
            return fields[fields.index("-") + 1]
    return None


def is_in_memory(found: Mapping[str, Any]) -> bool:
    """Whether the measured folder is on no disk at all, so that a sync costs nothing."""
    return found.get("filesystem") in {"tmpfs", "ramfs"}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
