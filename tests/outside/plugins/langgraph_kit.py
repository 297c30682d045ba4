"""LangGraph's conformance kit for checkpointers, over a SQLite store for each capability."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.report import ProgressCallbacks

from a3s_store import SqliteSessionStore
from a3s_store.adapters.langgraph import A3sSaver

_outcomes: dict[str, Any] = {"passed": [], "failed": {}, "skipped": {}}
_outcomes |= {"excluded": [], "left_out": []}


@checkpointer_test(name="a3s_store")
async def _checkpointer() -> AsyncIterator[A3sSaver]:
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteSessionStore.open(Path(folder, "agent.a3s")) as store:
            yield A3sSaver(store)


def _began(capability: str, detected: bool) -> None:
    if not detected:
        _outcomes["failed"][capability] = "the capability is not implemented"


def _ended(capability: str, test: str, passed: bool, error: str | None) -> None:
    if passed:
        _outcomes["passed"].append(f"{capability}::{test}")
    else:
        _outcomes["failed"][f"{capability}::{test}"] = error or ""


if __name__ == "__main__":
    progress = ProgressCallbacks(on_capability_start=_began, on_test_result=_ended)
    asyncio.run(validate(_checkpointer, progress=progress))
    Path(os.environ["A3S_OUTCOMES"]).write_text(json.dumps(_outcomes), encoding="utf-8")
