"""Metrics of a queue: counters, gauges, histograms, alerts, and its present state.

Invariants: 1. counters only grow; `submitted` is the sum of `completed`, `failed`, `timeout`,
`cancelled` and of pending and active commands, except for a moment after a cancel; 2. every name
exists for the whole queue and, with the lane's name behind it, for each lane; gauges only for
lanes; 3. count, sum, min, max and mean of a histogram are of all values, its percentiles of the
newest `SAMPLES` values, so that it does not grow. Upstream: `QueueMetrics` of `a3s-lane`,
`SessionQueueStats`, `LaneStatus` (runtime 7.2, Q6 and Q7). `lane.commands.cancelled` is ours, since
the sums are wrong without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs

from a3s_store.models import QueueAlert, SessionLane, TaskHandlerMode
from a3s_store.runtime.queue.lane_config import lane_id
from a3s_store.wire import EMPTY, Model, USize, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

SAMPLES: Final = 1024

SUBMITTED: Final = "lane.commands.submitted"
COMPLETED: Final = "lane.commands.completed"
FAILED: Final = "lane.commands.failed"
TIMEOUT: Final = "lane.commands.timeout"
RETRIED: Final = "lane.commands.retried"
DEAD_LETTERED: Final = "lane.commands.dead_lettered"
CANCELLED: Final = "lane.commands.cancelled"
DEPTH: Final = "lane.queue.depth"
ACTIVE: Final = "lane.queue.active"
LATENCY: Final = "lane.command.latency_ms"
WAIT_TIME: Final = "lane.command.wait_time_ms"

# The numbers of waiting commands in a lane at which alerts are sent.
WARNING_DEPTH: Final = 50
CRITICAL_DEPTH: Final = 100

COUNTERS: Final = (SUBMITTED, COMPLETED, FAILED, TIMEOUT, RETRIED, DEAD_LETTERED, CANCELLED)


@attrs.frozen(kw_only=True)
class HistogramStats:
    """A histogram of durations, in milliseconds. Upstream: `HistogramStats`."""

    count: int
    sum: int
    min: int
    max: int
    mean: float
    p50: int
    p90: int
    p95: int
    p99: int


@attrs.frozen(kw_only=True)
class MetricsSnapshot:
    """All metrics at one moment, by name. Upstream: `MetricsSnapshot`."""

    counters: Mapping[str, int]
    gauges: Mapping[str, int]
    histograms: Mapping[str, HistogramStats]


class _Histogram:
    def __init__(self) -> None:
        self._newest: deque[int] = deque(maxlen=SAMPLES)
        self._count = self._sum = self._max = 0
        self._min: int | None = None

    def record(self, value: int) -> None:
        self._newest.append(value)
        self._count += 1
        self._sum += value
        self._max = max(self._max, value)
        self._min = value if self._min is None else min(self._min, value)

    def stats(self) -> HistogramStats:
        ordered = sorted(self._newest)

        def percentile(percent: int) -> int:
            return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]

        return HistogramStats(
            count=self._count,
            sum=self._sum,
            min=self._min or 0,
            max=self._max,
            mean=self._sum / self._count,
            p50=percentile(50),
            p90=percentile(90),
            p95=percentile(95),
            p99=percentile(99),
        )


class QueueMetrics:
    """The metrics of one queue. Upstream: `QueueMetrics`."""

    def __init__(self) -> None:
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._gauges: dict[str, int] = {}
        self._histograms: dict[str, _Histogram] = {}
        for lane in SessionLane:
            self._counters |= {f"{name}.{lane_id(lane)}": 0 for name in COUNTERS}
            self.standing(lane, depth=0, active=0)

    def count(self, name: str, lane: SessionLane) -> None:
        """Add one to a counter, of the queue and of the lane."""
        self._counters[name] += 1
        self._counters[f"{name}.{lane_id(lane)}"] += 1

    def standing(self, lane: SessionLane, *, depth: int, active: int) -> None:
        """Set the gauges of waiting and running commands of a lane."""
        self._gauges[f"{DEPTH}.{lane_id(lane)}"] = depth
        self._gauges[f"{ACTIVE}.{lane_id(lane)}"] = active

    def measured(self, name: str, lane: SessionLane, value_ms: int) -> None:
        """Record a duration, for the queue and for the lane; one below 0 counts as 0.

        A clock that is set back while a command runs gives such a duration.
        """
        for key in (name, f"{name}.{lane_id(lane)}"):
            self._histograms.setdefault(key, _Histogram()).record(max(0, value_ms))

    def snapshot(self) -> MetricsSnapshot:
        """Return all metrics as they are now. A histogram exists once it has a value."""
        return MetricsSnapshot(
            counters=dict(self._counters),
            gauges=dict(self._gauges),
            histograms={name: one.stats() for name, one in self._histograms.items()},
        )


class DepthAlerts:
    """Alerts about too many waiting commands in a lane, each once until no command waits.

    `depth` turns on alerts at upstream's thresholds, `pressure` adds a threshold of the
    configuration. Upstream repeats an alert at every check (runtime 7.2, Q8).
    """

    def __init__(self, lane: SessionLane, *, depth: bool, pressure: int | None) -> None:
        self._name = lane_id(lane)
        self._thresholds = [("critical", CRITICAL_DEPTH), ("warning", WARNING_DEPTH)]
        self._said = 0 if depth else CRITICAL_DEPTH
        self._depth = depth
        self._pressure = pressure
        self._pressed = False

    def seen(self, depth: int) -> list[QueueAlert]:
        """Return the alerts to send for this number of waiting commands."""
        found: list[QueueAlert] = []
        for level, threshold in self._thresholds:
            if depth >= threshold > self._said:
                self._said = threshold
                message = f"Queue depth {level}: {depth} (threshold: {threshold}) in {self._name}"
                found.append(QueueAlert(level=level, alert_type="queue_depth", message=message))
        if self._pressure is not None and depth >= self._pressure and not self._pressed:
            self._pressed = True
            message = f"Lane pressure: {depth} (threshold: {self._pressure}) in {self._name}"
            found.append(QueueAlert(level="warning", alert_type="lane_pressure", message=message))
        if depth == 0:
            self._said = 0 if self._depth else CRITICAL_DEPTH
            if self._pressed:
                self._pressed = False
                message = f"Lane idle: nothing waits in {self._name}"
                found.append(QueueAlert(level="info", alert_type="lane_idle", message=message))
        return found


@model()
class LaneStatus(Model):
    """The state of a lane; commands that wait for a retry are pending too.

    Upstream: `LaneStatus`.
    """

    lane: SessionLane
    pending: USize
    active: USize
    max_concurrency: USize
    handler_mode: TaskHandlerMode

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LaneStatusChanges]) -> Self: ...


@model()
class QueueStats(Model):
    """The state of a queue and, by lane, of its lanes. Upstream: `SessionQueueStats`."""

    total_pending: USize = field(default=0)
    total_active: USize = field(default=0)
    external_pending: USize = field(default=0)
    lanes: Mapping[SessionLane, LaneStatus] = field(default=EMPTY)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.QueueStatsChanges]) -> Self: ...
