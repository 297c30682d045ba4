"""Encoders of the models in `models/policy.py`.

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


def lane_handler_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LaneHandlerConfig."""
    fields: Any = fields_of(codec)
    encode_mode = fields["mode"].kind.encode
    cls_mode = fields["mode"].kind.cls
    encode_timeout_ms = fields["timeout_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_mode = x.mode
            key = "mode"
            v_mode = v_mode._value_ if type(v_mode) is cls_mode else encode_mode(v_mode)
            key = None
            v_timeout_ms = x.timeout_ms
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = encode_timeout_ms(v_timeout_ms)
                key = None
            o: dict[str, Any] = {"mode": v_mode, "timeout_ms": v_timeout_ms}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def retry_policy_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RetryPolicyConfig."""
    fields: Any = fields_of(codec)
    encode_strategy = fields["strategy"].kind.encode
    encode_max_retries = fields["max_retries"].kind.encode
    encode_initial_delay_ms = fields["initial_delay_ms"].kind.encode
    encode_fixed_delay_ms = fields["fixed_delay_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_strategy = x.strategy
            if type(v_strategy) is not str:
                key = "strategy"
                v_strategy = encode_strategy(v_strategy)
                key = None
            v_max_retries = x.max_retries
            if not (type(v_max_retries) is int and 0 <= v_max_retries <= 4294967295):
                key = "maxRetries"
                v_max_retries = encode_max_retries(v_max_retries)
                key = None
            v_initial_delay_ms = x.initial_delay_ms
            if not (
                type(v_initial_delay_ms) is int and 0 <= v_initial_delay_ms <= 18446744073709551615
            ):
                key = "initialDelayMs"
                v_initial_delay_ms = encode_initial_delay_ms(v_initial_delay_ms)
                key = None
            v_fixed_delay_ms = x.fixed_delay_ms
            if v_fixed_delay_ms is not None and not (
                type(v_fixed_delay_ms) is int and 0 <= v_fixed_delay_ms <= 18446744073709551615
            ):
                key = "fixedDelayMs"
                v_fixed_delay_ms = encode_fixed_delay_ms(v_fixed_delay_ms)
                key = None
            o: dict[str, Any] = {
                "strategy": v_strategy,
                "maxRetries": v_max_retries,
                "initialDelayMs": v_initial_delay_ms,
                "fixedDelayMs": v_fixed_delay_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def rate_limit_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RateLimitConfig."""
    fields: Any = fields_of(codec)
    encode_limit_type = fields["limit_type"].kind.encode
    encode_max_operations = fields["max_operations"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_limit_type = x.limit_type
            if type(v_limit_type) is not str:
                key = "limitType"
                v_limit_type = encode_limit_type(v_limit_type)
                key = None
            v_max_operations = x.max_operations
            if v_max_operations is not None and not (
                type(v_max_operations) is int and 0 <= v_max_operations <= 18446744073709551615
            ):
                key = "maxOperations"
                v_max_operations = encode_max_operations(v_max_operations)
                key = None
            o: dict[str, Any] = {"limitType": v_limit_type, "maxOperations": v_max_operations}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def priority_boost_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PriorityBoostConfig."""
    fields: Any = fields_of(codec)
    encode_strategy = fields["strategy"].kind.encode
    encode_deadline_ms = fields["deadline_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_strategy = x.strategy
            if type(v_strategy) is not str:
                key = "strategy"
                v_strategy = encode_strategy(v_strategy)
                key = None
            v_deadline_ms = x.deadline_ms
            if v_deadline_ms is not None and not (
                type(v_deadline_ms) is int and 0 <= v_deadline_ms <= 18446744073709551615
            ):
                key = "deadlineMs"
                v_deadline_ms = encode_deadline_ms(v_deadline_ms)
                key = None
            o: dict[str, Any] = {"strategy": v_strategy, "deadlineMs": v_deadline_ms}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def session_queue_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SessionQueueConfig."""
    fields: Any = fields_of(codec)
    encode_control_max_concurrency = fields["control_max_concurrency"].kind.encode
    encode_query_max_concurrency = fields["query_max_concurrency"].kind.encode
    encode_execute_max_concurrency = fields["execute_max_concurrency"].kind.encode
    encode_generate_max_concurrency = fields["generate_max_concurrency"].kind.encode
    encode_lane_handlers = fields["lane_handlers"].kind.encode
    encode_enable_dlq = fields["enable_dlq"].kind.encode
    encode_dlq_max_size = fields["dlq_max_size"].kind.encode
    encode_enable_metrics = fields["enable_metrics"].kind.encode
    encode_enable_alerts = fields["enable_alerts"].kind.encode
    encode_default_timeout_ms = fields["default_timeout_ms"].kind.encode
    encode_storage_path = fields["storage_path"].kind.encode
    encode_retry_policy = fields["retry_policy"].kind.encode
    codec_retry_policy = fields["retry_policy"].kind.codec
    cls_retry_policy = fields["retry_policy"].kind.cls
    encode_rate_limit = fields["rate_limit"].kind.encode
    codec_rate_limit = fields["rate_limit"].kind.codec
    cls_rate_limit = fields["rate_limit"].kind.cls
    encode_priority_boost = fields["priority_boost"].kind.encode
    codec_priority_boost = fields["priority_boost"].kind.codec
    cls_priority_boost = fields["priority_boost"].kind.cls
    encode_pressure_threshold = fields["pressure_threshold"].kind.encode
    encode_lane_timeouts = fields["lane_timeouts"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_control_max_concurrency = x.control_max_concurrency
            if not (
                type(v_control_max_concurrency) is int
                and 0 <= v_control_max_concurrency <= 18446744073709551615
            ):
                key = "controlMaxConcurrency"
                v_control_max_concurrency = encode_control_max_concurrency(
                    v_control_max_concurrency
                )
                key = None
            v_query_max_concurrency = x.query_max_concurrency
            if not (
                type(v_query_max_concurrency) is int
                and 0 <= v_query_max_concurrency <= 18446744073709551615
            ):
                key = "queryMaxConcurrency"
                v_query_max_concurrency = encode_query_max_concurrency(v_query_max_concurrency)
                key = None
            v_execute_max_concurrency = x.execute_max_concurrency
            if not (
                type(v_execute_max_concurrency) is int
                and 0 <= v_execute_max_concurrency <= 18446744073709551615
            ):
                key = "executeMaxConcurrency"
                v_execute_max_concurrency = encode_execute_max_concurrency(
                    v_execute_max_concurrency
                )
                key = None
            v_generate_max_concurrency = x.generate_max_concurrency
            if not (
                type(v_generate_max_concurrency) is int
                and 0 <= v_generate_max_concurrency <= 18446744073709551615
            ):
                key = "generateMaxConcurrency"
                v_generate_max_concurrency = encode_generate_max_concurrency(
                    v_generate_max_concurrency
                )
                key = None
            v_lane_handlers = x.lane_handlers
            key = "laneHandlers"
            v_lane_handlers = encode_lane_handlers(v_lane_handlers)
            key = None
            v_enable_dlq = x.enable_dlq
            if not (v_enable_dlq is True or v_enable_dlq is False):
                key = "enableDlq"
                v_enable_dlq = encode_enable_dlq(v_enable_dlq)
                key = None
            v_dlq_max_size = x.dlq_max_size
            if v_dlq_max_size is not None and not (
                type(v_dlq_max_size) is int and 0 <= v_dlq_max_size <= 18446744073709551615
            ):
                key = "dlqMaxSize"
                v_dlq_max_size = encode_dlq_max_size(v_dlq_max_size)
                key = None
            v_enable_metrics = x.enable_metrics
            if not (v_enable_metrics is True or v_enable_metrics is False):
                key = "enableMetrics"
                v_enable_metrics = encode_enable_metrics(v_enable_metrics)
                key = None
            v_enable_alerts = x.enable_alerts
            if not (v_enable_alerts is True or v_enable_alerts is False):
                key = "enableAlerts"
                v_enable_alerts = encode_enable_alerts(v_enable_alerts)
                key = None
            v_default_timeout_ms = x.default_timeout_ms
            if v_default_timeout_ms is not None and not (
                type(v_default_timeout_ms) is int
                and 0 <= v_default_timeout_ms <= 18446744073709551615
            ):
                key = "defaultTimeoutMs"
                v_default_timeout_ms = encode_default_timeout_ms(v_default_timeout_ms)
                key = None
            v_storage_path = x.storage_path
            if v_storage_path is not None and type(v_storage_path) is not str:
                key = "storagePath"
                v_storage_path = encode_storage_path(v_storage_path)
                key = None
            v_retry_policy = x.retry_policy
            if v_retry_policy is not None:
                key = "retryPolicy"
                v_retry_policy = (
                    codec_retry_policy.encode(v_retry_policy)
                    if type(v_retry_policy) is cls_retry_policy
                    else encode_retry_policy(v_retry_policy)
                )
                key = None
            v_rate_limit = x.rate_limit
            if v_rate_limit is not None:
                key = "rateLimit"
                v_rate_limit = (
                    codec_rate_limit.encode(v_rate_limit)
                    if type(v_rate_limit) is cls_rate_limit
                    else encode_rate_limit(v_rate_limit)
                )
                key = None
            v_priority_boost = x.priority_boost
            if v_priority_boost is not None:
                key = "priorityBoost"
                v_priority_boost = (
                    codec_priority_boost.encode(v_priority_boost)
                    if type(v_priority_boost) is cls_priority_boost
                    else encode_priority_boost(v_priority_boost)
                )
                key = None
            v_pressure_threshold = x.pressure_threshold
            if v_pressure_threshold is not None and not (
                type(v_pressure_threshold) is int
                and 0 <= v_pressure_threshold <= 18446744073709551615
            ):
                key = "pressureThreshold"
                v_pressure_threshold = encode_pressure_threshold(v_pressure_threshold)
                key = None
            v_lane_timeouts = x.lane_timeouts
            key = "laneTimeouts"
            v_lane_timeouts = encode_lane_timeouts(v_lane_timeouts)
            key = None
            o: dict[str, Any] = {
                "controlMaxConcurrency": v_control_max_concurrency,
                "queryMaxConcurrency": v_query_max_concurrency,
                "executeMaxConcurrency": v_execute_max_concurrency,
                "generateMaxConcurrency": v_generate_max_concurrency,
                "laneHandlers": v_lane_handlers,
                "enableDlq": v_enable_dlq,
                "dlqMaxSize": v_dlq_max_size,
                "enableMetrics": v_enable_metrics,
                "enableAlerts": v_enable_alerts,
                "defaultTimeoutMs": v_default_timeout_ms,
                "storagePath": v_storage_path,
                "retryPolicy": v_retry_policy,
                "rateLimit": v_rate_limit,
                "priorityBoost": v_priority_boost,
                "pressureThreshold": v_pressure_threshold,
                "laneTimeouts": v_lane_timeouts,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def confirmation_policy(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ConfirmationPolicy."""
    fields: Any = fields_of(codec)
    encode_enabled = fields["enabled"].kind.encode
    encode_default_timeout_ms = fields["default_timeout_ms"].kind.encode
    encode_timeout_action = fields["timeout_action"].kind.encode
    cls_timeout_action = fields["timeout_action"].kind.cls
    encode_yolo_lanes = fields["yolo_lanes"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_enabled = x.enabled
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = encode_enabled(v_enabled)
                key = None
            v_default_timeout_ms = x.default_timeout_ms
            if not (
                type(v_default_timeout_ms) is int
                and 0 <= v_default_timeout_ms <= 18446744073709551615
            ):
                key = "default_timeout_ms"
                v_default_timeout_ms = encode_default_timeout_ms(v_default_timeout_ms)
                key = None
            v_timeout_action = x.timeout_action
            key = "timeout_action"
            v_timeout_action = (
                v_timeout_action._value_
                if type(v_timeout_action) is cls_timeout_action
                else encode_timeout_action(v_timeout_action)
            )
            key = None
            v_yolo_lanes = x.yolo_lanes
            key = "yolo_lanes"
            v_yolo_lanes = encode_yolo_lanes(v_yolo_lanes)
            key = None
            o: dict[str, Any] = {
                "enabled": v_enabled,
                "default_timeout_ms": v_default_timeout_ms,
                "timeout_action": v_timeout_action,
                "yolo_lanes": v_yolo_lanes,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def permission_rule(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PermissionRule."""
    fields: Any = fields_of(codec)
    encode_rule = fields["rule"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_rule = x.rule
            if type(v_rule) is not str:
                key = "rule"
                v_rule = encode_rule(v_rule)
                key = None
            o: dict[str, Any] = {"rule": v_rule}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def permission_policy(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PermissionPolicy."""
    fields: Any = fields_of(codec)
    encode_deny = fields["deny"].kind.item.encode
    codec_deny = fields["deny"].kind.item.codec
    cls_deny = fields["deny"].kind.item.cls
    encode_allow = fields["allow"].kind.item.encode
    codec_allow = fields["allow"].kind.item.codec
    cls_allow = fields["allow"].kind.item.cls
    encode_ask = fields["ask"].kind.item.encode
    codec_ask = fields["ask"].kind.item.codec
    cls_ask = fields["ask"].kind.item.cls
    encode_default_decision = fields["default_decision"].kind.encode
    cls_default_decision = fields["default_decision"].kind.cls
    encode_enabled = fields["enabled"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_deny = x.deny
            key = "deny"
            if type(v_deny) is not tuple:
                raise wrong("an array", v_deny)
            done = []
            for w in v_deny:
                w = codec_deny.encode(w) if type(w) is cls_deny else encode_deny(w)
                done.append(w)
            v_deny = done
            key = done = None
            v_allow = x.allow
            key = "allow"
            if type(v_allow) is not tuple:
                raise wrong("an array", v_allow)
            done = []
            for w in v_allow:
                w = codec_allow.encode(w) if type(w) is cls_allow else encode_allow(w)
                done.append(w)
            v_allow = done
            key = done = None
            v_ask = x.ask
            key = "ask"
            if type(v_ask) is not tuple:
                raise wrong("an array", v_ask)
            done = []
            for w in v_ask:
                w = codec_ask.encode(w) if type(w) is cls_ask else encode_ask(w)
                done.append(w)
            v_ask = done
            key = done = None
            v_default_decision = x.default_decision
            key = "default_decision"
            v_default_decision = (
                v_default_decision._value_
                if type(v_default_decision) is cls_default_decision
                else encode_default_decision(v_default_decision)
            )
            key = None
            v_enabled = x.enabled
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = encode_enabled(v_enabled)
                key = None
            o: dict[str, Any] = {
                "deny": v_deny,
                "allow": v_allow,
                "ask": v_ask,
                "default_decision": v_default_decision,
                "enabled": v_enabled,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def classification_rule(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ClassificationRule."""
    fields: Any = fields_of(codec)
    encode_name = fields["name"].kind.encode
    encode_pattern = fields["pattern"].kind.encode
    encode_level = fields["level"].kind.encode
    cls_level = fields["level"].kind.cls
    encode_description = fields["description"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_pattern = x.pattern
            if type(v_pattern) is not str:
                key = "pattern"
                v_pattern = encode_pattern(v_pattern)
                key = None
            v_level = x.level
            key = "level"
            v_level = v_level._value_ if type(v_level) is cls_level else encode_level(v_level)
            key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            o: dict[str, Any] = {
                "name": v_name,
                "pattern": v_pattern,
                "level": v_level,
                "description": v_description,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def feature_toggles(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a FeatureToggles."""
    fields: Any = fields_of(codec)
    encode_output_sanitizer = fields["output_sanitizer"].kind.encode
    encode_taint_tracking = fields["taint_tracking"].kind.encode
    encode_tool_interceptor = fields["tool_interceptor"].kind.encode
    encode_injection_defense = fields["injection_defense"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_output_sanitizer = x.output_sanitizer
            if not (v_output_sanitizer is True or v_output_sanitizer is False):
                key = "output_sanitizer"
                v_output_sanitizer = encode_output_sanitizer(v_output_sanitizer)
                key = None
            v_taint_tracking = x.taint_tracking
            if not (v_taint_tracking is True or v_taint_tracking is False):
                key = "taint_tracking"
                v_taint_tracking = encode_taint_tracking(v_taint_tracking)
                key = None
            v_tool_interceptor = x.tool_interceptor
            if not (v_tool_interceptor is True or v_tool_interceptor is False):
                key = "tool_interceptor"
                v_tool_interceptor = encode_tool_interceptor(v_tool_interceptor)
                key = None
            v_injection_defense = x.injection_defense
            if not (v_injection_defense is True or v_injection_defense is False):
                key = "injection_defense"
                v_injection_defense = encode_injection_defense(v_injection_defense)
                key = None
            o: dict[str, Any] = {
                "output_sanitizer": v_output_sanitizer,
                "taint_tracking": v_taint_tracking,
                "tool_interceptor": v_tool_interceptor,
                "injection_defense": v_injection_defense,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def security_config(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SecurityConfig."""
    fields: Any = fields_of(codec)
    encode_enabled = fields["enabled"].kind.encode
    encode_classification_rules = fields["classification_rules"].kind.item.encode
    codec_classification_rules = fields["classification_rules"].kind.item.codec
    cls_classification_rules = fields["classification_rules"].kind.item.cls
    encode_redaction_strategy = fields["redaction_strategy"].kind.encode
    cls_redaction_strategy = fields["redaction_strategy"].kind.cls
    encode_network_whitelist = fields["network_whitelist"].kind.item.encode
    encode_dangerous_commands = fields["dangerous_commands"].kind.item.encode
    encode_features = fields["features"].kind.encode
    codec_features = fields["features"].kind.codec
    cls_features = fields["features"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_enabled = x.enabled
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = encode_enabled(v_enabled)
                key = None
            v_classification_rules = x.classification_rules
            key = "classification_rules"
            if type(v_classification_rules) is not tuple:
                raise wrong("an array", v_classification_rules)
            done = []
            for w in v_classification_rules:
                w = (
                    codec_classification_rules.encode(w)
                    if type(w) is cls_classification_rules
                    else encode_classification_rules(w)
                )
                done.append(w)
            v_classification_rules = done
            key = done = None
            v_redaction_strategy = x.redaction_strategy
            key = "redaction_strategy"
            v_redaction_strategy = (
                v_redaction_strategy._value_
                if type(v_redaction_strategy) is cls_redaction_strategy
                else encode_redaction_strategy(v_redaction_strategy)
            )
            key = None
            v_network_whitelist = x.network_whitelist
            key = "network_whitelist"
            if type(v_network_whitelist) is not tuple:
                raise wrong("an array", v_network_whitelist)
            done = []
            for w in v_network_whitelist:
                if type(w) is not str:
                    w = encode_network_whitelist(w)
                done.append(w)
            v_network_whitelist = done
            key = done = None
            v_dangerous_commands = x.dangerous_commands
            key = "dangerous_commands"
            if type(v_dangerous_commands) is not tuple:
                raise wrong("an array", v_dangerous_commands)
            done = []
            for w in v_dangerous_commands:
                if type(w) is not str:
                    w = encode_dangerous_commands(w)
                done.append(w)
            v_dangerous_commands = done
            key = done = None
            v_features = x.features
            key = "features"
            v_features = (
                codec_features.encode(v_features)
                if type(v_features) is cls_features
                else encode_features(v_features)
            )
            key = None
            o: dict[str, Any] = {
                "enabled": v_enabled,
                "classification_rules": v_classification_rules,
                "redaction_strategy": v_redaction_strategy,
                "network_whitelist": v_network_whitelist,
                "dangerous_commands": v_dangerous_commands,
                "features": v_features,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
