"""Decoders of the models in `runtime/queue/dead_letters.py`.

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


def dead_letter(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a DeadLetter."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_command_id = fields["command_id"].kind.decode
    decode_command_type = fields["command_type"].kind.decode
    decode_lane_id = fields["lane_id"].kind.decode
    decode_error = fields["error"].kind.decode
    decode_attempts = fields["attempts"].kind.decode
    decode_failed_at = fields["failed_at"].kind.decode

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
            v_lane_id = o["lane_id"]
            if type(v_lane_id) is not str:
                key = "lane_id"
                v_lane_id = decode_lane_id(v_lane_id)
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
            v_failed_at = o["failed_at"]
            key = "failed_at"
            v_failed_at = decode_failed_at(v_failed_at)
            key = None
            if len(o) == 6:
                extra = EMPTY
            else:
                n = 6
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.command_id = v_command_id
        x.command_type = v_command_type
        x.lane_id = v_lane_id
        x.error = v_error
        x.attempts = v_attempts
        x.failed_at = v_failed_at
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
