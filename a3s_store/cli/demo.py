"""`demo`: what a store does, on a store of its own, with real files, rows and processes.

Each step answers what it found out, as plain data; the text and the JSON are both made of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import click

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli import crash, demo_session, output
from a3s_store.cli.failures import Failure
from a3s_store.cli.listing import sessions_table
from a3s_store.cli.opening import PATH
from a3s_store.cli.page import Page
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import SessionSummary
from a3s_store.errors import StoreError

_FORK_ID: Final = "fix-login-mac"
_FORK_AT: Final = 10


@click.command("demo")
@click.option("--keep", type=PATH, metavar="PATH", help="Make the store there, and leave it.")
@output.json_option
def demo_command(keep: Path | None, as_json: bool) -> None:
    """Show what a store does, in seconds; nothing is left behind.

    Saves the session of a small agent with all that belongs to it, kills a process in the middle
    of a save and looks at what is left, counts the rows a save writes, and forks a conversation.
    Everything is done for real, in a temporary directory or at the PATH given.
    """
    if keep is not None and keep.exists():
        raise Failure(f"{keep} exists already; the demo makes a new store")
    page = None if as_json else Page(output.stdout(), full=False)
    began = time.monotonic()
    with _place(keep) as path:
        found = _run(path, page)
    found |= {
        "kept": None if keep is None else str(keep),
        "seconds": round(time.monotonic() - began, 2),
    }
    if page is None:
        output.print_json(found)
    else:
        _say_what_next(page, keep)


@contextlib.contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="a3s-store-demo-") as folder:
            yield Path(folder, "demo.a3s")


def _run(path: Path, page: Page | None) -> dict[str, Any]:
    saved = asyncio.run(_save(path))
    if page is not None:
        _say_saved(page, path, saved)
    two_more = asyncio.run(_save_two_more(path))
    if page is not None:
        _say_two_more(page, two_more)
    crashed = _crash(path)
    if page is not None:
        _say_crash(page, crashed)
    forked = asyncio.run(_fork(path))
    if page is not None:
        _say_fork(page, forked)
    summaries = asyncio.run(_list(path))
    if page is not None:
        _say_sessions(page, summaries)
    return {
        "saved": saved,
        "two_more": two_more,
        "crash": crashed,
        "fork": forked,
        "sessions": [summary._asdict() for summary in summaries],
    }


# -- The steps ------------------------------------------------------------------------------------


async def _save(path: Path) -> dict[str, Any]:
    now = int(time.time())
    snapshot = demo_session.snapshot(now)
    async with SqliteSessionStore.open(path) as store:
        began = time.monotonic()
        await store.save_snapshot(snapshot)
        milliseconds = (time.monotonic() - began) * 1000
        await store.save_loop_checkpoint(demo_session.RUN_ID, demo_session.checkpoint(now))
        equal = await store.load_snapshot(snapshot.session.id) == snapshot
    counts = {
        collection.name: len(values or ()) for collection, values in snapshot.collections().items()
    }
    return {
        "id": snapshot.session.id,
        "messages": len(snapshot.session.messages),
        "cost_records": len(snapshot.session.cost_records),
        "tasks": len(snapshot.session.tasks),
        **{collection.name: counts[collection.name] for collection in COLLECTIONS},
        "loop_checkpoints": 1,
        "milliseconds": round(milliseconds, 1),
        "loaded_equal": equal,
    }


async def _save_two_more(path: Path) -> dict[str, Any]:
    async with SqliteSessionStore.open(path) as store:
        session = await store.load(demo_session.SESSION_ID)
        assert session is not None, "saved a moment ago"
        before = _rows(path)
        await store.save(session.evolve(messages=session.messages + demo_session.TWO_MORE))
        return _changes(before, _rows(path))


async def _fork(path: Path) -> dict[str, Any]:
    async with SqliteSessionStore.open(path) as store:
        before = _rows(path)
        await store.fork(demo_session.SESSION_ID, _FORK_ID, at=_FORK_AT)
        return _changes(before, _rows(path))


async def _list(path: Path) -> tuple[SessionSummary, ...]:
    async with SqliteSessionStore.open(path) as store:
        return await store.summaries()


def _crash(path: Path) -> dict[str, Any]:
    crashed = crash.crash(path)
    return attrs.asdict(crashed) | asyncio.run(_look_after_crash(path, crashed))


async def _look_after_crash(path: Path, crashed: crash.Crash) -> dict[str, Any]:
    """What is in the store now. Raises StoreError when that is neither of the two it may be."""
    async with SqliteSessionStore.open(path) as store:
        snapshot = await store.load_snapshot(crash.SESSION_ID)
        generation = await store.generation(crash.SESSION_ID)
        other = await store.load(demo_session.SESSION_ID)
    with _looking(path) as conn:
        (integrity,) = conn.execute("PRAGMA integrity_check").fetchone()
    digest = None if snapshot is None else snapshot.digest()
    known = {
        (crashed.acknowledged, crashed.before): "before",
        (crashed.acknowledged + 1, crashed.after): "after",
    }
    state = known.get((generation, digest or ""))
    if integrity != "ok" or state is None or other is None or snapshot is None:
        raise StoreError(
            f"after the kill the store is not as it should be: integrity {integrity}, "
            f"generation {generation}, digest {digest}",
            op="demo",
            hint="Please report this",
        )
    return {
        "integrity": integrity,
        "generation": generation,
        "digest": digest,
        "messages": len(snapshot.session.messages),
        "state": state,
    }


@contextlib.contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other SQLite program sees it; this one cannot write."""
    conn = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        yield conn
    finally:
        conn.close()


_Rows = dict[str, dict[Any, tuple[Any, ...]]]


def _rows(path: Path) -> _Rows:
    """Every row of every table, by table and primary key."""
    found: _Rows = {}
    with _looking(path) as conn:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        for (table,) in conn.execute(names).fetchall():
            columns = conn.execute(f"PRAGMA table_info({table})").fetchall()
            keys = [column[1] for column in columns if column[5]]
            rows = conn.execute(f"SELECT {', '.join(keys)}, * FROM {table}").fetchall()
            found[table] = {row[: len(keys)]: row[len(keys) :] for row in rows}
    return found


def _changes(before: _Rows, after: _Rows) -> dict[str, Any]:
    """By table, how many rows are new and how many are different; tables without are left out."""
    inserted, changed = {}, {}
    for table, rows in after.items():
        old = before[table]
        if new := len(rows.keys() - old.keys()):
            inserted[table] = new
        if different := sum(rows[key] != old[key] for key in rows.keys() & old.keys()):
            changed[table] = different
    total = sum(inserted.values()) + sum(changed.values())
    return {"rows_written": total, "inserted": inserted, "changed": changed}


# -- What is said of them -------------------------------------------------------------------------


def _title(page: Page, text: str) -> None:
    page.blank()
    page.put(text, "bold")


def _say_saved(page: Page, path: Path, saved: dict[str, Any]) -> None:
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


def _say_two_more(page: Page, done: dict[str, Any]) -> None:
    _title(page, "2. Two more messages, and the session is saved again")
    total = output.amount(done["rows_written"], "row")
    new = ", ".join(f"{count} × {table}" for table, count in done["inserted"].items())
    changed = ", ".join(f"{count} × {table}" for table, count in done["changed"].items())
    page.put(f"{total} written, as another connection counts them.", indent=3)
    page.put(new, indent=3, first="new:      ")
    page.put(changed, indent=3, first="changed:  ")


def _say_fork(page: Page, done: dict[str, Any]) -> None:
    _title(page, f"4. A fork: another way on from message {_FORK_AT}")
    copied = output.amount(done["inserted"].get("message", 0), "message")
    page.put(
        f"{output.amount(done['rows_written'], 'row')} written, for its settings and families; "
        f"{copied} copied: both conversations share them.",
        indent=3,
    )


def _say_crash(page: Page, crashed: dict[str, Any]) -> None:
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


def _say_sessions(page: Page, summaries: tuple[SessionSummary, ...]) -> None:
    _title(page, "5. What is in the store now")
    output.print_table(page.console, sessions_table(page.console, summaries))


def _say_what_next(page: Page, keep: Path | None) -> None:
    _title(page, "Try next")
    shown = "demo.a3s" if keep is None else str(keep)
    path = subprocess.list2cmdline([shown]) if sys.platform == "win32" else shlex.quote(shown)
    if keep is None:
        page.put(f"a3s-store demo --keep {path}", indent=3)
    for line in (
        f"a3s-store show {path} {demo_session.SESSION_ID}",
        f"a3s-store show {path} {demo_session.SESSION_ID} --collection runs",
        f"a3s-store export {path} exported",
        f'sqlite3 {path} "SELECT role, content FROM conversation '
        f"WHERE session_id = '{demo_session.SESSION_ID}'\"",
    ):
        # Never wrapped: each is there to be copied.
        page.console.print(output.cell(" " * 3 + line), soft_wrap=True)
