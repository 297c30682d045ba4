"""Trace events (wire-format 8), without id and time; each is identified by its position."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from a3s_store.wire import I32, U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


class TraceEventKind(enum.StrEnum):
    """Upstream: `TraceEventKind`."""

    TOOL_EXECUTION = "tool_execution"
    PROGRAM_EXECUTION = "program_execution"


@model()
class TraceEvent(Model):
    """One execution of a tool or program; `schema` is free text. Upstream: `TraceEvent`."""

    schema: str = field(default="a3s.trace_event.v1")
    kind: TraceEventKind
    name: str
    success: bool
    exit_code: I32
    duration_ms: U64
    output_bytes: USize
    metadata_keys: tuple[str, ...] = field(default=(), read="def", write="omit")
    artifact_uris: tuple[str, ...] = field(default=(), read="def", write="omit")
    details: Value | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TraceEventChanges]) -> Self: ...
