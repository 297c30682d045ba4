"""Decoders of the models in `runtime/queue/metrics.py`.

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


def lane_status(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LaneStatus."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_lane = fields["lane"].kind.decode
    member_lane = fields["lane"].kind.members.get
    decode_pending = fields["pending"].kind.decode
    decode_active = fields["active"].kind.decode
    decode_max_concurrency = fields["max_concurrency"].kind.decode
    decode_handler_mode = fields["handler_mode"].kind.decode
    member_handler_mode = fields["handler_mode"].kind.members.get

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_lane = o["lane"]
            key = "lane"
            m = member_lane(v_lane) if type(v_lane) is str else None
            v_lane = decode_lane(v_lane) if m is None else m
            key = None
            v_pending = o["pending"]
            if not (type(v_pending) is int and 0 <= v_pending <= 18446744073709551615):
                key = "pending"
                v_pending = decode_pending(v_pending)
                key = None
            v_active = o["active"]
            if not (type(v_active) is int and 0 <= v_active <= 18446744073709551615):
                key = "active"
                v_active = decode_active(v_active)
                key = None
            v_max_concurrency = o["max_concurrency"]
            if not (
                type(v_max_concurrency) is int and 0 <= v_max_concurrency <= 18446744073709551615
            ):
                key = "max_concurrency"
                v_max_concurrency = decode_max_concurrency(v_max_concurrency)
                key = None
            v_handler_mode = o["handler_mode"]
            key = "handler_mode"
            m = member_handler_mode(v_handler_mode) if type(v_handler_mode) is str else None
            v_handler_mode = decode_handler_mode(v_handler_mode) if m is None else m
            key = None
            if len(o) == 5:
                extra = EMPTY
            else:
                n = 5
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.lane = v_lane
        x.pending = v_pending
        x.active = v_active
        x.max_concurrency = v_max_concurrency
        x.handler_mode = v_handler_mode
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def queue_stats(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a QueueStats."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_total_pending = fields["total_pending"].kind.decode
    decode_total_active = fields["total_active"].kind.decode
    decode_external_pending = fields["external_pending"].kind.decode
    decode_lanes = fields["lanes"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_total_pending = o["total_pending"]
            if not (type(v_total_pending) is int and 0 <= v_total_pending <= 18446744073709551615):
                key = "total_pending"
                v_total_pending = decode_total_pending(v_total_pending)
                key = None
            v_total_active = o["total_active"]
            if not (type(v_total_active) is int and 0 <= v_total_active <= 18446744073709551615):
                key = "total_active"
                v_total_active = decode_total_active(v_total_active)
                key = None
            v_external_pending = o["external_pending"]
            if not (
                type(v_external_pending) is int and 0 <= v_external_pending <= 18446744073709551615
            ):
                key = "external_pending"
                v_external_pending = decode_external_pending(v_external_pending)
                key = None
            v_lanes = o["lanes"]
            key = "lanes"
            v_lanes = decode_lanes(v_lanes)
            key = None
            if len(o) == 4:
                extra = EMPTY
            else:
                n = 4
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.total_pending = v_total_pending
        x.total_active = v_total_active
        x.external_pending = v_external_pending
        x.lanes = v_lanes
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
