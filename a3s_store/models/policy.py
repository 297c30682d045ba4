"""Policies of a session: queue, confirmation, permissions, security (wire-format 3)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Self

from a3s_store.wire import EMPTY, U32, U64, Model, USize, field, model

if TYPE_CHECKING:
    from typing import Unpack

    from a3s_store import _changes


class SessionLane(enum.StrEnum):
    """A lane of the session's queue; sets and maps of lanes are written in this order."""

    CONTROL = "Control"
    QUERY = "Query"
    EXECUTE = "Execute"
    GENERATE = "Generate"


class TaskHandlerMode(enum.StrEnum):
    """Where the commands of a lane are run. Upstream: `TaskHandlerMode`."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    HYBRID = "Hybrid"


@model()
class LaneHandlerConfig(Model):
    """The handling of one lane. Upstream: `LaneHandlerConfig`."""

    mode: TaskHandlerMode = field(default=TaskHandlerMode.INTERNAL)
    timeout_ms: U64 = field(default=60_000)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LaneHandlerConfigChanges]) -> Self: ...


@model(camel=True)
class RetryPolicyConfig(Model):
    """Retries of commands. Upstream: `RetryPolicyConfig`.

    `strategy` is `exponential`, `fixed` or `none`; it is not checked.
    """

    strategy: str
    max_retries: U32 = field(default=3, read="def")
    initial_delay_ms: U64 = field(default=100, read="def")
    fixed_delay_ms: U64 | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RetryPolicyConfigChanges]) -> Self: ...


@model(camel=True)
class RateLimitConfig(Model):
    """The rate limit of a queue. Upstream: `RateLimitConfig`.

    `limit_type` is `per_second`, `per_minute`, `per_hour` or `unlimited`; it is not checked.
    """

    limit_type: str
    max_operations: U64 | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RateLimitConfigChanges]) -> Self: ...


@model(camel=True)
class PriorityBoostConfig(Model):
    """Raising the priority of commands before a deadline. Upstream: `PriorityBoostConfig`.

    `strategy` is `standard`, `aggressive` or `disabled`; it is not checked.
    """

    strategy: str
    deadline_ms: U64 | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PriorityBoostConfigChanges]) -> Self: ...


@model(camel=True)
class SessionQueueConfig(Model):
    """The configuration of the session's queue. Upstream: `SessionQueueConfig`.

    As in upstream, there are two sets of defaults for the four concurrencies: 4, 12, 4, 2 for keys
    that are absent from JSON, and 2, 4, 2, 1 in the constructor.
    """

    control_max_concurrency: USize = field(default=2, read="def", absent=4)
    query_max_concurrency: USize = field(default=4, read="def", absent=12)
    execute_max_concurrency: USize = field(default=2, read="def", absent=4)
    generate_max_concurrency: USize = field(default=1, read="def", absent=2)
    lane_handlers: Mapping[SessionLane, LaneHandlerConfig] = field(default=EMPTY, read="def")
    enable_dlq: bool = field(default=False, read="def")
    dlq_max_size: USize | None = field(default=None, write="null")
    enable_metrics: bool = field(default=False, read="def")
    enable_alerts: bool = field(default=False, read="def")
    default_timeout_ms: U64 | None = field(default=None, write="null")
    storage_path: str | None = field(default=None, write="null")
    retry_policy: RetryPolicyConfig | None = field(default=None, write="null")
    rate_limit: RateLimitConfig | None = field(default=None, write="null")
    priority_boost: PriorityBoostConfig | None = field(default=None, write="null")
    pressure_threshold: USize | None = field(default=None, write="null")
    lane_timeouts: Mapping[SessionLane, U64] = field(default=EMPTY, read="def")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SessionQueueConfigChanges]) -> Self: ...


class TimeoutAction(enum.StrEnum):
    """The action when no confirmation comes in time. Upstream: `TimeoutAction`."""

    REJECT = "Reject"
    AUTO_APPROVE = "AutoApprove"


@model()
class ConfirmationPolicy(Model):
    """When a human must confirm; never for `yolo_lanes`. Upstream: `ConfirmationPolicy`."""

    enabled: bool = field(default=False)
    default_timeout_ms: U64 = field(default=30_000)
    timeout_action: TimeoutAction = field(default=TimeoutAction.REJECT)
    yolo_lanes: frozenset[SessionLane] = field(default=frozenset())

    @classmethod
    def on(cls) -> Self:
        """Return the default policy, but enabled. Upstream: `ConfirmationPolicy::enabled`."""
        return cls(enabled=True)

    def with_yolo_lanes(self, lanes: Iterable[SessionLane]) -> Self:
        """Return the policy with these lanes as the only ones without confirmation."""
        return self.evolve(yolo_lanes=frozenset(lanes))

    def with_timeout(self, timeout_ms: int, action: TimeoutAction) -> Self:
        """Return the policy with this timeout and the action after it."""
        return self.evolve(default_timeout_ms=timeout_ms, timeout_action=action)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ConfirmationPolicyChanges]) -> Self: ...


class PermissionDecision(enum.StrEnum):
    """Upstream: `PermissionDecision`."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


@model(text_form="rule")
class PermissionRule(Model):
    """The text of a rule, such as `Bash(cargo:*)`; also read from a bare string.

    Upstream: `PermissionRule`.
    """

    rule: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PermissionRuleChanges]) -> Self: ...


@model()
class PermissionPolicy(Model):
    """Ordered rules, and the decision when none matches. Upstream: `PermissionPolicy`."""

    deny: tuple[PermissionRule, ...] = field(default=(), read="def")
    allow: tuple[PermissionRule, ...] = field(default=(), read="def")
    ask: tuple[PermissionRule, ...] = field(default=(), read="def")
    default_decision: PermissionDecision = field(default=PermissionDecision.ASK, read="def")
    enabled: bool = field(default=True, read="def")

    @classmethod
    def permissive(cls) -> Self:
        """Return a policy without rules that allows every call."""
        return cls(default_decision=PermissionDecision.ALLOW)

    @classmethod
    def strict(cls) -> Self:
        """Return a policy without rules that asks about every call."""
        return cls(default_decision=PermissionDecision.ASK)

    def with_rules(
        self,
        *,
        allow: str | Iterable[str] = (),
        deny: str | Iterable[str] = (),
        ask: str | Iterable[str] = (),
    ) -> Self:
        """Return the policy with these rules after its own; a text alone is one rule.

        Upstream: the builders `allow`, `deny`, `ask` and `allow_all`, `deny_all`, `ask_all`.
        """
        return self.evolve(
            deny=(*self.deny, *_rules(deny)),
            allow=(*self.allow, *_rules(allow)),
            ask=(*self.ask, *_rules(ask)),
        )

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PermissionPolicyChanges]) -> Self: ...


def _rules(texts: str | Iterable[str]) -> tuple[PermissionRule, ...]:
    # A str is an iterable of texts, too: a deny rule would become one rule for each letter.
    each = (texts,) if isinstance(texts, str) else texts
    return tuple(PermissionRule(rule=text) for text in each)


class SensitivityLevel(enum.StrEnum):
    """Upstream: `SensitivityLevel`."""

    PUBLIC = "Public"
    NORMAL = "Normal"
    SENSITIVE = "Sensitive"
    HIGHLY_SENSITIVE = "HighlySensitive"
    CRITICAL = "Critical"


class RedactionStrategy(enum.StrEnum):
    """Upstream: `RedactionStrategy`."""

    MASK = "Mask"
    REMOVE = "Remove"
    HASH = "Hash"


@model()
class ClassificationRule(Model):
    """A pattern and the sensitivity of its matches. Upstream: `ClassificationRule`."""

    name: str
    pattern: str
    level: SensitivityLevel
    description: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ClassificationRuleChanges]) -> Self: ...


@model()
class FeatureToggles(Model):
    """The enabled security features. Upstream: `FeatureToggles`."""

    output_sanitizer: bool
    taint_tracking: bool
    tool_interceptor: bool
    injection_defense: bool

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.FeatureTogglesChanges]) -> Self: ...


@model()
class SecurityConfig(Model):
    """The security configuration; upstream's runtime never writes one. Upstream: same name."""

    enabled: bool
    classification_rules: tuple[ClassificationRule, ...]
    redaction_strategy: RedactionStrategy
    network_whitelist: tuple[str, ...]
    dangerous_commands: tuple[str, ...]
    features: FeatureToggles

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SecurityConfigChanges]) -> Self: ...
