"""Encoders of the models in `runtime/queue/handlers.py`.

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


def external_task(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ExternalTask."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_lane = fields["lane"].kind.encode
    cls_lane = fields["lane"].kind.cls
    encode_command_type = fields["command_type"].kind.encode
    encode_payload = fields["payload"].kind.encode
    encode_timeout_ms = fields["timeout_ms"].kind.encode
    encode_created_at_ms = fields["created_at_ms"].kind.encode

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
            v_created_at_ms = x.created_at_ms
            if not (type(v_created_at_ms) is int and 0 <= v_created_at_ms <= 18446744073709551615):
                key = "created_at_ms"
                v_created_at_ms = encode_created_at_ms(v_created_at_ms)
                key = None
            o: dict[str, Any] = {
                "task_id": v_task_id,
                "session_id": v_session_id,
                "lane": v_lane,
                "command_type": v_command_type,
                "payload": v_payload,
                "timeout_ms": v_timeout_ms,
                "created_at_ms": v_created_at_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
