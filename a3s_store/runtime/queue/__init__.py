"""A session's commands, by lane: in order, so many at once, here or outside.

`lane_queue` is the queue callers see, `commands` what they hand in, `runner` when something runs,
`rules` how often and how long, `handlers` who does it, `dead_letters` what was given up, `metrics`
how it went, `journal` what survives a crash. Upstream: session_lane_queue.rs and the crate a3s-lane
(runtime 7).
"""

from a3s_store.runtime.queue.lane_queue import LaneQueue

__all__ = ["LaneQueue"]
