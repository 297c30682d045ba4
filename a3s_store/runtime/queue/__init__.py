"""The queue of a session: its commands in four lanes, with limits, retries and external handlers.

`lane_queue` has the queue, `commands` its commands and lanes, `scheduler` starts commands and
settles them, `lane_config` has the rules of a lane, `handlers` external handlers, `dead_letters`
the failed commands, `metrics` the figures, `journal` and `journal_writer` the stored state.
Upstream: session_lane_queue.rs and the crate a3s-lane (runtime 7).
"""

from a3s_store.runtime.queue.lane_queue import LaneQueue

__all__ = ["LaneQueue"]
