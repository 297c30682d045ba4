"""Usage and cost of calls of a model, and durations of calls of tools.

The session keeps the totals. Usage is added up in two ways, as upstream does: `add_usage` is the
live session's and leaves cache counters out (U1), `accumulate` is the stored one's and adds them
(P10). Both stop at 2^64 - 1, the most that a stored counter holds, where upstream's first one would
overflow.

Upstream: telemetry.rs (runtime 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from a3s_store.core.clock import Clock, system_clock, timestamp
from a3s_store.errors import SessionConfigError
from a3s_store.models import LlmCostRecord, TokenUsage
from a3s_store.wire.numbers import to_f32

_MOST: Final = 2**64 - 1
# The name by which a session without a model is measured (U6).
UNKNOWN_MODEL: Final = "unknown"


@attrs.frozen(kw_only=True)
class ModelPricing:
    """The price of a model in dollars for a million tokens. Raises SessionConfigError."""

    input_per_million: float
    output_per_million: float

    def __attrs_post_init__(self) -> None:
        for name, price in attrs.asdict(self).items():
            if not 0 <= price < math.inf:
                raise SessionConfigError(f"{name} must be a finite number from 0 on", field=name)


# Found by exactly these names, without a provider in front. An application has its own table:
# {**DEFAULT_PRICES, "my-model": ModelPricing(...)}. Upstream: `default_model_pricing`.
DEFAULT_PRICES: Final[Mapping[str, ModelPricing]] = MappingProxyType(
    {
        model: ModelPricing(input_per_million=given, output_per_million=returned)
        for model, given, returned in (
            ("claude-sonnet-4-20250514", 3.0, 15.0),
            ("claude-3-5-sonnet-20241022", 3.0, 15.0),
            ("claude-3-haiku-20240307", 0.25, 1.25),
            ("claude-3-opus-20240229", 15.0, 75.0),
            ("gpt-4o", 2.5, 10.0),
            ("gpt-4o-mini", 0.15, 0.6),
            ("gpt-4-turbo", 10.0, 30.0),
        )
    }
)


def cost_of(usage: TokenUsage, pricing: ModelPricing) -> float:
    """Return the cost of a call in dollars, not rounded. Cached tokens cost nothing extra.

    Upstream: `ModelPricing::calculate_cost`.
    """
    million = 1_000_000.0
    return (
        usage.prompt_tokens / million * pricing.input_per_million
        + usage.completion_tokens / million * pricing.output_per_million
    )


def add_usage(total: TokenUsage, usage: TokenUsage) -> TokenUsage:
    """Return the total with a call's tokens added, without its cache counters (U1).

    The call's own `total_tokens` is added, not the sum of its parts.
    """
    return total.evolve(
        prompt_tokens=min(total.prompt_tokens + usage.prompt_tokens, _MOST),
        completion_tokens=min(total.completion_tokens + usage.completion_tokens, _MOST),
        total_tokens=min(total.total_tokens + usage.total_tokens, _MOST),
    )


def accumulate(total: TokenUsage, usage: TokenUsage) -> TokenUsage:
    """Return the total with all counters of a call added (P10).

    A cache counter is None as long as neither has it. Upstream: `record_usage` of the persistence
    state.
    """
    return add_usage(total, usage).evolve(
        cache_read_tokens=_both(total.cache_read_tokens, usage.cache_read_tokens),
        cache_write_tokens=_both(total.cache_write_tokens, usage.cache_write_tokens),
    )


def _both(one: int | None, other: int | None) -> int | None:
    if one is None and other is None:
        return None
    return min((one or 0) + (other or 0), _MOST)


def context_percent(used: int, maximum: int) -> float:
    """Return how full a context is, a fraction in 32-bit precision, which may exceed 1 (U4).

    With a maximum of 0 it is 0.0; upstream has infinity or NaN, which JSON cannot hold (U5).
    """
    if maximum == 0:
        return 0.0
    # Two 32-bit floats divided in 64 bits and rounded give the quotient of 32-bit division.
    return to_f32(to_f32(used) / to_f32(maximum))


def cost_record(
    usage: TokenUsage,
    *,
    model: str,
    cost: float | None,
    session_id: str,
    clock: Clock = system_clock,
) -> LlmCostRecord:
    """Return the record of a call made just now; `cost` is None for an unknown price (U3)."""
    return LlmCostRecord(
        model=model,
        provider="",
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cost_usd=cost,
        timestamp=timestamp(clock()),
        session_id=session_id,
    )


@attrs.frozen(kw_only=True)
class ModelCostBreakdown:
    """The sums of one model's calls."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_usd: float = 0.0
    call_count: int = 0


@attrs.frozen(kw_only=True)
class DayCostBreakdown:
    """The sums of one day's calls; `date` is `YYYY-MM-DD` in UTC."""

    date: str
    total_tokens: int = 0
    cost_usd: float = 0.0
    call_count: int = 0


@attrs.frozen(kw_only=True)
class CostSummary:
    """Sums of calls, in dollars and tokens.

    `by_model` is sorted by cost, the highest first; `by_day` by date. Upstream: `CostSummary`.
    """

    total_cost_usd: float
    total_prompt_tokens: int
    total_completion_tokens: int
    total_tokens: int
    call_count: int
    by_model: tuple[ModelCostBreakdown, ...]
    by_day: tuple[DayCostBreakdown, ...]


def aggregate_cost_records(
    records: Iterable[LlmCostRecord],
    model: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> CostSummary:
    """Add up the calls of one model, or of all, from the day `start` to the day `end`, inclusive.

    Days are `YYYY-MM-DD` in UTC and compared as texts; None is no bound. A call of unknown cost
    counts, at no cost. Models of equal cost are in the order of their first call.
    """
    chosen = [
        record
        for record in records
        if (model is None or record.model == model)
        and (start is None or start <= record.timestamp[:10])
        and (end is None or record.timestamp[:10] <= end)
    ]
    models: dict[str, ModelCostBreakdown] = {}
    days: dict[str, DayCostBreakdown] = {}
    cost = 0.0
    for record in chosen:
        spent = record.cost_usd or 0.0
        cost += spent
        of_model = models.get(record.model) or ModelCostBreakdown(model=record.model)
        models[record.model] = attrs.evolve(
            of_model,
            prompt_tokens=of_model.prompt_tokens + record.prompt_tokens,
            completion_tokens=of_model.completion_tokens + record.completion_tokens,
            total_tokens=of_model.total_tokens + record.total_tokens,
            cost_usd=of_model.cost_usd + spent,
            call_count=of_model.call_count + 1,
        )
        date = record.timestamp[:10]
        of_day = days.get(date) or DayCostBreakdown(date=date)
        days[date] = attrs.evolve(
            of_day,
            total_tokens=of_day.total_tokens + record.total_tokens,
            cost_usd=of_day.cost_usd + spent,
            call_count=of_day.call_count + 1,
        )
    return CostSummary(
        total_cost_usd=cost,
        total_prompt_tokens=sum(record.prompt_tokens for record in chosen),
        total_completion_tokens=sum(record.completion_tokens for record in chosen),
        total_tokens=sum(record.total_tokens for record in chosen),
        call_count=len(chosen),
        by_model=tuple(sorted(models.values(), key=lambda row: -row.cost_usd)),
        by_day=tuple(sorted(days.values(), key=lambda row: row.date)),
    )


@attrs.frozen(kw_only=True)
class ToolStats:
    """Numbers and durations of one tool's calls; the average is cut to an integer.

    `last_called_ms` is the Unix time of the last call. Upstream: `ToolStats`.
    """

    tool_name: str
    total_calls: int = 0
    success_count: int = 0
    failure_count: int = 0
    total_duration_ms: int = 0
    min_duration_ms: int
    max_duration_ms: int = 0
    avg_duration_ms: int = 0
    last_called_ms: int = 0


class ToolMetrics:
    """Counts the calls of each tool of a session and measures their durations. It is not stored.

    Upstream: `ToolMetrics`.
    """

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._stats: dict[str, ToolStats] = {}

    def record(self, tool_name: str, success: bool, duration_ms: int) -> None:
        """Count a call that ended just now."""
        before = self._stats.get(tool_name)
        if before is None:
            before = ToolStats(tool_name=tool_name, min_duration_ms=duration_ms)
        calls, total = before.total_calls + 1, before.total_duration_ms + duration_ms
        self._stats[tool_name] = attrs.evolve(
            before,
            total_calls=calls,
            success_count=before.success_count + success,
            failure_count=before.failure_count + (not success),
            total_duration_ms=total,
            min_duration_ms=min(before.min_duration_ms, duration_ms),
            max_duration_ms=max(before.max_duration_ms, duration_ms),
            avg_duration_ms=total // calls,
            last_called_ms=self._clock(),
        )

    def stats(self) -> tuple[ToolStats, ...]:
        """Return the statistics of every tool, in the order of first calls."""
        return tuple(self._stats.values())

    def stats_for(self, tool_name: str) -> ToolStats | None:
        """Return the statistics of one tool, None when it was not called."""
        return self._stats.get(tool_name)

    @property
    def total_calls(self) -> int:
        """The number of calls of all tools."""
        return sum(stats.total_calls for stats in self._stats.values())

    @property
    def total_duration_ms(self) -> int:
        """The duration of all calls together, in milliseconds."""
        return sum(stats.total_duration_ms for stats in self._stats.values())
