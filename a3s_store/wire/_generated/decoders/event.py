"""Decoders of the models in `models/event.py`.

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
    readers_of,
    unknown,
    wrong,
)


def agent_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AgentStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_prompt = fields["prompt"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_prompt = o["prompt"]
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = decode_prompt(v_prompt)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.prompt = v_prompt
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def agent_mode_changed(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AgentModeChanged."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_mode = fields["mode"].kind.decode
    decode_agent = fields["agent"].kind.decode
    decode_description = fields["description"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_mode = o["mode"]
            if type(v_mode) is not str:
                key = "mode"
                v_mode = decode_mode(v_mode)
                key = None
            v_agent = o["agent"]
            if type(v_agent) is not str:
                key = "agent"
                v_agent = decode_agent(v_agent)
                key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.mode = v_mode
        x.agent = v_agent
        x.description = v_description
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def turn_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TurnStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_turn = fields["turn"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_turn = o["turn"]
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = decode_turn(v_turn)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.turn = v_turn
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def text_delta(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TextDelta."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_text = fields["text"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_text = o["text"]
            if type(v_text) is not str:
                key = "text"
                v_text = decode_text(v_text)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.text = v_text
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def reasoning_delta(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ReasoningDelta."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_text = fields["text"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_text = o["text"]
            if type(v_text) is not str:
                key = "text"
                v_text = decode_text(v_text)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.text = v_text
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_name = fields["name"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.name = v_name
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_input_delta(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolInputDelta."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_delta = fields["delta"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_delta = o["delta"]
            if type(v_delta) is not str:
                key = "delta"
                v_delta = decode_delta(v_delta)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.delta = v_delta
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_name = fields["name"].kind.decode
    decode_output = fields["output"].kind.decode
    decode_exit_code = fields["exit_code"].kind.decode
    decode_metadata = fields["metadata"].kind.decode
    decode_error_kind = fields["error_kind"].kind.decode
    readers_error_kind = readers_of(fields["error_kind"].kind)

    def union_error_kind(o: Any) -> Any:
        if type(o) is dict:
            tag = o["type"]
            read = readers_error_kind.get(tag) if type(tag) is str else None
            if read is not None:
                return read(o)
        return decode_error_kind(o)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            v_output = o["output"]
            if type(v_output) is not str:
                key = "output"
                v_output = decode_output(v_output)
                key = None
            v_exit_code = o["exit_code"]
            if not (type(v_exit_code) is int and -2147483648 <= v_exit_code <= 2147483647):
                key = "exit_code"
                v_exit_code = decode_exit_code(v_exit_code)
                key = None
            if len(o) == 5 and "type" in o:
                v_metadata = None
                v_error_kind = None
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                if "metadata" in o:
                    v_metadata = o["metadata"]
                    n += 1
                    if v_metadata is not None and type(v_metadata) is not str:
                        key = "metadata"
                        v_metadata = decode_metadata(v_metadata)
                        key = None
                else:
                    v_metadata = None
                if "error_kind" in o:
                    v_error_kind = o["error_kind"]
                    n += 1
                    if v_error_kind is not None:
                        key = "error_kind"
                        v_error_kind = union_error_kind(v_error_kind)
                        key = None
                else:
                    v_error_kind = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.name = v_name
        x.output = v_output
        x.exit_code = v_exit_code
        x.metadata = v_metadata
        x.error_kind = v_error_kind
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_output_delta(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolOutputDelta."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_name = fields["name"].kind.decode
    decode_delta = fields["delta"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            v_delta = o["delta"]
            if type(v_delta) is not str:
                key = "delta"
                v_delta = decode_delta(v_delta)
                key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.name = v_name
        x.delta = v_delta
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def turn_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TurnEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_turn = fields["turn"].kind.decode
    codec_usage = fields["usage"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_turn = o["turn"]
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = decode_turn(v_turn)
                key = None
            v_usage = o["usage"]
            key = "usage"
            v_usage = codec_usage.decode(v_usage)
            key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.turn = v_turn
        x.usage = v_usage
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def agent_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AgentEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_text = fields["text"].kind.decode
    codec_usage = fields["usage"].kind.codec
    codec_verification_summary = fields["verification_summary"].kind.codec
    codec_meta = fields["meta"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_text = o["text"]
            if type(v_text) is not str:
                key = "text"
                v_text = decode_text(v_text)
                key = None
            v_usage = o["usage"]
            key = "usage"
            v_usage = codec_usage.decode(v_usage)
            key = None
            v_verification_summary = o["verification_summary"]
            key = "verification_summary"
            v_verification_summary = codec_verification_summary.decode(v_verification_summary)
            key = None
            if len(o) == 4 and "type" in o:
                v_meta = None
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                if "meta" in o:
                    v_meta = o["meta"]
                    n += 1
                    if v_meta is not None:
                        key = "meta"
                        v_meta = codec_meta.decode(v_meta)
                        key = None
                else:
                    v_meta = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.text = v_text
        x.usage = v_usage
        x.verification_summary = v_verification_summary
        x.meta = v_meta
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def agent_error(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AgentError."""
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


def context_resolving(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ContextResolving."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_providers = fields["providers"].kind.item.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_providers = o["providers"]
            key = "providers"
            if type(v_providers) is not list:
                raise wrong("an array", v_providers)
            done = []
            for w in v_providers:
                if type(w) is not str:
                    w = decode_providers(w)
                done.append(w)
            v_providers = tuple(done)
            key = done = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.providers = v_providers
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def context_resolved(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ContextResolved."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_total_items = fields["total_items"].kind.decode
    decode_total_tokens = fields["total_tokens"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_total_items = o["total_items"]
            if not (type(v_total_items) is int and 0 <= v_total_items <= 18446744073709551615):
                key = "total_items"
                v_total_items = decode_total_items(v_total_items)
                key = None
            v_total_tokens = o["total_tokens"]
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = decode_total_tokens(v_total_tokens)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.total_items = v_total_items
        x.total_tokens = v_total_tokens
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def task_updated(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TaskUpdated."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_session_id = fields["session_id"].kind.decode
    codec_tasks = fields["tasks"].kind.item.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_tasks = o["tasks"]
            key = "tasks"
            if type(v_tasks) is not list:
                raise wrong("an array", v_tasks)
            done = []
            for w in v_tasks:
                w = codec_tasks.decode(w)
                done.append(w)
            v_tasks = tuple(done)
            key = done = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.session_id = v_session_id
        x.tasks = v_tasks
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def context_compacted(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ContextCompacted."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_session_id = fields["session_id"].kind.decode
    decode_before_messages = fields["before_messages"].kind.decode
    decode_after_messages = fields["after_messages"].kind.decode
    decode_percent_before = fields["percent_before"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_before_messages = o["before_messages"]
            if not (
                type(v_before_messages) is int and 0 <= v_before_messages <= 18446744073709551615
            ):
                key = "before_messages"
                v_before_messages = decode_before_messages(v_before_messages)
                key = None
            v_after_messages = o["after_messages"]
            if not (
                type(v_after_messages) is int and 0 <= v_after_messages <= 18446744073709551615
            ):
                key = "after_messages"
                v_after_messages = decode_after_messages(v_after_messages)
                key = None
            v_percent_before = o["percent_before"]
            key = "percent_before"
            v_percent_before = decode_percent_before(v_percent_before)
            key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.session_id = v_session_id
        x.before_messages = v_before_messages
        x.after_messages = v_after_messages
        x.percent_before = v_percent_before
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def persistence_failed(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PersistenceFailed."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_session_id = fields["session_id"].kind.decode
    decode_operation = fields["operation"].kind.decode
    decode_error = fields["error"].kind.decode
    decode_part = fields["part"].kind.decode
    decode_outcome_unknown = fields["outcome_unknown"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_operation = o["operation"]
            if type(v_operation) is not str:
                key = "operation"
                v_operation = decode_operation(v_operation)
                key = None
            v_error = o["error"]
            if type(v_error) is not str:
                key = "error"
                v_error = decode_error(v_error)
                key = None
            if len(o) == 4 and "type" in o:
                v_part = None
                v_outcome_unknown = None
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                if "part" in o:
                    v_part = o["part"]
                    n += 1
                    if v_part is not None and type(v_part) is not str:
                        key = "part"
                        v_part = decode_part(v_part)
                        key = None
                else:
                    v_part = None
                if "outcome_unknown" in o:
                    v_outcome_unknown = o["outcome_unknown"]
                    n += 1
                    if v_outcome_unknown is not None and not (
                        v_outcome_unknown is True or v_outcome_unknown is False
                    ):
                        key = "outcome_unknown"
                        v_outcome_unknown = decode_outcome_unknown(v_outcome_unknown)
                        key = None
                else:
                    v_outcome_unknown = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.session_id = v_session_id
        x.operation = v_operation
        x.error = v_error
        x.part = v_part
        x.outcome_unknown = v_outcome_unknown
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def budget_threshold_hit(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a BudgetThresholdHit."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_resource = fields["resource"].kind.decode
    decode_kind = fields["kind"].kind.decode
    decode_consumed = fields["consumed"].kind.decode
    decode_limit = fields["limit"].kind.decode
    decode_message = fields["message"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_resource = o["resource"]
            if type(v_resource) is not str:
                key = "resource"
                v_resource = decode_resource(v_resource)
                key = None
            v_kind = o["kind"]
            if type(v_kind) is not str:
                key = "kind"
                v_kind = decode_kind(v_kind)
                key = None
            v_consumed = o["consumed"]
            if not (type(v_consumed) is float and 1e-5 <= v_consumed < 1e16):
                key = "consumed"
                v_consumed = decode_consumed(v_consumed)
                key = None
            v_limit = o["limit"]
            if not (type(v_limit) is float and 1e-5 <= v_limit < 1e16):
                key = "limit"
                v_limit = decode_limit(v_limit)
                key = None
            if len(o) == 5 and "type" in o:
                v_message = None
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                if "message" in o:
                    v_message = o["message"]
                    n += 1
                    if v_message is not None and type(v_message) is not str:
                        key = "message"
                        v_message = decode_message(v_message)
                        key = None
                else:
                    v_message = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.resource = v_resource
        x.kind = v_kind
        x.consumed = v_consumed
        x.limit = v_limit
        x.message = v_message
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def passivation_requested(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PassivationRequested."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_reason = fields["reason"].kind.decode
    decode_deadline_ms = fields["deadline_ms"].kind.decode

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
            if len(o) == 2 and "type" in o:
                v_deadline_ms = None
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                if "deadline_ms" in o:
                    v_deadline_ms = o["deadline_ms"]
                    n += 1
                    if v_deadline_ms is not None and not (
                        type(v_deadline_ms) is int and 0 <= v_deadline_ms <= 18446744073709551615
                    ):
                        key = "deadline_ms"
                        v_deadline_ms = decode_deadline_ms(v_deadline_ms)
                        key = None
                else:
                    v_deadline_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.reason = v_reason
        x.deadline_ms = v_deadline_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def peer_invocation(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PeerInvocation."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_from_session_id = fields["from_session_id"].kind.decode
    decode_from_tenant_id = fields["from_tenant_id"].kind.decode
    decode_correlation_id = fields["correlation_id"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_from_session_id = o["from_session_id"]
            if type(v_from_session_id) is not str:
                key = "from_session_id"
                v_from_session_id = decode_from_session_id(v_from_session_id)
                key = None
            if len(o) == 2 and "type" in o:
                v_from_tenant_id = None
                v_correlation_id = None
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                if "from_tenant_id" in o:
                    v_from_tenant_id = o["from_tenant_id"]
                    n += 1
                    if v_from_tenant_id is not None and type(v_from_tenant_id) is not str:
                        key = "from_tenant_id"
                        v_from_tenant_id = decode_from_tenant_id(v_from_tenant_id)
                        key = None
                else:
                    v_from_tenant_id = None
                if "correlation_id" in o:
                    v_correlation_id = o["correlation_id"]
                    n += 1
                    if v_correlation_id is not None and type(v_correlation_id) is not str:
                        key = "correlation_id"
                        v_correlation_id = decode_correlation_id(v_correlation_id)
                        key = None
                else:
                    v_correlation_id = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.from_session_id = v_from_session_id
        x.from_tenant_id = v_from_tenant_id
        x.correlation_id = v_correlation_id
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
