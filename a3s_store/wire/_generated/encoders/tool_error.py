"""Encoders of the models in `models/tool_error.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import EMPTY, ModelCodec, NotJsonError, add_extra, fields_of, located


def version_conflict(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a VersionConflict."""
    fields: Any = fields_of(codec)
    encode_path = fields["path"].kind.encode
    encode_expected = fields["expected"].kind.encode
    encode_actual = fields["actual"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_path = x.path
            if type(v_path) is not str:
                key = "path"
                v_path = encode_path(v_path)
                key = None
            v_expected = x.expected
            if type(v_expected) is not str:
                key = "expected"
                v_expected = encode_expected(v_expected)
                key = None
            v_actual = x.actual
            if v_actual is not None and type(v_actual) is not str:
                key = "actual"
                v_actual = encode_actual(v_actual)
                key = None
            o: dict[str, Any] = {
                "type": "version_conflict",
                "path": v_path,
                "expected": v_expected,
                "actual": v_actual,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def remote_git_conflict(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RemoteGitConflict."""
    fields: Any = fields_of(codec)
    encode_code = fields["code"].kind.encode
    encode_message = fields["message"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_code = x.code
            if type(v_code) is not str:
                key = "code"
                v_code = encode_code(v_code)
                key = None
            v_message = x.message
            if type(v_message) is not str:
                key = "message"
                v_message = encode_message(v_message)
                key = None
            o: dict[str, Any] = {
                "type": "remote_git_conflict",
                "code": v_code,
                "message": v_message,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def not_found(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a NotFound."""
    fields: Any = fields_of(codec)
    encode_path = fields["path"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_path = x.path
            if type(v_path) is not str:
                key = "path"
                v_path = encode_path(v_path)
                key = None
            o: dict[str, Any] = {"type": "not_found", "path": v_path}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def invalid_argument(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a InvalidArgument."""
    fields: Any = fields_of(codec)
    encode_message = fields["message"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_message = x.message
            if type(v_message) is not str:
                key = "message"
                v_message = encode_message(v_message)
                key = None
            o: dict[str, Any] = {"type": "invalid_argument", "message": v_message}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def unsupported(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a Unsupported."""
    fields: Any = fields_of(codec)
    encode_message = fields["message"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_message = x.message
            if type(v_message) is not str:
                key = "message"
                v_message = encode_message(v_message)
                key = None
            o: dict[str, Any] = {"type": "unsupported", "message": v_message}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_timeout(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolTimeout."""
    fields: Any = fields_of(codec)
    encode_op = fields["op"].kind.encode
    encode_duration_ms = fields["duration_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_op = x.op
            if type(v_op) is not str:
                key = "op"
                v_op = encode_op(v_op)
                key = None
            v_duration_ms = x.duration_ms
            if not (type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615):
                key = "duration_ms"
                v_duration_ms = encode_duration_ms(v_duration_ms)
                key = None
            o: dict[str, Any] = {"type": "timeout", "op": v_op, "duration_ms": v_duration_ms}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def hook_denied(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a HookDenied."""
    fields: Any = fields_of(codec)
    encode_reason = fields["reason"].kind.encode
    encode_retryable = fields["retryable"].kind.encode
    encode_retry_after_ms = fields["retry_after_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_reason = x.reason
            if type(v_reason) is not str:
                key = "reason"
                v_reason = encode_reason(v_reason)
                key = None
            v_retryable = x.retryable
            if not (v_retryable is True or v_retryable is False):
                key = "retryable"
                v_retryable = encode_retryable(v_retryable)
                key = None
            o: dict[str, Any] = {
                "type": "hook_denied",
                "reason": v_reason,
                "retryable": v_retryable,
            }
            v_retry_after_ms = x.retry_after_ms
            if v_retry_after_ms is not None:
                if not (
                    type(v_retry_after_ms) is int and 0 <= v_retry_after_ms <= 18446744073709551615
                ):
                    key = "retry_after_ms"
                    v_retry_after_ms = encode_retry_after_ms(v_retry_after_ms)
                    key = None
                o["retry_after_ms"] = v_retry_after_ms
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def transport_error(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TransportError."""
    fields: Any = fields_of(codec)
    encode_op = fields["op"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_op = x.op
            if type(v_op) is not str:
                key = "op"
                v_op = encode_op(v_op)
                key = None
            o: dict[str, Any] = {"type": "transport", "op": v_op}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_cancelled(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolCancelled."""
    fields: Any = fields_of(codec)
    encode_op = fields["op"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_op = x.op
            if type(v_op) is not str:
                key = "op"
                v_op = encode_op(v_op)
                key = None
            o: dict[str, Any] = {"type": "cancelled", "op": v_op}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def partial_failure(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PartialFailure."""
    fields: Any = fields_of(codec)
    encode_failed = fields["failed"].kind.encode
    encode_total = fields["total"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_failed = x.failed
            if not (type(v_failed) is int and 0 <= v_failed <= 18446744073709551615):
                key = "failed"
                v_failed = encode_failed(v_failed)
                key = None
            v_total = x.total
            if not (type(v_total) is int and 0 <= v_total <= 18446744073709551615):
                key = "total"
                v_total = encode_total(v_total)
                key = None
            o: dict[str, Any] = {"type": "partial_failure", "failed": v_failed, "total": v_total}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def rate_limited(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RateLimited."""
    fields: Any = fields_of(codec)
    encode_retry_after_ms = fields["retry_after_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            o: dict[str, Any] = {"type": "rate_limited"}
            v_retry_after_ms = x.retry_after_ms
            if v_retry_after_ms is not None:
                if not (
                    type(v_retry_after_ms) is int and 0 <= v_retry_after_ms <= 18446744073709551615
                ):
                    key = "retry_after_ms"
                    v_retry_after_ms = encode_retry_after_ms(v_retry_after_ms)
                    key = None
                o["retry_after_ms"] = v_retry_after_ms
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
