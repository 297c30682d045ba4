"""Save one text in everything that belongs to a session, and search a store for that text.

The search covers names and bytes of files and folders, rows of tables, compressed values too, and
every object that a store in memory refers to.
"""

from __future__ import annotations

import asyncio
import sqlite3
import types
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.drafts import Draft
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.models import SessionLane, WorkflowCheckpoint
from a3s_store.runtime import StoreJournal
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from tests.everything import LARGE, everything, memory
from tests.support import artifact, checkpoint, messages

MARK: Final = "XQ7SECRETQ7X"
# The text, and bytes in the middle of a large artifact of it after compression.
_LARGE: Final = artifact(9, LARGE).evolve(content=f"{MARK} " * (LARGE // 8))
_SOUGHT: Final = (MARK.encode(), zlib.compress(_LARGE.content.encode(), 1)[20:80])

_FOUND_BY: Final = ("id", "session_id", "run_id", "workflow_id")

STORES: Final[dict[str, Callable[..., Any]]] = {
    "memory": lambda folder, **options: MemorySessionStore(**options),
    "file": lambda folder, **options: FileSessionStore.open(folder / "store", **options),
    "sqlite": lambda folder, **options: SqliteSessionStore.open(folder / "agent.a3s", **options),
}


def marked(value: Any) -> Any:
    """Return the value with the mark at the end of every text that redaction sees.

    The ids under which the value, or the session in it, is stored are unchanged.
    """
    owners = (value, getattr(value, "session", None))
    ids = {getattr(one, name, None) for one in owners for name in _FOUND_BY}
    return Redactor(lambda text: text if text in ids else f"{text} {MARK}").value(value)


async def fill(store: Any, session_id: str, run_id: str) -> None:
    """Save everything that may belong to a session, with the mark in all of it."""
    snapshot = marked(everything(session_id))
    await store.save_snapshot(snapshot.evolve(artifacts=(*snapshot.artifacts, _LARGE)))
    history = marked((*snapshot.session.messages, *messages(3, tag="c")))
    await store.save_loop_checkpoint(run_id, checkpoint(history, run_id, session_id))
    promised = store.capabilities()
    if promised.drafts:
        await store.save_draft(
            run_id, Draft(position=len(history), text=MARK, reasoning_content=MARK)
        )
    assert promised.agent_memory
    item: MemoryItem = marked(memory(1))
    await store.memories(session_id).store(item)
    letter = DeadLetter(
        command_id=f"command {session_id}",
        command_type="bash",
        lane_id="execute",
        error=MARK,
        attempts=1,
        failed_at="2026-05-18T10:00:00Z",
    )
    task = ExternalTask(
        task_id=f"task {session_id}",
        session_id=session_id,
        lane=SessionLane.EXECUTE,
        command_type="bash",
        payload={"command": MARK},
        timeout_ms=1,
        created_at_ms=1,
    )
    await StoreJournal(store, session_id).save((letter,), (task,))


async def leave_old_queue(store: Any, session_id: str) -> None:
    """Save the workflow checkpoint in which an older release kept the session's queue."""
    workflow_id = f"a3s_store.queue/{session_id}"
    found: WorkflowCheckpoint = marked(
        WorkflowCheckpoint(workflow_id=workflow_id, steps=(), checkpoint_ms=7)
    )
    found = found.evolve(extra={"later": MARK})
    await store.save_workflow_checkpoint(workflow_id, found)


def in_files(folder: Path) -> list[str]:
    """Return the files and folders that have the mark, in their names or bytes."""
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes() if path.is_file() else b""
        if MARK in name or any(one in data for one in _SOUGHT):
            found.append(name)
    return sorted(found)


def in_rows(path: Path) -> list[str]:
    """Return the tables of a database that have the mark in a row."""
    found = []
    with sqlite3.connect(path) as conn:
        for (table,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            rows = conn.execute(f'SELECT * FROM "{table}"').fetchall()
            if any(_has(value) for row in rows for value in row):
                found.append(table)
    conn.close()
    return sorted(found)


def _has(value: Any) -> bool:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes):
        return False
    try:
        value += zlib.decompress(value)
    except zlib.error:
        pass
    return any(one in value for one in _SOUGHT)


def in_memory(store: Any) -> list[str]:
    """Return the attributes of a store that refer, directly or not, to a text with the mark."""
    return sorted(name for name, value in vars(store).items() if any(map(_has, _texts(value))))


# Objects without texts of their own, or that refer to the whole interpreter.
_LEFT_ALONE: Final = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    asyncio.AbstractEventLoop,
)


def _texts(root: Any) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = [root]
    kept = []  # keeps objects alive, so that id() is unique
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, _LEFT_ALONE):
            continue
        seen.add(id(value))
        kept.append(value)
        if isinstance(value, str | bytes):
            yield value
        elif isinstance(value, dict | weakref.WeakValueDictionary):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        waiting += getattr(value, "__dict__", {}).values()
        for cls in type(value).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                waiting.append(getattr(value, name, None))
