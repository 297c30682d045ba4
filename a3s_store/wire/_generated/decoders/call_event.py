"""Decoders of the models in `models/call_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def confirmation_required(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ConfirmationRequired."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tool_id = fields["tool_id"].kind.decode
    decode_tool_name = fields["tool_name"].kind.decode
    decode_args = fields["args"].kind.decode
    decode_timeout_ms = fields["timeout_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = o["tool_id"]
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = decode_tool_id(v_tool_id)
                key = None
            v_tool_name = o["tool_name"]
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = decode_tool_name(v_tool_name)
                key = None
            v_args = o["args"]
            if type(v_args) is not str:
                key = "args"
                v_args = decode_args(v_args)
                key = None
            v_timeout_ms = o["timeout_ms"]
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = decode_timeout_ms(v_timeout_ms)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tool_id = v_tool_id
        x.tool_name = v_tool_name
        x.args = v_args
        x.timeout_ms = v_timeout_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def confirmation_received(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ConfirmationReceived."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tool_id = fields["tool_id"].kind.decode
    decode_approved = fields["approved"].kind.decode
    decode_reason = fields["reason"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = o["tool_id"]
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = decode_tool_id(v_tool_id)
                key = None
            v_approved = o["approved"]
            if not (v_approved is True or v_approved is False):
                key = "approved"
                v_approved = decode_approved(v_approved)
                key = None
            if len(o) == 3 and "type" in o:
                v_reason = None
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                if "reason" in o:
                    v_reason = o["reason"]
                    n += 1
                    if v_reason is not None and type(v_reason) is not str:
                        key = "reason"
                        v_reason = decode_reason(v_reason)
                        key = None
                else:
                    v_reason = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tool_id = v_tool_id
        x.approved = v_approved
        x.reason = v_reason
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def confirmation_timeout(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ConfirmationTimeout."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tool_id = fields["tool_id"].kind.decode
    decode_action_taken = fields["action_taken"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = o["tool_id"]
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = decode_tool_id(v_tool_id)
                key = None
            v_action_taken = o["action_taken"]
            if type(v_action_taken) is not str:
                key = "action_taken"
                v_action_taken = decode_action_taken(v_action_taken)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tool_id = v_tool_id
        x.action_taken = v_action_taken
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def external_task_pending(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ExternalTaskPending."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_lane = fields["lane"].kind.decode
    member_lane = fields["lane"].kind.members.get
    decode_command_type = fields["command_type"].kind.decode
    decode_payload = fields["payload"].kind.decode
    decode_timeout_ms = fields["timeout_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_lane = o["lane"]
            key = "lane"
            m = member_lane(v_lane) if type(v_lane) is str else None
            v_lane = decode_lane(v_lane) if m is None else m
            key = None
            v_command_type = o["command_type"]
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = decode_command_type(v_command_type)
                key = None
            v_payload = o["payload"]
            if type(v_payload) is not str:
                key = "payload"
                v_payload = decode_payload(v_payload)
                key = None
            v_timeout_ms = o["timeout_ms"]
            if not (type(v_timeout_ms) is int and 0 <= v_timeout_ms <= 18446744073709551615):
                key = "timeout_ms"
                v_timeout_ms = decode_timeout_ms(v_timeout_ms)
                key = None
            if len(o) == 7 and "type" in o:
                extra = EMPTY
            else:
                n = 6 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.lane = v_lane
        x.command_type = v_command_type
        x.payload = v_payload
        x.timeout_ms = v_timeout_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def external_task_completed(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ExternalTaskCompleted."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_success = fields["success"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_success = o["success"]
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = decode_success(v_success)
                key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.success = v_success
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def permission_denied(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PermissionDenied."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tool_id = fields["tool_id"].kind.decode
    decode_tool_name = fields["tool_name"].kind.decode
    decode_args = fields["args"].kind.decode
    decode_reason = fields["reason"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tool_id = o["tool_id"]
            if type(v_tool_id) is not str:
                key = "tool_id"
                v_tool_id = decode_tool_id(v_tool_id)
                key = None
            v_tool_name = o["tool_name"]
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = decode_tool_name(v_tool_name)
                key = None
            v_args = o["args"]
            if type(v_args) is not str:
                key = "args"
                v_args = decode_args(v_args)
                key = None
            v_reason = o["reason"]
            if type(v_reason) is not str:
                key = "reason"
                v_reason = decode_reason(v_reason)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tool_id = v_tool_id
        x.tool_name = v_tool_name
        x.args = v_args
        x.reason = v_reason
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def command_dead_lettered(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a CommandDeadLettered."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_command_id = fields["command_id"].kind.decode
    decode_command_type = fields["command_type"].kind.decode
    decode_lane = fields["lane"].kind.decode
    decode_error = fields["error"].kind.decode
    decode_attempts = fields["attempts"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_command_id = o["command_id"]
            if type(v_command_id) is not str:
                key = "command_id"
                v_command_id = decode_command_id(v_command_id)
                key = None
            v_command_type = o["command_type"]
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = decode_command_type(v_command_type)
                key = None
            v_lane = o["lane"]
            if type(v_lane) is not str:
                key = "lane"
                v_lane = decode_lane(v_lane)
                key = None
            v_error = o["error"]
            if type(v_error) is not str:
                key = "error"
                v_error = decode_error(v_error)
                key = None
            v_attempts = o["attempts"]
            if not (type(v_attempts) is int and 0 <= v_attempts <= 4294967295):
                key = "attempts"
                v_attempts = decode_attempts(v_attempts)
                key = None
            if len(o) == 6 and "type" in o:
                extra = EMPTY
            else:
                n = 5 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.command_id = v_command_id
        x.command_type = v_command_type
        x.lane = v_lane
        x.error = v_error
        x.attempts = v_attempts
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def command_retry(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a CommandRetry."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_command_id = fields["command_id"].kind.decode
    decode_command_type = fields["command_type"].kind.decode
    decode_lane = fields["lane"].kind.decode
    decode_attempt = fields["attempt"].kind.decode
    decode_delay_ms = fields["delay_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_command_id = o["command_id"]
            if type(v_command_id) is not str:
                key = "command_id"
                v_command_id = decode_command_id(v_command_id)
                key = None
            v_command_type = o["command_type"]
            if type(v_command_type) is not str:
                key = "command_type"
                v_command_type = decode_command_type(v_command_type)
                key = None
            v_lane = o["lane"]
            if type(v_lane) is not str:
                key = "lane"
                v_lane = decode_lane(v_lane)
                key = None
            v_attempt = o["attempt"]
            if not (type(v_attempt) is int and 0 <= v_attempt <= 4294967295):
                key = "attempt"
                v_attempt = decode_attempt(v_attempt)
                key = None
            v_delay_ms = o["delay_ms"]
            if not (type(v_delay_ms) is int and 0 <= v_delay_ms <= 18446744073709551615):
                key = "delay_ms"
                v_delay_ms = decode_delay_ms(v_delay_ms)
                key = None
            if len(o) == 6 and "type" in o:
                extra = EMPTY
            else:
                n = 5 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.command_id = v_command_id
        x.command_type = v_command_type
        x.lane = v_lane
        x.attempt = v_attempt
        x.delay_ms = v_delay_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def queue_alert(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a QueueAlert."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_level = fields["level"].kind.decode
    decode_alert_type = fields["alert_type"].kind.decode
    decode_message = fields["message"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_level = o["level"]
            if type(v_level) is not str:
                key = "level"
                v_level = decode_level(v_level)
                key = None
            v_alert_type = o["alert_type"]
            if type(v_alert_type) is not str:
                key = "alert_type"
                v_alert_type = decode_alert_type(v_alert_type)
                key = None
            v_message = o["message"]
            if type(v_message) is not str:
                key = "message"
                v_message = decode_message(v_message)
                key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.level = v_level
        x.alert_type = v_alert_type
        x.message = v_message
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
