"""What a caller asks of a session, and what a stored one adds when it is resumed.

Who wins is decided here and nowhere else: the caller, then what was stored, then the default; but
the id is always the stored one, and a stored policy is used only where the caller gave neither a
policy nor what would decide in its place. Upstream: `SessionOptions` and
`apply_persisted_runtime_options` (runtime 1.3, 1.4).
"""

from __future__ import annotations

from typing import Final, Literal, Self, TypeAlias, TypeVar

import attrs

from a3s_store.models import (
    AutoDelegationConfig,
    ConfirmationPolicy,
    ContextUsage,
    LlmConfigData,
    PermissionPolicy,
    SessionConfig,
    SessionData,
    SessionQueueConfig,
)
from a3s_store.models.session import LABELS
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.permissions import PermissionChecker, PolicyChecker
from a3s_store.runtime.state.limits import check_fields, check_limit, check_setting

T = TypeVar("T")
# What becomes of a live session's changes when the session was saved elsewhere meanwhile: both come
# together, ours becomes a session of its own where both went on talking, or the save is refused.
OnConflict: TypeAlias = Literal["merge", "fork", "raise"]
# What becomes of interrupted runs when a prompt is sent: their finished rounds are kept, or the
# prompt is refused.
OnInterrupted: TypeAlias = Literal["keep", "refuse"]
# What a session does that asks for a security guard and has none: no run, or all of them.
OnMissingGuard: TypeAlias = Literal["refuse", "run"]
# What some releases wrote for a session that never had a model.
_UNKNOWN: Final = "unknown"
_U32_MAX: Final = 2**32 - 1
# What goes into the configuration.
_SETTINGS: Final = (
    "queue_config",
    "confirmation_policy",
    "permission_policy",
    "max_parallel_tasks",
    "auto_delegation",
)


@attrs.frozen(kw_only=True)
class SessionOptions:
    """How a session is to be set up; None leaves a thing to what is stored, then to the default.

    `model` is `provider/model`. `max_context_tokens` is how much the model can take in.
    `max_artifacts` and `max_artifact_bytes` are the limits of the live collection, which are raised
    to what a stored one needs. `tenant_id`, `principal`, `agent_template_id` and `correlation_id`
    are labels of the application's own.

    `on_conflict` None is the manager's. `keep_prompt` keeps the prompt of a run that ended before
    its first round, which upstream forgets. With `require_conditions` a store that cannot compare
    and write in one transaction is refused. A session whose configuration asks for a security guard
    and that has none refuses to run anything, unless `on_missing_guard` is "run".

    Raises EncodeError for what could not be saved, SessionConfigError for a limit that is none.
    """

    session_id: str | None = None
    model: str | None = None
    max_context_tokens: int | None = None
    queue_config: SessionQueueConfig | None = None
    confirmation_manager: ConfirmationManager | None = None
    confirmation_policy: ConfirmationPolicy | None = None
    permission_checker: PermissionChecker | None = None
    permission_policy: PermissionPolicy | None = None
    max_parallel_tasks: int | None = None
    auto_delegation: AutoDelegationConfig | None = None
    tenant_id: str | None = None
    principal: str | None = None
    agent_template_id: str | None = None
    correlation_id: str | None = None
    auto_save: bool = False
    max_artifacts: int | None = None
    max_artifact_bytes: int | None = None
    on_conflict: OnConflict | None = None
    on_interrupted: OnInterrupted = "keep"
    on_missing_guard: OnMissingGuard = "refuse"
    keep_prompt: bool = True
    require_conditions: bool = False

    def __attrs_post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in LABELS}
        fields |= {"id": self.session_id, "model_name": self.model}
        if self.max_context_tokens is not None:
            fields["context_usage"] = ContextUsage(max_tokens=self.max_context_tokens)
        settings = {name: getattr(self, name) for name in _SETTINGS}
        for check, values in ((check_fields, fields), (check_setting, settings)):
            given = {name: value for name, value in values.items() if value is not None}
            if given:
                check(**given)
        check_limit(self.max_artifacts, "max_artifacts")
        check_limit(self.max_artifact_bytes, "max_artifact_bytes")

    def with_permission_policy(self, policy: PermissionPolicy) -> Self:
        """The same with this policy, and the checker that decides by it."""
        return attrs.evolve(
            self, permission_policy=policy, permission_checker=PolicyChecker(policy)
        )


def apply_persisted_runtime_options(options: SessionOptions, data: SessionData) -> SessionOptions:
    """The options with what was stored where the caller left a choice.

    Upstream: `apply_persisted_runtime_options`.
    """
    config = data.config
    explicit_model = options.model is not None
    merged = attrs.evolve(
        options,
        session_id=data.id,
        model=_first(options.model, persisted_model_ref(data)),
        queue_config=_first(options.queue_config, config.queue_config),
        max_parallel_tasks=_first(options.max_parallel_tasks, config.max_parallel_tasks),
        auto_delegation=_first(options.auto_delegation, config.auto_delegation),
        tenant_id=_first(options.tenant_id, data.tenant_id),
        principal=_first(options.principal, data.principal),
        agent_template_id=_first(options.agent_template_id, data.agent_template_id),
        correlation_id=_first(options.correlation_id, data.correlation_id),
    )
    if options.max_context_tokens is None and not explicit_model and config.max_context_length:
        # Another model has another window, so the stored one would be wrong for it.
        merged = attrs.evolve(merged, max_context_tokens=config.max_context_length)
    if options.confirmation_manager is None and options.confirmation_policy is None:
        merged = attrs.evolve(merged, confirmation_policy=config.confirmation_policy)
    undecided = options.permission_checker is None and options.permission_policy is None
    if undecided and config.permission_policy is not None:
        merged = merged.with_permission_policy(config.permission_policy)
    return merged


def _first(given: T | None, stored: T | None) -> T | None:
    return given if given is not None else stored


def apply_to_config(options: SessionOptions, config: SessionConfig) -> SessionConfig:
    """The configuration with what the options say; keys it does not know stay in it."""
    changed: dict[str, object] = {}
    for name in _SETTINGS:
        value = getattr(options, name)
        if value is not None:
            changed[name] = value
    if options.max_context_tokens is not None:
        changed["max_context_length"] = min(options.max_context_tokens, _U32_MAX)
    return config.evolve(**changed)


def persisted_model_ref(data: SessionData) -> str | None:
    """`provider/model` of a stored session, None when it names none.

    The configuration wins even when `model_name` says otherwise.
    """
    if data.llm_config is not None:
        return f"{data.llm_config.provider}/{data.llm_config.model}"
    name = persisted_model_name(data.model_name)
    return name if name is not None and "/" in name else None


def persisted_model_name(name: str | None) -> str | None:
    """The model's name, None for an empty one and for `unknown`."""
    return None if name in (None, "", _UNKNOWN) else name


def model_config_from_name(name: str | None) -> LlmConfigData | None:
    """The configuration a model's name stands for, split at the first `/`; None without one.

    It has neither key nor address, so that no secret is ever part of a save.
    """
    if name is None or "/" not in name:
        return None
    provider, _, model = name.partition("/")
    return LlmConfigData(provider=provider, model=model)
