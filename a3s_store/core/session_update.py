"""A session without its lists. Generated from `models/session.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypedDict

import attrs

from a3s_store.core.host_data import NO_HOST_DATA, HostData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from a3s_store.core.revision import Position
    from a3s_store.models import (
        AutoDelegationConfig,
        ConfirmationPolicy,
        ContextUsage,
        LlmConfigData,
        PermissionPolicy,
        PlanningMode,
        SecurityConfig,
        SessionConfig,
        SessionData,
        SessionQueueConfig,
        SessionState,
        StorageBackend,
        TokenUsage,
    )
    from a3s_store.wire import F32, I64, U32, USize


class SessionUpdate(TypedDict, total=False):
    """The keyword arguments of `update`: fields of a session, then those of its configuration.

    The last four are the host's, in stores that promise `host_metadata`: `labels` are merged with
    the stored ones, and None removes one; `metadata` is any JSON and replaces the stored one.
    """

    config: SessionConfig
    state: SessionState
    context_usage: ContextUsage
    total_usage: TokenUsage
    total_cost: float
    model_name: str | None
    tool_names: tuple[str, ...]
    thinking_enabled: bool
    thinking_budget: USize | None
    created_at: I64
    updated_at: I64
    llm_config: LlmConfigData | None
    parent_id: str | None
    tenant_id: str | None
    principal: str | None
    agent_template_id: str | None
    correlation_id: str | None
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
    security_config: SecurityConfig | None
    planning_mode: PlanningMode
    goal_tracking: bool
    labels: Mapping[str, str | None]
    metadata: Any
    pinned: bool
    archived: bool


@attrs.frozen(kw_only=True)
class SessionHeader:
    """A session without its lists, and where it stands.

    Fields are those of `SessionData`, which is not used: saved, it would empty the conversation.
    `length` is the number of messages, `position` the end of the conversation, `generation` the
    last generation (0 in a store without generations), `host` what the host keeps with it.
    """

    id: str
    config: SessionConfig
    state: SessionState
    context_usage: ContextUsage
    total_usage: TokenUsage
    total_cost: float
    model_name: str | None
    tool_names: tuple[str, ...]
    thinking_enabled: bool
    thinking_budget: USize | None
    created_at: I64
    updated_at: I64
    llm_config: LlmConfigData | None
    parent_id: str | None
    tenant_id: str | None
    principal: str | None
    agent_template_id: str | None
    correlation_id: str | None
    extra: Any
    length: int
    position: Position
    generation: int
    host: HostData = NO_HOST_DATA

    @classmethod
    def of(
        cls,
        session: SessionData,
        position: Position,
        generation: int,
        host: HostData = NO_HOST_DATA,
    ) -> Self:
        """Return the header of a session, whose messages and other lists may be left out."""
        return cls(
            id=session.id,
            config=session.config,
            state=session.state,
            context_usage=session.context_usage,
            total_usage=session.total_usage,
            total_cost=session.total_cost,
            model_name=session.model_name,
            tool_names=session.tool_names,
            thinking_enabled=session.thinking_enabled,
            thinking_budget=session.thinking_budget,
            created_at=session.created_at,
            updated_at=session.updated_at,
            llm_config=session.llm_config,
            parent_id=session.parent_id,
            tenant_id=session.tenant_id,
            principal=session.principal,
            agent_template_id=session.agent_template_id,
            correlation_id=session.correlation_id,
            extra=session.extra,
            length=position.length,
            position=position,
            generation=generation,
            host=host,
        )
