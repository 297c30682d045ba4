"""Decoders of the models in `models/policy.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    absent,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def lane_handler_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LaneHandlerConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_mode = fields["mode"].kind.decode
    member_mode = fields["mode"].kind.members.get
    decode_timeout_ms = fields["timeout_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_mode = o["mode"]
            key = "mode"
            m = member_mode(v_mode) if type(v_mode) is str else None
            v_mode = decode_mode(v_mode) if m is None else m
            key = None
            v_timeout_ms = o["timeout_ms"]
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = decode_timeout_ms(v_timeout_ms)
                key = None
            if len(o) == 2:
                extra = EMPTY
            else:
                n = 2
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.mode = v_mode
        x.timeout_ms = v_timeout_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def retry_policy_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RetryPolicyConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_strategy = fields["strategy"].kind.decode
    decode_max_retries = fields["max_retries"].kind.decode
    absent_max_retries = absent(fields["max_retries"])
    decode_initial_delay_ms = fields["initial_delay_ms"].kind.decode
    absent_initial_delay_ms = absent(fields["initial_delay_ms"])
    decode_fixed_delay_ms = fields["fixed_delay_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_strategy = o["strategy"]
            if type(v_strategy) is not str:
                key = "strategy"
                v_strategy = decode_strategy(v_strategy)
                key = None
            if len(o) == 1:
                v_max_retries = absent_max_retries
                v_initial_delay_ms = absent_initial_delay_ms
                v_fixed_delay_ms = None
                extra = EMPTY
            else:
                n = 1
                if "maxRetries" in o:
                    v_max_retries = o["maxRetries"]
                    n += 1
                    if not (type(v_max_retries) is int and 0 <= v_max_retries <= 4294967295):
                        key = "maxRetries"
                        v_max_retries = decode_max_retries(v_max_retries)
                        key = None
                else:
                    v_max_retries = absent_max_retries
                if "initialDelayMs" in o:
                    v_initial_delay_ms = o["initialDelayMs"]
                    n += 1
                    if not (
                        type(v_initial_delay_ms) is int
                        and 0 <= v_initial_delay_ms <= 18446744073709551615
                    ):
                        key = "initialDelayMs"
                        v_initial_delay_ms = decode_initial_delay_ms(v_initial_delay_ms)
                        key = None
                else:
                    v_initial_delay_ms = absent_initial_delay_ms
                if "fixedDelayMs" in o:
                    v_fixed_delay_ms = o["fixedDelayMs"]
                    n += 1
                    if v_fixed_delay_ms is not None and not (
                        type(v_fixed_delay_ms) is int
                        and 0 <= v_fixed_delay_ms <= 18446744073709551615
                    ):
                        key = "fixedDelayMs"
                        v_fixed_delay_ms = decode_fixed_delay_ms(v_fixed_delay_ms)
                        key = None
                else:
                    v_fixed_delay_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.strategy = v_strategy
        x.max_retries = v_max_retries
        x.initial_delay_ms = v_initial_delay_ms
        x.fixed_delay_ms = v_fixed_delay_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def rate_limit_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RateLimitConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_limit_type = fields["limit_type"].kind.decode
    decode_max_operations = fields["max_operations"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_limit_type = o["limitType"]
            if type(v_limit_type) is not str:
                key = "limitType"
                v_limit_type = decode_limit_type(v_limit_type)
                key = None
            if len(o) == 1:
                v_max_operations = None
                extra = EMPTY
            else:
                n = 1
                if "maxOperations" in o:
                    v_max_operations = o["maxOperations"]
                    n += 1
                    if v_max_operations is not None and not (
                        type(v_max_operations) is int
                        and 0 <= v_max_operations <= 18446744073709551615
                    ):
                        key = "maxOperations"
                        v_max_operations = decode_max_operations(v_max_operations)
                        key = None
                else:
                    v_max_operations = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.limit_type = v_limit_type
        x.max_operations = v_max_operations
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def priority_boost_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PriorityBoostConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_strategy = fields["strategy"].kind.decode
    decode_deadline_ms = fields["deadline_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_strategy = o["strategy"]
            if type(v_strategy) is not str:
                key = "strategy"
                v_strategy = decode_strategy(v_strategy)
                key = None
            if len(o) == 1:
                v_deadline_ms = None
                extra = EMPTY
            else:
                n = 1
                if "deadlineMs" in o:
                    v_deadline_ms = o["deadlineMs"]
                    n += 1
                    if v_deadline_ms is not None and not (
                        type(v_deadline_ms) is int and 0 <= v_deadline_ms <= 18446744073709551615
                    ):
                        key = "deadlineMs"
                        v_deadline_ms = decode_deadline_ms(v_deadline_ms)
                        key = None
                else:
                    v_deadline_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.strategy = v_strategy
        x.deadline_ms = v_deadline_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def session_queue_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SessionQueueConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_control_max_concurrency = fields["control_max_concurrency"].kind.decode
    absent_control_max_concurrency = absent(fields["control_max_concurrency"])
    decode_query_max_concurrency = fields["query_max_concurrency"].kind.decode
    absent_query_max_concurrency = absent(fields["query_max_concurrency"])
    decode_execute_max_concurrency = fields["execute_max_concurrency"].kind.decode
    absent_execute_max_concurrency = absent(fields["execute_max_concurrency"])
    decode_generate_max_concurrency = fields["generate_max_concurrency"].kind.decode
    absent_generate_max_concurrency = absent(fields["generate_max_concurrency"])
    decode_lane_handlers = fields["lane_handlers"].kind.decode
    absent_lane_handlers = absent(fields["lane_handlers"])
    decode_enable_dlq = fields["enable_dlq"].kind.decode
    absent_enable_dlq = absent(fields["enable_dlq"])
    decode_dlq_max_size = fields["dlq_max_size"].kind.decode
    decode_enable_metrics = fields["enable_metrics"].kind.decode
    absent_enable_metrics = absent(fields["enable_metrics"])
    decode_enable_alerts = fields["enable_alerts"].kind.decode
    absent_enable_alerts = absent(fields["enable_alerts"])
    decode_default_timeout_ms = fields["default_timeout_ms"].kind.decode
    decode_storage_path = fields["storage_path"].kind.decode
    codec_retry_policy = fields["retry_policy"].kind.codec
    codec_rate_limit = fields["rate_limit"].kind.codec
    codec_priority_boost = fields["priority_boost"].kind.codec
    decode_pressure_threshold = fields["pressure_threshold"].kind.decode
    decode_lane_timeouts = fields["lane_timeouts"].kind.decode
    absent_lane_timeouts = absent(fields["lane_timeouts"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 0:
                v_control_max_concurrency = absent_control_max_concurrency
                v_query_max_concurrency = absent_query_max_concurrency
                v_execute_max_concurrency = absent_execute_max_concurrency
                v_generate_max_concurrency = absent_generate_max_concurrency
                v_lane_handlers = absent_lane_handlers
                v_enable_dlq = absent_enable_dlq
                v_dlq_max_size = None
                v_enable_metrics = absent_enable_metrics
                v_enable_alerts = absent_enable_alerts
                v_default_timeout_ms = None
                v_storage_path = None
                v_retry_policy = None
                v_rate_limit = None
                v_priority_boost = None
                v_pressure_threshold = None
                v_lane_timeouts = absent_lane_timeouts
                extra = EMPTY
            else:
                n = 0
                if "controlMaxConcurrency" in o:
                    v_control_max_concurrency = o["controlMaxConcurrency"]
                    n += 1
                    if not (
                        type(v_control_max_concurrency) is int
                        and 0 <= v_control_max_concurrency <= 18446744073709551615
                    ):
                        key = "controlMaxConcurrency"
                        v_control_max_concurrency = decode_control_max_concurrency(
                            v_control_max_concurrency
                        )
                        key = None
                else:
                    v_control_max_concurrency = absent_control_max_concurrency
                if "queryMaxConcurrency" in o:
                    v_query_max_concurrency = o["queryMaxConcurrency"]
                    n += 1
                    if not (
                        type(v_query_max_concurrency) is int
                        and 0 <= v_query_max_concurrency <= 18446744073709551615
                    ):
                        key = "queryMaxConcurrency"
                        v_query_max_concurrency = decode_query_max_concurrency(
                            v_query_max_concurrency
                        )
                        key = None
                else:
                    v_query_max_concurrency = absent_query_max_concurrency
                if "executeMaxConcurrency" in o:
                    v_execute_max_concurrency = o["executeMaxConcurrency"]
                    n += 1
                    if not (
                        type(v_execute_max_concurrency) is int
                        and 0 <= v_execute_max_concurrency <= 18446744073709551615
                    ):
                        key = "executeMaxConcurrency"
                        v_execute_max_concurrency = decode_execute_max_concurrency(
                            v_execute_max_concurrency
                        )
                        key = None
                else:
                    v_execute_max_concurrency = absent_execute_max_concurrency
                if "generateMaxConcurrency" in o:
                    v_generate_max_concurrency = o["generateMaxConcurrency"]
                    n += 1
                    if not (
                        type(v_generate_max_concurrency) is int
                        and 0 <= v_generate_max_concurrency <= 18446744073709551615
                    ):
                        key = "generateMaxConcurrency"
                        v_generate_max_concurrency = decode_generate_max_concurrency(
                            v_generate_max_concurrency
                        )
                        key = None
                else:
                    v_generate_max_concurrency = absent_generate_max_concurrency
                if "laneHandlers" in o:
                    v_lane_handlers = o["laneHandlers"]
                    n += 1
                    key = "laneHandlers"
                    v_lane_handlers = decode_lane_handlers(v_lane_handlers)
                    key = None
                else:
                    v_lane_handlers = absent_lane_handlers
                if "enableDlq" in o:
                    v_enable_dlq = o["enableDlq"]
                    n += 1
                    if not (v_enable_dlq is True or v_enable_dlq is False):
                        key = "enableDlq"
                        v_enable_dlq = decode_enable_dlq(v_enable_dlq)
                        key = None
                else:
                    v_enable_dlq = absent_enable_dlq
                if "dlqMaxSize" in o:
                    v_dlq_max_size = o["dlqMaxSize"]
                    n += 1
                    if v_dlq_max_size is not None and not (
                        type(v_dlq_max_size) is int and 0 <= v_dlq_max_size <= 18446744073709551615
                    ):
                        key = "dlqMaxSize"
                        v_dlq_max_size = decode_dlq_max_size(v_dlq_max_size)
                        key = None
                else:
                    v_dlq_max_size = None
                if "enableMetrics" in o:
                    v_enable_metrics = o["enableMetrics"]
                    n += 1
                    if not (v_enable_metrics is True or v_enable_metrics is False):
                        key = "enableMetrics"
                        v_enable_metrics = decode_enable_metrics(v_enable_metrics)
                        key = None
                else:
                    v_enable_metrics = absent_enable_metrics
                if "enableAlerts" in o:
                    v_enable_alerts = o["enableAlerts"]
                    n += 1
                    if not (v_enable_alerts is True or v_enable_alerts is False):
                        key = "enableAlerts"
                        v_enable_alerts = decode_enable_alerts(v_enable_alerts)
                        key = None
                else:
                    v_enable_alerts = absent_enable_alerts
                if "defaultTimeoutMs" in o:
                    v_default_timeout_ms = o["defaultTimeoutMs"]
                    n += 1
                    if v_default_timeout_ms is not None and not (
                        type(v_default_timeout_ms) is int
                        and 0 <= v_default_timeout_ms <= 18446744073709551615
                    ):
                        key = "defaultTimeoutMs"
                        v_default_timeout_ms = decode_default_timeout_ms(v_default_timeout_ms)
                        key = None
                else:
                    v_default_timeout_ms = None
                if "storagePath" in o:
                    v_storage_path = o["storagePath"]
                    n += 1
                    if v_storage_path is not None and type(v_storage_path) is not str:
                        key = "storagePath"
                        v_storage_path = decode_storage_path(v_storage_path)
                        key = None
                else:
                    v_storage_path = None
                if "retryPolicy" in o:
                    v_retry_policy = o["retryPolicy"]
                    n += 1
                    if v_retry_policy is not None:
                        key = "retryPolicy"
                        v_retry_policy = codec_retry_policy.decode(v_retry_policy)
                        key = None
                else:
                    v_retry_policy = None
                if "rateLimit" in o:
                    v_rate_limit = o["rateLimit"]
                    n += 1
                    if v_rate_limit is not None:
                        key = "rateLimit"
                        v_rate_limit = codec_rate_limit.decode(v_rate_limit)
                        key = None
                else:
                    v_rate_limit = None
                if "priorityBoost" in o:
                    v_priority_boost = o["priorityBoost"]
                    n += 1
                    if v_priority_boost is not None:
                        key = "priorityBoost"
                        v_priority_boost = codec_priority_boost.decode(v_priority_boost)
                        key = None
                else:
                    v_priority_boost = None
                if "pressureThreshold" in o:
                    v_pressure_threshold = o["pressureThreshold"]
                    n += 1
                    if v_pressure_threshold is not None and not (
                        type(v_pressure_threshold) is int
                        and 0 <= v_pressure_threshold <= 18446744073709551615
                    ):
                        key = "pressureThreshold"
                        v_pressure_threshold = decode_pressure_threshold(v_pressure_threshold)
                        key = None
                else:
                    v_pressure_threshold = None
                if "laneTimeouts" in o:
                    v_lane_timeouts = o["laneTimeouts"]
                    n += 1
                    key = "laneTimeouts"
                    v_lane_timeouts = decode_lane_timeouts(v_lane_timeouts)
                    key = None
                else:
                    v_lane_timeouts = absent_lane_timeouts
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.control_max_concurrency = v_control_max_concurrency
        x.query_max_concurrency = v_query_max_concurrency
        x.execute_max_concurrency = v_execute_max_concurrency
        x.generate_max_concurrency = v_generate_max_concurrency
        x.lane_handlers = v_lane_handlers
        x.enable_dlq = v_enable_dlq
        x.dlq_max_size = v_dlq_max_size
        x.enable_metrics = v_enable_metrics
        x.enable_alerts = v_enable_alerts
        x.default_timeout_ms = v_default_timeout_ms
        x.storage_path = v_storage_path
        x.retry_policy = v_retry_policy
        x.rate_limit = v_rate_limit
        x.priority_boost = v_priority_boost
        x.pressure_threshold = v_pressure_threshold
        x.lane_timeouts = v_lane_timeouts
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def confirmation_policy(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ConfirmationPolicy."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_enabled = fields["enabled"].kind.decode
    decode_default_timeout_ms = fields["default_timeout_ms"].kind.decode
    decode_timeout_action = fields["timeout_action"].kind.decode
    member_timeout_action = fields["timeout_action"].kind.members.get
    decode_yolo_lanes = fields["yolo_lanes"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_enabled = o["enabled"]
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = decode_enabled(v_enabled)
                key = None
            v_default_timeout_ms = o["default_timeout_ms"]
            if not (
                type(v_default_timeout_ms) is int
                and 0 <= v_default_timeout_ms <= 18446744073709551615
            ):
                key = "default_timeout_ms"
                v_default_timeout_ms = decode_default_timeout_ms(v_default_timeout_ms)
                key = None
            v_timeout_action = o["timeout_action"]
            key = "timeout_action"
            m = member_timeout_action(v_timeout_action) if type(v_timeout_action) is str else None
            v_timeout_action = decode_timeout_action(v_timeout_action) if m is None else m
            key = None
            v_yolo_lanes = o["yolo_lanes"]
            key = "yolo_lanes"
            v_yolo_lanes = decode_yolo_lanes(v_yolo_lanes)
            key = None
            if len(o) == 4:
                extra = EMPTY
            else:
                n = 4
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.enabled = v_enabled
        x.default_timeout_ms = v_default_timeout_ms
        x.timeout_action = v_timeout_action
        x.yolo_lanes = v_yolo_lanes
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def permission_rule(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PermissionRule."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_rule = fields["rule"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is str:
            return cls(rule=o)
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_rule = o["rule"]
            if type(v_rule) is not str:
                key = "rule"
                v_rule = decode_rule(v_rule)
                key = None
            if len(o) == 1:
                extra = EMPTY
            else:
                n = 1
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.rule = v_rule
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def permission_policy(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PermissionPolicy."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_deny = fields["deny"].kind.item.codec
    absent_deny = absent(fields["deny"])
    codec_allow = fields["allow"].kind.item.codec
    absent_allow = absent(fields["allow"])
    codec_ask = fields["ask"].kind.item.codec
    absent_ask = absent(fields["ask"])
    decode_default_decision = fields["default_decision"].kind.decode
    member_default_decision = fields["default_decision"].kind.members.get
    absent_default_decision = absent(fields["default_decision"])
    decode_enabled = fields["enabled"].kind.decode
    absent_enabled = absent(fields["enabled"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 0:
                v_deny = absent_deny
                v_allow = absent_allow
                v_ask = absent_ask
                v_default_decision = absent_default_decision
                v_enabled = absent_enabled
                extra = EMPTY
            else:
                n = 0
                if "deny" in o:
                    v_deny = o["deny"]
                    n += 1
                    key = "deny"
                    if type(v_deny) is not list:
                        raise wrong("an array", v_deny)
                    done = []
                    for w in v_deny:
                        w = codec_deny.decode(w)
                        done.append(w)
                    v_deny = tuple(done)
                    key = done = None
                else:
                    v_deny = absent_deny
                if "allow" in o:
                    v_allow = o["allow"]
                    n += 1
                    key = "allow"
                    if type(v_allow) is not list:
                        raise wrong("an array", v_allow)
                    done = []
                    for w in v_allow:
                        w = codec_allow.decode(w)
                        done.append(w)
                    v_allow = tuple(done)
                    key = done = None
                else:
                    v_allow = absent_allow
                if "ask" in o:
                    v_ask = o["ask"]
                    n += 1
                    key = "ask"
                    if type(v_ask) is not list:
                        raise wrong("an array", v_ask)
                    done = []
                    for w in v_ask:
                        w = codec_ask.decode(w)
                        done.append(w)
                    v_ask = tuple(done)
                    key = done = None
                else:
                    v_ask = absent_ask
                if "default_decision" in o:
                    v_default_decision = o["default_decision"]
                    n += 1
                    key = "default_decision"
                    m = (
                        member_default_decision(v_default_decision)
                        if type(v_default_decision) is str
                        else None
                    )
                    v_default_decision = (
                        decode_default_decision(v_default_decision) if m is None else m
                    )
                    key = None
                else:
                    v_default_decision = absent_default_decision
                if "enabled" in o:
                    v_enabled = o["enabled"]
                    n += 1
                    if not (v_enabled is True or v_enabled is False):
                        key = "enabled"
                        v_enabled = decode_enabled(v_enabled)
                        key = None
                else:
                    v_enabled = absent_enabled
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.deny = v_deny
        x.allow = v_allow
        x.ask = v_ask
        x.default_decision = v_default_decision
        x.enabled = v_enabled
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def classification_rule(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ClassificationRule."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_name = fields["name"].kind.decode
    decode_pattern = fields["pattern"].kind.decode
    decode_level = fields["level"].kind.decode
    member_level = fields["level"].kind.members.get
    decode_description = fields["description"].kind.decode

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
            v_pattern = o["pattern"]
            if type(v_pattern) is not str:
                key = "pattern"
                v_pattern = decode_pattern(v_pattern)
                key = None
            v_level = o["level"]
            key = "level"
            m = member_level(v_level) if type(v_level) is str else None
            v_level = decode_level(v_level) if m is None else m
            key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            if len(o) == 4:
                extra = EMPTY
            else:
                n = 4
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.name = v_name
        x.pattern = v_pattern
        x.level = v_level
        x.description = v_description
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def feature_toggles(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a FeatureToggles."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_output_sanitizer = fields["output_sanitizer"].kind.decode
    decode_taint_tracking = fields["taint_tracking"].kind.decode
    decode_tool_interceptor = fields["tool_interceptor"].kind.decode
    decode_injection_defense = fields["injection_defense"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_output_sanitizer = o["output_sanitizer"]
            if not (v_output_sanitizer is True or v_output_sanitizer is False):
                key = "output_sanitizer"
                v_output_sanitizer = decode_output_sanitizer(v_output_sanitizer)
                key = None
            v_taint_tracking = o["taint_tracking"]
            if not (v_taint_tracking is True or v_taint_tracking is False):
                key = "taint_tracking"
                v_taint_tracking = decode_taint_tracking(v_taint_tracking)
                key = None
            v_tool_interceptor = o["tool_interceptor"]
            if not (v_tool_interceptor is True or v_tool_interceptor is False):
                key = "tool_interceptor"
                v_tool_interceptor = decode_tool_interceptor(v_tool_interceptor)
                key = None
            v_injection_defense = o["injection_defense"]
            if not (v_injection_defense is True or v_injection_defense is False):
                key = "injection_defense"
                v_injection_defense = decode_injection_defense(v_injection_defense)
                key = None
            if len(o) == 4:
                extra = EMPTY
            else:
                n = 4
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.output_sanitizer = v_output_sanitizer
        x.taint_tracking = v_taint_tracking
        x.tool_interceptor = v_tool_interceptor
        x.injection_defense = v_injection_defense
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def security_config(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SecurityConfig."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_enabled = fields["enabled"].kind.decode
    codec_classification_rules = fields["classification_rules"].kind.item.codec
    decode_redaction_strategy = fields["redaction_strategy"].kind.decode
    member_redaction_strategy = fields["redaction_strategy"].kind.members.get
    decode_network_whitelist = fields["network_whitelist"].kind.item.decode
    decode_dangerous_commands = fields["dangerous_commands"].kind.item.decode
    codec_features = fields["features"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_enabled = o["enabled"]
            if not (v_enabled is True or v_enabled is False):
                key = "enabled"
                v_enabled = decode_enabled(v_enabled)
                key = None
            v_classification_rules = o["classification_rules"]
            key = "classification_rules"
            if type(v_classification_rules) is not list:
                raise wrong("an array", v_classification_rules)
            done = []
            for w in v_classification_rules:
                w = codec_classification_rules.decode(w)
                done.append(w)
            v_classification_rules = tuple(done)
            key = done = None
            v_redaction_strategy = o["redaction_strategy"]
            key = "redaction_strategy"
            m = (
                member_redaction_strategy(v_redaction_strategy)
                if type(v_redaction_strategy) is str
                else None
            )
            v_redaction_strategy = (
                decode_redaction_strategy(v_redaction_strategy) if m is None else m
            )
            key = None
            v_network_whitelist = o["network_whitelist"]
            key = "network_whitelist"
            if type(v_network_whitelist) is not list:
                raise wrong("an array", v_network_whitelist)
            done = []
            for w in v_network_whitelist:
                if type(w) is not str:
                    w = decode_network_whitelist(w)
                done.append(w)
            v_network_whitelist = tuple(done)
            key = done = None
            v_dangerous_commands = o["dangerous_commands"]
            key = "dangerous_commands"
            if type(v_dangerous_commands) is not list:
                raise wrong("an array", v_dangerous_commands)
            done = []
            for w in v_dangerous_commands:
                if type(w) is not str:
                    w = decode_dangerous_commands(w)
                done.append(w)
            v_dangerous_commands = tuple(done)
            key = done = None
            v_features = o["features"]
            key = "features"
            v_features = codec_features.decode(v_features)
            key = None
            if len(o) == 6:
                extra = EMPTY
            else:
                n = 6
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.enabled = v_enabled
        x.classification_rules = v_classification_rules
        x.redaction_strategy = v_redaction_strategy
        x.network_whitelist = v_network_whitelist
        x.dangerous_commands = v_dangerous_commands
        x.features = v_features
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
