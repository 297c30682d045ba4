"""Sample values: what the conformance checks save, and what tests of stores may save too.

Plain functions without randomness, so that the author of a store sees at once which value failed.
Two kinds:

- the functions below make values with every field set and with the edge cases of JSON: integers
  beyond 63 bits, unknown keys and types, counts that fit nothing. Keyword arguments replace fields.
- `samples.numbered` makes plain values as an agent would save them, told apart by a number.
"""

from a3s_store.testing.samples import numbered
from a3s_store.testing.samples.checkpoints import (
    CHECKPOINT_MAKERS,
    loop_checkpoint,
    workflow_checkpoint,
)
from a3s_store.testing.samples.collections import (
    MAKERS,
    artifact,
    items,
    review_finding,
    run_record,
    subagent_task,
    trace_event,
    verification_report,
)
from a3s_store.testing.samples.sessions import (
    ODD_JSON,
    U64_MAX,
    cost_record,
    rich_config,
    rich_messages,
    rich_session,
    session,
    talk,
)
from a3s_store.testing.samples.snapshots import rich_snapshot, small_snapshot

__all__ = [
    "CHECKPOINT_MAKERS",
    "MAKERS",
    "ODD_JSON",
    "U64_MAX",
    "artifact",
    "cost_record",
    "items",
    "loop_checkpoint",
    "numbered",
    "review_finding",
    "rich_config",
    "rich_messages",
    "rich_session",
    "rich_snapshot",
    "run_record",
    "session",
    "small_snapshot",
    "subagent_task",
    "talk",
    "trace_event",
    "verification_report",
    "workflow_checkpoint",
]
