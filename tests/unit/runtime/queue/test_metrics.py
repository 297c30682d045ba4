"""What the queue counts, measures and warns of (runtime 7.2, Q6 to Q8)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import CommandTimeoutError
from a3s_store.models import (
    LaneHandlerConfig,
    QueueAlert,
    RetryPolicyConfig,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.commands import Call
from a3s_store.runtime.queue.metrics import (
    LATENCY,
    SAMPLES,
    DepthAlerts,
    LaneStatus,
    QueueMetrics,
    QueueStats,
)
from a3s_store.wire import decode, encode
from tests.unit.runtime.queueing import Events, HandClock, Work, closed_gate, queue, settle

EXECUTE, QUERY = SessionLane.EXECUTE, SessionLane.QUERY


def counters(lanes_queue: LaneQueue) -> dict[str, int]:
    """Those that are not 0, without what they all begin with."""
    metrics = lanes_queue.queue_metrics()
    assert metrics is not None
    return {
        name.removeprefix("lane.commands."): value
        for name, value in metrics.counters.items()
        if value
    }


def test_there_are_no_metrics_unless_they_are_asked_for() -> None:
    """Q6."""
    assert LaneQueue("s", emit=Events()).queue_metrics() is None
    config = SessionQueueConfig(enable_metrics=True)
    metrics = LaneQueue("s", config, emit=Events()).queue_metrics()
    assert metrics is not None
    names = [
        "submitted",
        "completed",
        "failed",
        "timeout",
        "retried",
        "dead_lettered",
        "cancelled",
    ]
    lanes = ["control", "query", "execute", "generate"]
    assert set(metrics.counters) == {
        *(f"lane.commands.{name}" for name in names),
        *(f"lane.commands.{name}.{lane}" for name in names for lane in lanes),
    }
    assert set(metrics.gauges) == {
        f"lane.queue.{what}.{lane}" for what in ("depth", "active") for lane in lanes
    }
    assert metrics.histograms == {}


def test_every_outcome_is_counted_for_the_queue_and_for_its_lane() -> None:
    """Q6."""
    config = SessionQueueConfig(
        enable_metrics=True,
        enable_dlq=True,
        retry_policy=RetryPolicyConfig(strategy="fixed", max_retries=2, fixed_delay_ms=0),
        lane_timeouts={SessionLane.GENERATE: 1},
    )

    async def main() -> None:
        async with queue(config) as lanes_queue:
            await lanes_queue.submit(QUERY, Work())
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(EXECUTE, Work("w", OSError("no")))
            with pytest.raises(CommandTimeoutError):
                await lanes_queue.submit(SessionLane.GENERATE, Work(gate=closed_gate()))
            lanes_queue.submit(SessionLane.CONTROL, Work(gate=closed_gate())).cancel()
            assert await lanes_queue.drain()
            assert counters(lanes_queue) == {
                "submitted": 4,
                "submitted.query": 1,
                "submitted.execute": 1,
                "submitted.generate": 1,
                "submitted.control": 1,
                "completed": 1,
                "completed.query": 1,
                "failed": 1,
                "failed.execute": 1,
                "timeout": 1,
                "timeout.generate": 1,
                "retried": 4,
                "retried.execute": 2,
                "retried.generate": 2,
                "dead_lettered": 2,
                "dead_lettered.execute": 1,
                "dead_lettered.generate": 1,
                "cancelled": 1,
                "cancelled.control": 1,
            }

    asyncio.run(main())


def test_gauges_show_what_waits_and_runs_now() -> None:
    """Q6: `lane.queue.depth.<lane>`, `lane.queue.active.<lane>`."""
    config = SessionQueueConfig(enable_metrics=True)

    async def main() -> None:
        async with queue(config) as lanes_queue:
            gate = closed_gate()
            for _ in range(5):
                lanes_queue.submit(EXECUTE, Work(gate=gate))

            def gauges() -> tuple[int, int]:
                metrics = lanes_queue.queue_metrics()
                assert metrics is not None
                found = metrics.gauges
                return found["lane.queue.depth.execute"], found["lane.queue.active.execute"]

            assert gauges() == (5, 0)
            await settle()
            assert gauges() == (3, 2)
            gate.set()
            assert await lanes_queue.drain()
            assert gauges() == (0, 0)

    asyncio.run(main())


def test_times_are_measured_by_the_clock() -> None:
    """Q6: how long a command waited, and how long it took; never less than nothing."""
    config = SessionQueueConfig(enable_metrics=True)
    clock = HandClock()

    async def main() -> None:
        async def takes(milliseconds: int) -> None:
            clock.now_ms += milliseconds

        async with queue(config, clock=clock, start=False) as lanes_queue:
            lanes_queue.submit(QUERY, Call("forth", lambda: takes(70)))
            lanes_queue.submit(EXECUTE, Call("back", lambda: takes(-500)))
            clock.now_ms += 30
            lanes_queue.start()
            assert await lanes_queue.drain()
            metrics = lanes_queue.queue_metrics()
            assert metrics is not None
            found = {name: (one.count, one.sum) for name, one in metrics.histograms.items()}
            assert found == {
                "lane.command.wait_time_ms": (2, 60),
                "lane.command.wait_time_ms.query": (1, 30),
                "lane.command.wait_time_ms.execute": (1, 30),
                "lane.command.latency_ms": (2, found["lane.command.latency_ms.query"][1]),
                "lane.command.latency_ms.query": found["lane.command.latency_ms.query"],
                "lane.command.latency_ms.execute": (1, 0),
            }

    asyncio.run(main())


def test_a_retry_waits_from_when_it_was_queued_again() -> None:
    """Q4, Q6."""
    policy = RetryPolicyConfig(strategy="fixed", max_retries=1, fixed_delay_ms=0)
    config = SessionQueueConfig(enable_metrics=True, retry_policy=policy)
    clock = HandClock()

    async def main() -> None:
        async def fails() -> None:
            clock.now_ms += 1_000
            raise OSError("no")

        async with queue(config, clock=clock) as lanes_queue:
            lanes_queue.submit(QUERY, Call("fails", fails))
            assert await lanes_queue.drain()
            metrics = lanes_queue.queue_metrics()
            assert metrics is not None
            found = metrics.histograms["lane.command.wait_time_ms"]
            assert (found.count, found.sum) == (2, 0)

    asyncio.run(main())


@given(values=st.lists(st.integers(-5, 1_000), min_size=1, max_size=60))
def test_a_histogram_knows_all_that_was_measured(values: list[int]) -> None:
    """Q6: percentiles are values that were measured, as upstream picks them."""
    metrics = QueueMetrics()
    for value in values:
        metrics.measured(LATENCY, QUERY, value)
    found = metrics.snapshot().histograms[LATENCY]
    ordered = sorted(max(0, value) for value in values)
    assert (found.count, found.sum) == (len(ordered), sum(ordered))
    assert (found.min, found.max) == (ordered[0], ordered[-1])
    assert found.mean == sum(ordered) / len(ordered)
    for percent, percentile in (
        (50, found.p50),
        (90, found.p90),
        (95, found.p95),
        (99, found.p99),
    ):
        assert percentile == ordered[min(percent * len(ordered) // 100, len(ordered) - 1)]


def test_percentiles_are_of_the_newest_values_so_that_nothing_grows() -> None:
    """Q6: count, sum, min, max and mean go on to be of everything."""
    metrics = QueueMetrics()
    half = SAMPLES // 2 + 1
    for value in (9_999, *[1] * SAMPLES, *[2] * half):
        metrics.measured(LATENCY, QUERY, value)
    found = metrics.snapshot().histograms[LATENCY]
    assert (found.p50, found.p90, found.p99) == (2, 2, 2)
    assert (found.max, found.count) == (9_999, 1 + SAMPLES + half)


def test_stats_name_each_lane_and_add_up() -> None:
    """Q7."""
    config = SessionQueueConfig(
        lane_handlers={QUERY: LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)}
    )

    async def main() -> None:
        async with queue(config) as lanes_queue:
            gate = closed_gate()
            for _ in range(3):
                lanes_queue.submit(EXECUTE, Work(gate=gate))
            lanes_queue.submit(QUERY, Work())
            await settle()
            stats = lanes_queue.stats()
            assert stats == QueueStats(
                total_pending=1,
                total_active=3,
                external_pending=1,
                lanes={
                    SessionLane.CONTROL: _status(SessionLane.CONTROL, 0, 0, 2),
                    QUERY: _status(QUERY, 0, 1, 4, TaskHandlerMode.EXTERNAL),
                    EXECUTE: _status(EXECUTE, 1, 2, 2),
                    SessionLane.GENERATE: _status(SessionLane.GENERATE, 0, 0, 1),
                },
            )
            tree = encode(stats)
            assert [*tree["lanes"]] == ["Control", "Query", "Execute", "Generate"]
            assert decode(QueueStats, tree) == stats
            gate.set()

    asyncio.run(main())


def _status(
    lane: SessionLane,
    pending: int,
    active: int,
    most: int,
    mode: TaskHandlerMode = TaskHandlerMode.INTERNAL,
) -> LaneStatus:
    return LaneStatus(
        lane=lane, pending=pending, active=active, max_concurrency=most, handler_mode=mode
    )


@pytest.mark.parametrize("enabled", [False, True])
def test_a_deep_queue_is_said_once_at_each_level(enabled: bool) -> None:
    """Q8: a warning at 50 waiting commands of a lane, critical at 100; nothing where it is off."""
    events = Events()
    config = SessionQueueConfig(enable_alerts=enabled)

    async def main() -> None:
        async with queue(config, events=events, start=False) as lanes_queue:
            for _ in range(120):
                lanes_queue.submit(EXECUTE, Work())
                lanes_queue.submit(QUERY, Work()).cancel()
                await settle(1)

    asyncio.run(main())
    expected = [
        QueueAlert(
            level="warning",
            alert_type="queue_depth",
            message="Queue depth warning: 50 (threshold: 50) in execute",
        ),
        QueueAlert(
            level="critical",
            alert_type="queue_depth",
            message="Queue depth critical: 100 (threshold: 100) in execute",
        ),
    ]
    assert events.all == (expected if enabled else [])


def test_a_depth_is_said_again_after_the_lane_was_empty() -> None:
    """Q8: and not each time it goes up and down a little."""
    alerts = DepthAlerts(EXECUTE, depth=True, pressure=None)
    found: list[Any] = []
    for depth in (49, 50, 49, 50, 1, 50, 0, 50, 100, 99, 100, 0, 150):
        found += [(depth, alert.level) for alert in alerts.seen(depth)]
    assert found == [(50, "warning"), (50, "warning"), (100, "critical"), (150, "critical")]


def test_pressure_is_said_when_it_comes_and_when_it_is_gone() -> None:
    """7.1 B, Q8: a threshold of one's own needs no other switch."""
    events = Events()

    async def main() -> None:
        async with queue(
            SessionQueueConfig(pressure_threshold=2), events=events, start=False
        ) as lanes_queue:
            for _ in range(4):
                lanes_queue.submit(EXECUTE, Work())
            lanes_queue.start()
            assert await lanes_queue.drain()

    asyncio.run(main())
    assert [(e.level, e.alert_type, e.message) for e in events.of(QueueAlert)] == [
        ("warning", "lane_pressure", "Lane pressure: 2 (threshold: 2) in execute"),
        ("info", "lane_idle", "Lane idle: nothing waits in execute"),
    ]
