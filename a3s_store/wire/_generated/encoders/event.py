"""Encoders of the models in `models/event.py`.

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
    writers_of,
    wrong,
)


def agent_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AgentStart."""
    fields: Any = fields_of(codec)
    encode_prompt = fields["prompt"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_prompt = x.prompt
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = encode_prompt(v_prompt)
                key = None
            o: dict[str, Any] = {"type": "agent_start", "prompt": v_prompt}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def agent_mode_changed(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AgentModeChanged."""
    fields: Any = fields_of(codec)
    encode_mode = fields["mode"].kind.encode
    encode_agent = fields["agent"].kind.encode
    encode_description = fields["description"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_mode = x.mode
            if type(v_mode) is not str:
                key = "mode"
                v_mode = encode_mode(v_mode)
                key = None
            v_agent = x.agent
            if type(v_agent) is not str:
                key = "agent"
                v_agent = encode_agent(v_agent)
                key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            o: dict[str, Any] = {
                "type": "agent_mode_changed",
                "mode": v_mode,
                "agent": v_agent,
                "description": v_description,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def turn_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TurnStart."""
    fields: Any = fields_of(codec)
    encode_turn = fields["turn"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_turn = x.turn
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = encode_turn(v_turn)
                key = None
            o: dict[str, Any] = {"type": "turn_start", "turn": v_turn}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def text_delta(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TextDelta."""
    fields: Any = fields_of(codec)
    encode_text = fields["text"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_text = x.text
            if type(v_text) is not str:
                key = "text"
                v_text = encode_text(v_text)
                key = None
            o: dict[str, Any] = {"type": "text_delta", "text": v_text}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def reasoning_delta(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ReasoningDelta."""
    fields: Any = fields_of(codec)
    encode_text = fields["text"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_text = x.text
            if type(v_text) is not str:
                key = "text"
                v_text = encode_text(v_text)
                key = None
            o: dict[str, Any] = {"type": "reasoning_delta", "text": v_text}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolStart."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_name = fields["name"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            o: dict[str, Any] = {"type": "tool_start", "id": v_id, "name": v_name}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_input_delta(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolInputDelta."""
    fields: Any = fields_of(codec)
    encode_delta = fields["delta"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_delta = x.delta
            if type(v_delta) is not str:
                key = "delta"
                v_delta = encode_delta(v_delta)
                key = None
            o: dict[str, Any] = {"type": "tool_input_delta", "delta": v_delta}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolEnd."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_name = fields["name"].kind.encode
    encode_output = fields["output"].kind.encode
    encode_exit_code = fields["exit_code"].kind.encode
    encode_metadata = fields["metadata"].kind.encode
    encode_error_kind = fields["error_kind"].kind.encode
    writers_error_kind = writers_of(fields["error_kind"].kind)

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_output = x.output
            if type(v_output) is not str:
                key = "output"
                v_output = encode_output(v_output)
                key = None
            v_exit_code = x.exit_code
            if not (type(v_exit_code) is int and -2147483648 <= v_exit_code <= 2147483647):
                key = "exit_code"
                v_exit_code = encode_exit_code(v_exit_code)
                key = None
            o: dict[str, Any] = {
                "type": "tool_end",
                "id": v_id,
                "name": v_name,
                "output": v_output,
                "exit_code": v_exit_code,
            }
            v_metadata = x.metadata
            if v_metadata is not None:
                if not (
                    type(v_metadata) is str or (type(v_metadata) is FrozenDict and v_metadata.plain)
                ):
                    key = "metadata"
                    v_metadata = encode_metadata(v_metadata)
                    key = None
                o["metadata"] = v_metadata
            v_error_kind = x.error_kind
            if v_error_kind is not None:
                key = "error_kind"
                write = writers_error_kind.get(type(v_error_kind))
                v_error_kind = (
                    encode_error_kind(v_error_kind) if write is None else write(v_error_kind)
                )
                key = None
                o["error_kind"] = v_error_kind
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_output_delta(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolOutputDelta."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_name = fields["name"].kind.encode
    encode_delta = fields["delta"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_delta = x.delta
            if type(v_delta) is not str:
                key = "delta"
                v_delta = encode_delta(v_delta)
                key = None
            o: dict[str, Any] = {
                "type": "tool_output_delta",
                "id": v_id,
                "name": v_name,
                "delta": v_delta,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def turn_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TurnEnd."""
    fields: Any = fields_of(codec)
    encode_turn = fields["turn"].kind.encode
    encode_usage = fields["usage"].kind.encode
    codec_usage = fields["usage"].kind.codec
    cls_usage = fields["usage"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_turn = x.turn
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = encode_turn(v_turn)
                key = None
            v_usage = x.usage
            key = "usage"
            v_usage = (
                codec_usage.encode(v_usage) if type(v_usage) is cls_usage else encode_usage(v_usage)
            )
            key = None
            o: dict[str, Any] = {"type": "turn_end", "turn": v_turn, "usage": v_usage}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def agent_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AgentEnd."""
    fields: Any = fields_of(codec)
    encode_text = fields["text"].kind.encode
    encode_usage = fields["usage"].kind.encode
    codec_usage = fields["usage"].kind.codec
    cls_usage = fields["usage"].kind.cls
    encode_verification_summary = fields["verification_summary"].kind.encode
    codec_verification_summary = fields["verification_summary"].kind.codec
    cls_verification_summary = fields["verification_summary"].kind.cls
    encode_meta = fields["meta"].kind.encode
    codec_meta = fields["meta"].kind.codec
    cls_meta = fields["meta"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_text = x.text
            if type(v_text) is not str:
                key = "text"
                v_text = encode_text(v_text)
                key = None
            v_usage = x.usage
            key = "usage"
            v_usage = (
                codec_usage.encode(v_usage) if type(v_usage) is cls_usage else encode_usage(v_usage)
            )
            key = None
            v_verification_summary = x.verification_summary
            key = "verification_summary"
            v_verification_summary = (
                codec_verification_summary.encode(v_verification_summary)
                if type(v_verification_summary) is cls_verification_summary
                else encode_verification_summary(v_verification_summary)
            )
            key = None
            o: dict[str, Any] = {
                "type": "agent_end",
                "text": v_text,
                "usage": v_usage,
                "verification_summary": v_verification_summary,
            }
            v_meta = x.meta
            if v_meta is not None:
                key = "meta"
                v_meta = (
                    codec_meta.encode(v_meta) if type(v_meta) is cls_meta else encode_meta(v_meta)
                )
                key = None
                o["meta"] = v_meta
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def agent_error(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AgentError."""
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
            o: dict[str, Any] = {"type": "error", "message": v_message}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def context_resolving(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ContextResolving."""
    fields: Any = fields_of(codec)
    encode_providers = fields["providers"].kind.item.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_providers = x.providers
            key = "providers"
            if type(v_providers) is not tuple:
                raise wrong("an array", v_providers)
            done = []
            for w in v_providers:
                if type(w) is not str:
                    w = encode_providers(w)
                done.append(w)
            v_providers = done
            key = done = None
            o: dict[str, Any] = {"type": "context_resolving", "providers": v_providers}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def context_resolved(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ContextResolved."""
    fields: Any = fields_of(codec)
    encode_total_items = fields["total_items"].kind.encode
    encode_total_tokens = fields["total_tokens"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_total_items = x.total_items
            if not (type(v_total_items) is int and 0 <= v_total_items <= 18446744073709551615):
                key = "total_items"
                v_total_items = encode_total_items(v_total_items)
                key = None
            v_total_tokens = x.total_tokens
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = encode_total_tokens(v_total_tokens)
                key = None
            o: dict[str, Any] = {
                "type": "context_resolved",
                "total_items": v_total_items,
                "total_tokens": v_total_tokens,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def task_updated(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TaskUpdated."""
    fields: Any = fields_of(codec)
    encode_session_id = fields["session_id"].kind.encode
    encode_tasks = fields["tasks"].kind.item.encode
    codec_tasks = fields["tasks"].kind.item.codec
    cls_tasks = fields["tasks"].kind.item.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_tasks = x.tasks
            key = "tasks"
            if type(v_tasks) is not tuple:
                raise wrong("an array", v_tasks)
            done = []
            for w in v_tasks:
                w = codec_tasks.encode(w) if type(w) is cls_tasks else encode_tasks(w)
                done.append(w)
            v_tasks = done
            key = done = None
            o: dict[str, Any] = {
                "type": "task_updated",
                "session_id": v_session_id,
                "tasks": v_tasks,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def context_compacted(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ContextCompacted."""
    fields: Any = fields_of(codec)
    encode_session_id = fields["session_id"].kind.encode
    encode_before_messages = fields["before_messages"].kind.encode
    encode_after_messages = fields["after_messages"].kind.encode
    encode_percent_before = fields["percent_before"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_before_messages = x.before_messages
            if not (
                type(v_before_messages) is int and 0 <= v_before_messages <= 18446744073709551615
            ):
                key = "before_messages"
                v_before_messages = encode_before_messages(v_before_messages)
                key = None
            v_after_messages = x.after_messages
            if not (
                type(v_after_messages) is int and 0 <= v_after_messages <= 18446744073709551615
            ):
                key = "after_messages"
                v_after_messages = encode_after_messages(v_after_messages)
                key = None
            v_percent_before = x.percent_before
            key = "percent_before"
            v_percent_before = encode_percent_before(v_percent_before)
            key = None
            o: dict[str, Any] = {
                "type": "context_compacted",
                "session_id": v_session_id,
                "before_messages": v_before_messages,
                "after_messages": v_after_messages,
                "percent_before": v_percent_before,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def persistence_failed(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PersistenceFailed."""
    fields: Any = fields_of(codec)
    encode_session_id = fields["session_id"].kind.encode
    encode_operation = fields["operation"].kind.encode
    encode_error = fields["error"].kind.encode
    encode_part = fields["part"].kind.encode
    encode_outcome_unknown = fields["outcome_unknown"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_operation = x.operation
            if type(v_operation) is not str:
                key = "operation"
                v_operation = encode_operation(v_operation)
                key = None
            v_error = x.error
            if type(v_error) is not str:
                key = "error"
                v_error = encode_error(v_error)
                key = None
            o: dict[str, Any] = {
                "type": "persistence_failed",
                "session_id": v_session_id,
                "operation": v_operation,
                "error": v_error,
            }
            v_part = x.part
            if v_part is not None:
                if type(v_part) is not str:
                    key = "part"
                    v_part = encode_part(v_part)
                    key = None
                o["part"] = v_part
            v_outcome_unknown = x.outcome_unknown
            if v_outcome_unknown is not None:
                if not (v_outcome_unknown is True or v_outcome_unknown is False):
                    key = "outcome_unknown"
                    v_outcome_unknown = encode_outcome_unknown(v_outcome_unknown)
                    key = None
                o["outcome_unknown"] = v_outcome_unknown
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def budget_threshold_hit(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a BudgetThresholdHit."""
    fields: Any = fields_of(codec)
    encode_resource = fields["resource"].kind.encode
    encode_kind = fields["kind"].kind.encode
    encode_consumed = fields["consumed"].kind.encode
    encode_limit = fields["limit"].kind.encode
    encode_message = fields["message"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_resource = x.resource
            if type(v_resource) is not str:
                key = "resource"
                v_resource = encode_resource(v_resource)
                key = None
            v_kind = x.kind
            if type(v_kind) is not str:
                key = "kind"
                v_kind = encode_kind(v_kind)
                key = None
            v_consumed = x.consumed
            if not (type(v_consumed) is float and 1e-5 <= v_consumed < 1e16):
                key = "consumed"
                v_consumed = encode_consumed(v_consumed)
                key = None
            v_limit = x.limit
            if not (type(v_limit) is float and 1e-5 <= v_limit < 1e16):
                key = "limit"
                v_limit = encode_limit(v_limit)
                key = None
            o: dict[str, Any] = {
                "type": "budget_threshold_hit",
                "resource": v_resource,
                "kind": v_kind,
                "consumed": v_consumed,
                "limit": v_limit,
            }
            v_message = x.message
            if v_message is not None:
                if type(v_message) is not str:
                    key = "message"
                    v_message = encode_message(v_message)
                    key = None
                o["message"] = v_message
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def passivation_requested(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PassivationRequested."""
    fields: Any = fields_of(codec)
    encode_reason = fields["reason"].kind.encode
    encode_deadline_ms = fields["deadline_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_reason = x.reason
            if type(v_reason) is not str:
                key = "reason"
                v_reason = encode_reason(v_reason)
                key = None
            o: dict[str, Any] = {"type": "passivation_requested", "reason": v_reason}
            v_deadline_ms = x.deadline_ms
            if v_deadline_ms is not None:
                if not (type(v_deadline_ms) is int and 0 <= v_deadline_ms <= 18446744073709551615):
                    key = "deadline_ms"
                    v_deadline_ms = encode_deadline_ms(v_deadline_ms)
                    key = None
                o["deadline_ms"] = v_deadline_ms
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def peer_invocation(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PeerInvocation."""
    fields: Any = fields_of(codec)
    encode_from_session_id = fields["from_session_id"].kind.encode
    encode_from_tenant_id = fields["from_tenant_id"].kind.encode
    encode_correlation_id = fields["correlation_id"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_from_session_id = x.from_session_id
            if type(v_from_session_id) is not str:
                key = "from_session_id"
                v_from_session_id = encode_from_session_id(v_from_session_id)
                key = None
            o: dict[str, Any] = {"type": "peer_invocation", "from_session_id": v_from_session_id}
            v_from_tenant_id = x.from_tenant_id
            if v_from_tenant_id is not None:
                if type(v_from_tenant_id) is not str:
                    key = "from_tenant_id"
                    v_from_tenant_id = encode_from_tenant_id(v_from_tenant_id)
                    key = None
                o["from_tenant_id"] = v_from_tenant_id
            v_correlation_id = x.correlation_id
            if v_correlation_id is not None:
                if type(v_correlation_id) is not str:
                    key = "correlation_id"
                    v_correlation_id = encode_correlation_id(v_correlation_id)
                    key = None
                o["correlation_id"] = v_correlation_id
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
