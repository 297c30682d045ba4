"""Telemetry by OpenTelemetry's metrics. Needs the extra `telemetry` when an object is made.

| metric | kind | attributes |
|---|---|---|
| `a3s.llm.tokens` | counter | `model`, `type`: `prompt` or `completion` |
| `a3s.llm.cost_usd` | counter | `model` |
| `a3s.tool.calls`, `a3s.tool.duration` (ms) | counter, histogram | `tool`, `success` |
| `a3s.runs`, `a3s.run.duration` (ms) | counter, histogram | `outcome` |

Ids of sessions and runs are no attributes, since each would be a time series of its own. The first
two names are upstream's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.errors import SessionConfigError
from a3s_store.models import TokenUsage
from a3s_store.runtime.observation.telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider


class OpenTelemetryMetrics(Telemetry):
    """Counts in instruments of the meter `a3s_store`; `meter_provider` None is the global one.

    The provider exports them. Raises SessionConfigError without the extra.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        try:
            from opentelemetry import metrics
        except ImportError as error:
            raise SessionConfigError(
                "OpenTelemetry is not installed",
                field="telemetry",
                hint='pip install "a3s-store[telemetry]"',
            ) from error
        meter = metrics.get_meter("a3s_store", meter_provider=meter_provider)
        self._tokens = meter.create_counter("a3s.llm.tokens", unit="{token}")
        self._cost = meter.create_counter("a3s.llm.cost_usd", unit="USD")
        self._calls = meter.create_counter("a3s.tool.calls", unit="{call}")
        self._call_ms = meter.create_histogram("a3s.tool.duration", unit="ms")
        self._runs = meter.create_counter("a3s.runs", unit="{run}")
        self._run_ms = meter.create_histogram("a3s.run.duration", unit="ms")

    def usage(
        self, *, session_id: str, model: str, usage: TokenUsage, cost_usd: float | None
    ) -> None:
        """See `Telemetry.usage`."""
        self._tokens.add(usage.prompt_tokens, {"model": model, "type": "prompt"})
        self._tokens.add(usage.completion_tokens, {"model": model, "type": "completion"})
        if cost_usd is not None:
            self._cost.add(cost_usd, {"model": model})

    def tool_call(self, *, session_id: str, tool: str, success: bool, duration_ms: int) -> None:
        """See `Telemetry.tool_call`."""
        self._calls.add(1, {"tool": tool, "success": success})
        self._call_ms.record(duration_ms, {"tool": tool, "success": success})

    def run_end(self, *, session_id: str, run_id: str, outcome: str, duration_ms: int) -> None:
        """See `Telemetry.run_end`."""
        self._runs.add(1, {"outcome": outcome})
        self._run_ms.record(duration_ms, {"outcome": outcome})
