"""Decoders of the models in `models/session.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    MISSING,
    ModelCodec,
    NotJsonError,
    absent,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def context_usage(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ContextUsage."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_used_tokens = fields["used_tokens"].kind.decode
    decode_max_tokens = fields["max_tokens"].kind.decode
    decode_percent = fields["percent"].kind.decode
    decode_turns = fields["turns"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_used_tokens = o["used_tokens"]
            if not (type(v_used_tokens) is int and 0 <= v_used_tokens <= 18446744073709551615):
                key = "used_tokens"
                v_used_tokens = decode_used_tokens(v_used_tokens)
                key = None
            v_max_tokens = o["max_tokens"]
            if not (type(v_max_tokens) is int and 0 <= v_max_tokens <= 18446744073709551615):
                key = "max_tokens"
                v_max_tokens = decode_max_tokens(v_max_tokens)
                key = None
            v_percent = o["percent"]
            key = "percent"
            v_percent = decode_percent(v_percent)
            key = None
            v_turns = o["turns"]
            if not (type(v_turns) is int and 0 <= v_turns <= 18446744073709551615):
                key = "turns"
                v_turns = decode_turns(v_turns)
                key = None
            if len(o) == 4:
                extra = EMPTY
            else:
                n = 4
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.used_tokens = v_used_tokens
        x.max_tokens = v_max_tokens
        x.percent = v_percent
        x.turns = v_turns
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def auto_delegation_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AutoDelegationConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_enabled = fields["enabled"].kind.decode
    absent_enabled = absent(fields["enabled"])
    decode_auto_parallel = fields["auto_parallel"].kind.decode
    absent_auto_parallel = absent(fields["auto_parallel"])
    decode_min_confidence = fields["min_confidence"].kind.decode
    absent_min_confidence = absent(fields["min_confidence"])
    decode_max_tasks = fields["max_tasks"].kind.decode
    absent_max_tasks = absent(fields["max_tasks"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 0:
                v_enabled = absent_enabled
                v_auto_parallel = absent_auto_parallel
                v_min_confidence = absent_min_confidence
                v_max_tasks = absent_max_tasks
                extra = EMPTY
            else:
                n = 0
                if "enabled" in o:
                    v_enabled = o["enabled"]
                    n += 1
                    if not (v_enabled is True or v_enabled is False):
                        key = "enabled"
                        v_enabled = decode_enabled(v_enabled)
                        key = None
                else:
                    v_enabled = absent_enabled
                v_auto_parallel = o.get("autoParallel", MISSING)
                w = o.get("auto_parallel", MISSING)
                if w is not MISSING:
                    if v_auto_parallel is not MISSING:
                        what = "is another name of autoParallel, which is there too"
                        raise NotJsonError(what).at("auto_parallel")
                    v_auto_parallel = w
                if v_auto_parallel is not MISSING:
                    n += 1
                    if not (v_auto_parallel is True or v_auto_parallel is False):
                        key = "autoParallel"
                        v_auto_parallel = decode_auto_parallel(v_auto_parallel)
                        key = None
                else:
                    v_auto_parallel = absent_auto_parallel
                if "minConfidence" in o:
                    v_min_confidence = o["minConfidence"]
                    n += 1
                    key = "minConfidence"
                    v_min_confidence = decode_min_confidence(v_min_confidence)
                    key = None
                else:
                    v_min_confidence = absent_min_confidence
                if "maxTasks" in o:
                    v_max_tasks = o["maxTasks"]
                    n += 1
                    if not (type(v_max_tasks) is int and 0 <= v_max_tasks <= 18446744073709551615):
                        key = "maxTasks"
                        v_max_tasks = decode_max_tasks(v_max_tasks)
                        key = None
                else:
                    v_max_tasks = absent_max_tasks
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.enabled = v_enabled
        x.auto_parallel = v_auto_parallel
        x.min_confidence = v_min_confidence
        x.max_tasks = v_max_tasks
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def session_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SessionConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_name = fields["name"].kind.decode
    decode_workspace = fields["workspace"].kind.decode
    decode_max_context_length = fields["max_context_length"].kind.decode
    decode_auto_compact = fields["auto_compact"].kind.decode
    decode_system_prompt = fields["system_prompt"].kind.decode
    decode_auto_compact_threshold = fields["auto_compact_threshold"].kind.decode
    absent_auto_compact_threshold = absent(fields["auto_compact_threshold"])
    decode_storage_type = fields["storage_type"].kind.decode
    member_storage_type = fields["storage_type"].kind.members.get
    absent_storage_type = absent(fields["storage_type"])
    codec_queue_config = fields["queue_config"].kind.codec
    codec_confirmation_policy = fields["confirmation_policy"].kind.codec
    codec_permission_policy = fields["permission_policy"].kind.codec
    decode_max_parallel_tasks = fields["max_parallel_tasks"].kind.decode
    codec_auto_delegation = fields["auto_delegation"].kind.codec
    decode_parent_id = fields["parent_id"].kind.decode
    codec_security_config = fields["security_config"].kind.codec
    decode_planning_mode = fields["planning_mode"].kind.decode
    member_planning_mode = fields["planning_mode"].kind.members.get
    absent_planning_mode = absent(fields["planning_mode"])
    decode_goal_tracking = fields["goal_tracking"].kind.decode
    absent_goal_tracking = absent(fields["goal_tracking"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            v_workspace = o["workspace"]
            if type(v_workspace) is not str:
                key = "workspace"
                v_workspace = decode_workspace(v_workspace)
                key = None
            v_max_context_length = o["max_context_length"]
            if not (type(v_max_context_length) is int and 0 <= v_max_context_length <= 4294967295):
                key = "max_context_length"
                v_max_context_length = decode_max_context_length(v_max_context_length)
                key = None
            v_auto_compact = o["auto_compact"]
            if not (v_auto_compact is True or v_auto_compact is False):
                key = "auto_compact"
                v_auto_compact = decode_auto_compact(v_auto_compact)
                key = None
            if len(o) == 4:
                v_system_prompt = None
                v_auto_compact_threshold = absent_auto_compact_threshold
                v_storage_type = absent_storage_type
                v_queue_config = None
                v_confirmation_policy = None
                v_permission_policy = None
                v_max_parallel_tasks = None
                v_auto_delegation = None
                v_parent_id = None
                v_security_config = None
                v_planning_mode = absent_planning_mode
                v_goal_tracking = absent_goal_tracking
                extra = EMPTY
            else:
                n = 4
                if "system_prompt" in o:
                    v_system_prompt = o["system_prompt"]
                    n += 1
                    if v_system_prompt is not None and type(v_system_prompt) is not str:
                        key = "system_prompt"
                        v_system_prompt = decode_system_prompt(v_system_prompt)
                        key = None
                else:
                    v_system_prompt = None
                if "auto_compact_threshold" in o:
                    v_auto_compact_threshold = o["auto_compact_threshold"]
                    n += 1
                    key = "auto_compact_threshold"
                    v_auto_compact_threshold = decode_auto_compact_threshold(
                        v_auto_compact_threshold
                    )
                    key = None
                else:
                    v_auto_compact_threshold = absent_auto_compact_threshold
                if "storage_type" in o:
                    v_storage_type = o["storage_type"]
                    n += 1
                    key = "storage_type"
                    m = member_storage_type(v_storage_type) if type(v_storage_type) is str else None
                    v_storage_type = decode_storage_type(v_storage_type) if m is None else m
                    key = None
                else:
                    v_storage_type = absent_storage_type
                if "queue_config" in o:
                    v_queue_config = o["queue_config"]
                    n += 1
                    if v_queue_config is not None:
                        key = "queue_config"
                        v_queue_config = codec_queue_config.decode(v_queue_config)
                        key = None
                else:
                    v_queue_config = None
                if "confirmation_policy" in o:
                    v_confirmation_policy = o["confirmation_policy"]
                    n += 1
                    if v_confirmation_policy is not None:
                        key = "confirmation_policy"
                        v_confirmation_policy = codec_confirmation_policy.decode(
                            v_confirmation_policy
                        )
                        key = None
                else:
                    v_confirmation_policy = None
                if "permission_policy" in o:
                    v_permission_policy = o["permission_policy"]
                    n += 1
                    if v_permission_policy is not None:
                        key = "permission_policy"
                        v_permission_policy = codec_permission_policy.decode(v_permission_policy)
                        key = None
                else:
                    v_permission_policy = None
                if "max_parallel_tasks" in o:
                    v_max_parallel_tasks = o["max_parallel_tasks"]
                    n += 1
                    if v_max_parallel_tasks is not None and not (
                        type(v_max_parallel_tasks) is int
                        and 0 <= v_max_parallel_tasks <= 18446744073709551615
                    ):
                        key = "max_parallel_tasks"
                        v_max_parallel_tasks = decode_max_parallel_tasks(v_max_parallel_tasks)
                        key = None
                else:
                    v_max_parallel_tasks = None
                if "auto_delegation" in o:
                    v_auto_delegation = o["auto_delegation"]
                    n += 1
                    if v_auto_delegation is not None:
                        key = "auto_delegation"
                        v_auto_delegation = codec_auto_delegation.decode(v_auto_delegation)
                        key = None
                else:
                    v_auto_delegation = None
                if "parent_id" in o:
                    v_parent_id = o["parent_id"]
                    n += 1
                    if v_parent_id is not None and type(v_parent_id) is not str:
                        key = "parent_id"
                        v_parent_id = decode_parent_id(v_parent_id)
                        key = None
                else:
                    v_parent_id = None
                if "security_config" in o:
                    v_security_config = o["security_config"]
                    n += 1
                    if v_security_config is not None:
                        key = "security_config"
                        v_security_config = codec_security_config.decode(v_security_config)
                        key = None
                else:
                    v_security_config = None
                if "planning_mode" in o:
                    v_planning_mode = o["planning_mode"]
                    n += 1
                    key = "planning_mode"
                    m = (
                        member_planning_mode(v_planning_mode)
                        if type(v_planning_mode) is str
                        else None
                    )
                    v_planning_mode = decode_planning_mode(v_planning_mode) if m is None else m
                    key = None
                else:
                    v_planning_mode = absent_planning_mode
                if "goal_tracking" in o:
                    v_goal_tracking = o["goal_tracking"]
                    n += 1
                    if not (v_goal_tracking is True or v_goal_tracking is False):
                        key = "goal_tracking"
                        v_goal_tracking = decode_goal_tracking(v_goal_tracking)
                        key = None
                else:
                    v_goal_tracking = absent_goal_tracking
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.name = v_name
        x.workspace = v_workspace
        x.system_prompt = v_system_prompt
        x.max_context_length = v_max_context_length
        x.auto_compact = v_auto_compact
        x.auto_compact_threshold = v_auto_compact_threshold
        x.storage_type = v_storage_type
        x.queue_config = v_queue_config
        x.confirmation_policy = v_confirmation_policy
        x.permission_policy = v_permission_policy
        x.max_parallel_tasks = v_max_parallel_tasks
        x.auto_delegation = v_auto_delegation
        x.parent_id = v_parent_id
        x.security_config = v_security_config
        x.planning_mode = v_planning_mode
        x.goal_tracking = v_goal_tracking
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def llm_config_data(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LlmConfigData."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_provider = fields["provider"].kind.decode
    decode_model = fields["model"].kind.decode
    decode_base_url = fields["base_url"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_provider = o["provider"]
            if type(v_provider) is not str:
                key = "provider"
                v_provider = decode_provider(v_provider)
                key = None
            v_model = o["model"]
            if type(v_model) is not str:
                key = "model"
                v_model = decode_model(v_model)
                key = None
            if len(o) == 2:
                v_base_url = None
                extra = EMPTY
            else:
                n = 2
                if "base_url" in o:
                    v_base_url = o["base_url"]
                    n += 1
                    if v_base_url is not None and type(v_base_url) is not str:
                        key = "base_url"
                        v_base_url = decode_base_url(v_base_url)
                        key = None
                else:
                    v_base_url = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.provider = v_provider
        x.model = v_model
        x.base_url = v_base_url
        x.api_key = None
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def llm_cost_record(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LlmCostRecord."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_model = fields["model"].kind.decode
    decode_provider = fields["provider"].kind.decode
    decode_prompt_tokens = fields["prompt_tokens"].kind.decode
    decode_completion_tokens = fields["completion_tokens"].kind.decode
    decode_total_tokens = fields["total_tokens"].kind.decode
    decode_timestamp = fields["timestamp"].kind.decode
    decode_cost_usd = fields["cost_usd"].kind.decode
    decode_session_id = fields["session_id"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_model = o["model"]
            if type(v_model) is not str:
                key = "model"
                v_model = decode_model(v_model)
                key = None
            v_provider = o["provider"]
            if type(v_provider) is not str:
                key = "provider"
                v_provider = decode_provider(v_provider)
                key = None
            v_prompt_tokens = o["prompt_tokens"]
            if not (type(v_prompt_tokens) is int and 0 <= v_prompt_tokens <= 18446744073709551615):
                key = "prompt_tokens"
                v_prompt_tokens = decode_prompt_tokens(v_prompt_tokens)
                key = None
            v_completion_tokens = o["completion_tokens"]
            if not (
                type(v_completion_tokens) is int
                and 0 <= v_completion_tokens <= 18446744073709551615
            ):
                key = "completion_tokens"
                v_completion_tokens = decode_completion_tokens(v_completion_tokens)
                key = None
            v_total_tokens = o["total_tokens"]
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = decode_total_tokens(v_total_tokens)
                key = None
            v_timestamp = o["timestamp"]
            key = "timestamp"
            v_timestamp = decode_timestamp(v_timestamp)
            key = None
            if len(o) == 6:
                v_cost_usd = None
                v_session_id = None
                extra = EMPTY
            else:
                n = 6
                if "cost_usd" in o:
                    v_cost_usd = o["cost_usd"]
                    n += 1
                    if v_cost_usd is not None and not (
                        type(v_cost_usd) is float and 1e-5 <= v_cost_usd < 1e16
                    ):
                        key = "cost_usd"
                        v_cost_usd = decode_cost_usd(v_cost_usd)
                        key = None
                else:
                    v_cost_usd = None
                if "session_id" in o:
                    v_session_id = o["session_id"]
                    n += 1
                    if v_session_id is not None and type(v_session_id) is not str:
                        key = "session_id"
                        v_session_id = decode_session_id(v_session_id)
                        key = None
                else:
                    v_session_id = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.model = v_model
        x.provider = v_provider
        x.prompt_tokens = v_prompt_tokens
        x.completion_tokens = v_completion_tokens
        x.total_tokens = v_total_tokens
        x.cost_usd = v_cost_usd
        x.timestamp = v_timestamp
        x.session_id = v_session_id
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def session_data(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SessionData."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    codec_config = fields["config"].kind.codec
    decode_state = fields["state"].kind.decode
    member_state = fields["state"].kind.members.get
    codec_messages = fields["messages"].kind.item.codec
    codec_context_usage = fields["context_usage"].kind.codec
    codec_total_usage = fields["total_usage"].kind.codec
    decode_tool_names = fields["tool_names"].kind.item.decode
    decode_thinking_enabled = fields["thinking_enabled"].kind.decode
    decode_created_at = fields["created_at"].kind.decode
    decode_updated_at = fields["updated_at"].kind.decode
    decode_total_cost = fields["total_cost"].kind.decode
    absent_total_cost = absent(fields["total_cost"])
    decode_model_name = fields["model_name"].kind.decode
    codec_cost_records = fields["cost_records"].kind.item.codec
    absent_cost_records = absent(fields["cost_records"])
    decode_thinking_budget = fields["thinking_budget"].kind.decode
    codec_llm_config = fields["llm_config"].kind.codec
    codec_tasks = fields["tasks"].kind.item.codec
    absent_tasks = absent(fields["tasks"])
    decode_parent_id = fields["parent_id"].kind.decode
    decode_tenant_id = fields["tenant_id"].kind.decode
    decode_principal = fields["principal"].kind.decode
    decode_agent_template_id = fields["agent_template_id"].kind.decode
    decode_correlation_id = fields["correlation_id"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_config = o["config"]
            key = "config"
            v_config = codec_config.decode(v_config)
            key = None
            v_state = o["state"]
            key = "state"
            m = member_state(v_state) if type(v_state) is str else None
            v_state = decode_state(v_state) if m is None else m
            key = None
            v_messages = o["messages"]
            key = "messages"
            if type(v_messages) is not list:
                raise wrong("an array", v_messages)
            done = []
            for w in v_messages:
                w = codec_messages.decode(w)
                done.append(w)
            v_messages = tuple(done)
            key = done = None
            v_context_usage = o["context_usage"]
            key = "context_usage"
            v_context_usage = codec_context_usage.decode(v_context_usage)
            key = None
            v_total_usage = o["total_usage"]
            key = "total_usage"
            v_total_usage = codec_total_usage.decode(v_total_usage)
            key = None
            v_tool_names = o["tool_names"]
            key = "tool_names"
            if type(v_tool_names) is not list:
                raise wrong("an array", v_tool_names)
            done = []
            for w in v_tool_names:
                if type(w) is not str:
                    w = decode_tool_names(w)
                done.append(w)
            v_tool_names = tuple(done)
            key = done = None
            v_thinking_enabled = o["thinking_enabled"]
            if not (v_thinking_enabled is True or v_thinking_enabled is False):
                key = "thinking_enabled"
                v_thinking_enabled = decode_thinking_enabled(v_thinking_enabled)
                key = None
            v_created_at = o["created_at"]
            if not (
                type(v_created_at) is int
                and -9223372036854775808 <= v_created_at <= 9223372036854775807
            ):
                key = "created_at"
                v_created_at = decode_created_at(v_created_at)
                key = None
            v_updated_at = o["updated_at"]
            if not (
                type(v_updated_at) is int
                and -9223372036854775808 <= v_updated_at <= 9223372036854775807
            ):
                key = "updated_at"
                v_updated_at = decode_updated_at(v_updated_at)
                key = None
            if len(o) == 10:
                v_total_cost = absent_total_cost
                v_model_name = None
                v_cost_records = absent_cost_records
                v_thinking_budget = None
                v_llm_config = None
                v_tasks = absent_tasks
                v_parent_id = None
                v_tenant_id = None
                v_principal = None
                v_agent_template_id = None
                v_correlation_id = None
                extra = EMPTY
            else:
                n = 10
                if "total_cost" in o:
                    v_total_cost = o["total_cost"]
                    n += 1
                    if not (type(v_total_cost) is float and 1e-5 <= v_total_cost < 1e16):
                        key = "total_cost"
                        v_total_cost = decode_total_cost(v_total_cost)
                        key = None
                else:
                    v_total_cost = absent_total_cost
                if "model_name" in o:
                    v_model_name = o["model_name"]
                    n += 1
                    if v_model_name is not None and type(v_model_name) is not str:
                        key = "model_name"
                        v_model_name = decode_model_name(v_model_name)
                        key = None
                else:
                    v_model_name = None
                if "cost_records" in o:
                    v_cost_records = o["cost_records"]
                    n += 1
                    key = "cost_records"
                    if type(v_cost_records) is not list:
                        raise wrong("an array", v_cost_records)
                    done = []
                    for w in v_cost_records:
                        w = codec_cost_records.decode(w)
                        done.append(w)
                    v_cost_records = tuple(done)
                    key = done = None
                else:
                    v_cost_records = absent_cost_records
                if "thinking_budget" in o:
                    v_thinking_budget = o["thinking_budget"]
                    n += 1
                    if v_thinking_budget is not None and not (
                        type(v_thinking_budget) is int
                        and 0 <= v_thinking_budget <= 18446744073709551615
                    ):
                        key = "thinking_budget"
                        v_thinking_budget = decode_thinking_budget(v_thinking_budget)
                        key = None
                else:
                    v_thinking_budget = None
                if "llm_config" in o:
                    v_llm_config = o["llm_config"]
                    n += 1
                    if v_llm_config is not None:
                        key = "llm_config"
                        v_llm_config = codec_llm_config.decode(v_llm_config)
                        key = None
                else:
                    v_llm_config = None
                v_tasks = o.get("tasks", MISSING)
                w = o.get("todos", MISSING)
                if w is not MISSING:
                    if v_tasks is not MISSING:
                        what = "is another name of tasks, which is there too"
                        raise NotJsonError(what).at("todos")
                    v_tasks = w
                if v_tasks is not MISSING:
                    n += 1
                    key = "tasks"
                    if type(v_tasks) is not list:
                        raise wrong("an array", v_tasks)
                    done = []
                    for w in v_tasks:
                        w = codec_tasks.decode(w)
                        done.append(w)
                    v_tasks = tuple(done)
                    key = done = None
                else:
                    v_tasks = absent_tasks
                if "parent_id" in o:
                    v_parent_id = o["parent_id"]
                    n += 1
                    if v_parent_id is not None and type(v_parent_id) is not str:
                        key = "parent_id"
                        v_parent_id = decode_parent_id(v_parent_id)
                        key = None
                else:
                    v_parent_id = None
                if "tenant_id" in o:
                    v_tenant_id = o["tenant_id"]
                    n += 1
                    if v_tenant_id is not None and type(v_tenant_id) is not str:
                        key = "tenant_id"
                        v_tenant_id = decode_tenant_id(v_tenant_id)
                        key = None
                else:
                    v_tenant_id = None
                if "principal" in o:
                    v_principal = o["principal"]
                    n += 1
                    if v_principal is not None and type(v_principal) is not str:
                        key = "principal"
                        v_principal = decode_principal(v_principal)
                        key = None
                else:
                    v_principal = None
                if "agent_template_id" in o:
                    v_agent_template_id = o["agent_template_id"]
                    n += 1
                    if v_agent_template_id is not None and type(v_agent_template_id) is not str:
                        key = "agent_template_id"
                        v_agent_template_id = decode_agent_template_id(v_agent_template_id)
                        key = None
                else:
                    v_agent_template_id = None
                if "correlation_id" in o:
                    v_correlation_id = o["correlation_id"]
                    n += 1
                    if v_correlation_id is not None and type(v_correlation_id) is not str:
                        key = "correlation_id"
                        v_correlation_id = decode_correlation_id(v_correlation_id)
                        key = None
                else:
                    v_correlation_id = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.config = v_config
        x.state = v_state
        x.messages = v_messages
        x.context_usage = v_context_usage
        x.total_usage = v_total_usage
        x.total_cost = v_total_cost
        x.model_name = v_model_name
        x.cost_records = v_cost_records
        x.tool_names = v_tool_names
        x.thinking_enabled = v_thinking_enabled
        x.thinking_budget = v_thinking_budget
        x.created_at = v_created_at
        x.updated_at = v_updated_at
        x.llm_config = v_llm_config
        x.tasks = v_tasks
        x.parent_id = v_parent_id
        x.tenant_id = v_tenant_id
        x.principal = v_principal
        x.agent_template_id = v_agent_template_id
        x.correlation_id = v_correlation_id
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
