"""Options of a session, and which value wins when a stored session is resumed.

The caller's value wins, then the stored one, then the default. Two exceptions: the id is always the
stored one, and a stored policy is used only where the caller gave neither a policy nor an object
that decides in its place. Upstream: `SessionOptions` and `apply_persisted_runtime_options`
(runtime 1.3, 1.4).
"""

from __future__ import annotations

from typing import Any, Final, Literal, Self, TypeAlias

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

# Where the session was saved elsewhere meanwhile: merge both, save ours as another session if both
# added messages, or refuse the save.
OnConflict: TypeAlias = Literal["merge", "fork", "raise"]
# When a prompt is sent while runs are interrupted: keep their finished rounds, or refuse it.
OnInterrupted: TypeAlias = Literal["keep", "refuse"]
# When a session asks for a security guard and has none: refuse runs, or run without.
OnMissingGuard: TypeAlias = Literal["refuse", "run"]
# Some releases wrote this as the model of a session that never had one.
_UNKNOWN: Final = "unknown"
_U32_MAX: Final = 2**32 - 1
# The options that are fields of the configuration, first those that decide nothing about tools.
_LIMITS: Final = ("queue_config", "max_parallel_tasks", "auto_delegation")
_SETTINGS: Final = (*_LIMITS, "confirmation_policy", "permission_policy")


@attrs.frozen(kw_only=True)
class SessionOptions:
    """How a session is set up. None takes the stored value, then the default.

    `model` is `provider/model`; `max_context_tokens` is the size of its context. `max_artifacts`
    and `max_artifact_bytes` limit the live collection, and are raised to what stored artifacts
    need. `tenant_id`, `principal`, `agent_template_id` and `correlation_id` are the application's
    labels. `auto_save` saves each change at once.

    `on_conflict` None is the manager's. `keep_prompt` keeps the prompt of a run that ended before
    its first round, which upstream drops. `require_conditions` refuses a store that cannot compare
    and write in one transaction. `on_missing_guard` "run" lets a session run without the security
    guard that its configuration asks for.

    Raises EncodeError for a value that could not be saved, SessionConfigError for a negative limit.
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
        """Return a copy with this policy, and a checker that decides by it."""
        return attrs.evolve(
            self, permission_policy=policy, permission_checker=PolicyChecker(policy)
        )


def apply_persisted_runtime_options(options: SessionOptions, data: SessionData) -> SessionOptions:
    """Return the options with the stored value for each option that the caller left open.

    Upstream: `apply_persisted_runtime_options`.
    """
    config = data.config
    stored: dict[str, Any] = {"model": persisted_model_ref(data)}
    stored |= {name: getattr(config, name) for name in _LIMITS}
    stored |= {name: getattr(data, name) for name in LABELS}
    left = {name: value for name, value in stored.items() if getattr(options, name) is None}
    merged = attrs.evolve(options, session_id=data.id, **left)
    # The stored size of the context would be wrong for another model.
    is_open = options.model is None and options.max_context_tokens is None
    if is_open and config.max_context_length:
        merged = attrs.evolve(merged, max_context_tokens=config.max_context_length)
    if options.confirmation_manager is None and options.confirmation_policy is None:
        merged = attrs.evolve(merged, confirmation_policy=config.confirmation_policy)
    undecided = options.permission_checker is None and options.permission_policy is None
    if undecided and config.permission_policy is not None:
        merged = merged.with_permission_policy(config.permission_policy)
    return merged


def apply_to_config(options: SessionOptions, config: SessionConfig) -> SessionConfig:
    """Return the configuration with the options in it; unknown keys of it stay."""
    given = {name: getattr(options, name) for name in _SETTINGS}
    changed = {name: value for name, value in given.items() if value is not None}
    if options.max_context_tokens is not None:
        changed["max_context_length"] = min(options.max_context_tokens, _U32_MAX)
    return config.evolve(**changed)


def persisted_model_ref(data: SessionData) -> str | None:
    """Return `provider/model` of a stored session, None when it names no model.

    The stored configuration of the model wins over `model_name`.
    """
    if data.llm_config is not None:
        return f"{data.llm_config.provider}/{data.llm_config.model}"
    name = persisted_model_name(data.model_name)
    return name if name is not None and "/" in name else None


def persisted_model_name(name: str | None) -> str | None:
    """Return the model's name, None for an empty one and for `unknown`."""
    return None if name in (None, "", _UNKNOWN) else name


def model_config_from_name(name: str | None) -> LlmConfigData | None:
    """Return the configuration of `provider/model`, split at the first `/`; None without a `/`.

    It has neither key nor address, so that no secret is ever saved.
    """
    if name is None or "/" not in name:
        return None
    provider, _, model = name.partition("/")
    return LlmConfigData(provider=provider, model=model)
