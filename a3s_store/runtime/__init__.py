"""The session of a running agent, and how it is saved and resumed.

Most applications use `SessionManager`, which creates, restores, runs and saves sessions. It is made
of `AgentSession` (one session and its runs, one operation at a time), `SessionPersistence` (saving)
and `Session` (the state in memory). The application supplies all code that calls a model or acts on
the world: an `Agent`, a `Summarizer`, a `Tool`, a `ContextProvider`. Nothing here depends on a
model vendor. To be used from one event loop.
"""

from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.context.memory import MemoryContextProvider, workspace_memory
from a3s_store.runtime.context.providers import (
    ContextDepth,
    ContextItem,
    ContextProvider,
    ContextQuery,
    ContextResult,
    ContextType,
)
from a3s_store.runtime.live_session import SecurityGuard, Session
from a3s_store.runtime.management.closing import Closed
from a3s_store.runtime.management.manager import SessionManager
from a3s_store.runtime.management.registry import LoadReport, SessionRegistry
from a3s_store.runtime.management.session_stores import StoreHealth
from a3s_store.runtime.observation.events import Broadcast, Subscription
from a3s_store.runtime.observation.hooks import Deny, Hook, HookRunner
from a3s_store.runtime.observation.open_telemetry import OpenTelemetryMetrics
from a3s_store.runtime.observation.results import AgentResult, ToolOutput
from a3s_store.runtime.observation.session_events import (
    CompactionSkipped,
    SessionChangedElsewhere,
    TextCleaned,
    ToolPairsBroken,
)
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.outcome import Outcome
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.policies.confirmation import (
    ConfirmationAnswer,
    ConfirmationManager,
    ConfirmationRequest,
    PendingConfirmation,
)
from a3s_store.runtime.policies.permissions import (
    PermissionChecker,
    PermissionManager,
    PolicyChecker,
)
from a3s_store.runtime.policies.tool_calls import Tool, by_name, guarded_call
from a3s_store.runtime.policies.tool_filter import ToolFilter
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.commands import Call, Command, CommandHandle
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.runtime.queue.journal import QueueJournal, StoreJournal
from a3s_store.runtime.queue.metrics import MetricsSnapshot, QueueStats
from a3s_store.runtime.runs.active_run import ActiveRun, Agent, RunStream
from a3s_store.runtime.runs.drafts import DraftWriter
from a3s_store.runtime.runs.interrupted import InterruptedRun
from a3s_store.runtime.state.artifacts import ArtifactCollection
from a3s_store.runtime.state.compaction import Summarizer, prune_tool_outputs, should_auto_compact
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.runtime.state.runs import RunLimits, RunStore
from a3s_store.runtime.state.subagents import SubagentTracker
from a3s_store.runtime.state.trace import TraceSink, program_execution, tool_execution
from a3s_store.runtime.state.usage import (
    DEFAULT_PRICES,
    ModelPricing,
    ToolMetrics,
    aggregate_cost_records,
)

__all__ = [
    "DEFAULT_PRICES",
    "ActiveRun",
    "Agent",
    "AgentResult",
    "AgentSession",
    "ArtifactCollection",
    "Broadcast",
    "Call",
    "Closed",
    "Command",
    "CommandHandle",
    "CompactionSkipped",
    "ConfirmationAnswer",
    "ConfirmationManager",
    "ConfirmationRequest",
    "ContextDepth",
    "ContextItem",
    "ContextProvider",
    "ContextQuery",
    "ContextResult",
    "ContextType",
    "DeadLetter",
    "Deny",
    "DraftWriter",
    "ExternalTask",
    "Hook",
    "HookRunner",
    "InterruptedRun",
    "LaneQueue",
    "LoadReport",
    "MemoryContextProvider",
    "MetricsSnapshot",
    "ModelPricing",
    "OpenTelemetryMetrics",
    "Outcome",
    "PendingConfirmation",
    "PermissionChecker",
    "PermissionManager",
    "PolicyChecker",
    "QueueJournal",
    "QueueStats",
    "RunLimits",
    "RunStore",
    "RunStream",
    "SecurityGuard",
    "Session",
    "SessionChangedElsewhere",
    "SessionManager",
    "SessionOptions",
    "SessionPersistence",
    "SessionRegistry",
    "StoreHealth",
    "StoreJournal",
    "SubagentTracker",
    "Subscription",
    "Summarizer",
    "Telemetry",
    "TextCleaned",
    "Tool",
    "ToolFilter",
    "ToolMetrics",
    "ToolOutput",
    "ToolPairsBroken",
    "TraceSink",
    "aggregate_cost_records",
    "by_name",
    "guarded_call",
    "program_execution",
    "prune_tool_outputs",
    "restore_session",
    "should_auto_compact",
    "tool_execution",
    "validate_snapshot",
    "workspace_memory",
]
