"""What a session may do: queue, confirmation, permission, security (wire-format 3)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Self

from a3s_store.wire import EMPTY, U32, U64, Model, USize, field, model


class SessionLane(enum.StrEnum):
    """A lane of the session's queue, in the order in which sets and maps of lanes are written."""

    CONTROL = "Control"
    QUERY = "Query"
    EXECUTE = "Execute"
    GENERATE = "Generate"


class TaskHandlerMode(enum.StrEnum):
    """Who works off a lane. Upstream: `TaskHandlerMode`."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    HYBRID = "Hybrid"


@model()
class LaneHandlerConfig(Model):
    """How one lane is handled. Upstream: `LaneHandlerConfig`."""

    mode: TaskHandlerMode = field(default=TaskHandlerMode.INTERNAL)
    timeout_ms: U64 = field(default=60_000)


@model(camel=True)
class RetryPolicyConfig(Model):
    """`strategy`: `exponential`, `fixed` or `none`, not checked. Upstream: `RetryPolicyConfig`."""

    strategy: str
    max_retries: U32 = field(default=3, read="def")
    initial_delay_ms: U64 = field(default=100, read="def")
    fixed_delay_ms: U64 | None = field(default=None, write="null")


@model(camel=True)
class RateLimitConfig(Model):
    """`limit_type` is `per_second`, `per_minute`, `per_hour` or `unlimited`, not checked.

    Upstream: `RateLimitConfig`.
    """

    limit_type: str
    max_operations: U64 | None = field(default=None, write="null")


@model(camel=True)
class PriorityBoostConfig(Model):
    """`strategy` is `standard`, `aggressive` or `disabled`, not checked.

    Upstream: `PriorityBoostConfig`.
    """

    strategy: str
    deadline_ms: U64 | None = field(default=None, write="null")


@model(camel=True)
class SessionQueueConfig(Model):
    """The session's lane queue. Upstream: `SessionQueueConfig`.

    Upstream has two sets of defaults and so have we: a key absent from JSON reads as 4, 12, 4, 2
    for the four concurrencies, the constructor gives 2, 4, 2, 1.
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


class TimeoutAction(enum.StrEnum):
    """What happens when nobody confirms in time. Upstream: `TimeoutAction`."""

    REJECT = "Reject"
    AUTO_APPROVE = "AutoApprove"


@model()
class ConfirmationPolicy(Model):
    """When a human is asked; `yolo_lanes` never are. Upstream: `ConfirmationPolicy`."""

    enabled: bool = field(default=False)
    default_timeout_ms: U64 = field(default=30_000)
    timeout_action: TimeoutAction = field(default=TimeoutAction.REJECT)
    yolo_lanes: frozenset[SessionLane] = field(default=frozenset())

    @classmethod
    def on(cls) -> Self:
        """Return the default policy, but enabled. Upstream: `ConfirmationPolicy::enabled`."""
        return cls(enabled=True)

    def with_yolo_lanes(self, lanes: Iterable[SessionLane]) -> Self:
        """Return the policy with these lanes, and no others, as those no one is asked about."""
        return self.evolve(yolo_lanes=frozenset(lanes))

    def with_timeout(self, timeout_ms: int, action: TimeoutAction) -> Self:
        """Return the policy with this time for a reply, and what happens after it."""
        return self.evolve(default_timeout_ms=timeout_ms, timeout_action=action)


class PermissionDecision(enum.StrEnum):
    """Upstream: `PermissionDecision`."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


@model(text_form="rule")
class PermissionRule(Model):
    """A rule's text as it stands, e.g. `Bash(cargo:*)`; read from a bare string too.

    Upstream: `PermissionRule`.
    """

    rule: str


@model()
class PermissionPolicy(Model):
    """Rules in their order, and what happens when none matches. Upstream: `PermissionPolicy`."""

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
        """Return a policy without rules that has every call asked about."""
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


def _rules(texts: str | Iterable[str]) -> tuple[PermissionRule, ...]:
    # A text is an iterable of texts too: a deny rule would become one rule for each letter, and
    # deny nothing.
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
    """A pattern and how sensitive its matches are. Upstream: `ClassificationRule`."""

    name: str
    pattern: str
    level: SensitivityLevel
    description: str


@model()
class FeatureToggles(Model):
    """Which guards are on. Upstream: `FeatureToggles`."""

    output_sanitizer: bool
    taint_tracking: bool
    tool_interceptor: bool
    injection_defense: bool


@model()
class SecurityConfig(Model):
    """Upstream's runtime never writes one; other hosts may. Upstream: `SecurityConfig`."""

    enabled: bool
    classification_rules: tuple[ClassificationRule, ...]
    redaction_strategy: RedactionStrategy
    network_whitelist: tuple[str, ...]
    dangerous_commands: tuple[str, ...]
    features: FeatureToggles
