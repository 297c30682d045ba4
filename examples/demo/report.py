"""The text of the demonstration: one function for each step, given what the step returned."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from a3s_store import SessionSummary
from a3s_store.cli import output
from a3s_store.cli.listing import sessions_table
from a3s_store.cli.output import Page

from . import crash
from .session import SESSION_ID
from .steps import FORK_AT


def print_save(page: Page, path: Path, saved: dict[str, Any]) -> None:
    """Print the number of saved values of each kind, and the time the save took."""
    page.put("1. A whole agent session, saved in one transaction", "bold")
    page.put(str(path), "dim", indent=3)
    skip = {"id", "milliseconds", "loaded_equal"}
    counts = [
        output.amount(count, name.replace("_", " ").removesuffix("s"))
        for name, count in saved.items()
        if name not in skip
    ]
    page.put(", ".join(counts), indent=3)
    page.put(
        f"Saved in {saved['milliseconds']} ms, synced to the disk. Loaded again, it is "
        + ("equal." if saved["loaded_equal"] else "NOT equal."),
        indent=3,
    )


def print_two_more(page: Page, done: dict[str, Any]) -> None:
    """Print the rows written by a save of two more messages."""
    _title(page, "2. Two more messages, and the session is saved again")
    total = output.amount(done["rows_written"], "row")
    new = ", ".join(f"{count} × {table}" for table, count in done["inserted"].items())
    changed = ", ".join(f"{count} × {table}" for table, count in done["changed"].items())
    page.put(f"{total} written, as another connection counts them.", indent=3)
    page.put(new, indent=3, first="new:      ")
    page.put(changed, indent=3, first="changed:  ")


def print_crash(page: Page, crashed: dict[str, Any]) -> None:
    """Print how the process ended, and which save the store contains after it."""
    _title(page, "3. A process killed in the middle of a save")
    number = crashed["acknowledged"] + 1
    how = "SIGKILL" if crashed["exit_code"] == -9 else f"exit code {crashed['exit_code']}"
    page.put(
        f"A child process saved {crash.SESSION_ID!r} again and again, {number - 1} times, and was "
        f"killed ({how}) after it began save {number} and before it heard that it was done.",
        indent=3,
    )
    before = f"Save {number} left no trace; save {number - 1}, which was acknowledged, is whole."
    after = f"Save {number} had just been committed, and is whole."
    page.put(before if crashed["state"] == "before" else after, "green", indent=3)
    page.put(
        f"Integrity check: {crashed['integrity']}. {crashed['messages']} messages, "
        f"{crashed['digest'][:19]}… as it must be.",
        indent=3,
    )


def print_fork(page: Page, done: dict[str, Any]) -> None:
    """Print the rows written by a fork."""
    _title(page, f"4. A fork: another way on from message {FORK_AT}")
    copied = output.amount(done["inserted"].get("message", 0), "message")
    page.put(
        f"{output.amount(done['rows_written'], 'row')} written, for its settings and collections; "
        f"{copied} copied: both conversations share them.",
        indent=3,
    )


def print_sessions(page: Page, summaries: tuple[SessionSummary, ...]) -> None:
    """Print the table of sessions that `a3s-store list` prints."""
    _title(page, "5. What is in the store now")
    output.print_table(page.console, sessions_table(page.console, summaries))


def print_next_commands(page: Page, keep: Path | None) -> None:
    """Print commands to try on the store that was kept at `keep`, or how to keep one."""
    _title(page, "Try next")
    shown = "demo.a3s" if keep is None else str(keep)
    path = subprocess.list2cmdline([shown]) if sys.platform == "win32" else shlex.quote(shown)
    if keep is None:
        page.put(f"a3s-store demo --keep {path}", indent=3)
    for line in (
        f"a3s-store show {path} {SESSION_ID}",
        f"a3s-store show {path} {SESSION_ID} --collection runs",
        f"a3s-store export {path} exported",
        f'sqlite3 {path} "SELECT role, content FROM conversation '
        f"WHERE session_id = '{SESSION_ID}'\"",
    ):
        # Never wrapped: each is there to be copied.
        page.console.print(output.cell(" " * 3 + line), soft_wrap=True)


def _title(page: Page, text: str) -> None:
    page.blank()
    page.put(text, "bold")
