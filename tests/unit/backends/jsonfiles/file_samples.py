"""Values to keep in a directory, and ways to look at the directory itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import a3s_store
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LlmConfigData, SessionConfig, SessionData
from a3s_store.testing import samples
from a3s_store.testing.samples import numbered

T = TypeVar("T")
COLLECTION_NAMES = (
    "artifacts",
    "trace_events",
    "run_records",
    "verification_reports",
    "subagent_tasks",
)
CHECKPOINT_NAMES = ("loop_checkpoint", "workflow_checkpoint")


def session(session_id: str, *texts: str, updated_at: int = 1700000100) -> SessionData:
    return samples.session(
        session_id,
        texts or ("Hello", "Hi there!"),
        config=SessionConfig(name="Test Session", workspace="/home/dev/app"),
        tool_names=("bash", "read"),
        updated_at=updated_at,
        llm_config=LlmConfigData(provider="openai", model="m", api_key="secret-key"),
    )


def values(collection: str, tag: str = "1") -> tuple[Any, ...]:
    """Return one value of a collection; tests look for the fields set here in files."""
    fields: dict[str, dict[str, Any]] = {
        "artifacts": {
            "artifact_id": f"tool-output:bash:{tag}",
            "artifact_uri": f"a3s://tool-output/bash/{tag}",
            "content": f"line {tag}\n",
            "original_bytes": 7,
            "shown_bytes": 6,
        },
        "trace_events": {"exit_code": 0},
        "verification_reports": {"checks": (), "residual_risks": ()},
        "subagent_tasks": {"task_id": tag},
    }
    return (samples.MAKERS[collection](tag, **fields.get(collection, {})),)


def snapshot(session_id: str, tag: str = "1", **changes: Any) -> SessionSnapshot:
    """A session with one value in every collection."""
    collections = {collection: values(collection, tag) for collection in COLLECTION_NAMES}
    return SessionSnapshot(session=session(session_id, tag), **{**collections, **changes})


def checkpoint(kind: str, key: str, session_id: str = "s", at: int = 5) -> Any:
    made = (
        numbered.checkpoint(samples.talk("x"), key, session_id)
        if kind == "loop_checkpoint"
        else numbered.workflow(key, steps=1)
    )
    return made.evolve(checkpoint_ms=at)


async def save_collection(
    store: Any, collection: str, session_id: str, given: tuple[Any, ...]
) -> None:
    await getattr(store, f"save_{collection}")(session_id, given)


async def load_collection(store: Any, collection: str, session_id: str) -> Any:
    return await getattr(store, f"load_{collection}")(session_id)


def run(directory: Path, work: Callable[[FileSessionStore], Awaitable[T]], **options: Any) -> T:
    """Open a store there, do the work, close it."""

    async def whole() -> T:
        async with FileSessionStore.open(directory, **options) as store:
            return await work(store)

    return asyncio.run(whole())


def files_in(directory: Path) -> dict[str, bytes]:
    """Every file below a directory with its bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def child(script: str, *given: object) -> subprocess.Popen[str]:
    """Another interpreter that runs a script; it finds this package and these samples."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(a3s_store.__file__).parents[1])},
    )
