"""The command line: what there is, a run, and a report of an earlier one."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks import counting, report, results
from benchmarks.engines import engines
from benchmarks.machine import is_in_memory, machine, versions
from benchmarks.ratios.scale import LONG, SHORT
from benchmarks.ratios.table import PARTS, measured, table
from benchmarks.results import Measurement, Results
from benchmarks.workload import SETS, Plan, Settings
from benchmarks.workloads import WORKLOADS

# Set in the process whose syncs are already slow, so that it does not trace itself once more.
_SLOWED: Final = "A3S_BENCHMARKS_SLOWED"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    command: Any = given.command
    code: int = command(given)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="list | run | ratios | report")
    listing = commands.add_parser("list", help="name workloads and engines")
    listing.set_defaults(command=_list)
    run = commands.add_parser("run", help="measure, and write JSON, Markdown and pictures")
    run.set_defaults(command=_run)
    run.add_argument("--set", choices=SETS, default="quick", help="how much (default: quick)")
    run.add_argument("--workloads", type=_words, help="a,b,c (default: all)")
    run.add_argument("--engines", type=_words, help="a,b,c (default: all that are installed)")
    run.add_argument("--lengths", type=_numbers, help="messages: 10,100,1000")
    run.add_argument("--savers", type=_numbers, help="savers at once: 1,4,16")
    run.add_argument("--rounds", type=int, help="turns of each contender")
    run.add_argument("--folder", type=Path, help="where stores are made: the disk to be measured")
    run.add_argument("--out", type=Path, default=Path("benchmarks/results/latest"))
    run.add_argument("--slow-sync", metavar="2ms", help="make every sync take that long at least")
    run.add_argument("--no-counting", action="store_true", help="do not count syncs with strace")
    ratios = commands.add_parser("ratios", help="a table of ratios to the least possible")
    ratios.set_defaults(command=_ratios)
    ratios.add_argument("--long", action="store_true", help="1 000 000 messages, more rounds")
    ratios.add_argument("--parts", type=_words, help=f"{','.join(PARTS)} (default: all)")
    ratios.add_argument(
        "--folder", type=Path, help="where stores are made: the disk to be measured"
    )
    ratios.add_argument("--out", type=Path, help="a file for the table, too")
    again = commands.add_parser("report", help="write Markdown and pictures of a JSON file again")
    again.set_defaults(command=_report)
    again.add_argument("results", type=Path)
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in _words(text))


def _list(given: argparse.Namespace) -> int:
    print("workloads")
    for name, workload in WORKLOADS.items():
        print(f"  {name:20} {workload.number:3} {workload.title}")
    print("engines")
    for name, engine in engines().items():
        kind = "floor" if engine.floor else "durable" if engine.durable else "not durable"
        print(f"  {name:20} {engine.label} ({engine.keeps}, {kind})")
    return 0


def _run(given: argparse.Namespace) -> int:
    if given.slow_sync and not os.environ.get(_SLOWED):
        return _run_slowed(given.slow_sync)
    chosen = _chosen("engine", engines(), given.engines)
    workloads = _chosen("workload", WORKLOADS, given.workloads)
    settings = _settings(given)
    began = time.monotonic()
    failed = False
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=given.folder) as folder:
        place = machine(Path(folder))
        if is_in_memory(place):
            print("The folder is in memory: name one on a disk with --folder.", file=sys.stderr)
        if settings.count_syncs and counting.strace() is None:
            print("strace is missing or not allowed: no syncs are counted.", file=sys.stderr)
        plan = Plan(engines=chosen, settings=settings, folder=Path(folder))
        for name, workload in workloads.items():
            print(f"{workload.number} {name}", file=sys.stderr, flush=True)
            started = time.monotonic()
            try:
                found += asyncio.run(workload().run(plan))
            except Exception:
                # The other workloads are worth having; the exit code says that one is missing.
                traceback.print_exc()
                failed = True
            plan.say(f"{time.monotonic() - started:.0f} seconds")
    outcome = Results(
        machine=place,
        versions=versions(chosen.values()),
        settings={"set": given.set, **attrs.asdict(settings), "engines": tuple(chosen)},
        labels={name: engine.label for name, engine in chosen.items()},
        not_durable=tuple(name for name, engine in chosen.items() if not engine.durable),
        measurements=tuple(found),
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    file = given.out.with_name(given.out.name + ".json")
    results.write(outcome, file)
    for written in [file, *report.write(results.read(file), file.parent, given.out.name)]:
        print(written)
    print(f"{time.monotonic() - began:.0f} seconds", file=sys.stderr)
    return 1 if failed else 0


def _chosen(kind: str, every: dict[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """Those asked for, in the order of the registry. Ends the program for an unknown one."""
    unknown = set(names or ()) - every.keys()
    if unknown:
        raise SystemExit(
            f"no such {kind}: {', '.join(sorted(unknown))}; there are {', '.join(every)}"
        )
    return {name: one for name, one in every.items() if not names or name in names}


def _settings(given: argparse.Namespace) -> Settings:
    changes: dict[str, Any] = {}
    for name in ("lengths", "savers", "rounds"):
        if getattr(given, name) is not None:
            changes[name] = getattr(given, name)
    if given.no_counting or given.slow_sync:
        # A process cannot be traced twice, and the number of syncs does not depend on their time.
        changes["count_syncs"] = False
    return attrs.evolve(SETS[given.set], slow_sync=given.slow_sync, **changes)


def _run_slowed(duration: str) -> int:
    """Run the same command with every sync made to take at least so long."""
    found = re.fullmatch(r"(\d+)(ms|us)", duration)
    if found is None:
        raise SystemExit("--slow-sync is a number with ms or us, such as 2ms")
    tracer = counting.strace()
    if tracer is None:
        raise SystemExit("--slow-sync needs strace, which is missing or not allowed here")
    microseconds = int(found[1]) * (1000 if found[2] == "ms" else 1)
    slow = ["-e", "trace=fsync,fdatasync"]
    slow += ["-e", f"inject=fsync,fdatasync:delay_exit={microseconds}"]
    command = [tracer, "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, *slow]
    again = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
    return subprocess.run(
        [*command, *again], env={**os.environ, _SLOWED: "1"}, check=False
    ).returncode


def _ratios(given: argparse.Namespace) -> int:
    parts = _chosen("part", PARTS, given.parts)
    scale = LONG if given.long else SHORT
    text = table(asyncio.run(measured(tuple(parts), scale, given.folder)))
    print(text, end="")
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return 0


def _report(given: argparse.Namespace) -> int:
    outcome = results.read(given.results)
    for written in report.write(outcome, given.results.parent, given.results.stem):
        print(written)
    return 0
