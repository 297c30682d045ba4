"""Decoders of the models in `models/tool_error.py`.

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


def version_conflict(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a VersionConflict."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_path = fields["path"].kind.decode
    decode_expected = fields["expected"].kind.decode
    decode_actual = fields["actual"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_path = o["path"]
            if type(v_path) is not str:
                key = "path"
                v_path = decode_path(v_path)
                key = None
            v_expected = o["expected"]
            if type(v_expected) is not str:
                key = "expected"
                v_expected = decode_expected(v_expected)
                key = None
            if len(o) == 3 and "type" in o:
                v_actual = None
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                if "actual" in o:
                    v_actual = o["actual"]
                    n += 1
                    if v_actual is not None and type(v_actual) is not str:
                        key = "actual"
                        v_actual = decode_actual(v_actual)
                        key = None
                else:
                    v_actual = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.path = v_path
        x.expected = v_expected
        x.actual = v_actual
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def remote_git_conflict(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RemoteGitConflict."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_code = fields["code"].kind.decode
    decode_message = fields["message"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_code = o["code"]
            if type(v_code) is not str:
                key = "code"
                v_code = decode_code(v_code)
                key = None
            v_message = o["message"]
            if type(v_message) is not str:
                key = "message"
                v_message = decode_message(v_message)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.code = v_code
        x.message = v_message
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def not_found(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a NotFound."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_path = fields["path"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_path = o["path"]
            if type(v_path) is not str:
                key = "path"
                v_path = decode_path(v_path)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.path = v_path
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def invalid_argument(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a InvalidArgument."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_message = fields["message"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_message = o["message"]
            if type(v_message) is not str:
                key = "message"
                v_message = decode_message(v_message)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.message = v_message
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def unsupported(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a Unsupported."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_message = fields["message"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_message = o["message"]
            if type(v_message) is not str:
                key = "message"
                v_message = decode_message(v_message)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.message = v_message
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_timeout(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolTimeout."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_op = fields["op"].kind.decode
    decode_duration_ms = fields["duration_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_op = o["op"]
            if type(v_op) is not str:
                key = "op"
                v_op = decode_op(v_op)
                key = None
            v_duration_ms = o["duration_ms"]
            if not (type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615):
                key = "duration_ms"
                v_duration_ms = decode_duration_ms(v_duration_ms)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.op = v_op
        x.duration_ms = v_duration_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def hook_denied(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a HookDenied."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_reason = fields["reason"].kind.decode
    decode_retryable = fields["retryable"].kind.decode
    decode_retry_after_ms = fields["retry_after_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_reason = o["reason"]
            if type(v_reason) is not str:
                key = "reason"
                v_reason = decode_reason(v_reason)
                key = None
            v_retryable = o["retryable"]
            if not (v_retryable is True or v_retryable is False):
                key = "retryable"
                v_retryable = decode_retryable(v_retryable)
                key = None
            if len(o) == 3 and "type" in o:
                v_retry_after_ms = None
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                if "retry_after_ms" in o:
                    v_retry_after_ms = o["retry_after_ms"]
                    n += 1
                    if v_retry_after_ms is not None and not (
                        type(v_retry_after_ms) is int
                        and 0 <= v_retry_after_ms <= 18446744073709551615
                    ):
                        key = "retry_after_ms"
                        v_retry_after_ms = decode_retry_after_ms(v_retry_after_ms)
                        key = None
                else:
                    v_retry_after_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.reason = v_reason
        x.retryable = v_retryable
        x.retry_after_ms = v_retry_after_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def transport_error(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TransportError."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_op = fields["op"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_op = o["op"]
            if type(v_op) is not str:
                key = "op"
                v_op = decode_op(v_op)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.op = v_op
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_cancelled(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolCancelled."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_op = fields["op"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_op = o["op"]
            if type(v_op) is not str:
                key = "op"
                v_op = decode_op(v_op)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.op = v_op
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def partial_failure(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PartialFailure."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_failed = fields["failed"].kind.decode
    decode_total = fields["total"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_failed = o["failed"]
            if not (type(v_failed) is int and 0 <= v_failed <= 18446744073709551615):
                key = "failed"
                v_failed = decode_failed(v_failed)
                key = None
            v_total = o["total"]
            if not (type(v_total) is int and 0 <= v_total <= 18446744073709551615):
                key = "total"
                v_total = decode_total(v_total)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.failed = v_failed
        x.total = v_total
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def rate_limited(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RateLimited."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_retry_after_ms = fields["retry_after_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 1 and "type" in o:
                v_retry_after_ms = None
                extra = EMPTY
            else:
                n = 0 + ("type" in o)
                if "retry_after_ms" in o:
                    v_retry_after_ms = o["retry_after_ms"]
                    n += 1
                    if v_retry_after_ms is not None and not (
                        type(v_retry_after_ms) is int
                        and 0 <= v_retry_after_ms <= 18446744073709551615
                    ):
                        key = "retry_after_ms"
                        v_retry_after_ms = decode_retry_after_ms(v_retry_after_ms)
                        key = None
                else:
                    v_retry_after_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.retry_after_ms = v_retry_after_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
