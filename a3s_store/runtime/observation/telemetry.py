"""Telemetry: an application's counters of usage, calls of tools, and runs.

A live session calls it when usage is counted, after a tool ran and after a run ended. Nothing is
stored, and no measurement has text of a conversation.
Upstream: `record_llm_metrics` of telemetry.rs (runtime 3.5, U6).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from a3s_store.models import TokenUsage

_log = logging.getLogger("a3s_store.session")


class Telemetry(Protocol):
    """Receives measurements. Subclass it, and override the methods that matter.

    They are called on the event loop and must return at once; an exception is logged and changes
    nothing.
    """

    def usage(
        self, *, session_id: str, model: str, usage: TokenUsage, cost_usd: float | None
    ) -> None:
        """Receive usage that the session counted: of a run, unless the agent counts each call.

        `model` is `unknown` for a session without one; `cost_usd` is None without a price.
        """
        return

    def tool_call(self, *, session_id: str, tool: str, success: bool, duration_ms: int) -> None:
        """Receive how long a tool ran, and whether it succeeded."""
        return

    def run_end(self, *, session_id: str, run_id: str, outcome: str, duration_ms: int) -> None:
        """Receive how a run ended: `outcome` is `completed`, `failed` or `cancelled`."""
        return


class NoTelemetry(Telemetry):
    """Receives measurements and drops them: the default."""


class ContainedTelemetry(Telemetry):
    """Passes measurements on, and logs errors, as warning the first of each live session."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._level = logging.WARNING

    def usage(self, **given: Any) -> None:
        """See `Telemetry.usage`."""
        self._safely(self._telemetry.usage, given)

    def tool_call(self, **given: Any) -> None:
        """See `Telemetry.tool_call`."""
        self._safely(self._telemetry.tool_call, given)

    def run_end(self, **given: Any) -> None:
        """See `Telemetry.run_end`."""
        self._safely(self._telemetry.run_end, given)

    def _safely(self, call: Callable[..., None], given: dict[str, Any]) -> None:
        try:
            call(**given)
        except Exception as error:
            where = given["session_id"]
            _log.log(self._level, "telemetry of session %s: %s", where, type(error).__name__)
            self._level = logging.DEBUG
