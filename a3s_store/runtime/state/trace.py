"""The newest trace events of a live session, one for each execution, and functions to make them.

A trace event has the outcome of an execution, not its output, which is in the conversation and in
artifacts. To be used from one event loop.

Invariants: 1. at most `limit` events are kept, the newest; 2. an event stays the same object; 3. an
event that could not be saved is refused when it is recorded, except that its texts are cleaned.

Upstream: trace.rs (runtime 11.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from a3s_store.core.clean import Cleaner
from a3s_store.models import TraceEvent, TraceEventKind
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned, writable
from a3s_store.runtime.state.limits import check_limit, raised
from a3s_store.wire import Json

DEFAULT_TRACE_EVENTS: Final = 8192
_SUMMARY: Final = ("program_name", "success", "step_count", "failed_steps")
_U64_MAX: Final = 2**64 - 1


class TraceSink:
    """The newest trace events of one session. `limit` None keeps all of them, 0 none."""

    def __init__(self, limit: int | None = DEFAULT_TRACE_EVENTS) -> None:
        self.limit = check_limit(limit, "limit")
        self._events: deque[TraceEvent] = deque(maxlen=limit)
        self._listed: tuple[TraceEvent, ...] | None = ()
        self.on_cleaned: OnCleaned = ignore_cleaned

    def __len__(self) -> int:
        return len(self._events)

    def record(self, event: TraceEvent) -> None:
        """Add an event; above the limit the oldest is dropped. Its texts are cleaned if needed.

        Raises:
            EncodeError: something else in the event could not be saved; it is not added.
        """
        self._events.append(writable(event, "trace", self.on_cleaned))
        self._listed = None

    def events(self) -> tuple[TraceEvent, ...]:
        """Return the events, oldest first."""
        if self._listed is None:
            self._listed = tuple(self._events)
        return self._listed

    def replace_events(self, events: Iterable[TraceEvent]) -> None:
        """Replace all events by stored ones; the limit applies."""
        self._events = deque(events, maxlen=self.limit)
        self._listed = None

    def take_over(self, events: Sequence[TraceEvent]) -> None:
        """Replace all events, with the limit raised to their number."""
        self.limit = raised(self.limit, len(events))
        self.replace_events(events)


def tool_execution(
    name: str,
    *,
    success: bool,
    exit_code: int,
    duration_ms: int,
    output_bytes: int,
    metadata: Json | None = None,
) -> TraceEvent:
    """Return the event of a tool that ran, with the keys of its metadata and the artifacts in it.

    Its texts are cleaned if needed. Raises EncodeError when the metadata is no JSON. Upstream:
    `TraceEvent::tool_execution`.
    """
    frozen = Cleaner().frozen_json(metadata)
    return TraceEvent(
        kind=TraceEventKind.TOOL_EXECUTION,
        name=name,
        success=success,
        exit_code=exit_code,
        duration_ms=min(duration_ms, _U64_MAX),
        output_bytes=output_bytes,
        metadata_keys=tuple(sorted(frozen)) if isinstance(frozen, dict) else (),
        artifact_uris=tuple(sorted(set(_artifact_uris(frozen)))),
    )


def program_execution(
    name: str,
    *,
    success: bool,
    exit_code: int,
    duration_ms: int,
    output_bytes: int,
    metadata: Json | None = None,
) -> TraceEvent:
    """Return the event of a program that ran: as `tool_execution`, with a summary of its `trace`.

    The details have the summary without the steps; a missing entry is null. Without a `trace` there
    are no details. Upstream: `TraceEvent::program_execution`.
    """
    frozen = Cleaner().frozen_json(metadata)
    event = tool_execution(
        name,
        success=success,
        exit_code=exit_code,
        duration_ms=duration_ms,
        output_bytes=output_bytes,
        metadata=frozen,
    )
    details: dict[str, Json] | None = None
    if isinstance(frozen, dict) and "trace" in frozen:
        trace = frozen["trace"]
        known = trace if isinstance(trace, dict) else {}
        details = {key: known.get(key) for key in _SUMMARY}
    return event.evolve(kind=TraceEventKind.PROGRAM_EXECUTION, details=details)


def _artifact_uris(value: Json) -> Iterator[str]:
    # The depth is bounded: frozen JSON has at most `MAX_DEPTH` levels.
    if isinstance(value, dict):
        uri = value.get("artifact_uri")
        if isinstance(uri, str):
            yield uri
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _artifact_uris(item)
