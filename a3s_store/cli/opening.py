"""Opening an existing store for a command; a missing one is not created."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import file_look
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.cli.failures import Failure, NotFound
from a3s_store.printable import short_repr

# Paths are not checked by click, which would exit with 2 for every problem.
PATH = click.Path(path_type=Path, readable=False)


@asynccontextmanager
async def existing(path: Path, *, read_only: bool = True) -> AsyncIterator[SqliteSessionStore]:
    """Open the store in an existing file; by default nothing is written, created or migrated.

    Raises:
        NotFound: the file is missing or empty.
        Failure: the path is a directory.
    """
    require_store(path)
    async with SqliteSessionStore.open(path, read_only=read_only) as store:
        yield store


def may_be_noted(path: Path) -> bool:
    """Return whether opening the store for writing would neither migrate it nor be refused."""
    state = file_look.read_state(path) if path.is_file() else None
    is_current = state is not None and state.schema == migrate.newest()
    return is_current and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def require_store(path: Path) -> None:
    """Check that there is a file that may be a store; raises as `existing` does."""
    if path.is_dir():
        raise Failure(
            f"{path} is a directory, not a store. To import its sessions into a store: "
            "a3s-store import STORE DIR"
        )
    if not path.exists():
        raise NotFound(f"there is no store at {path}")
    log = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0 and not log.exists():
        raise NotFound(f"{path} is empty: there is no store in it")


async def require_known(store: SqliteSessionStore, session_id: str) -> None:
    """Check that something is stored under an id. Raises NotFound."""
    inventory = await store.inventory()
    if session_id not in inventory.sessions and session_id not in inventory.collections_only:
        raise not_found(session_id)


def not_found(session_id: str) -> NotFound:
    """Return the failure for a session that is not stored."""
    shown = short_repr(session_id)
    return NotFound(f"there is no session {shown}. `a3s-store list STORE` lists all sessions")
