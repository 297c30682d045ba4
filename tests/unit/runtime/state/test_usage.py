"""What calls used and cost: sums, prices, percentages, reports, tool metrics."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import SessionConfigError
from a3s_store.models import LlmCostRecord, TokenUsage
from a3s_store.runtime.state.usage import (
    DEFAULT_PRICES,
    UNKNOWN_MODEL,
    CostSummary,
    DayCostBreakdown,
    ModelCostBreakdown,
    ModelPricing,
    ToolMetrics,
    ToolStats,
    accumulate,
    add_usage,
    aggregate_cost_records,
    context_percent,
    cost_of,
    cost_record,
)
from a3s_store.wire import decode, encode

MOST = 2**64 - 1
COUNTS = st.integers(0, 10**6) | st.integers(MOST - 5, MOST)
USAGES = st.builds(
    TokenUsage,
    prompt_tokens=COUNTS,
    completion_tokens=COUNTS,
    total_tokens=COUNTS,
    cache_read_tokens=st.none() | COUNTS,
    cache_write_tokens=st.none() | COUNTS,
)


def capped(*counts: int | None) -> int:
    return min(sum(count or 0 for count in counts), MOST)


# -- Sums -------------------------------------------------------------------------------------


@given(USAGES, USAGES)
def test_the_live_totals_add_three_counts_and_no_cache_counter(
    total: TokenUsage, used: TokenUsage
) -> None:
    """U1."""
    assert add_usage(total, used) == TokenUsage(
        prompt_tokens=capped(total.prompt_tokens, used.prompt_tokens),
        completion_tokens=capped(total.completion_tokens, used.completion_tokens),
        total_tokens=capped(total.total_tokens, used.total_tokens),
        cache_read_tokens=total.cache_read_tokens,
        cache_write_tokens=total.cache_write_tokens,
    )


def test_a_total_is_added_as_given_and_not_made_of_its_parts() -> None:
    """U1."""
    used = TokenUsage(prompt_tokens=1, completion_tokens=2, total_tokens=100)
    assert add_usage(add_usage(TokenUsage(), used), used).total_tokens == 200


@given(USAGES, USAGES)
def test_the_persisted_totals_add_everything_and_can_be_saved(
    total: TokenUsage, used: TokenUsage
) -> None:
    """P10."""
    found = accumulate(total, used)
    assert found.evolve(cache_read_tokens=None, cache_write_tokens=None) == add_usage(
        total.evolve(cache_read_tokens=None, cache_write_tokens=None), used
    )
    for name in ("cache_read_tokens", "cache_write_tokens"):
        one, other = getattr(total, name), getattr(used, name)
        wanted = None if one is None and other is None else capped(one, other)
        assert getattr(found, name) == wanted
    assert decode(TokenUsage, encode(found)) == found


def test_a_cache_counter_that_is_missing_counts_as_none_at_all() -> None:
    """P10."""
    with_one = TokenUsage(cache_read_tokens=5)
    assert accumulate(TokenUsage(), TokenUsage()).cache_read_tokens is None
    assert accumulate(with_one, TokenUsage()).cache_read_tokens == 5
    assert accumulate(TokenUsage(), with_one).cache_read_tokens == 5
    assert accumulate(with_one, with_one).cache_read_tokens == 10


# -- Prices -----------------------------------------------------------------------------------


def test_the_prices_are_upstreams_and_cannot_be_changed() -> None:
    """3.5, the price table."""
    assert {
        name: (price.input_per_million, price.output_per_million)
        for name, price in DEFAULT_PRICES.items()
    } == {
        "claude-sonnet-4-20250514": (3, 15),
        "claude-3-5-sonnet-20241022": (3, 15),
        "claude-3-haiku-20240307": (0.25, 1.25),
        "claude-3-opus-20240229": (15, 75),
        "gpt-4o": (2.5, 10),
        "gpt-4o-mini": (0.15, 0.6),
        "gpt-4-turbo": (10, 30),
    }
    frozen: Any = DEFAULT_PRICES
    with pytest.raises(TypeError):
        frozen["gpt-4o"] = ModelPricing(input_per_million=0.0, output_per_million=0.0)


def test_prices_are_found_by_the_bare_name_only_and_an_application_adds_its_own() -> None:
    """U2."""
    mine = ModelPricing(input_per_million=1.0, output_per_million=2.0)
    prices = {**DEFAULT_PRICES, "my-model": mine}
    assert prices.get("my-model") is mine
    assert prices.get("gpt-4o") is DEFAULT_PRICES["gpt-4o"]
    assert prices.get("openai/gpt-4o") is None


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(sorted(DEFAULT_PRICES)))
def test_a_cost_is_that_of_both_kinds_of_tokens_not_rounded(
    prompt: int, completion: int, model: str
) -> None:
    """U2, the formula of 3.5."""
    price = DEFAULT_PRICES[model]
    used = TokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=7)
    assert cost_of(used, price) == (
        prompt / 1e6 * price.input_per_million + completion / 1e6 * price.output_per_million
    )


def test_a_million_tokens_each_way_of_claude_sonnet_cost_18_dollars() -> None:
    """3.5."""
    used = TokenUsage(prompt_tokens=10**6, completion_tokens=10**6)
    assert cost_of(used, DEFAULT_PRICES["claude-sonnet-4-20250514"]) == 18.0


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused_by_name(bad: float) -> None:
    """U2."""
    with pytest.raises(SessionConfigError) as caught:
        ModelPricing(input_per_million=0.0, output_per_million=bad)
    assert caught.value.field == "output_per_million"


# -- Context and records ----------------------------------------------------------------------


@given(st.integers(0, 2**53), st.integers(1, 2**53))
def test_a_percentage_is_a_32_bit_quotient_that_may_exceed_one(used: int, maximum: int) -> None:
    """U4."""

    def f32(x: float) -> float:
        found: float = struct.unpack("<f", struct.pack("<f", x))[0]
        return found

    assert context_percent(used, maximum) == f32(f32(used) / f32(maximum))


def test_percentages_of_small_contexts() -> None:
    """U4, U5."""
    assert context_percent(100_000, 200_000) == 0.5
    assert context_percent(300_000, 200_000) == 1.5
    assert context_percent(0, 0) == 0.0
    assert context_percent(5, 0) == 0.0, "upstream has infinity here"


def test_a_record_is_made_of_every_call_its_price_known_or_not() -> None:
    """U3."""
    used = TokenUsage(prompt_tokens=3, completion_tokens=4, total_tokens=9, cache_read_tokens=1)

    def clock() -> int:
        return 1_700_000_000_120

    assert cost_record(used, model="", cost=None, session_id="s", clock=clock) == LlmCostRecord(
        model="",
        provider="",
        prompt_tokens=3,
        completion_tokens=4,
        total_tokens=9,
        cost_usd=None,
        timestamp="2023-11-14T22:13:20.120Z",
        session_id="s",
    )
    priced = cost_record(used, model="gpt-4o", cost=0.25, session_id="s", clock=clock)
    assert (priced.model, priced.cost_usd) == ("gpt-4o", 0.25)


def test_a_session_without_a_model_is_measured_as_unknown() -> None:
    """U6."""
    assert UNKNOWN_MODEL == "unknown"


# -- Reports ----------------------------------------------------------------------------------


def spent(
    model: str, day: str, cost: float | None, prompt: int = 1, completion: int = 2
) -> LlmCostRecord:
    return LlmCostRecord(
        model=model,
        provider="",
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cost_usd=cost,
        timestamp=f"{day}T23:59:59Z",
        session_id="s",
    )


CALLS = [
    spent("cheap", "2025-03-02", 0.5),
    spent("dear", "2025-03-01", 2.0, prompt=10),
    spent("unpriced", "2025-03-03", None),
    spent("cheap", "2025-03-01", 0.25),
]


def test_costs_are_summed_up_by_model_the_dearest_first_and_by_day() -> None:
    """3.5, `aggregate_cost_records`."""
    assert aggregate_cost_records(CALLS) == CostSummary(
        total_cost_usd=2.75,
        total_prompt_tokens=13,
        total_completion_tokens=8,
        total_tokens=21,
        call_count=4,
        by_model=(
            ModelCostBreakdown(
                model="dear",
                prompt_tokens=10,
                completion_tokens=2,
                total_tokens=12,
                cost_usd=2.0,
                call_count=1,
            ),
            ModelCostBreakdown(
                model="cheap",
                prompt_tokens=2,
                completion_tokens=4,
                total_tokens=6,
                cost_usd=0.75,
                call_count=2,
            ),
            ModelCostBreakdown(
                model="unpriced",
                prompt_tokens=1,
                completion_tokens=2,
                total_tokens=3,
                cost_usd=0.0,
                call_count=1,
            ),
        ),
        by_day=(
            DayCostBreakdown(date="2025-03-01", total_tokens=15, cost_usd=2.25, call_count=2),
            DayCostBreakdown(date="2025-03-02", total_tokens=3, cost_usd=0.5, call_count=1),
            DayCostBreakdown(date="2025-03-03", total_tokens=3, cost_usd=0.0, call_count=1),
        ),
    )


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ({"model": "cheap"}, 2),
        ({"model": "che"}, 0),
        ({"start": "2025-03-02"}, 2),
        ({"end": "2025-03-02"}, 3),
        ({"start": "2025-03-02", "end": "2025-03-02"}, 1),
        ({"start": "2025-03"}, 4),
        ({"end": "2025-03"}, 0),
        ({"model": "cheap", "end": "2025-03-01"}, 1),
    ],
)
def test_costs_are_chosen_by_exact_model_and_by_day_as_text(
    given: dict[str, str], calls: int
) -> None:
    """3.5, `aggregate_cost_records`: filters, both ends included."""
    assert aggregate_cost_records(CALLS, **given).call_count == calls


def test_a_day_is_one_of_utc() -> None:
    """3.5."""
    call = CALLS[0].evolve(timestamp="2025-03-01T23:30:00-02:00")
    kept = decode(LlmCostRecord, encode(call))
    assert [day.date for day in aggregate_cost_records([kept]).by_day] == ["2025-03-02"]


def test_the_costs_of_nothing_are_nothing() -> None:
    """3.5."""
    nothing = aggregate_cost_records([])
    assert (nothing.total_cost_usd, nothing.call_count) == (0.0, 0)
    assert (nothing.by_model, nothing.by_day) == ((), ())


@given(
    st.lists(
        st.builds(
            spent,
            st.sampled_from("abc"),
            st.sampled_from(["2025-01-01", "2025-01-02"]),
            st.none() | st.integers(0, 100).map(float),
        )
    )
)
def test_models_and_days_add_up_to_the_whole(calls: list[LlmCostRecord]) -> None:
    """3.5."""
    found = aggregate_cost_records(calls)
    for rows in (found.by_model, found.by_day):
        assert sum(row.cost_usd for row in rows) == found.total_cost_usd
        assert sum(row.total_tokens for row in rows) == found.total_tokens
        assert sum(row.call_count for row in rows) == found.call_count == len(calls)
    costs = [row.cost_usd for row in found.by_model]
    assert costs == sorted(costs, reverse=True)
    assert [row.date for row in found.by_day] == sorted({call.timestamp[:10] for call in calls})


# -- Tools ------------------------------------------------------------------------------------


def test_tool_metrics_count_calls_and_durations() -> None:
    """3.5, `ToolMetrics`."""
    times = iter([10, 20, 30])
    metrics = ToolMetrics(clock=lambda: next(times))
    metrics.record("read", True, 5)
    metrics.record("bash", False, 100)
    metrics.record("read", False, 10)
    read = ToolStats(
        tool_name="read",
        total_calls=2,
        success_count=1,
        failure_count=1,
        total_duration_ms=15,
        min_duration_ms=5,
        max_duration_ms=10,
        avg_duration_ms=7,
        last_called_ms=30,
    )
    assert metrics.stats_for("read") == read
    assert metrics.stats_for("never") is None
    assert [stats.tool_name for stats in metrics.stats()] == ["read", "bash"]
    assert (metrics.total_calls, metrics.total_duration_ms) == (3, 115)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**6)), min_size=1))
def test_tool_metrics_are_those_of_the_list_of_calls(calls: list[tuple[bool, int]]) -> None:
    """3.5, `ToolMetrics`."""
    metrics = ToolMetrics(clock=lambda: 1)
    for success, duration in calls:
        metrics.record("t", success, duration)
    durations = [duration for _, duration in calls]
    assert metrics.stats() == (
        ToolStats(
            tool_name="t",
            total_calls=len(calls),
            success_count=sum(success for success, _ in calls),
            failure_count=sum(not success for success, _ in calls),
            total_duration_ms=sum(durations),
            min_duration_ms=min(durations),
            max_duration_ms=max(durations),
            avg_duration_ms=sum(durations) // len(durations),
            last_called_ms=1,
        ),
    )
