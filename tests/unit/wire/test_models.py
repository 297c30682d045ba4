"""Models agree with the tables of the wire format: names, keys, order, presence, defaults."""

from __future__ import annotations

import typing
from typing import Any

import attrs
import pytest

from a3s_store import models
from a3s_store.wire import Model, codec_for, compact, decode, encode, kinds, model_kinds, parse

# Wire-format 10.2, word for word: `?` is omitted when None, `?null` is written as null.
EVENTS = """
agent_start | AgentStart | prompt str
agent_mode_changed | AgentModeChanged | mode str, agent str, description str
turn_start | TurnStart | turn usize
text_delta | TextDelta | text str
reasoning_delta | ReasoningDelta | text str
tool_start | ToolStart | id str, name str
tool_input_delta | ToolInputDelta | delta str
tool_end | ToolEnd | id str, name str, output str, exit_code i32, metadata? Value, \
error_kind? ToolErrorKind
tool_output_delta | ToolOutputDelta | id str, name str, delta str
turn_end | TurnEnd | turn usize, usage TokenUsage
agent_end | AgentEnd | text str, usage TokenUsage, verification_summary VerificationSummary, \
meta? LlmResponseMeta
error | AgentError | message str
confirmation_required | ConfirmationRequired | tool_id str, tool_name str, args Value, \
timeout_ms u64
confirmation_received | ConfirmationReceived | tool_id str, approved bool, reason?null str
confirmation_timeout | ConfirmationTimeout | tool_id str, action_taken str
external_task_pending | ExternalTaskPending | task_id str, session_id str, lane SessionLane, \
command_type str, payload Value, timeout_ms u64
external_task_completed | ExternalTaskCompleted | task_id str, session_id str, success bool
permission_denied | PermissionDenied | tool_id str, tool_name str, args Value, reason str
context_resolving | ContextResolving | providers [str]
context_resolved | ContextResolved | total_items usize, total_tokens usize
command_dead_lettered | CommandDeadLettered | command_id str, command_type str, lane str, \
error str, attempts u32
command_retry | CommandRetry | command_id str, command_type str, lane str, attempt u32, \
delay_ms u64
queue_alert | QueueAlert | level str, alert_type str, message str
task_updated | TaskUpdated | session_id str, tasks [Task]
memory_stored | MemoryStored | memory_id str, memory_type str, importance f32, tags [str]
memory_recalled | MemoryRecalled | memory_id str, content str, relevance f32
memories_searched | MemoriesSearched | query?null str, tags [str], result_count usize
memory_cleared | MemoryCleared | tier str, count u64
subagent_start | SubagentStart | task_id str, session_id str, parent_session_id str, agent str, \
description str
subagent_progress | SubagentProgress | task_id str, session_id str, status str, metadata Value
subagent_end | SubagentEnd | task_id str, session_id str, agent str, output str, success bool
planning_start | PlanningStart | prompt str
planning_end | PlanningEnd | plan ExecutionPlan, estimated_steps usize
step_start | StepStart | step_id str, description str, step_number usize, total_steps usize
step_end | StepEnd | step_id str, status TaskStatus, step_number usize, total_steps usize
goal_extracted | GoalExtracted | goal AgentGoal
goal_progress | GoalProgress | goal str, progress f32, completed_steps usize, total_steps usize
goal_achieved | GoalAchieved | goal str, total_steps usize, duration_ms i64
context_compacted | ContextCompacted | session_id str, before_messages usize, \
after_messages usize, percent_before f32
persistence_failed | PersistenceFailed | session_id str, operation str, error str, \
part? str, outcome_unknown? bool
budget_threshold_hit | BudgetThresholdHit | resource str, kind str, consumed f64, limit f64, \
message? str
passivation_requested | PassivationRequested | reason str, deadline_ms? u64
peer_invocation | PeerInvocation | from_session_id str, from_tenant_id? str, correlation_id? str
"""
ROWS = [[part.strip() for part in line.split("|")] for line in EVENTS.strip().splitlines()]

# The other tagged types of sections 5.2, 10.3 and 16.1.
TAGGED = {
    "TextBlock": "text | text str",
    "ImageBlock": "image | source ImageSource",
    "ToolUseBlock": "tool_use | id str, name str, input Value",
    "ToolResultBlock": "tool_result | tool_use_id str, content str|[], is_error?null bool",
    "ToolResultText": "text | text str",
    "ToolResultImage": "image | source ImageSource",
    "VersionConflict": "version_conflict | path str, expected str, actual?null str",
    "RemoteGitConflict": "remote_git_conflict | code str, message str",
    "NotFound": "not_found | path str",
    "InvalidArgument": "invalid_argument | message str",
    "Unsupported": "unsupported | message str",
    "ToolTimeout": "timeout | op str, duration_ms u64",
    "TranscriptSubject": "transcript | turnId str, runId? str, charStart? u64, charEnd? u64",
    "OpaqueSubject": "opaque | kind str, uri str",
}

# Sections 2 to 12 of the types without a tag: key, type, and where they differ from req / always
# `?` opt / omit, `?null` opt / null, `=` def / always, `~` def / omit.
PLAIN = {
    "ContextUsage": "used_tokens u64, max_tokens u64, percent f32, turns u64",
    "AutoDelegationConfig": "enabled= bool, autoParallel= bool, minConfidence= f32, maxTasks= u64",
    "SessionConfig": "name str, workspace str, system_prompt?null str, max_context_length u32, "
    "auto_compact bool, auto_compact_threshold= f32, storage_type= StorageBackend, "
    "queue_config? SessionQueueConfig, confirmation_policy? ConfirmationPolicy, "
    "permission_policy? PermissionPolicy, max_parallel_tasks? u64, "
    "auto_delegation? AutoDelegationConfig, parent_id? str, security_config? SecurityConfig, "
    "planning_mode= PlanningMode, goal_tracking= bool",
    "LlmConfigData": "provider str, model str, base_url?null str",
    "SessionData": "id str, config SessionConfig, state SessionState, messages [Message], "
    "context_usage ContextUsage, total_usage TokenUsage, total_cost= f64, model_name? str, "
    "cost_records= [LlmCostRecord], tool_names [str], thinking_enabled bool, "
    "thinking_budget?null u64, created_at i64, updated_at i64, llm_config? LlmConfigData, "
    "tasks= [Task], parent_id? str, tenant_id? str, principal? str, agent_template_id? str, "
    "correlation_id? str",
    "LaneHandlerConfig": "mode TaskHandlerMode, timeout_ms u64",
    "SessionQueueConfig": "controlMaxConcurrency= u64, queryMaxConcurrency= u64, "
    "executeMaxConcurrency= u64, generateMaxConcurrency= u64, laneHandlers= {}, enableDlq= bool, "
    "dlqMaxSize?null u64, enableMetrics= bool, enableAlerts= bool, defaultTimeoutMs?null u64, "
    "storagePath?null str, retryPolicy?null RetryPolicyConfig, rateLimit?null RateLimitConfig, "
    "priorityBoost?null PriorityBoostConfig, pressureThreshold?null u64, laneTimeouts= {}",
    "RetryPolicyConfig": "strategy str, maxRetries= u32, initialDelayMs= u64, fixedDelayMs?null "
    "u64",
    "RateLimitConfig": "limitType str, maxOperations?null u64",
    "PriorityBoostConfig": "strategy str, deadlineMs?null u64",
    "ConfirmationPolicy": "enabled bool, default_timeout_ms u64, timeout_action TimeoutAction, "
    "yolo_lanes set",
    "PermissionPolicy": "deny= [PermissionRule], allow= [PermissionRule], ask= [PermissionRule], "
    "default_decision= PermissionDecision, enabled= bool",
    "PermissionRule": "rule str",
    "SecurityConfig": "enabled bool, classification_rules [ClassificationRule], "
    "redaction_strategy RedactionStrategy, network_whitelist [str], dangerous_commands [str], "
    "features FeatureToggles",
    "ClassificationRule": "name str, pattern str, level SensitivityLevel, description str",
    "FeatureToggles": "output_sanitizer bool, taint_tracking bool, tool_interceptor bool, "
    "injection_defense bool",
    "TokenUsage": "prompt_tokens u64, completion_tokens u64, total_tokens u64, "
    "cache_read_tokens?null u64, cache_write_tokens?null u64",
    "LlmCostRecord": "model str, provider str, prompt_tokens u64, completion_tokens u64, "
    "total_tokens u64, cost_usd?null f64, timestamp DateTime, session_id?null str",
    "ToolDefinition": "name str, description str, parameters Value",
    "LlmResponseMeta": "provider? str, request_model? str, request_url? str, response_id? str, "
    "response_model? str, response_object? str, first_token_ms? u64, duration_ms? u64",
    "Message": "role str, content [ContentBlock], reasoning_content? str",
    "ImageSource": "type str, media_type str, data str",
    "Task": "id str, content str, status TaskStatus, priority= TaskPriority, tool? str, "
    "dependencies~ [str], success_criteria? str",
    "ExecutionPlan": "goal str, steps [Task], complexity Complexity, required_tools [str], "
    "estimated_steps u64",
    "AgentGoal": "description str, success_criteria [str], progress f32, achieved bool, "
    "created_at i64, achieved_at?null i64",
    "ToolArtifact": "artifact_id str, artifact_uri str, tool_name str, content str, "
    "original_bytes u64, shown_bytes u64",
    "TraceEvent": "schema str, kind TraceEventKind, name str, success bool, exit_code i32, "
    "duration_ms u64, output_bytes u64, metadata_keys~ [str], artifact_uris~ [str], details? "
    "Value",
    "VerificationReport": "schema str, subject str, status VerificationStatus, "
    "checks [VerificationCheck], residual_risks~ [str]",
    "VerificationCheck": "id str, kind str, description str, status VerificationStatus, "
    "required= bool, suggested_tools~ [str], evidence_uris~ [str], residual_risk? str",
    # Of releases from 8.5 on.
    "ReviewFinding": "schema str, findingId str, sessionId str, scenarioId= str, "
    "status FindingStatus, severity FindingSeverity, category str, claim str, evidence str, "
    "quote? str, suggestion? str, subject FindingSubject, sourceReviewId str, "
    "addressedByRunId? str, acceptedByReviewId? str, reopenReason? str, mainAgentReply? str, "
    "observedAtMs u64, updatedAtMs u64",
    "VerificationSummary": "status VerificationStatus, report_count u64, required_check_count u64, "
    "pending_required_check_count u64, failed_check_count u64, residual_risk_count u64, "
    "pending_subjects~ [str], failed_subjects~ [str]",
    "RunRecord": "snapshot RunSnapshot, events [RunEventRecord]",
    "RunEventRecord": "sequence u64, timestamp_ms u64, event AgentEvent",
    "RunSnapshot": "id str, session_id str, status RunStatus, prompt str, created_at_ms u64, "
    "updated_at_ms u64, result_text? str, error? str, event_count u64",
    "SubagentTaskSnapshot": "task_id str, parent_session_id str, child_session_id str, agent str, "
    "description str, status SubagentStatus, started_ms u64, updated_ms u64, finished_ms? u64, "
    "output? str, success? bool, progress [SubagentProgressEntry]",
    "SubagentProgressEntry": "timestamp_ms u64, status str, metadata Value",
    "LoopCheckpoint": "schema_version= u32, run_id str, session_id str, turn u64, "
    "messages [Message], total_usage TokenUsage, tool_calls_count u64, "
    "verification_reports= [VerificationReport], checkpoint_ms u64",
    "WorkflowCheckpoint": "schema_version= u32, workflow_id str, steps [WorkflowStepRecord], "
    "checkpoint_ms u64",
    "WorkflowStepRecord": "task_id str, outcome StepOutcome",
    "StepOutcome": "task_id str, session_id str, agent str, output str, success bool, "
    "structured? Value",
}

RANGES = {
    (0, 2**32 - 1): "u32",
    (-(2**31), 2**31 - 1): "i32",
    (0, 2**64 - 1): "u64",
    (-(2**63), 2**63 - 1): "i64",
}
UNIONS: dict[frozenset[Any], str] = {
    frozenset(typing.get_args(models.AgentEvent)): "AgentEvent",
    frozenset(typing.get_args(models.ContentBlock)): "ContentBlock",
    frozenset(typing.get_args(models.FindingSubject)): "FindingSubject",
    frozenset(typing.get_args(models.ToolErrorKind)): "ToolErrorKind",
}
PRESENCE = {
    ("req", "always"): "",
    ("opt", "omit"): "?",
    ("opt", "null"): "?null",
    ("def", "always"): "=",
    ("def", "omit"): "~",
}


def described(kind: kinds.Kind) -> str:
    """Return the name that the wire format has for a kind."""
    match kind:
        case kinds.Int():
            return RANGES[kind.limits.low, kind.limits.high]
        case kinds.EnumOf() | model_kinds.One():
            return kind.cls.__name__
        case model_kinds.Tagged():
            assert kind.unknown is not None
            return UNIONS[frozenset({*kind.classes, kind.unknown.cls})]
        case kinds.TextOrMany():
            return "str|[]"
        case kinds.Many():
            return f"[{described(kind.item)}]"
    words: dict[type, str] = {
        kinds.Kind: "str",
        kinds.Bool: "bool",
        kinds.Float32: "f32",
        kinds.Float64: "f64",
    }
    words |= {kinds.OpaqueValue: "Value", kinds.Time: "DateTime"}
    words |= {kinds.EnumSet: "set", kinds.EnumMap: "{}"}
    return words[type(kind)]


def table(cls: type) -> str:
    """Return the keys of a model in the order of writing, as the tables above have them."""
    return ", ".join(
        f"{field.key}{PRESENCE[field.read, field.write]} {described(field.kind)}"
        for field in codec_for(cls).fields
    )


@pytest.mark.parametrize(("tag", "name", "keys"), ROWS, ids=[row[0] for row in ROWS])
def test_an_event_has_the_keys_of_the_specification_in_that_order(
    tag: str, name: str, keys: str
) -> None:
    cls = getattr(models, name)
    assert codec_for(cls).rule.tag == tag
    assert table(cls) == keys.replace("usize", "u64")


def test_there_are_43_kinds_of_event_and_one_for_those_to_come() -> None:
    names = {cls.__name__ for cls in typing.get_args(models.AgentEvent)}
    assert len(ROWS) == 43
    assert names == {name for _, name, _ in ROWS} | {"UnknownEvent"}


@pytest.mark.parametrize("name", TAGGED)
def test_a_tagged_model_has_the_keys_of_the_specification(name: str) -> None:
    cls = getattr(models, name)
    assert f"{codec_for(cls).rule.tag} | {table(cls)}" == TAGGED[name]


@pytest.mark.parametrize("name", PLAIN)
def test_a_model_has_the_keys_of_the_specification_in_that_order(name: str) -> None:
    assert table(getattr(models, name)) == PLAIN[name]


def test_no_model_is_left_out_of_these_tables() -> None:
    found = {
        name
        for name in models.__all__
        if isinstance(cls := getattr(models, name), type)
        and issubclass(cls, Model)
        and not codec_for(cls).rule.opaque
    }
    # Of releases after 3.3.0 (16.1); their keys are not in the baseline's tables.
    newer = {"HookDenied", "TransportError", "ToolCancelled", "PartialFailure", "RateLimited"}
    newer |= {"ArtifactStore"}
    assert found == set(PLAIN) | set(TAGGED) | {name for _, name, _ in ROWS} | newer


def test_enums_are_spelled_as_upstream_spells_them() -> None:
    spelled = {
        models.SessionState: "Unknown Active Paused Completed Error",
        models.StorageBackend: "memory file custom",
        models.PlanningMode: "Auto Disabled Enabled",
        models.SessionLane: "Control Query Execute Generate",
        models.TaskHandlerMode: "Internal External Hybrid",
        models.TimeoutAction: "Reject AutoApprove",
        models.PermissionDecision: "allow deny ask",
        models.SensitivityLevel: "Public Normal Sensitive HighlySensitive Critical",
        models.RedactionStrategy: "Mask Remove Hash",
        models.TaskStatus: "pending in_progress completed failed skipped cancelled",
        models.TaskPriority: "high medium low",
        models.Complexity: "Simple Medium Complex VeryComplex",
        models.TraceEventKind: "tool_execution program_execution",
        models.VerificationStatus: "passed failed needs_review skipped",
        models.RunStatus: "created planning executing verifying completed failed cancelled",
        models.SubagentStatus: "running completed failed cancelled",
    }
    assert {cls: " ".join(cls) for cls in spelled} == spelled


def as_read(value: Any) -> Any:
    return parse(compact(encode(value)))


def test_constructor_defaults_are_those_of_rust() -> None:
    session = as_read(models.SessionData(id="s", created_at=1, updated_at=2))
    assert session["config"] == {
        "name": "",
        "workspace": "",
        "system_prompt": None,
        "max_context_length": 0,
        "auto_compact": False,
        "auto_compact_threshold": 0.8,
        "storage_type": "file",
        "planning_mode": "Auto",
        "goal_tracking": False,
    }
    assert session["context_usage"] == {
        "used_tokens": 0,
        "max_tokens": 200000,
        "percent": 0.0,
        "turns": 0,
    }
    assert list(as_read(models.ConfirmationPolicy()).values()) == [False, 30000, "Reject", []]
    assert list(as_read(models.LaneHandlerConfig()).values()) == ["Internal", 60000]
    delegation = as_read(models.AutoDelegationConfig())
    assert list(delegation.values()) == [False, True, 0.72, 4]


def test_a_queue_made_here_and_a_queue_read_from_nothing_differ_as_upstreams_do() -> None:
    made = as_read(models.SessionQueueConfig())
    read = as_read(decode(models.SessionQueueConfig, {}))
    assert list(made.values())[:4] == [2, 4, 2, 1]
    assert list(read.values())[:4] == [4, 12, 4, 2]
    assert list(made.values())[4:] == list(read.values())[4:]


def test_a_checkpoint_made_here_is_version_1_and_one_without_a_version_is_0() -> None:
    made = models.WorkflowCheckpoint(workflow_id="w", steps=(), checkpoint_ms=1)
    tree = as_read(made)
    assert tree.pop("schema_version") == 1
    assert decode(models.WorkflowCheckpoint, tree).schema_version == 0
    loop = models.LoopCheckpoint(run_id="r", session_id="s", turn=0, messages=(), checkpoint_ms=1)
    tree = as_read(loop)
    assert tree.pop("schema_version") == 1
    assert decode(models.LoopCheckpoint, tree).schema_version == 0


def test_models_are_frozen_keyword_only_and_hashable() -> None:
    message = models.Message.user("hi")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.role = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        message.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        models.TextBlock("hi")  # type: ignore[call-arg]
    assert hash(message) == hash(models.Message.user("hi"))


def test_a_message_is_made_and_read_as_upstream_does() -> None:
    assert as_read(models.Message.user("hi")) == {
        "role": "user",
        "content": [{"type": "text", "text": "hi"}],
    }
    assert as_read(models.Message.assistant("yes"))["role"] == "assistant"
    result = models.Message.tool_result("c1", "no", is_error=True)
    assert as_read(result) == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}
        ],
    }
    blocks = (models.TextBlock(text="a"), *result.content, models.TextBlock(text="b"))
    assert models.Message(role="user", content=blocks).text == "ab"
    assert result.text == ""
