"""Encoders of the models in `models/call_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    FrozenDict,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
)


def confirmation_required(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ConfirmationRequired."""
    fields: Any = fields_of(codec)
    encode_tool_id = fields["tool_id"].kind.encode
    encode_tool_name = fields["tool_name"].kind.encode
    encode_args = fields["args"].kind.encode
    encode_timeout_ms = fields["timeout_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = x.tool_id
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = encode_tool_id(v_tool_id)
                key = None
            v_tool_name = x.tool_name
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = encode_tool_name(v_tool_name)
                key = None
            v_args = x.args
            if not (type(v_args) is str or (type(v_args) is FrozenDict and v_args.plain)):
                key = "args"
                v_args = encode_args(v_args)
                key = None
            v_timeout_ms = x.timeout_ms
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = encode_timeout_ms(v_timeout_ms)
                key = None
            o: dict[str, Any] = {
                "type": "confirmation_required",
                "tool_id": v_tool_id,
                "tool_name": v_tool_name,
                "args": v_args,
                "timeout_ms": v_timeout_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def confirmation_received(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ConfirmationReceived."""
    fields: Any = fields_of(codec)
    encode_tool_id = fields["tool_id"].kind.encode
    encode_approved = fields["approved"].kind.encode
    encode_reason = fields["reason"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = x.tool_id
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = encode_tool_id(v_tool_id)
                key = None
            v_approved = x.approved
            if not (v_approved is True or v_approved is False):
                key = "approved"
                v_approved = encode_approved(v_approved)
                key = None
            v_reason = x.reason
            if v_reason is not None and type(v_reason) is not str:
                key = "reason"
                v_reason = encode_reason(v_reason)
                key = None
            o: dict[str, Any] = {
                "type": "confirmation_received",
                "tool_id": v_tool_id,
                "approved": v_approved,
                "reason": v_reason,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def confirmation_timeout(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ConfirmationTimeout."""
    fields: Any = fields_of(codec)
    encode_tool_id = fields["tool_id"].kind.encode
    encode_action_taken = fields["action_taken"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = x.tool_id
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = encode_tool_id(v_tool_id)
                key = None
            v_action_taken = x.action_taken
            if type(v_action_taken) is not str:
                key = "action_taken"
                v_action_taken = encode_action_taken(v_action_taken)
                key = None
            o: dict[str, Any] = {
                "type": "confirmation_timeout",
                "tool_id": v_tool_id,
                "action_taken": v_action_taken,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def external_task_pending(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ExternalTaskPending."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_lane = fields["lane"].kind.encode
    cls_lane = fields["lane"].kind.cls
    encode_command_type = fields["command_type"].kind.encode
    encode_payload = fields["payload"].kind.encode
    encode_timeout_ms = fields["timeout_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_lane = x.lane
            key = "lane"
            v_lane = v_lane._value_ if type(v_lane) is cls_lane else encode_lane(v_lane)
            key = None
            v_command_type = x.command_type
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = encode_command_type(v_command_type)
                key = None
            v_payload = x.payload
            if not (type(v_payload) is str or (type(v_payload) is FrozenDict and v_payload.plain)):
                key = "payload"
                v_payload = encode_payload(v_payload)
                key = None
            v_timeout_ms = x.timeout_ms
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = encode_timeout_ms(v_timeout_ms)
                key = None
            o: dict[str, Any] = {
                "type": "external_task_pending",
                "task_id": v_task_id,
                "session_id": v_session_id,
                "lane": v_lane,
                "command_type": v_command_type,
                "payload": v_payload,
                "timeout_ms": v_timeout_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def external_task_completed(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ExternalTaskCompleted."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_success = fields["success"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_success = x.success
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = encode_success(v_success)
                key = None
            o: dict[str, Any] = {
                "type": "external_task_completed",
                "task_id": v_task_id,
                "session_id": v_session_id,
                "success": v_success,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def permission_denied(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PermissionDenied."""
    fields: Any = fields_of(codec)
    encode_tool_id = fields["tool_id"].kind.encode
    encode_tool_name = fields["tool_name"].kind.encode
    encode_args = fields["args"].kind.encode
    encode_reason = fields["reason"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = x.tool_id
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = encode_tool_id(v_tool_id)
                key = None
            v_tool_name = x.tool_name
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = encode_tool_name(v_tool_name)
                key = None
            v_args = x.args
            if not (type(v_args) is str or (type(v_args) is FrozenDict and v_args.plain)):
                key = "args"
                v_args = encode_args(v_args)
                key = None
            v_reason = x.reason
            if type(v_reason) is not str:
                key = "reason"
                v_reason = encode_reason(v_reason)
                key = None
            o: dict[str, Any] = {
                "type": "permission_denied",
                "tool_id": v_tool_id,
                "tool_name": v_tool_name,
                "args": v_args,
                "reason": v_reason,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def command_dead_lettered(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a CommandDeadLettered."""
    fields: Any = fields_of(codec)
    encode_command_id = fields["command_id"].kind.encode
    encode_command_type = fields["command_type"].kind.encode
    encode_lane = fields["lane"].kind.encode
    encode_error = fields["error"].kind.encode
    encode_attempts = fields["attempts"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_command_id = x.command_id
            if type(v_command_id) is not str:
                key = "command_id"
                v_command_id = encode_command_id(v_command_id)
                key = None
            v_command_type = x.command_type
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = encode_command_type(v_command_type)
                key = None
            v_lane = x.lane
            if type(v_lane) is not str:
                key = "lane"
                v_lane = encode_lane(v_lane)
                key = None
            v_error = x.error
            if type(v_error) is not str:
                key = "error"
                v_error = encode_error(v_error)
                key = None
            v_attempts = x.attempts
            if not (type(v_attempts) is int and 0 <= v_attempts <= 4294967295):
                key = "attempts"
                v_attempts = encode_attempts(v_attempts)
                key = None
            o: dict[str, Any] = {
                "type": "command_dead_lettered",
                "command_id": v_command_id,
                "command_type": v_command_type,
                "lane": v_lane,
                "error": v_error,
                "attempts": v_attempts,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def command_retry(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a CommandRetry."""
    fields: Any = fields_of(codec)
    encode_command_id = fields["command_id"].kind.encode
    encode_command_type = fields["command_type"].kind.encode
    encode_lane = fields["lane"].kind.encode
    encode_attempt = fields["attempt"].kind.encode
    encode_delay_ms = fields["delay_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_command_id = x.command_id
            if type(v_command_id) is not str:
                key = "command_id"
                v_command_id = encode_command_id(v_command_id)
                key = None
            v_command_type = x.command_type
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = encode_command_type(v_command_type)
                key = None
            v_lane = x.lane
            if type(v_lane) is not str:
                key = "lane"
                v_lane = encode_lane(v_lane)
                key = None
            v_attempt = x.attempt
            if not (type(v_attempt) is int and 0 <= v_attempt <= 4294967295):
                key = "attempt"
                v_attempt = encode_attempt(v_attempt)
                key = None
            v_delay_ms = x.delay_ms
            if not (type(v_delay_ms) is int and 0 <= v_delay_ms <= 18446744073709551615):
                key = "delay_ms"
                v_delay_ms = encode_delay_ms(v_delay_ms)
                key = None
            o: dict[str, Any] = {
                "type": "command_retry",
                "command_id": v_command_id,
                "command_type": v_command_type,
                "lane": v_lane,
                "attempt": v_attempt,
                "delay_ms": v_delay_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def queue_alert(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a QueueAlert."""
    fields: Any = fields_of(codec)
    encode_level = fields["level"].kind.encode
    encode_alert_type = fields["alert_type"].kind.encode
    encode_message = fields["message"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_level = x.level
            if type(v_level) is not str:
                key = "level"
                v_level = encode_level(v_level)
                key = None
            v_alert_type = x.alert_type
            if type(v_alert_type) is not str:
                key = "alert_type"
                v_alert_type = encode_alert_type(v_alert_type)
                key = None
            v_message = x.message
            if type(v_message) is not str:
                key = "message"
                v_message = encode_message(v_message)
                key = None
            o: dict[str, Any] = {
                "type": "queue_alert",
                "level": v_level,
                "alert_type": v_alert_type,
                "message": v_message,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
