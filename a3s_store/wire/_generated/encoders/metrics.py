"""Encoders of the models in `runtime/queue/metrics.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import EMPTY, ModelCodec, NotJsonError, add_extra, fields_of, located


def lane_status(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LaneStatus."""
    fields: Any = fields_of(codec)
    encode_lane = fields["lane"].kind.encode
    cls_lane = fields["lane"].kind.cls
    encode_pending = fields["pending"].kind.encode
    encode_active = fields["active"].kind.encode
    encode_max_concurrency = fields["max_concurrency"].kind.encode
    encode_handler_mode = fields["handler_mode"].kind.encode
    cls_handler_mode = fields["handler_mode"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_lane = x.lane
            key = "lane"
            v_lane = v_lane._value_ if type(v_lane) is cls_lane else encode_lane(v_lane)
            key = None
            v_pending = x.pending
            if not (type(v_pending) is int and 0 <= v_pending <= 18446744073709551615):
                key = "pending"
                v_pending = encode_pending(v_pending)
                key = None
            v_active = x.active
            if not (type(v_active) is int and 0 <= v_active <= 18446744073709551615):
                key = "active"
                v_active = encode_active(v_active)
                key = None
            v_max_concurrency = x.max_concurrency
            if not (
                type(v_max_concurrency) is int and 0 <= v_max_concurrency <= 18446744073709551615
            ):
                key = "max_concurrency"
                v_max_concurrency = encode_max_concurrency(v_max_concurrency)
                key = None
            v_handler_mode = x.handler_mode
            key = "handler_mode"
            v_handler_mode = (
                v_handler_mode._value_
                if type(v_handler_mode) is cls_handler_mode
                else encode_handler_mode(v_handler_mode)
            )
            key = None
            o: dict[str, Any] = {
                "lane": v_lane,
                "pending": v_pending,
                "active": v_active,
                "max_concurrency": v_max_concurrency,
                "handler_mode": v_handler_mode,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def queue_stats(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a QueueStats."""
    fields: Any = fields_of(codec)
    encode_total_pending = fields["total_pending"].kind.encode
    encode_total_active = fields["total_active"].kind.encode
    encode_external_pending = fields["external_pending"].kind.encode
    encode_lanes = fields["lanes"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_total_pending = x.total_pending
            if not (type(v_total_pending) is int and 0 <= v_total_pending <= 18446744073709551615):
                key = "total_pending"
                v_total_pending = encode_total_pending(v_total_pending)
                key = None
            v_total_active = x.total_active
            if not (type(v_total_active) is int and 0 <= v_total_active <= 18446744073709551615):
                key = "total_active"
                v_total_active = encode_total_active(v_total_active)
                key = None
            v_external_pending = x.external_pending
            if not (
                type(v_external_pending) is int and 0 <= v_external_pending <= 18446744073709551615
            ):
                key = "external_pending"
                v_external_pending = encode_external_pending(v_external_pending)
                key = None
            v_lanes = x.lanes
            key = "lanes"
            v_lanes = encode_lanes(v_lanes)
            key = None
            o: dict[str, Any] = {
                "total_pending": v_total_pending,
                "total_active": v_total_active,
                "external_pending": v_external_pending,
                "lanes": v_lanes,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
