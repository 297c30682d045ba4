"""Encoders of the models in `models/session.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
    wrong,
)


def context_usage(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ContextUsage."""
    fields: Any = fields_of(codec)
    encode_used_tokens = fields["used_tokens"].kind.encode
    encode_max_tokens = fields["max_tokens"].kind.encode
    encode_percent = fields["percent"].kind.encode
    encode_turns = fields["turns"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_used_tokens = x.used_tokens
            if not (type(v_used_tokens) is int and 0 <= v_used_tokens <= 18446744073709551615):
                key = "used_tokens"
                v_used_tokens = encode_used_tokens(v_used_tokens)
                key = None
            v_max_tokens = x.max_tokens
            if not (type(v_max_tokens) is int and 0 <= v_max_tokens <= 18446744073709551615):
                key = "max_tokens"
                v_max_tokens = encode_max_tokens(v_max_tokens)
                key = None
            v_percent = x.percent
            key = "percent"
            v_percent = encode_percent(v_percent)
            key = None
            v_turns = x.turns
            if not (type(v_turns) is int and 0 <= v_turns <= 18446744073709551615):
                key = "turns"
                v_turns = encode_turns(v_turns)
                key = None
            o: dict[str, Any] = {
                "used_tokens": v_used_tokens,
                "max_tokens": v_max_tokens,
                "percent": v_percent,
                "turns": v_turns,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def auto_delegation_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AutoDelegationConfig."""
    fields: Any = fields_of(codec)
    encode_enabled = fields["enabled"].kind.encode
    encode_auto_parallel = fields["auto_parallel"].kind.encode
    encode_min_confidence = fields["min_confidence"].kind.encode
    encode_max_tasks = fields["max_tasks"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_enabled = x.enabled
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = encode_enabled(v_enabled)
                key = None
            v_auto_parallel = x.auto_parallel
            if not (v_auto_parallel is True or v_auto_parallel is False):
                key = "autoParallel"
                v_auto_parallel = encode_auto_parallel(v_auto_parallel)
                key = None
            v_min_confidence = x.min_confidence
            key = "minConfidence"
            v_min_confidence = encode_min_confidence(v_min_confidence)
            key = None
            v_max_tasks = x.max_tasks
            if not (type(v_max_tasks) is int and 0 <= v_max_tasks <= 18446744073709551615):
                key = "maxTasks"
                v_max_tasks = encode_max_tasks(v_max_tasks)
                key = None
            o: dict[str, Any] = {
                "enabled": v_enabled,
                "autoParallel": v_auto_parallel,
                "minConfidence": v_min_confidence,
                "maxTasks": v_max_tasks,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def session_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SessionConfig."""
    fields: Any = fields_of(codec)
    encode_name = fields["name"].kind.encode
    encode_workspace = fields["workspace"].kind.encode
    encode_system_prompt = fields["system_prompt"].kind.encode
    encode_max_context_length = fields["max_context_length"].kind.encode
    encode_auto_compact = fields["auto_compact"].kind.encode
    encode_auto_compact_threshold = fields["auto_compact_threshold"].kind.encode
    encode_storage_type = fields["storage_type"].kind.encode
    cls_storage_type = fields["storage_type"].kind.cls
    encode_queue_config = fields["queue_config"].kind.encode
    codec_queue_config = fields["queue_config"].kind.codec
    cls_queue_config = fields["queue_config"].kind.cls
    encode_confirmation_policy = fields["confirmation_policy"].kind.encode
    codec_confirmation_policy = fields["confirmation_policy"].kind.codec
    cls_confirmation_policy = fields["confirmation_policy"].kind.cls
    encode_permission_policy = fields["permission_policy"].kind.encode
    codec_permission_policy = fields["permission_policy"].kind.codec
    cls_permission_policy = fields["permission_policy"].kind.cls
    encode_max_parallel_tasks = fields["max_parallel_tasks"].kind.encode
    encode_auto_delegation = fields["auto_delegation"].kind.encode
    codec_auto_delegation = fields["auto_delegation"].kind.codec
    cls_auto_delegation = fields["auto_delegation"].kind.cls
    encode_parent_id = fields["parent_id"].kind.encode
    encode_security_config = fields["security_config"].kind.encode
    codec_security_config = fields["security_config"].kind.codec
    cls_security_config = fields["security_config"].kind.cls
    encode_planning_mode = fields["planning_mode"].kind.encode
    cls_planning_mode = fields["planning_mode"].kind.cls
    encode_goal_tracking = fields["goal_tracking"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_workspace = x.workspace
            if type(v_workspace) is not str:
                key = "workspace"
                v_workspace = encode_workspace(v_workspace)
                key = None
            v_system_prompt = x.system_prompt
            if v_system_prompt is not None and type(v_system_prompt) is not str:
                key = "system_prompt"
                v_system_prompt = encode_system_prompt(v_system_prompt)
                key = None
            v_max_context_length = x.max_context_length
            if not (type(v_max_context_length) is int and 0 <= v_max_context_length <= 4294967295):
                key = "max_context_length"
                v_max_context_length = encode_max_context_length(v_max_context_length)
                key = None
            v_auto_compact = x.auto_compact
            if not (v_auto_compact is True or v_auto_compact is False):
                key = "auto_compact"
                v_auto_compact = encode_auto_compact(v_auto_compact)
                key = None
            v_auto_compact_threshold = x.auto_compact_threshold
            key = "auto_compact_threshold"
            v_auto_compact_threshold = encode_auto_compact_threshold(v_auto_compact_threshold)
            key = None
            v_storage_type = x.storage_type
            key = "storage_type"
            v_storage_type = (
                v_storage_type._value_
                if type(v_storage_type) is cls_storage_type
                else encode_storage_type(v_storage_type)
            )
            key = None
            o: dict[str, Any] = {
                "name": v_name,
                "workspace": v_workspace,
                "system_prompt": v_system_prompt,
                "max_context_length": v_max_context_length,
                "auto_compact": v_auto_compact,
                "auto_compact_threshold": v_auto_compact_threshold,
                "storage_type": v_storage_type,
            }
            v_queue_config = x.queue_config
            if v_queue_config is not None:
                key = "queue_config"
                v_queue_config = (
                    codec_queue_config.encode(v_queue_config)
                    if type(v_queue_config) is cls_queue_config
                    else encode_queue_config(v_queue_config)
                )
                key = None
                o["queue_config"] = v_queue_config
            v_confirmation_policy = x.confirmation_policy
            if v_confirmation_policy is not None:
                key = "confirmation_policy"
                v_confirmation_policy = (
                    codec_confirmation_policy.encode(v_confirmation_policy)
                    if type(v_confirmation_policy) is cls_confirmation_policy
                    else encode_confirmation_policy(v_confirmation_policy)
                )
                key = None
                o["confirmation_policy"] = v_confirmation_policy
            v_permission_policy = x.permission_policy
            if v_permission_policy is not None:
                key = "permission_policy"
                v_permission_policy = (
                    codec_permission_policy.encode(v_permission_policy)
                    if type(v_permission_policy) is cls_permission_policy
                    else encode_permission_policy(v_permission_policy)
                )
                key = None
                o["permission_policy"] = v_permission_policy
            v_max_parallel_tasks = x.max_parallel_tasks
            if v_max_parallel_tasks is not None:
                if not (
                    type(v_max_parallel_tasks) is int
                    and 0 <= v_max_parallel_tasks <= 18446744073709551615
                ):
                    key = "max_parallel_tasks"
                    v_max_parallel_tasks = encode_max_parallel_tasks(v_max_parallel_tasks)
                    key = None
                o["max_parallel_tasks"] = v_max_parallel_tasks
            v_auto_delegation = x.auto_delegation
            if v_auto_delegation is not None:
                key = "auto_delegation"
                v_auto_delegation = (
                    codec_auto_delegation.encode(v_auto_delegation)
                    if type(v_auto_delegation) is cls_auto_delegation
                    else encode_auto_delegation(v_auto_delegation)
                )
                key = None
                o["auto_delegation"] = v_auto_delegation
            v_parent_id = x.parent_id
            if v_parent_id is not None:
                if type(v_parent_id) is not str:
                    key = "parent_id"
                    v_parent_id = encode_parent_id(v_parent_id)
                    key = None
                o["parent_id"] = v_parent_id
            v_security_config = x.security_config
            if v_security_config is not None:
                key = "security_config"
                v_security_config = (
                    codec_security_config.encode(v_security_config)
                    if type(v_security_config) is cls_security_config
                    else encode_security_config(v_security_config)
                )
                key = None
                o["security_config"] = v_security_config
            v_planning_mode = x.planning_mode
            key = "planning_mode"
            v_planning_mode = (
                v_planning_mode._value_
                if type(v_planning_mode) is cls_planning_mode
                else encode_planning_mode(v_planning_mode)
            )
            key = None
            o["planning_mode"] = v_planning_mode
            v_goal_tracking = x.goal_tracking
            if not (v_goal_tracking is True or v_goal_tracking is False):
                key = "goal_tracking"
                v_goal_tracking = encode_goal_tracking(v_goal_tracking)
                key = None
            o["goal_tracking"] = v_goal_tracking
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def llm_config_data(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LlmConfigData."""
    fields: Any = fields_of(codec)
    encode_provider = fields["provider"].kind.encode
    encode_model = fields["model"].kind.encode
    encode_base_url = fields["base_url"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_provider = x.provider
            if type(v_provider) is not str:
                key = "provider"
                v_provider = encode_provider(v_provider)
                key = None
            v_model = x.model
            if type(v_model) is not str:
                key = "model"
                v_model = encode_model(v_model)
                key = None
            v_base_url = x.base_url
            if v_base_url is not None and type(v_base_url) is not str:
                key = "base_url"
                v_base_url = encode_base_url(v_base_url)
                key = None
            o: dict[str, Any] = {"provider": v_provider, "model": v_model, "base_url": v_base_url}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def llm_cost_record(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LlmCostRecord."""
    fields: Any = fields_of(codec)
    encode_model = fields["model"].kind.encode
    encode_provider = fields["provider"].kind.encode
    encode_prompt_tokens = fields["prompt_tokens"].kind.encode
    encode_completion_tokens = fields["completion_tokens"].kind.encode
    encode_total_tokens = fields["total_tokens"].kind.encode
    encode_cost_usd = fields["cost_usd"].kind.encode
    encode_timestamp = fields["timestamp"].kind.encode
    encode_session_id = fields["session_id"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_model = x.model
            if type(v_model) is not str:
                key = "model"
                v_model = encode_model(v_model)
                key = None
            v_provider = x.provider
            if type(v_provider) is not str:
                key = "provider"
                v_provider = encode_provider(v_provider)
                key = None
            v_prompt_tokens = x.prompt_tokens
            if not (type(v_prompt_tokens) is int and 0 <= v_prompt_tokens <= 18446744073709551615):
                key = "prompt_tokens"
                v_prompt_tokens = encode_prompt_tokens(v_prompt_tokens)
                key = None
            v_completion_tokens = x.completion_tokens
            if not (
                type(v_completion_tokens) is int
                and 0 <= v_completion_tokens <= 18446744073709551615
            ):
                key = "completion_tokens"
                v_completion_tokens = encode_completion_tokens(v_completion_tokens)
                key = None
            v_total_tokens = x.total_tokens
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = encode_total_tokens(v_total_tokens)
                key = None
            v_cost_usd = x.cost_usd
            if v_cost_usd is not None and not (
                type(v_cost_usd) is float and 1e-5 <= v_cost_usd < 1e16
            ):
                key = "cost_usd"
                v_cost_usd = encode_cost_usd(v_cost_usd)
                key = None
            v_timestamp = x.timestamp
            key = "timestamp"
            v_timestamp = encode_timestamp(v_timestamp)
            key = None
            v_session_id = x.session_id
            if v_session_id is not None and type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            o: dict[str, Any] = {
                "model": v_model,
                "provider": v_provider,
                "prompt_tokens": v_prompt_tokens,
                "completion_tokens": v_completion_tokens,
                "total_tokens": v_total_tokens,
                "cost_usd": v_cost_usd,
                "timestamp": v_timestamp,
                "session_id": v_session_id,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def session_data(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SessionData."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_config = fields["config"].kind.encode
    codec_config = fields["config"].kind.codec
    cls_config = fields["config"].kind.cls
    encode_state = fields["state"].kind.encode
    cls_state = fields["state"].kind.cls
    encode_messages = fields["messages"].kind.item.encode
    codec_messages = fields["messages"].kind.item.codec
    cls_messages = fields["messages"].kind.item.cls
    encode_context_usage = fields["context_usage"].kind.encode
    codec_context_usage = fields["context_usage"].kind.codec
    cls_context_usage = fields["context_usage"].kind.cls
    encode_total_usage = fields["total_usage"].kind.encode
    codec_total_usage = fields["total_usage"].kind.codec
    cls_total_usage = fields["total_usage"].kind.cls
    encode_total_cost = fields["total_cost"].kind.encode
    encode_model_name = fields["model_name"].kind.encode
    encode_cost_records = fields["cost_records"].kind.item.encode
    codec_cost_records = fields["cost_records"].kind.item.codec
    cls_cost_records = fields["cost_records"].kind.item.cls
    encode_tool_names = fields["tool_names"].kind.item.encode
    encode_thinking_enabled = fields["thinking_enabled"].kind.encode
    encode_thinking_budget = fields["thinking_budget"].kind.encode
    encode_created_at = fields["created_at"].kind.encode
    encode_updated_at = fields["updated_at"].kind.encode
    encode_llm_config = fields["llm_config"].kind.encode
    codec_llm_config = fields["llm_config"].kind.codec
    cls_llm_config = fields["llm_config"].kind.cls
    encode_tasks = fields["tasks"].kind.item.encode
    codec_tasks = fields["tasks"].kind.item.codec
    cls_tasks = fields["tasks"].kind.item.cls
    encode_parent_id = fields["parent_id"].kind.encode
    encode_tenant_id = fields["tenant_id"].kind.encode
    encode_principal = fields["principal"].kind.encode
    encode_agent_template_id = fields["agent_template_id"].kind.encode
    encode_correlation_id = fields["correlation_id"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_config = x.config
            key = "config"
            v_config = (
                codec_config.encode(v_config)
                if type(v_config) is cls_config
                else encode_config(v_config)
            )
            key = None
            v_state = x.state
            key = "state"
            v_state = v_state._value_ if type(v_state) is cls_state else encode_state(v_state)
            key = None
            v_messages = x.messages
            key = "messages"
            if type(v_messages) is not tuple:
                raise wrong("an array", v_messages)
            done = []
            for w in v_messages:
                w = codec_messages.encode(w) if type(w) is cls_messages else encode_messages(w)
                done.append(w)
            v_messages = done
            key = done = None
            v_context_usage = x.context_usage
            key = "context_usage"
            v_context_usage = (
                codec_context_usage.encode(v_context_usage)
                if type(v_context_usage) is cls_context_usage
                else encode_context_usage(v_context_usage)
            )
            key = None
            v_total_usage = x.total_usage
            key = "total_usage"
            v_total_usage = (
                codec_total_usage.encode(v_total_usage)
                if type(v_total_usage) is cls_total_usage
                else encode_total_usage(v_total_usage)
            )
            key = None
            v_total_cost = x.total_cost
            if not (type(v_total_cost) is float and 1e-5 <= v_total_cost < 1e16):
                key = "total_cost"
                v_total_cost = encode_total_cost(v_total_cost)
                key = None
            o: dict[str, Any] = {
                "id": v_id,
                "config": v_config,
                "state": v_state,
                "messages": v_messages,
                "context_usage": v_context_usage,
                "total_usage": v_total_usage,
                "total_cost": v_total_cost,
            }
            v_model_name = x.model_name
            if v_model_name is not None:
                if type(v_model_name) is not str:
                    key = "model_name"
                    v_model_name = encode_model_name(v_model_name)
                    key = None
                o["model_name"] = v_model_name
            v_cost_records = x.cost_records
            key = "cost_records"
            if type(v_cost_records) is not tuple:
                raise wrong("an array", v_cost_records)
            done = []
            for w in v_cost_records:
                w = (
                    codec_cost_records.encode(w)
                    if type(w) is cls_cost_records
                    else encode_cost_records(w)
                )
                done.append(w)
            v_cost_records = done
            key = done = None
            o["cost_records"] = v_cost_records
            v_tool_names = x.tool_names
            key = "tool_names"
            if type(v_tool_names) is not tuple:
                raise wrong("an array", v_tool_names)
            done = []
            for w in v_tool_names:
                if type(w) is not str:
                    w = encode_tool_names(w)
                done.append(w)
            v_tool_names = done
            key = done = None
            o["tool_names"] = v_tool_names
            v_thinking_enabled = x.thinking_enabled
            if not (v_thinking_enabled is True or v_thinking_enabled is False):
                key = "thinking_enabled"
                v_thinking_enabled = encode_thinking_enabled(v_thinking_enabled)
                key = None
            o["thinking_enabled"] = v_thinking_enabled
            v_thinking_budget = x.thinking_budget
            if v_thinking_budget is not None and not (
                type(v_thinking_budget) is int and 0 <= v_thinking_budget <= 18446744073709551615
            ):
                key = "thinking_budget"
                v_thinking_budget = encode_thinking_budget(v_thinking_budget)
                key = None
            o["thinking_budget"] = v_thinking_budget
            v_created_at = x.created_at
            if not (
                type(v_created_at) is int
                and -9223372036854775808 <= v_created_at <= 9223372036854775807
            ):
                key = "created_at"
                v_created_at = encode_created_at(v_created_at)
                key = None
            o["created_at"] = v_created_at
            v_updated_at = x.updated_at
            if not (
                type(v_updated_at) is int
                and -9223372036854775808 <= v_updated_at <= 9223372036854775807
            ):
                key = "updated_at"
                v_updated_at = encode_updated_at(v_updated_at)
                key = None
            o["updated_at"] = v_updated_at
            v_llm_config = x.llm_config
            if v_llm_config is not None:
                key = "llm_config"
                v_llm_config = (
                    codec_llm_config.encode(v_llm_config)
                    if type(v_llm_config) is cls_llm_config
                    else encode_llm_config(v_llm_config)
                )
                key = None
                o["llm_config"] = v_llm_config
            v_tasks = x.tasks
            key = "tasks"
            if type(v_tasks) is not tuple:
                raise wrong("an array", v_tasks)
            done = []
            for w in v_tasks:
                w = codec_tasks.encode(w) if type(w) is cls_tasks else encode_tasks(w)
                done.append(w)
            v_tasks = done
            key = done = None
            o["tasks"] = v_tasks
            v_parent_id = x.parent_id
            if v_parent_id is not None:
                if type(v_parent_id) is not str:
                    key = "parent_id"
                    v_parent_id = encode_parent_id(v_parent_id)
                    key = None
                o["parent_id"] = v_parent_id
            v_tenant_id = x.tenant_id
            if v_tenant_id is not None:
                if type(v_tenant_id) is not str:
                    key = "tenant_id"
                    v_tenant_id = encode_tenant_id(v_tenant_id)
                    key = None
                o["tenant_id"] = v_tenant_id
            v_principal = x.principal
            if v_principal is not None:
                if type(v_principal) is not str:
                    key = "principal"
                    v_principal = encode_principal(v_principal)
                    key = None
                o["principal"] = v_principal
            v_agent_template_id = x.agent_template_id
            if v_agent_template_id is not None:
                if type(v_agent_template_id) is not str:
                    key = "agent_template_id"
                    v_agent_template_id = encode_agent_template_id(v_agent_template_id)
                    key = None
                o["agent_template_id"] = v_agent_template_id
            v_correlation_id = x.correlation_id
            if v_correlation_id is not None:
                if type(v_correlation_id) is not str:
                    key = "correlation_id"
                    v_correlation_id = encode_correlation_id(v_correlation_id)
                    key = None
                o["correlation_id"] = v_correlation_id
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
