"""The command `python -m tests.faults NAME ... [--short] [--seed S] [--subject STORE]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import Any, Final

from tests.faults.harness.report import Report, Size

# A campaign is a module with `run(report, size)`, and with `unavailable()` if it needs something
# that a machine may lack.
CAMPAIGNS: Final[dict[str, str]] = {
    "kill": "writers are killed at random moments, recovery too",
    "histories": "several processes save, some are killed; every session has a legal history",
    "two_windows": "several processes talk in one session and are killed; no turn is lost",
    "write_states": "two writers save without reading first; statements and jobs fail",
    "powercut": "every image a power cut may leave of a run is opened and checked",
    "failing_sync": "each sync fails once and its pages are forgotten",
    "failing_reads": "each read fails, once or for good",
    "operations": "each file operation stops the process, or fails, once or for good",
    "full_disk": "the disk fills up, and is emptied again",
    "flips": "bits of a closed database are flipped",
    "log_flips": "bits of a write-ahead log are flipped",
    "pages": "pages are cut off, zeroed and swapped; salvage recovers the sessions without them",
    "file_pairs": "databases are put next to WALs of other moments and of other files",
    "hostile": "files of unknown origin are opened",
    "extreme_integers": "one integer of one row is set to an extreme",
    "memory": "the heap has a limit",
    "cancels": "saves are cancelled at random moments",
    "forks": "a process forks while it saves, and its children save to the same file",
    "exits": "stores are not closed, in every way that is known, and processes fork",
    "reset": "the scenarios of the WAL-reset bug",
    "inputs": "values that cannot be saved are saved",
}


def _module(name: str) -> Any:
    return importlib.import_module(f"tests.faults.campaigns.{name}")


def unavailable(name: str) -> str | None:
    """Why a campaign cannot run on this machine; None when it can."""
    reason: str | None = getattr(_module(name), "unavailable", lambda: None)()
    return reason


def run(name: str, subject: str, seed: int, size: Size, stop_at: str | None = None) -> Report:
    """Run one campaign; its report says whether every promise was kept.

    It stops at the first broken promise with the text `stop_at`, if any. A campaign that cannot run
    on this machine has failed.
    """
    report = Report(campaign=name, subject=subject, seed=seed, stop_at=stop_at)
    began = time.monotonic()
    if (reason := unavailable(name)) is not None:
        report.fail(f"cannot run on this machine: {reason}")
    else:
        _module(name).run(report, size)
    report.seconds = time.monotonic() - began
    return report


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when every promise was kept, else 1."""
    width = max(map(len, CAMPAIGNS))
    names = "\n".join(f"  {name:{width}}  {what}" for name, what in CAMPAIGNS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Attack a store.",
        epilog=f"campaigns:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("campaign", nargs="+", choices=[*CAMPAIGNS, "all"], metavar="CAMPAIGN")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices")
    parser.add_argument("--short", action="store_true", help="the form that CI runs")
    parser.add_argument("--subject", default="sqlite", help="sqlite, or MODULE:FUNCTION")
    parser.add_argument("--stop-at", metavar="TEXT", help="stop at a broken promise with this text")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each campaign")
    chosen = parser.parse_args(arguments)
    wanted = CAMPAIGNS if "all" in chosen.campaign else dict.fromkeys(chosen.campaign)
    kept = True
    for name in wanted:
        size: Size = "short" if chosen.short else "long"
        report = run(name, chosen.subject, chosen.seed, size, chosen.stop_at)
        kept = kept and report.ok
        print(report.as_json() if chosen.json else "\n".join(report.lines()), flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
