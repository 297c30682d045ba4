"""What the tests of the command line need: a store to look at, and two ways to run a command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

import a3s_store
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli.app import app
from a3s_store.models import SessionData
from examples.demo import session as demo_session

ROOT = Path(a3s_store.__file__).parents[1]
NOW = 1_779_100_000
SESSION_ID = demo_session.SESSION_ID


def invoke(*args: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="a3s-store")


def environment(**more: str) -> dict[str, str]:
    """Ours, in which the package is found and nothing says how to print."""
    plain = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return plain | {"PYTHONPATH": str(ROOT), "TZ": "UTC"} | more


def run(
    *args: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "a3s_store", *map(str, args)],
        env=environment(**(env or {})),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def make_store(path: Path, *more: SessionData) -> Path:
    """A store with the demo's session, its checkpoint, and these sessions."""

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            snapshot = demo_session.snapshot(NOW)
            await store.save_snapshot(snapshot)
            longer = snapshot.session.messages + demo_session.TWO_MORE
            await store.save(snapshot.session.evolve(messages=longer))
            await store.save_loop_checkpoint(demo_session.RUN_ID, demo_session.checkpoint(NOW))
            for session in more:
                await store.save(session)

    asyncio.run(save())
    return path


def files_under(folder: Path) -> dict[str, Any]:
    """Every file with its bytes, by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
