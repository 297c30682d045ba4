"""What a live session did, execution by execution: the newest trace events, and how one is made.

A trace event says that something ran and what came of it; what it put out stays in the conversation
and in artifacts. To be used from one event loop.

Invariants: 1. at most `limit` events are kept, the newest; 2. an event is the same object for as
long as it is kept; 3. what could not be saved is refused here, where its maker is told, but for
texts, which are cleaned.

Upstream: trace.rs (runtime 11.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from a3s_store.core.clean import Cleaner
from a3s_store.models import TraceEvent, TraceEventKind
from a3s_store.runtime.state.cleaning import OnCleaned, tell_no_one, writable
from a3s_store.runtime.state.limits import check_limit
from a3s_store.wire import Json

DEFAULT_TRACE_EVENTS: Final = 8192
_SUMMARY: Final = ("program_name", "success", "step_count", "failed_steps")
_U64_MAX: Final = 2**64 - 1


class TraceSink:
    """The newest trace events of one session. `limit` None keeps all, 0 none."""

    def __init__(self, limit: int | None = DEFAULT_TRACE_EVENTS) -> None:
        self.limit = check_limit(limit, "limit")
        self._events: deque[TraceEvent] = deque(maxlen=limit)
        self._listed: tuple[TraceEvent, ...] | None = ()
        self.on_cleaned: OnCleaned = tell_no_one

    def __len__(self) -> int:
        return len(self._events)

    def record(self, event: TraceEvent) -> None:
        """Keep an event; above the limit the oldest goes. Its texts are cleaned if need be.

        Raises:
            EncodeError: it could not be saved, nor could the session with it; it is not kept.
        """
        self._events.append(writable(event, "trace", self.on_cleaned))
        self._listed = None

    def events(self) -> tuple[TraceEvent, ...]:
        """The events kept, oldest first."""
        if self._listed is None:
            self._listed = tuple(self._events)
        return self._listed

    def replace_events(self, events: Iterable[TraceEvent]) -> None:
        """Take over stored events in place of those here; the limit holds for them too."""
        self._events = deque(events, maxlen=self.limit)
        self._listed = None

    def take_over(self, events: Sequence[TraceEvent]) -> None:
        """As `replace_events`, with the limit raised to what comes in."""
        if self.limit is not None:
            self.limit = max(self.limit, len(events))
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
    """That a tool ran, with the keys of its metadata and the artifacts named anywhere in it.

    Its texts are cleaned if need be. Raises EncodeError when the metadata is no JSON. Upstream:
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
    """As `tool_execution`, for a program, with what its `trace` sums up: not its steps.

    What the summary lacks is null; without a `trace` there are no details. Upstream:
    `TraceEvent::program_execution`.
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
    # The depth is bounded: what is frozen has at most `MAX_DEPTH` levels.
    if isinstance(value, dict):
        uri = value.get("artifact_uri")
        if isinstance(uri, str):
            yield uri
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _artifact_uris(item)
