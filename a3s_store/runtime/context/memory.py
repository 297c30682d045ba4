"""A session's memories: where they are kept, and how the model comes to see them.

They lie in the session's store, under its id, where that store promises `agent_memory`: it redacts
them and deletes them with the session, and none is left of a session that goes on after that
(`session_memory`). A file in the workspace, as upstream has it, is used only
where an application passes one. Invariants: 1. that memories cannot be kept fails no session: a
warning is logged, and they are kept for this process; 2. what is remembered of a turn and shown of
a memory is the text as it was, which `context` sets apart as data.
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


# -- Where they are kept --------------------------------------------------------------------------


async def memory_for(
    store: SessionStore | None,
    workspace: str,
    session_id: str,
    *,
    clock: Clock = system_clock,
) -> MemoryStore:
    """The memories of a session that is kept in this store; it stays the application's to close.

    Those of a store without `capabilities().agent_memory` are kept for this process only, and a
    warning says so. A session that is not kept at all, without a store, has no other ones either.
    What lies in upstream's file of the workspace is not used, and a warning names the file.
    """
    if store is None:
        return InMemoryMemoryStore(clock=clock)
    if workspace:
        await _tell_of_file(workspace, session_id)
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
    """The memories in `{workspace}/.a3s/memories/{id}.jsonl`, upstream's place, to be passed on.

    `create_session(id, memory=await workspace_memory(workspace, id))`: `redact` is asked about
    their texts, the store's own is not; deleting the session leaves the file where it is.

    Never raises for want of it: when the file cannot be opened or read, a warning is logged and the
    memories are kept for this process only; the file is left as it is. Upstream: the memory store
    of `Session::new` (L8).
    """
    try:
        path = _file(workspace, session_id)
        return await JsonlMemoryStore.open(path, redact=redact, clock=clock)
    except StoreError as error:
        # Its class and place: what it says of a bad line may hold words of it.
        _log.warning(
            "memories of session %s are kept for this process only: %s (%s)",
            ascii(session_id),
            type(error).__name__,
            error.where,
        )
        return InMemoryMemoryStore(clock=clock)


async def _tell_of_file(workspace: str, session_id: str) -> None:
    """Warn of memories that an earlier release, or upstream, left in the workspace."""
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
    # Live sessions have no such ids (L1); others must not lead out of the folder.
    if "\0" in name or "/" in name or "\\" in name or name.startswith("."):
        raise StoreUnavailableError("the session's id can be no file name", op="open memories")
    try:
        os.fsencode(workspace)
    except (TypeError, UnicodeEncodeError):
        raise StoreUnavailableError("the workspace is no path", op="open memories") from None
    if "\0" in os.fsdecode(workspace):
        raise StoreUnavailableError("the workspace is no path", op="open memories")
    return Path(workspace) / ".a3s" / "memories" / name


# -- How the model sees them ----------------------------------------------------------------------


class MemoryContextProvider:
    """The `ContextProvider` called `memory`: shows what is remembered, and remembers each turn.

    It finds memories that have the whole query in them, as upstream's does, and where the store can
    rank, then those that have words of it. Upstream: `MemoryContextProvider`.
    """

    name = PROVIDER

    def __init__(self, memory: MemoryStore | AgentMemory, *, clock: Clock = system_clock) -> None:
        if not isinstance(memory, AgentMemory):
            memory = AgentMemory(memory, clock=clock)
        self.memory = memory
        self._clock = clock

    async def query(self, query: ContextQuery) -> ContextResult:
        """At most five memories, and no more than the query's limits.

        A memory counts a token for each four bytes. Raises what the store raises.
        """
        limit = max(0, min(query.max_results, MAX_ITEMS))
        found = await self._find(query.query, limit)
        now = self._clock()
        items: list[ContextItem] = []
        left = query.max_tokens
        for item in found:
            shown = _shown(item, now)
            # One that is too long must not keep back those that fit.
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
                # There may be no FTS5, or more text than it indexes: what has all of it counts.
                _log.warning("memories were not ranked: %s", type(error).__name__)
                ranked = ()
            for item in ranked:
                found.setdefault(item.id, item)
        return [*found.values()][:limit]

    async def on_turn_complete(self, session_id: str, prompt: str, response: str) -> None:
        """Remember the turn as a success, without tools. Raises what the store raises."""
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
