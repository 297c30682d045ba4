"""A session and its configuration (wire-format 2 and 4.2)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from a3s_store.models.message import Message, TokenUsage, ToolDefinition
from a3s_store.models.planning import Task
from a3s_store.models.policy import (
    ConfirmationPolicy,
    PermissionPolicy,
    SecurityConfig,
    SessionQueueConfig,
)
from a3s_store.wire import F32, I64, U32, Model, Timestamp, USize, dropped_field, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

# The fields of a session that are labels of the application.
LABELS: Final = ("tenant_id", "principal", "agent_template_id", "correlation_id")


# The fraction of the context at which a session with `auto_compact` is compacted. Upstream: same
# name.
DEFAULT_AUTO_COMPACT_THRESHOLD: Final = 0.80


class SessionState(enum.StrEnum):
    """The state of a session. Upstream: `SessionState`.

    `SessionData` and live sessions begin as `ACTIVE`. `UNKNOWN`, number 0, is the default of
    upstream's type; neither upstream nor this package uses it.
    """

    UNKNOWN = "Unknown"
    ACTIVE = "Active"
    PAUSED = "Paused"
    COMPLETED = "Completed"
    ERROR = "Error"

    @property
    def number(self) -> int:
        """The number of the state in upstream's remote calls, 0 to 4; the text is stored."""
        return [*SessionState].index(self)


class StorageBackend(enum.StrEnum):
    """The kind of store in upstream, which reads no other values. Upstream: `StorageBackend`."""

    MEMORY = "memory"
    FILE = "file"
    CUSTOM = "custom"


class PlanningMode(enum.StrEnum):
    """Upstream: `PlanningMode`."""

    AUTO = "Auto"
    DISABLED = "Disabled"
    ENABLED = "Enabled"


@model()
class ContextUsage(Model):
    """The usage of the model's context; `percent` is a fraction. Upstream: `ContextUsage`."""

    used_tokens: USize = field(default=0)
    max_tokens: USize = field(default=200_000)
    percent: F32 = field(default=0.0)
    turns: USize = field(default=0)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ContextUsageChanges]) -> Self: ...


@model(camel=True)
class AutoDelegationConfig(Model):
    """When work is given to subagents automatically. Upstream: `AutoDelegationConfig`."""

    enabled: bool = field(default=False, read="def")
    auto_parallel: bool = field(default=True, read="def", also="auto_parallel")
    min_confidence: F32 = field(default=0.72, read="def")
    max_tasks: USize = field(default=4, read="def")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AutoDelegationConfigChanges]) -> Self: ...


@model(dropped=("hook_engine",))
class SessionConfig(Model):
    """The configuration of a session. Upstream: `SessionConfig`."""

    name: str = field(default="")
    workspace: str = field(default="")
    system_prompt: str | None = field(default=None, write="null")
    max_context_length: U32 = field(default=0)
    auto_compact: bool = field(default=False)
    auto_compact_threshold: F32 = field(default=DEFAULT_AUTO_COMPACT_THRESHOLD, read="def")
    storage_type: StorageBackend = field(default=StorageBackend.FILE, read="def")
    queue_config: SessionQueueConfig | None = field(default=None, write="omit")
    confirmation_policy: ConfirmationPolicy | None = field(default=None, write="omit")
    permission_policy: PermissionPolicy | None = field(default=None, write="omit")
    max_parallel_tasks: USize | None = field(default=None, write="omit")
    auto_delegation: AutoDelegationConfig | None = field(default=None, write="omit")
    parent_id: str | None = field(default=None, write="omit")
    security_config: SecurityConfig | None = field(default=None, write="omit")
    planning_mode: PlanningMode = field(default=PlanningMode.AUTO, read="def")
    goal_tracking: bool = field(default=False, read="def")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SessionConfigChanges]) -> Self: ...


@model(dropped=("api_key",))
class LlmConfigData(Model):
    """The model that a session uses. Upstream: `LlmConfigData`.

    `api_key` is accepted by the constructor and when read, and dropped at once: the attribute is
    always None, and the key is never written.
    """

    provider: str
    model: str
    base_url: str | None = field(default=None, write="null")
    api_key: str | None = dropped_field(default=None)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LlmConfigDataChanges]) -> Self: ...


@model()
class LlmCostRecord(Model):
    """The cost of one call of a model, in dollars. Upstream: `LlmCostRecord`.

    `timestamp` is RFC 3339 text, converted to UTC; `wire.timestamp_of` makes it of a datetime.
    """

    model: str
    provider: str
    prompt_tokens: USize
    completion_tokens: USize
    total_tokens: USize
    cost_usd: float | None = field(default=None, write="null")
    timestamp: Timestamp
    session_id: str | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LlmCostRecordChanges]) -> Self: ...


@model()
class SessionData(Model):
    """A session without its collections. Times are Unix seconds, set by the caller.

    `id` is a text of 1 to 1024 bytes without NUL; `total_cost` is in dollars; a `thinking_budget`
    of None means no limit. Lists are ordered and may have equal values. Upstream: `SessionData`.
    """

    id: str
    config: SessionConfig = field(default=SessionConfig())
    state: SessionState = field(default=SessionState.ACTIVE)
    messages: tuple[Message, ...] = field(default=())
    context_usage: ContextUsage = field(default=ContextUsage())
    total_usage: TokenUsage = field(default=TokenUsage())
    total_cost: float = field(default=0.0, read="def")
    model_name: str | None = field(default=None, write="omit")
    cost_records: tuple[LlmCostRecord, ...] = field(default=(), read="def")
    tool_names: tuple[str, ...] = field(default=())
    thinking_enabled: bool = field(default=False)
    thinking_budget: USize | None = field(default=None, write="null")
    created_at: I64
    updated_at: I64
    llm_config: LlmConfigData | None = field(default=None, write="omit")
    tasks: tuple[Task, ...] = field(default=(), read="def", also="todos")
    parent_id: str | None = field(default=None, write="omit")
    tenant_id: str | None = field(default=None, write="omit")
    principal: str | None = field(default=None, write="omit")
    agent_template_id: str | None = field(default=None, write="omit")
    correlation_id: str | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SessionDataChanges]) -> Self: ...


def tool_names_from_definitions(tools: Iterable[ToolDefinition]) -> tuple[str, ...]:
    """Return the names of tools in their order, for `SessionData.tool_names`.

    Upstream: `SessionData::tool_names_from_definitions`.
    """
    return tuple(tool.name for tool in tools)
