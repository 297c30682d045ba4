"""A running agent's session, and the contract by which it is saved and resumed.

`SessionManager` is where most applications begin: it creates, restores, runs and saves sessions.
Below it lie `AgentSession` (one session, its runs, one operation at a time), `SessionPersistence`
(what a save is) and `Session` (the live state, plain). Whatever talks to a model or does something
in the world is the application's: an `Agent`, a `Summarizer`, a `Tool`, a `ContextProvider`.

To be used from one event loop. No model vendor is known here.
"""

from a3s_store.session.agent_session import AgentSession
from a3s_store.session.artifacts import ArtifactCollection
from a3s_store.session.calls import Tool, ToolOutput, by_name, guarded_call
from a3s_store.session.compaction import Summarizer, prune_tool_outputs, should_auto_compact
from a3s_store.session.confirmation import (
    ConfirmationAnswer,
    ConfirmationManager,
    ConfirmationRequest,
    PendingConfirmation,
)
from a3s_store.session.context import (
    ContextDepth,
    ContextItem,
    ContextProvider,
    ContextQuery,
    ContextResult,
    ContextType,
)
from a3s_store.session.events import Broadcast, Subscription
from a3s_store.session.invariants import validate_snapshot
from a3s_store.session.manager import SessionManager
from a3s_store.session.options import SessionOptions
from a3s_store.session.permissions import PermissionChecker, PermissionManager, PolicyChecker
from a3s_store.session.persistence import SessionPersistence
from a3s_store.session.queue import LaneQueue
from a3s_store.session.queue.commands import Call, Command, CommandHandle
from a3s_store.session.queue.dead_letters import DeadLetter
from a3s_store.session.queue.handlers import ExternalTask
from a3s_store.session.queue.journal import QueueJournal, StoreJournal
from a3s_store.session.queue.metrics import MetricsSnapshot, QueueStats
from a3s_store.session.recollection import MemoryContextProvider
from a3s_store.session.registry import LoadReport, SessionRegistry, StoreHealth
from a3s_store.session.restoring import restore_session
from a3s_store.session.running import ActiveRun, Agent, AgentResult, RunStream
from a3s_store.session.runs import RunLimits, RunStore
from a3s_store.session.session import SecurityGuard, Session
from a3s_store.session.subagents import SubagentTracker
from a3s_store.session.trace import TraceSink, program_execution, tool_execution
from a3s_store.session.usage import (
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
    "Command",
    "CommandHandle",
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
    "ExternalTask",
    "LaneQueue",
    "LoadReport",
    "MemoryContextProvider",
    "MetricsSnapshot",
    "ModelPricing",
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
    "SessionManager",
    "SessionOptions",
    "SessionPersistence",
    "SessionRegistry",
    "StoreHealth",
    "StoreJournal",
    "SubagentTracker",
    "Subscription",
    "Summarizer",
    "Tool",
    "ToolMetrics",
    "ToolOutput",
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
]
