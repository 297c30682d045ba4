"""A run so small that it measures nothing, and what such runs are made with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs

from benchmarks.engine import Engine
from benchmarks.engines import OWN
from benchmarks.results import Measurement, Results
from benchmarks.workload import Plan, Settings
from benchmarks.workloads import WORKLOADS

TINY = Settings(
    lengths=(4, 9),
    rounds=2,
    warmups=0,
    seconds=0.2,
    savers=(1, 2),
    saver_turns=4,
    repeats=1,
    sessions=5,
    long=20,
    busy_limit=0.3,
    busy_saves=2,
    processes=(2,),
    process_savers=(1,),
    process_turns=3,
    process_repeats=1,
    profile=(4, 8),
    profile_rounds=2,
    profile_warmups=0,
    count_syncs=False,
    settle=False,
)


def plan(folder: Path, engines: dict[str, type[Engine]] | None = None, **changes: Any) -> Plan:
    """A tiny plan, with all engines of our own unless others are given."""
    return Plan(engines=engines or OWN, settings=attrs.evolve(TINY, **changes), folder=folder)


def run(name: str, planned: Plan) -> list[Measurement]:
    """The measurements of one workload."""
    return asyncio.run(WORKLOADS[name]().run(planned))


def results(measurements: list[Measurement], **changes: Any) -> Results:
    """A whole run with these measurements, on a machine that does not exist."""
    made = Results(
        machine={
            "cpu": "An example <processor>",
            "cores": 2,
            "memory_gib": 4.0,
            "kernel": "Linux 6.1",
            "filesystem": "ext4",
        },
        versions={"python": "CPython 3.11.7", "sqlite": "3.40.1"},
        settings=attrs.asdict(TINY),
        labels={name: engine.label for name, engine in OWN.items()},
        not_durable=("memory",),
        measurements=tuple(measurements),
    )
    return attrs.evolve(made, **changes)
