"""The agent memory of a session: where it is stored, and how a model comes to see it.

It is kept in the session's store, under the session's id, where that store has the capability
`agent_memory`. The store redacts it and deletes it with the session, and a live session that goes
on after the deletion stores none (`session_memory`). A file in the workspace, upstream's place, is
used only where an application passes one.

Invariants: 1. a session does not fail because its memory cannot be stored: a warning is logged and
the memory is kept for this process; 2. the text of a turn or a memory is stored and shown
unchanged; `context.providers` marks it as data.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from a3s_store.agent_memory import (
    AgentMemory,
    AgentMemoryStore,
    InMemoryMemoryStore,
    JsonlMemoryStore,
    MemoryItem,
    MemoryStore,
    relevance,
)
from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.protocol import SessionStore
from a3s_store.core.redaction.redactor import Redact
from a3s_store.errors import StoreError, StoreUnavailableError
from a3s_store.runtime.context.providers import (
    ContextItem,
    ContextQuery,
    ContextResult,
    ContextType,
)
from a3s_store.runtime.context.session_memory import RankedMemoryStore, SessionMemory

_log = logging.getLogger("a3s_store.session.context")

PROVIDER: Final = "memory"
MAX_ITEMS: Final = 5
_BYTES_PER_TOKEN: Final = 4


# -- Where agent memory is stored -----------------------------------------------------------------


async def memory_for(
    store: SessionStore | None,
    workspace: str,
    session_id: str,
    *,
    clock: Clock = system_clock,
) -> MemoryStore:
    """Return the agent memory of a session in this store, which the application closes.

    Without a store, or with one without `capabilities().agent_memory`, the memory is kept for this
    process only; the second is logged as a warning. So is a file of upstream's in the workspace,
    which is not used.
    """
    if store is None:
        return InMemoryMemoryStore(clock=clock)
    if workspace:
        await _warn_of_file(workspace, session_id)
    if store.capabilities().agent_memory and isinstance(store, AgentMemoryStore):
        return SessionMemory.of(store, session_id)
    _log.warning(
        "memories of session %s are kept for this process only: its store (%s) has none. "
        "Pass memory= to keep them",
        ascii(session_id),
        store.backend_name,
    )
    return InMemoryMemoryStore(clock=clock)


async def workspace_memory(
    workspace: str | PathLike[str],
    session_id: str,
    *,
    redact: Redact | None = None,
    clock: Clock = system_clock,
) -> MemoryStore:
    """Open the agent memory in `{workspace}/.a3s/memories/{id}.jsonl`, upstream's place.

    For `create_session(id, memory=await workspace_memory(workspace, id))`. Its texts are redacted
    by `redact`, not by the store's function, and deleting the session leaves the file.

    A file that cannot be opened or read raises nothing: a warning is logged, the memory is kept for
    this process only, and the file is left as it is. Upstream: the memory store of `Session::new`
    (L8).
    """
    try:
        path = _file(workspace, session_id)
        return await JsonlMemoryStore.open(path, redact=redact, clock=clock)
    except StoreError as error:
        # Without its text, which may quote a line of the file.
        _log.warning(
            "memories of session %s are kept for this process only: %s (%s)",
            ascii(session_id),
            type(error).__name__,
            error.where,
        )
        return InMemoryMemoryStore(clock=clock)


async def _warn_of_file(workspace: str, session_id: str) -> None:
    """Warn of a memory file that an earlier release, or upstream, left in the workspace."""
    try:
        path = _file(workspace, session_id)
    except StoreUnavailableError:
        return
    try:
        is_there = await asyncio.to_thread(path.is_file)
    except OSError:  # the name may be too long for a file
        return
    if is_there:
        _log.warning(
            "memories of session %s in %s are not used: pass memory=, or store them in "
            "store.memories(id) and remove the file",
            ascii(session_id),
            ascii(str(path)),
        )


def _file(workspace: str | PathLike[str], session_id: str) -> Path:
    name = f"{session_id}.jsonl"
    # Live sessions have no such ids (L1); any other must not lead out of the folder.
    if "\0" in name or "/" in name or "\\" in name or name.startswith("."):
        raise StoreUnavailableError("the session's id can be no file name", op="open memories")
    try:
        os.fsencode(workspace)
    except (TypeError, UnicodeEncodeError):
        raise StoreUnavailableError("the workspace is no path", op="open memories") from None
    if "\0" in os.fsdecode(workspace):
        raise StoreUnavailableError("the workspace is no path", op="open memories")
    return Path(workspace) / ".a3s" / "memories" / name


# -- How the model sees it ------------------------------------------------------------------------


class MemoryContextProvider:
    """The `ContextProvider` called `memory`: finds memories for a prompt, and stores each turn.

    It finds memories that contain the whole query, as upstream's does, and then, where the store
    can rank, those with some of its words. Upstream: `MemoryContextProvider`.
    """

    name = PROVIDER

    def __init__(self, memory: MemoryStore | AgentMemory, *, clock: Clock = system_clock) -> None:
        if not isinstance(memory, AgentMemory):
            memory = AgentMemory(memory, clock=clock)
        self.memory = memory
        self._clock = clock

    async def query(self, query: ContextQuery) -> ContextResult:
        """Return at most five memories, within the limits of the query.

        A memory counts one token for each four bytes. Raises what the store raises.
        """
        limit = max(0, min(query.max_results, MAX_ITEMS))
        found = await self._find(query.query, limit)
        now = self._clock()
        items: list[ContextItem] = []
        left = query.max_tokens
        for item in found:
            shown = _shown(item, now)
            # One that is too long does not exclude shorter ones after it.
            if shown.token_count <= left:
                left -= shown.token_count
                items.append(shown)
        truncated = len(items) < len(found)
        return ContextResult(provider=PROVIDER, items=tuple(items), truncated=truncated)

    async def _find(self, text: str, limit: int) -> Sequence[MemoryItem]:
        found = {item.id: item for item in await self.memory.recall_similar(text, limit)}
        store = self.memory.store
        if len(found) < limit and isinstance(store, RankedMemoryStore):
            try:
                ranked = await store.search_ranked(text, limit)
            except StoreError as error:
                # SQLite may lack FTS5, or there is more text than it indexes.
                _log.warning("memories were not ranked: %s", type(error).__name__)
                ranked = ()
            for item in ranked:
                found.setdefault(item.id, item)
        return [*found.values()][:limit]

    async def on_turn_complete(self, session_id: str, prompt: str, response: str) -> None:
        """Store the turn as a success without tools. Raises what the store raises."""
        await self.memory.remember_success(prompt, (), response)


def _shown(item: MemoryItem, now_ms: int) -> ContextItem:
    return ContextItem(
        id=item.id,
        context_type=ContextType.MEMORY,
        content=item.content,
        token_count=len(item.content.encode("utf-8", "replace")) // _BYTES_PER_TOKEN,
        relevance=min(1.0, relevance(item, now_ms)),
        source=PROVIDER,
    )
