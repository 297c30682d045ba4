"""The port of `StreamMethods` for `MemorySessionStore`."""

from __future__ import annotations

from typing import Any, cast

from a3s_store.backends.memory.state import MemoryState
from a3s_store.core.base.generational import not_saved
from a3s_store.core.base.streams import StreamMethods
from a3s_store.core.commit_log import CommitOp
from a3s_store.core.streams import paging
from a3s_store.core.streams.requests import (
    Append,
    Copy,
    Delete,
    DeletePlaces,
    DeleteStreams,
    Finish,
    InfoQuery,
    ItemQuery,
    LabelQuery,
    Pop,
    Read,
    StreamQuery,
    Truncate,
    Write,
    logged_as,
)
from a3s_store.errors import during
from a3s_store.printable import short_repr


class MemoryStreams(MemoryState, StreamMethods):
    """Executes requests on the streams of `MemoryState`."""

    async def _write_stream(self, op: str, name: str, request: Write) -> Any:
        with self._lock, during(op, f"stream {short_repr(name)}"):
            return self._change_stream(request)

    def _change_stream(self, request: Write) -> Any:
        """Execute a request; the caller holds the lock. Raises StaleItemError."""
        now_ms, log, streams = self._now_ms(), self._log_stream, self._streams
        match request:
            case Append():
                if request.session_id is not None and not self._is_saved(request.session_id):
                    raise not_saved()
                return streams.append(request, now_ms, log)
            case Pop():
                return streams.pop(request, now_ms, log)
            case Delete():
                return streams.delete(request, now_ms, log)
            case Truncate():
                return streams.truncate(request, now_ms, log)
            case Copy():
                return streams.copy(request, now_ms, log)
            case DeleteStreams():
                return streams.delete_streams(request, now_ms, log)
            case Finish():
                if not self._is_saved(request.append.session_id or ""):
                    raise not_saved()
                return streams.finish(request, now_ms, log)
            case DeletePlaces():
                return streams.delete_places(request, now_ms, log)

    def _is_saved(self, session_id: str) -> bool:
        return self._entry(session_id).session is not None

    def _log_stream(self, name: str, op: str, now_ms: int) -> int:
        kind, subject = logged_as(name)
        return self._log_entry(subject, cast(CommitOp, op), now_ms, kind)

    async def _read_stream(self, op: str, name: str, query: Read) -> Any:
        with self._lock, during(op, f"stream {short_repr(name)}"):
            return self._found_in_streams(query)

    def _found_in_streams(self, query: Read) -> Any:
        """Return what a query asks for; the caller holds the lock. Raises InvalidCursorError."""
        store_id, streams = self._log.store_id, self._streams
        now_ms = self._now_ms()
        match query:
            case ItemQuery():
                return streams.items(query, now_ms)
            case InfoQuery():
                last = ItemQuery(name=query.name, last=query.last)
                return streams.info(query.name, now_ms), streams.items(last, now_ms)
            case StreamQuery():
                place = paging.start(query, store_id)
                after = None if place is None else place[0]
                return paging.streams(query, streams.page(query, after, now_ms), store_id)
            case LabelQuery():
                behind = paging.start(query, store_id)
                found = streams.labelled(query, behind, now_ms)
                return paging.items(query, found, store_id)
