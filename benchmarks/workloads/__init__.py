"""Which workloads there are, in the order of their numbers."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads.adapters import Adapters
from benchmarks.workloads.listing import Listing
from benchmarks.workloads.load import Load
from benchmarks.workloads.opening import Open
from benchmarks.workloads.processes import Processes
from benchmarks.workloads.savers import Savers
from benchmarks.workloads.size import Size
from benchmarks.workloads.stall import Stall
from benchmarks.workloads.turn import Turn
from benchmarks.workloads.upstream import UpstreamProfile

WORKLOADS: dict[str, type[Workload]] = {
    workload.name: workload
    for workload in (
        Turn,
        Load,
        Listing,
        Savers,
        Open,
        Size,
        Processes,
        Stall,
        Adapters,
        UpstreamProfile,
    )
}
