"""Encoders of the models in `runtime/queue/dead_letters.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import EMPTY, ModelCodec, NotJsonError, add_extra, fields_of, located


def dead_letter(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a DeadLetter."""
    fields: Any = fields_of(codec)
    encode_command_id = fields["command_id"].kind.encode
    encode_command_type = fields["command_type"].kind.encode
    encode_lane_id = fields["lane_id"].kind.encode
    encode_error = fields["error"].kind.encode
    encode_attempts = fields["attempts"].kind.encode
    encode_failed_at = fields["failed_at"].kind.encode

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
            v_lane_id = x.lane_id
            if type(v_lane_id) is not str:
                key = "lane_id"
                v_lane_id = encode_lane_id(v_lane_id)
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
            v_failed_at = x.failed_at
            key = "failed_at"
            v_failed_at = encode_failed_at(v_failed_at)
            key = None
            o: dict[str, Any] = {
                "command_id": v_command_id,
                "command_type": v_command_type,
                "lane_id": v_lane_id,
                "error": v_error,
                "attempts": v_attempts,
                "failed_at": v_failed_at,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
