"""Sessions, messages and cost records with every field set, and the edge cases of opaque JSON."""

from __future__ import annotations

from typing import Any, Final

from a3s_store.models import (
    AutoDelegationConfig,
    ConfirmationPolicy,
    ContextUsage,
    ImageBlock,
    ImageSource,
    LaneHandlerConfig,
    LlmConfigData,
    LlmCostRecord,
    Message,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    SessionConfig,
    SessionData,
    SessionLane,
    SessionQueueConfig,
    SessionState,
    Task,
    TaskStatus,
    TextBlock,
    TimeoutAction,
    TokenUsage,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    UnknownBlock,
)

U64_MAX: Final = 2**64 - 1

# Opaque JSON: key order, null, booleans beside equal numbers, integers beyond 64 bits.
ODD_JSON: Final[dict[str, Any]] = {
    "z": [True, 1, 1.0, False, 0, -0.0, None],
    "a": {"": "", "nested": [[], {}, [{"b": [None]}]]},
    "big": [2**63, U64_MAX, -(2**63), 2**130],
    "small": [5e-324, 1e300, 0.1 + 0.2, 1e16, 1e-7],
    "text": "\x00 \x1f \u2028 \ufeff \U0001f600 e\u0301 \u00e9 \\ud800 ' \" \\",
}


def session(session_id: str, texts: tuple[str, ...] = (), **changes: Any) -> SessionData:
    """Return a small session; `texts` become messages of user and assistant in turn."""
    given = {"created_at": 1_700_000_000, "updated_at": 1_700_000_100, **changes}
    return SessionData(id=session_id, messages=talk(*texts), **given)


def talk(*texts: str) -> tuple[Message, ...]:
    """Return messages of user and assistant in turn."""
    makers = (Message.user, Message.assistant)
    return tuple(makers[index % 2](text) for index, text in enumerate(texts))


def rich_session(session_id: str) -> SessionData:
    """Return a session with every field set."""
    return SessionData(
        id=session_id,
        config=rich_config(),
        state=SessionState.PAUSED,
        messages=rich_messages(),
        context_usage=ContextUsage(used_tokens=100, max_tokens=200_000, percent=0.0005, turns=2),
        total_usage=TokenUsage(
            prompt_tokens=50, completion_tokens=50, total_tokens=100, cache_read_tokens=0
        ),
        total_cost=0.1 + 0.2,
        model_name="model-1",
        cost_records=(cost_record(), cost_record(), cost_record(cost_usd=None, session_id=None)),
        tool_names=("bash", "read", "bash"),
        thinking_enabled=True,
        thinking_budget=0,
        created_at=-1,
        updated_at=1_700_000_100,
        llm_config=LlmConfigData(provider="p", model="m", base_url="http://localhost:1"),
        tasks=(
            Task(
                id="t1",
                content="Look",
                status=TaskStatus.IN_PROGRESS,
                tool="bash",
                dependencies=("t0",),
                success_criteria="seen",
                extra={"later": [1]},
            ),
            Task(id="t1", content="Look", status=TaskStatus.PENDING),
        ),
        parent_id="never saved",
        tenant_id="tenant",
        principal="someone",
        agent_template_id="template",
        correlation_id="",
        extra={"future": ODD_JSON},
    )


def rich_config() -> SessionConfig:
    """Return a configuration with nested policies."""
    return SessionConfig(
        name="Test Session",
        workspace="/somewhere/else",
        system_prompt="You are helpful.",
        max_context_length=2**32 - 1,
        auto_compact=True,
        auto_compact_threshold=0.1,
        queue_config=SessionQueueConfig(
            lane_handlers={
                SessionLane.GENERATE: LaneHandlerConfig(timeout_ms=U64_MAX),
                SessionLane.CONTROL: LaneHandlerConfig(),
            },
            lane_timeouts={SessionLane.QUERY: 1},
        ),
        confirmation_policy=ConfirmationPolicy(
            timeout_action=TimeoutAction.AUTO_APPROVE,
            yolo_lanes=frozenset({SessionLane.QUERY, SessionLane.CONTROL}),
        ),
        permission_policy=PermissionPolicy(
            deny=(PermissionRule(rule="Bash(rm:*)"),),
            allow=(PermissionRule(rule="Read"), PermissionRule(rule="Read")),
            default_decision=PermissionDecision.DENY,
        ),
        auto_delegation=AutoDelegationConfig(min_confidence=0.8),
        parent_id="",
        extra={"newSwitch": True},
    )


def rich_messages() -> tuple[Message, ...]:
    """Return messages with blocks of every type, unknown types too; equal messages repeat."""
    png = ImageSource(media_type="image/png", data="iVBORw0KGgo=")
    call = ToolUseBlock(id="call-1", name="bash", input=ODD_JSON)
    parts = (
        ToolResultText(text="ok"),
        ToolResultImage(source=png),
        UnknownBlock(type="x", body={}),
    )
    return (
        Message.user("Hello"),
        Message(
            role="assistant",
            content=(TextBlock(text=""), call, call),
            reasoning_content="because",
        ),
        Message(
            role="user",
            content=(
                ToolResultBlock(tool_use_id="call-1", content=parts, is_error=False),
                ToolResultBlock(tool_use_id="call-1", content="plain", is_error=None),
                ToolResultBlock(tool_use_id="call-1", content=()),
            ),
        ),
        Message(role="system", content=()),
        Message(role="a role of its own", content=(ImageBlock(source=png),)),
        Message.user("Hello"),
        Message.user("Hello"),
        Message(role="user", content=(UnknownBlock(type="thinking_2", body={"b": 1, "a": None}),)),
        Message(
            role="user", content=(TextBlock(text="t", extra={"cache": {"a": 1}}),), extra={"n": 0}
        ),
    )


def cost_record(**changes: Any) -> LlmCostRecord:
    """Return a cost record with every field set."""
    given = {
        "model": "model-1",
        "provider": "p",
        "prompt_tokens": 1,
        "completion_tokens": U64_MAX,
        "total_tokens": 2,
        "cost_usd": 0.25,
        "timestamp": "2026-05-18T08:00:00.123456789Z",
        "session_id": "s",
        **changes,
    }
    return LlmCostRecord(**given)
