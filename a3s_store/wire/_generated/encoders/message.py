"""Encoders of the models in `models/message.py`.

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
    tree_of,
    writers_of,
    wrong,
)


def token_usage(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TokenUsage."""
    fields: Any = fields_of(codec)
    encode_prompt_tokens = fields["prompt_tokens"].kind.encode
    encode_completion_tokens = fields["completion_tokens"].kind.encode
    encode_total_tokens = fields["total_tokens"].kind.encode
    encode_cache_read_tokens = fields["cache_read_tokens"].kind.encode
    encode_cache_write_tokens = fields["cache_write_tokens"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_prompt_tokens = x.prompt_tokens
            if not (type(v_prompt_tokens) is int and 0 <= v_prompt_tokens <= 18446744073709551615):
                key = "prompt_tokens"
                v_prompt_tokens = encode_prompt_tokens(v_prompt_tokens)
                key = None
            v_completion_tokens = x.completion_tokens
            if not (
                type(v_completion_tokens) is int
                and 0 <= v_completion_tokens <= 18446744073709551615
            ):
                key = "completion_tokens"
                v_completion_tokens = encode_completion_tokens(v_completion_tokens)
                key = None
            v_total_tokens = x.total_tokens
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = encode_total_tokens(v_total_tokens)
                key = None
            v_cache_read_tokens = x.cache_read_tokens
            if v_cache_read_tokens is not None and not (
                type(v_cache_read_tokens) is int
                and 0 <= v_cache_read_tokens <= 18446744073709551615
            ):
                key = "cache_read_tokens"
                v_cache_read_tokens = encode_cache_read_tokens(v_cache_read_tokens)
                key = None
            v_cache_write_tokens = x.cache_write_tokens
            if v_cache_write_tokens is not None and not (
                type(v_cache_write_tokens) is int
                and 0 <= v_cache_write_tokens <= 18446744073709551615
            ):
                key = "cache_write_tokens"
                v_cache_write_tokens = encode_cache_write_tokens(v_cache_write_tokens)
                key = None
            o: dict[str, Any] = {
                "prompt_tokens": v_prompt_tokens,
                "completion_tokens": v_completion_tokens,
                "total_tokens": v_total_tokens,
                "cache_read_tokens": v_cache_read_tokens,
                "cache_write_tokens": v_cache_write_tokens,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_definition(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolDefinition."""
    fields: Any = fields_of(codec)
    encode_name = fields["name"].kind.encode
    encode_description = fields["description"].kind.encode
    encode_parameters = fields["parameters"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            v_parameters = x.parameters
            if not (
                type(v_parameters) is str
                or (type(v_parameters) is FrozenDict and v_parameters.plain)
            ):
                key = "parameters"
                v_parameters = encode_parameters(v_parameters)
                key = None
            o: dict[str, Any] = {
                "name": v_name,
                "description": v_description,
                "parameters": v_parameters,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def llm_response_meta(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LlmResponseMeta."""
    fields: Any = fields_of(codec)
    encode_provider = fields["provider"].kind.encode
    encode_request_model = fields["request_model"].kind.encode
    encode_request_url = fields["request_url"].kind.encode
    encode_response_id = fields["response_id"].kind.encode
    encode_response_model = fields["response_model"].kind.encode
    encode_response_object = fields["response_object"].kind.encode
    encode_first_token_ms = fields["first_token_ms"].kind.encode
    encode_duration_ms = fields["duration_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            o: dict[str, Any] = {}
            v_provider = x.provider
            if v_provider is not None:
                if type(v_provider) is not str:
                    key = "provider"
                    v_provider = encode_provider(v_provider)
                    key = None
                o["provider"] = v_provider
            v_request_model = x.request_model
            if v_request_model is not None:
                if type(v_request_model) is not str:
                    key = "request_model"
                    v_request_model = encode_request_model(v_request_model)
                    key = None
                o["request_model"] = v_request_model
            v_request_url = x.request_url
            if v_request_url is not None:
                if type(v_request_url) is not str:
                    key = "request_url"
                    v_request_url = encode_request_url(v_request_url)
                    key = None
                o["request_url"] = v_request_url
            v_response_id = x.response_id
            if v_response_id is not None:
                if type(v_response_id) is not str:
                    key = "response_id"
                    v_response_id = encode_response_id(v_response_id)
                    key = None
                o["response_id"] = v_response_id
            v_response_model = x.response_model
            if v_response_model is not None:
                if type(v_response_model) is not str:
                    key = "response_model"
                    v_response_model = encode_response_model(v_response_model)
                    key = None
                o["response_model"] = v_response_model
            v_response_object = x.response_object
            if v_response_object is not None:
                if type(v_response_object) is not str:
                    key = "response_object"
                    v_response_object = encode_response_object(v_response_object)
                    key = None
                o["response_object"] = v_response_object
            v_first_token_ms = x.first_token_ms
            if v_first_token_ms is not None:
                if not (
                    type(v_first_token_ms) is int and 0 <= v_first_token_ms <= 18446744073709551615
                ):
                    key = "first_token_ms"
                    v_first_token_ms = encode_first_token_ms(v_first_token_ms)
                    key = None
                o["first_token_ms"] = v_first_token_ms
            v_duration_ms = x.duration_ms
            if v_duration_ms is not None:
                if not (type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615):
                    key = "duration_ms"
                    v_duration_ms = encode_duration_ms(v_duration_ms)
                    key = None
                o["duration_ms"] = v_duration_ms
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def image_source(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ImageSource."""
    fields: Any = fields_of(codec)
    encode_source_type = fields["source_type"].kind.encode
    encode_media_type = fields["media_type"].kind.encode
    encode_data = fields["data"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_source_type = x.source_type
            if type(v_source_type) is not str:
                key = "type"
                v_source_type = encode_source_type(v_source_type)
                key = None
            v_media_type = x.media_type
            if type(v_media_type) is not str:
                key = "media_type"
                v_media_type = encode_media_type(v_media_type)
                key = None
            v_data = x.data
            if type(v_data) is not str:
                key = "data"
                v_data = encode_data(v_data)
                key = None
            o: dict[str, Any] = {"type": v_source_type, "media_type": v_media_type, "data": v_data}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_result_text(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolResultText."""
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
            o: dict[str, Any] = {"type": "text", "text": v_text}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_result_image(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolResultImage."""
    fields: Any = fields_of(codec)
    encode_source = fields["source"].kind.encode
    codec_source = fields["source"].kind.codec
    cls_source = fields["source"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_source = x.source
            key = "source"
            v_source = (
                codec_source.encode(v_source)
                if type(v_source) is cls_source
                else encode_source(v_source)
            )
            key = None
            o: dict[str, Any] = {"type": "image", "source": v_source}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def text_block(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TextBlock."""
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
            o: dict[str, Any] = {"type": "text", "text": v_text}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def image_block(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ImageBlock."""
    fields: Any = fields_of(codec)
    encode_source = fields["source"].kind.encode
    codec_source = fields["source"].kind.codec
    cls_source = fields["source"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_source = x.source
            key = "source"
            v_source = (
                codec_source.encode(v_source)
                if type(v_source) is cls_source
                else encode_source(v_source)
            )
            key = None
            o: dict[str, Any] = {"type": "image", "source": v_source}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_use_block(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolUseBlock."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_name = fields["name"].kind.encode
    encode_input = fields["input"].kind.encode

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
            v_input = x.input
            if not (type(v_input) is str or (type(v_input) is FrozenDict and v_input.plain)):
                key = "input"
                v_input = encode_input(v_input)
                key = None
            o: dict[str, Any] = {"type": "tool_use", "id": v_id, "name": v_name, "input": v_input}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def tool_result_block(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolResultBlock."""
    fields: Any = fields_of(codec)
    encode_tool_use_id = fields["tool_use_id"].kind.encode
    encode_content = fields["content"].kind.item.encode
    writers_content = writers_of(fields["content"].kind.item)
    encode_is_error = fields["is_error"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tool_use_id = x.tool_use_id
            if type(v_tool_use_id) is not str:
                key = "tool_use_id"
                v_tool_use_id = encode_tool_use_id(v_tool_use_id)
                key = None
            v_content = x.content
            if type(v_content) is not str:
                key = "content"
                if type(v_content) is not tuple:
                    raise wrong("a string or an array", v_content)
                done = []
                for w in v_content:
                    write = writers_content.get(type(w))
                    w = encode_content(w) if write is None else write(w)
                    done.append(w)
                v_content = done
                key = done = None
            v_is_error = x.is_error
            if v_is_error is not None and not (v_is_error is True or v_is_error is False):
                key = "is_error"
                v_is_error = encode_is_error(v_is_error)
                key = None
            o: dict[str, Any] = {
                "type": "tool_result",
                "tool_use_id": v_tool_use_id,
                "content": v_content,
                "is_error": v_is_error,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def message(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a Message."""
    fields: Any = fields_of(codec)
    encode_role = fields["role"].kind.encode
    encode_content = fields["content"].kind.item.encode
    writers_content = writers_of(fields["content"].kind.item)
    encode_reasoning_content = fields["reasoning_content"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_role = x.role
            if type(v_role) is not str:
                key = "role"
                v_role = encode_role(v_role)
                key = None
            v_content = tree_of(x, "content")
            if v_content is None:
                v_content = x.content
                key = "content"
                if type(v_content) is not tuple:
                    raise wrong("an array", v_content)
                done = []
                for w in v_content:
                    write = writers_content.get(type(w))
                    w = encode_content(w) if write is None else write(w)
                    done.append(w)
                v_content = done
                key = done = None
            o: dict[str, Any] = {"role": v_role, "content": v_content}
            v_reasoning_content = x.reasoning_content
            if v_reasoning_content is not None:
                if type(v_reasoning_content) is not str:
                    key = "reasoning_content"
                    v_reasoning_content = encode_reasoning_content(v_reasoning_content)
                    key = None
                o["reasoning_content"] = v_reasoning_content
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
