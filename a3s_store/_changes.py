"""The keyword arguments of `evolve` of each model, for type checkers; nothing imports it.

Written by `python -m tools.generate` from the fields of models; do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from a3s_store import models
from a3s_store.agent_memory.item import MemoryItem, MemoryType
from a3s_store.models.artifact import ToolArtifact
from a3s_store.models.checkpoint import StepOutcome, WorkflowStepRecord
from a3s_store.models.event import AgentEvent
from a3s_store.models.message import (
    ContentBlock,
    ImageSource,
    LlmResponseMeta,
    Message,
    TokenUsage,
    ToolResultContent,
)
from a3s_store.models.planning import (
    AgentGoal,
    Complexity,
    ExecutionPlan,
    Task,
    TaskPriority,
    TaskStatus,
)
from a3s_store.models.policy import (
    ClassificationRule,
    ConfirmationPolicy,
    FeatureToggles,
    LaneHandlerConfig,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    PriorityBoostConfig,
    RateLimitConfig,
    RedactionStrategy,
    RetryPolicyConfig,
    SecurityConfig,
    SensitivityLevel,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
    TimeoutAction,
)
from a3s_store.models.review import FindingSeverity, FindingStatus, FindingSubject
from a3s_store.models.run import RunEventRecord, RunSnapshot, RunStatus
from a3s_store.models.session import (
    AutoDelegationConfig,
    ContextUsage,
    LlmConfigData,
    LlmCostRecord,
    PlanningMode,
    SessionConfig,
    SessionData,
    SessionState,
    StorageBackend,
)
from a3s_store.models.subagent import SubagentProgressEntry, SubagentStatus
from a3s_store.models.tool_error import ToolErrorKind
from a3s_store.models.trace import TraceEventKind
from a3s_store.models.verification import (
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    VerificationSummary,
)
from a3s_store.runtime.queue.metrics import LaneStatus
from a3s_store.wire import F32, I32, I64, U32, U64, Timestamp, USize, Value


class MemoryItemChanges(TypedDict, total=False):
    """Fields of `MemoryItem`."""

    extra: Value
    id: str
    content: str
    timestamp: Timestamp
    importance: F32
    tags: tuple[str, ...]
    memory_type: MemoryType
    metadata: Value
    access_count: U32
    last_accessed: Timestamp | None


class MemoryFileChanges(TypedDict, total=False):
    """Fields of `MemoryFile`."""

    extra: Value
    owner: str
    items: tuple[MemoryItem, ...]


class SessionSnapshotChanges(TypedDict, total=False):
    """Fields of `SessionSnapshot`."""

    extra: Value
    schema_version: U32
    session: SessionData
    artifacts: tuple[models.ToolArtifact, ...] | None
    retained_artifact_uris: tuple[str, ...]
    trace_events: tuple[models.TraceEvent, ...] | None
    run_records: tuple[models.RunRecord, ...] | None
    verification_reports: tuple[models.VerificationReport, ...] | None
    subagent_tasks: tuple[models.SubagentTaskSnapshot, ...] | None
    review_findings: tuple[models.ReviewFinding, ...] | None


class ToolArtifactChanges(TypedDict, total=False):
    """Fields of `ToolArtifact`."""

    extra: Value
    artifact_id: str
    artifact_uri: str
    tool_name: str
    content: str
    original_bytes: USize
    shown_bytes: USize


class ArtifactStoreChanges(TypedDict, total=False):
    """Fields of `ArtifactStore`."""

    extra: Value
    artifacts: tuple[ToolArtifact, ...]
    retained_uris: tuple[str, ...]


class ConfirmationRequiredChanges(TypedDict, total=False):
    """Fields of `ConfirmationRequired`."""

    extra: Value
    tool_id: str
    tool_name: str
    args: Value
    timeout_ms: U64


class ConfirmationReceivedChanges(TypedDict, total=False):
    """Fields of `ConfirmationReceived`."""

    extra: Value
    tool_id: str
    approved: bool
    reason: str | None


class ConfirmationTimeoutChanges(TypedDict, total=False):
    """Fields of `ConfirmationTimeout`."""

    extra: Value
    tool_id: str
    action_taken: str


class ExternalTaskPendingChanges(TypedDict, total=False):
    """Fields of `ExternalTaskPending`."""

    extra: Value
    task_id: str
    session_id: str
    lane: SessionLane
    command_type: str
    payload: Value
    timeout_ms: U64


class ExternalTaskCompletedChanges(TypedDict, total=False):
    """Fields of `ExternalTaskCompleted`."""

    extra: Value
    task_id: str
    session_id: str
    success: bool


class PermissionDeniedChanges(TypedDict, total=False):
    """Fields of `PermissionDenied`."""

    extra: Value
    tool_id: str
    tool_name: str
    args: Value
    reason: str


class CommandDeadLetteredChanges(TypedDict, total=False):
    """Fields of `CommandDeadLettered`."""

    extra: Value
    command_id: str
    command_type: str
    lane: str
    error: str
    attempts: U32


class CommandRetryChanges(TypedDict, total=False):
    """Fields of `CommandRetry`."""

    extra: Value
    command_id: str
    command_type: str
    lane: str
    attempt: U32
    delay_ms: U64


class QueueAlertChanges(TypedDict, total=False):
    """Fields of `QueueAlert`."""

    extra: Value
    level: str
    alert_type: str
    message: str


class LoopCheckpointChanges(TypedDict, total=False):
    """Fields of `LoopCheckpoint`."""

    extra: Value
    schema_version: U32
    run_id: str
    session_id: str
    turn: USize
    messages: tuple[Message, ...]
    total_usage: TokenUsage
    tool_calls_count: USize
    verification_reports: tuple[VerificationReport, ...]
    checkpoint_ms: U64


class StepOutcomeChanges(TypedDict, total=False):
    """Fields of `StepOutcome`."""

    extra: Value
    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
    structured: Value | None


class WorkflowStepRecordChanges(TypedDict, total=False):
    """Fields of `WorkflowStepRecord`."""

    extra: Value
    task_id: str
    outcome: StepOutcome


class WorkflowCheckpointChanges(TypedDict, total=False):
    """Fields of `WorkflowCheckpoint`."""

    extra: Value
    schema_version: U32
    workflow_id: str
    steps: tuple[WorkflowStepRecord, ...]
    checkpoint_ms: U64


class UnknownEventChanges(TypedDict, total=False):
    """Fields of `UnknownEvent`."""

    extra: Value
    type: str
    body: Value


class AgentStartChanges(TypedDict, total=False):
    """Fields of `AgentStart`."""

    extra: Value
    prompt: str


class AgentModeChangedChanges(TypedDict, total=False):
    """Fields of `AgentModeChanged`."""

    extra: Value
    mode: str
    agent: str
    description: str


class TurnStartChanges(TypedDict, total=False):
    """Fields of `TurnStart`."""

    extra: Value
    turn: USize


class TextDeltaChanges(TypedDict, total=False):
    """Fields of `TextDelta`."""

    extra: Value
    text: str


class ReasoningDeltaChanges(TypedDict, total=False):
    """Fields of `ReasoningDelta`."""

    extra: Value
    text: str


class ToolStartChanges(TypedDict, total=False):
    """Fields of `ToolStart`."""

    extra: Value
    id: str
    name: str


class ToolInputDeltaChanges(TypedDict, total=False):
    """Fields of `ToolInputDelta`."""

    extra: Value
    delta: str


class ToolEndChanges(TypedDict, total=False):
    """Fields of `ToolEnd`."""

    extra: Value
    id: str
    name: str
    output: str
    exit_code: I32
    metadata: Value | None
    error_kind: ToolErrorKind | None


class ToolOutputDeltaChanges(TypedDict, total=False):
    """Fields of `ToolOutputDelta`."""

    extra: Value
    id: str
    name: str
    delta: str


class TurnEndChanges(TypedDict, total=False):
    """Fields of `TurnEnd`."""

    extra: Value
    turn: USize
    usage: TokenUsage


class AgentEndChanges(TypedDict, total=False):
    """Fields of `AgentEnd`."""

    extra: Value
    text: str
    usage: TokenUsage
    verification_summary: VerificationSummary
    meta: LlmResponseMeta | None


class AgentErrorChanges(TypedDict, total=False):
    """Fields of `AgentError`."""

    extra: Value
    message: str


class ContextResolvingChanges(TypedDict, total=False):
    """Fields of `ContextResolving`."""

    extra: Value
    providers: tuple[str, ...]


class ContextResolvedChanges(TypedDict, total=False):
    """Fields of `ContextResolved`."""

    extra: Value
    total_items: USize
    total_tokens: USize


class TaskUpdatedChanges(TypedDict, total=False):
    """Fields of `TaskUpdated`."""

    extra: Value
    session_id: str
    tasks: tuple[Task, ...]


class ContextCompactedChanges(TypedDict, total=False):
    """Fields of `ContextCompacted`."""

    extra: Value
    session_id: str
    before_messages: USize
    after_messages: USize
    percent_before: F32


class PersistenceFailedChanges(TypedDict, total=False):
    """Fields of `PersistenceFailed`."""

    extra: Value
    session_id: str
    operation: str
    error: str
    part: str | None
    outcome_unknown: bool | None


class BudgetThresholdHitChanges(TypedDict, total=False):
    """Fields of `BudgetThresholdHit`."""

    extra: Value
    resource: str
    kind: str
    consumed: float
    limit: float
    message: str | None


class PassivationRequestedChanges(TypedDict, total=False):
    """Fields of `PassivationRequested`."""

    extra: Value
    reason: str
    deadline_ms: U64 | None


class PeerInvocationChanges(TypedDict, total=False):
    """Fields of `PeerInvocation`."""

    extra: Value
    from_session_id: str
    from_tenant_id: str | None
    correlation_id: str | None


class TokenUsageChanges(TypedDict, total=False):
    """Fields of `TokenUsage`."""

    extra: Value
    prompt_tokens: USize
    completion_tokens: USize
    total_tokens: USize
    cache_read_tokens: USize | None
    cache_write_tokens: USize | None


class ToolDefinitionChanges(TypedDict, total=False):
    """Fields of `ToolDefinition`."""

    extra: Value
    name: str
    description: str
    parameters: Value


class LlmResponseMetaChanges(TypedDict, total=False):
    """Fields of `LlmResponseMeta`."""

    extra: Value
    provider: str | None
    request_model: str | None
    request_url: str | None
    response_id: str | None
    response_model: str | None
    response_object: str | None
    first_token_ms: U64 | None
    duration_ms: U64 | None


class ImageSourceChanges(TypedDict, total=False):
    """Fields of `ImageSource`."""

    extra: Value
    source_type: str
    media_type: str
    data: str


class UnknownBlockChanges(TypedDict, total=False):
    """Fields of `UnknownBlock`."""

    extra: Value
    type: str
    body: Value


class ToolResultTextChanges(TypedDict, total=False):
    """Fields of `ToolResultText`."""

    extra: Value
    text: str


class ToolResultImageChanges(TypedDict, total=False):
    """Fields of `ToolResultImage`."""

    extra: Value
    source: ImageSource


class TextBlockChanges(TypedDict, total=False):
    """Fields of `TextBlock`."""

    extra: Value
    text: str


class ImageBlockChanges(TypedDict, total=False):
    """Fields of `ImageBlock`."""

    extra: Value
    source: ImageSource


class ToolUseBlockChanges(TypedDict, total=False):
    """Fields of `ToolUseBlock`."""

    extra: Value
    id: str
    name: str
    input: Value


class ToolResultBlockChanges(TypedDict, total=False):
    """Fields of `ToolResultBlock`."""

    extra: Value
    tool_use_id: str
    content: str | tuple[ToolResultContent, ...]
    is_error: bool | None


class MessageChanges(TypedDict, total=False):
    """Fields of `Message`."""

    extra: Value
    role: str
    content: tuple[ContentBlock, ...]
    reasoning_content: str | None


class TaskChanges(TypedDict, total=False):
    """Fields of `Task`."""

    extra: Value
    id: str
    content: str
    status: TaskStatus
    priority: TaskPriority
    tool: str | None
    dependencies: tuple[str, ...]
    success_criteria: str | None


class ExecutionPlanChanges(TypedDict, total=False):
    """Fields of `ExecutionPlan`."""

    extra: Value
    goal: str
    steps: tuple[Task, ...]
    complexity: Complexity
    required_tools: tuple[str, ...]
    estimated_steps: USize


class AgentGoalChanges(TypedDict, total=False):
    """Fields of `AgentGoal`."""

    extra: Value
    description: str
    success_criteria: tuple[str, ...]
    progress: F32
    achieved: bool
    created_at: I64
    achieved_at: I64 | None


class LaneHandlerConfigChanges(TypedDict, total=False):
    """Fields of `LaneHandlerConfig`."""

    extra: Value
    mode: TaskHandlerMode
    timeout_ms: U64


class RetryPolicyConfigChanges(TypedDict, total=False):
    """Fields of `RetryPolicyConfig`."""

    extra: Value
    strategy: str
    max_retries: U32
    initial_delay_ms: U64
    fixed_delay_ms: U64 | None


class RateLimitConfigChanges(TypedDict, total=False):
    """Fields of `RateLimitConfig`."""

    extra: Value
    limit_type: str
    max_operations: U64 | None


class PriorityBoostConfigChanges(TypedDict, total=False):
    """Fields of `PriorityBoostConfig`."""

    extra: Value
    strategy: str
    deadline_ms: U64 | None


class SessionQueueConfigChanges(TypedDict, total=False):
    """Fields of `SessionQueueConfig`."""

    extra: Value
    control_max_concurrency: USize
    query_max_concurrency: USize
    execute_max_concurrency: USize
    generate_max_concurrency: USize
    lane_handlers: Mapping[SessionLane, LaneHandlerConfig]
    enable_dlq: bool
    dlq_max_size: USize | None
    enable_metrics: bool
    enable_alerts: bool
    default_timeout_ms: U64 | None
    storage_path: str | None
    retry_policy: RetryPolicyConfig | None
    rate_limit: RateLimitConfig | None
    priority_boost: PriorityBoostConfig | None
    pressure_threshold: USize | None
    lane_timeouts: Mapping[SessionLane, U64]


class ConfirmationPolicyChanges(TypedDict, total=False):
    """Fields of `ConfirmationPolicy`."""

    extra: Value
    enabled: bool
    default_timeout_ms: U64
    timeout_action: TimeoutAction
    yolo_lanes: frozenset[SessionLane]


class PermissionRuleChanges(TypedDict, total=False):
    """Fields of `PermissionRule`."""

    extra: Value
    rule: str


class PermissionPolicyChanges(TypedDict, total=False):
    """Fields of `PermissionPolicy`."""

    extra: Value
    deny: tuple[PermissionRule, ...]
    allow: tuple[PermissionRule, ...]
    ask: tuple[PermissionRule, ...]
    default_decision: PermissionDecision
    enabled: bool


class ClassificationRuleChanges(TypedDict, total=False):
    """Fields of `ClassificationRule`."""

    extra: Value
    name: str
    pattern: str
    level: SensitivityLevel
    description: str


class FeatureTogglesChanges(TypedDict, total=False):
    """Fields of `FeatureToggles`."""

    extra: Value
    output_sanitizer: bool
    taint_tracking: bool
    tool_interceptor: bool
    injection_defense: bool


class SecurityConfigChanges(TypedDict, total=False):
    """Fields of `SecurityConfig`."""

    extra: Value
    enabled: bool
    classification_rules: tuple[ClassificationRule, ...]
    redaction_strategy: RedactionStrategy
    network_whitelist: tuple[str, ...]
    dangerous_commands: tuple[str, ...]
    features: FeatureToggles


class TranscriptSubjectChanges(TypedDict, total=False):
    """Fields of `TranscriptSubject`."""

    extra: Value
    turn_id: str
    run_id: str | None
    char_start: USize | None
    char_end: USize | None


class OpaqueSubjectChanges(TypedDict, total=False):
    """Fields of `OpaqueSubject`."""

    extra: Value
    kind: str
    uri: str


class UnknownSubjectChanges(TypedDict, total=False):
    """Fields of `UnknownSubject`."""

    extra: Value
    type: str
    body: Value


class ReviewFindingChanges(TypedDict, total=False):
    """Fields of `ReviewFinding`."""

    extra: Value
    schema: str
    finding_id: str
    session_id: str
    scenario_id: str
    status: FindingStatus
    severity: FindingSeverity
    category: str
    claim: str
    evidence: str
    quote: str | None
    suggestion: str | None
    subject: FindingSubject
    source_review_id: str
    addressed_by_run_id: str | None
    accepted_by_review_id: str | None
    reopen_reason: str | None
    main_agent_reply: str | None
    observed_at_ms: U64
    updated_at_ms: U64


class RunSnapshotChanges(TypedDict, total=False):
    """Fields of `RunSnapshot`."""

    extra: Value
    id: str
    session_id: str
    status: RunStatus
    prompt: str
    created_at_ms: U64
    updated_at_ms: U64
    result_text: str | None
    error: str | None
    event_count: USize


class RunEventRecordChanges(TypedDict, total=False):
    """Fields of `RunEventRecord`."""

    extra: Value
    sequence: USize
    timestamp_ms: U64
    event: AgentEvent


class RunRecordChanges(TypedDict, total=False):
    """Fields of `RunRecord`."""

    extra: Value
    snapshot: RunSnapshot
    events: tuple[RunEventRecord, ...]


class ContextUsageChanges(TypedDict, total=False):
    """Fields of `ContextUsage`."""

    extra: Value
    used_tokens: USize
    max_tokens: USize
    percent: F32
    turns: USize


class AutoDelegationConfigChanges(TypedDict, total=False):
    """Fields of `AutoDelegationConfig`."""

    extra: Value
    enabled: bool
    auto_parallel: bool
    min_confidence: F32
    max_tasks: USize


class SessionConfigChanges(TypedDict, total=False):
    """Fields of `SessionConfig`."""

    extra: Value
    name: str
    workspace: str
    system_prompt: str | None
    max_context_length: U32
    auto_compact: bool
    auto_compact_threshold: F32
    storage_type: StorageBackend
    queue_config: SessionQueueConfig | None
    confirmation_policy: ConfirmationPolicy | None
    permission_policy: PermissionPolicy | None
    max_parallel_tasks: USize | None
    auto_delegation: AutoDelegationConfig | None
    parent_id: str | None
    security_config: SecurityConfig | None
    planning_mode: PlanningMode
    goal_tracking: bool


class LlmConfigDataChanges(TypedDict, total=False):
    """Fields of `LlmConfigData`."""

    extra: Value
    provider: str
    model: str
    base_url: str | None
    api_key: str | None


class LlmCostRecordChanges(TypedDict, total=False):
    """Fields of `LlmCostRecord`."""

    extra: Value
    model: str
    provider: str
    prompt_tokens: USize
    completion_tokens: USize
    total_tokens: USize
    cost_usd: float | None
    timestamp: Timestamp
    session_id: str | None


class SessionDataChanges(TypedDict, total=False):
    """Fields of `SessionData`."""

    extra: Value
    id: str
    config: SessionConfig
    state: SessionState
    messages: tuple[Message, ...]
    context_usage: ContextUsage
    total_usage: TokenUsage
    total_cost: float
    model_name: str | None
    cost_records: tuple[LlmCostRecord, ...]
    tool_names: tuple[str, ...]
    thinking_enabled: bool
    thinking_budget: USize | None
    created_at: I64
    updated_at: I64
    llm_config: LlmConfigData | None
    tasks: tuple[Task, ...]
    parent_id: str | None
    tenant_id: str | None
    principal: str | None
    agent_template_id: str | None
    correlation_id: str | None


class SubagentProgressEntryChanges(TypedDict, total=False):
    """Fields of `SubagentProgressEntry`."""

    extra: Value
    timestamp_ms: U64
    status: str
    metadata: Value


class SubagentTaskSnapshotChanges(TypedDict, total=False):
    """Fields of `SubagentTaskSnapshot`."""

    extra: Value
    task_id: str
    parent_session_id: str
    child_session_id: str
    agent: str
    description: str
    status: SubagentStatus
    started_ms: U64
    updated_ms: U64
    finished_ms: U64 | None
    output: str | None
    success: bool | None
    progress: tuple[SubagentProgressEntry, ...]


class UnknownToolErrorKindChanges(TypedDict, total=False):
    """Fields of `UnknownToolErrorKind`."""

    extra: Value
    type: str
    body: Value


class VersionConflictChanges(TypedDict, total=False):
    """Fields of `VersionConflict`."""

    extra: Value
    path: str
    expected: str
    actual: str | None


class RemoteGitConflictChanges(TypedDict, total=False):
    """Fields of `RemoteGitConflict`."""

    extra: Value
    code: str
    message: str


class NotFoundChanges(TypedDict, total=False):
    """Fields of `NotFound`."""

    extra: Value
    path: str


class InvalidArgumentChanges(TypedDict, total=False):
    """Fields of `InvalidArgument`."""

    extra: Value
    message: str


class UnsupportedChanges(TypedDict, total=False):
    """Fields of `Unsupported`."""

    extra: Value
    message: str


class ToolTimeoutChanges(TypedDict, total=False):
    """Fields of `ToolTimeout`."""

    extra: Value
    op: str
    duration_ms: U64


class HookDeniedChanges(TypedDict, total=False):
    """Fields of `HookDenied`."""

    extra: Value
    reason: str
    retryable: bool
    retry_after_ms: U64 | None


class TransportErrorChanges(TypedDict, total=False):
    """Fields of `TransportError`."""

    extra: Value
    op: str


class ToolCancelledChanges(TypedDict, total=False):
    """Fields of `ToolCancelled`."""

    extra: Value
    op: str


class PartialFailureChanges(TypedDict, total=False):
    """Fields of `PartialFailure`."""

    extra: Value
    failed: USize
    total: USize


class RateLimitedChanges(TypedDict, total=False):
    """Fields of `RateLimited`."""

    extra: Value
    retry_after_ms: U64 | None


class TraceEventChanges(TypedDict, total=False):
    """Fields of `TraceEvent`."""

    extra: Value
    schema: str
    kind: TraceEventKind
    name: str
    success: bool
    exit_code: I32
    duration_ms: U64
    output_bytes: USize
    metadata_keys: tuple[str, ...]
    artifact_uris: tuple[str, ...]
    details: Value | None


class VerificationCheckChanges(TypedDict, total=False):
    """Fields of `VerificationCheck`."""

    extra: Value
    id: str
    kind: str
    description: str
    status: VerificationStatus
    required: bool
    suggested_tools: tuple[str, ...]
    evidence_uris: tuple[str, ...]
    residual_risk: str | None


class VerificationReportChanges(TypedDict, total=False):
    """Fields of `VerificationReport`."""

    extra: Value
    schema: str
    subject: str
    status: VerificationStatus
    checks: tuple[VerificationCheck, ...]
    residual_risks: tuple[str, ...]


class VerificationSummaryChanges(TypedDict, total=False):
    """Fields of `VerificationSummary`."""

    extra: Value
    status: VerificationStatus
    report_count: USize
    required_check_count: USize
    pending_required_check_count: USize
    failed_check_count: USize
    residual_risk_count: USize
    pending_subjects: tuple[str, ...]
    failed_subjects: tuple[str, ...]


class MemoryStoredChanges(TypedDict, total=False):
    """Fields of `MemoryStored`."""

    extra: Value
    memory_id: str
    memory_type: str
    importance: F32
    tags: tuple[str, ...]


class MemoryRecalledChanges(TypedDict, total=False):
    """Fields of `MemoryRecalled`."""

    extra: Value
    memory_id: str
    content: str
    relevance: F32


class MemoriesSearchedChanges(TypedDict, total=False):
    """Fields of `MemoriesSearched`."""

    extra: Value
    query: str | None
    tags: tuple[str, ...]
    result_count: USize


class MemoryClearedChanges(TypedDict, total=False):
    """Fields of `MemoryCleared`."""

    extra: Value
    tier: str
    count: U64


class SubagentStartChanges(TypedDict, total=False):
    """Fields of `SubagentStart`."""

    extra: Value
    task_id: str
    session_id: str
    parent_session_id: str
    agent: str
    description: str


class SubagentProgressChanges(TypedDict, total=False):
    """Fields of `SubagentProgress`."""

    extra: Value
    task_id: str
    session_id: str
    status: str
    metadata: Value


class SubagentEndChanges(TypedDict, total=False):
    """Fields of `SubagentEnd`."""

    extra: Value
    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool


class PlanningStartChanges(TypedDict, total=False):
    """Fields of `PlanningStart`."""

    extra: Value
    prompt: str


class PlanningEndChanges(TypedDict, total=False):
    """Fields of `PlanningEnd`."""

    extra: Value
    plan: ExecutionPlan
    estimated_steps: USize


class StepStartChanges(TypedDict, total=False):
    """Fields of `StepStart`."""

    extra: Value
    step_id: str
    description: str
    step_number: USize
    total_steps: USize


class StepEndChanges(TypedDict, total=False):
    """Fields of `StepEnd`."""

    extra: Value
    step_id: str
    status: TaskStatus
    step_number: USize
    total_steps: USize


class GoalExtractedChanges(TypedDict, total=False):
    """Fields of `GoalExtracted`."""

    extra: Value
    goal: AgentGoal


class GoalProgressChanges(TypedDict, total=False):
    """Fields of `GoalProgress`."""

    extra: Value
    goal: str
    progress: F32
    completed_steps: USize
    total_steps: USize


class GoalAchievedChanges(TypedDict, total=False):
    """Fields of `GoalAchieved`."""

    extra: Value
    goal: str
    total_steps: USize
    duration_ms: I64


class DeadLetterChanges(TypedDict, total=False):
    """Fields of `DeadLetter`."""

    extra: Value
    command_id: str
    command_type: str
    lane_id: str
    error: str
    attempts: U32
    failed_at: Timestamp


class ExternalTaskChanges(TypedDict, total=False):
    """Fields of `ExternalTask`."""

    extra: Value
    task_id: str
    session_id: str
    lane: SessionLane
    command_type: str
    payload: Value
    timeout_ms: U64
    created_at_ms: U64


class LaneStatusChanges(TypedDict, total=False):
    """Fields of `LaneStatus`."""

    extra: Value
    lane: SessionLane
    pending: USize
    active: USize
    max_concurrency: USize
    handler_mode: TaskHandlerMode


class QueueStatsChanges(TypedDict, total=False):
    """Fields of `QueueStats`."""

    extra: Value
    total_pending: USize
    total_active: USize
    external_pending: USize
    lanes: Mapping[SessionLane, LaneStatus]
