"""What the tests of importers need: the fixtures, and an import into a new store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.interop import TransferReport, import_history
from a3s_store.models import Message, SessionData, ToolResultBlock, ToolUseBlock

ROOT = Path(__file__).parents[3]
HISTORIES = ROOT / "tests" / "data" / "histories"
CLAUDE = HISTORIES / "claude-code" / "-home-me-project"
CLAUDE_ID = "11111111-1111-4111-8111-111111111111"
CODEX = HISTORIES / "codex" / "2026" / "05" / "02"
CODEX_ID = "0196a000-0000-7000-8000-00000000000a"
T = TypeVar("T")
KINDS = ("memory", "sqlite", "files")


def in_memory(use: Callable[[MemorySessionStore], Awaitable[T]]) -> T:
    """Call a function with a new store in memory."""

    async def main() -> T:
        async with MemorySessionStore() as store:
            return await use(store)

    return asyncio.run(main())


def in_store(kind: str, folder: Path, use: Callable[[Any], Awaitable[T]]) -> T:
    """Call a function with the store of a folder, of one of `KINDS`."""

    async def main() -> T:
        if kind == "memory":
            async with MemorySessionStore() as memory:
                return await use(memory)
        if kind == "sqlite":
            async with SqliteSessionStore.open(folder / "a.a3s") as store:
                return await use(store)
        async with FileSessionStore.open(folder / "json") as files:
            return await use(files)

    return asyncio.run(main())


def imported(path: Path, session_id: str, **options: Any) -> tuple[TransferReport, SessionData]:
    """Import a path into a store in memory; return the report and one session."""

    async def use(store: MemorySessionStore) -> tuple[TransferReport, SessionData]:
        report = await import_history(store, path, **options)
        session = await store.load(session_id)
        assert session is not None, report
        return report, session

    return in_memory(use)


def lines_of(path: Path) -> list[bytes]:
    """Return the lines of a file, each with its end."""
    return path.read_bytes().splitlines(keepends=True)


def write_lines(path: Path, records: Iterable[Any]) -> Path:
    """Write records as JSON lines, each of them a value or bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in records]
    path.write_bytes(b"".join(parts))
    return path


def said(messages: Iterable[Message]) -> list[str]:
    """Return a line for each message: the role, and texts, calls and results in short."""
    return [f"{one.role}: " + " ".join(map(_short, one.content)) for one in messages]


def _short(block: Any) -> str:
    if isinstance(block, ToolUseBlock):
        return f"->{block.id}"
    if isinstance(block, ToolResultBlock):
        return f"<-{block.tool_use_id}{'!' if block.is_error else ''}"
    return getattr(block, "text", f"[{getattr(block, 'type', 'image')}]")


# Values that stand where the format has another one.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["tool_use", "tool_result", "text", "assistant", "user", "u1", "a3"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "id", "text", "content", "role", "usage"]), inner),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in inner:
        found.append((*path, key))
        if isinstance(one, dict | list):
            found += places(one, (*path, key))
    return found


def replace_somewhere(data: st.DataObject, value: Any) -> None:
    """Replace a value anywhere inside a value of JSON by another one."""
    *steps, last = data.draw(st.sampled_from(places(value)))
    for step in steps:
        value = value[step]
    value[last] = data.draw(JSON)
