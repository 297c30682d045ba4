"""Decoders of the models in `runtime/queue/handlers.py`.

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


def external_task(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ExternalTask."""
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
    decode_created_at_ms = fields["created_at_ms"].kind.decode

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
            v_created_at_ms = o["created_at_ms"]
            if not (type(v_created_at_ms) is int and 0 <= v_created_at_ms <= 18446744073709551615):
                key = "created_at_ms"
                v_created_at_ms = decode_created_at_ms(v_created_at_ms)
                key = None
            if len(o) == 7:
                extra = EMPTY
            else:
                n = 7
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
        x.created_at_ms = v_created_at_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
