"""Decoders of the models in `models/message.py`.

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
    freeze_flat,
    located,
    readers_of,
    unknown,
    wrong,
)


def token_usage(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TokenUsage."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_prompt_tokens = fields["prompt_tokens"].kind.decode
    decode_completion_tokens = fields["completion_tokens"].kind.decode
    decode_total_tokens = fields["total_tokens"].kind.decode
    decode_cache_read_tokens = fields["cache_read_tokens"].kind.decode
    decode_cache_write_tokens = fields["cache_write_tokens"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_prompt_tokens = o["prompt_tokens"]
            if not (type(v_prompt_tokens) is int and 0 <= v_prompt_tokens <= 18446744073709551615):
                key = "prompt_tokens"
                v_prompt_tokens = decode_prompt_tokens(v_prompt_tokens)
                key = None
            v_completion_tokens = o["completion_tokens"]
            if not (
                type(v_completion_tokens) is int
                and 0 <= v_completion_tokens <= 18446744073709551615
            ):
                key = "completion_tokens"
                v_completion_tokens = decode_completion_tokens(v_completion_tokens)
                key = None
            v_total_tokens = o["total_tokens"]
            if not (type(v_total_tokens) is int and 0 <= v_total_tokens <= 18446744073709551615):
                key = "total_tokens"
                v_total_tokens = decode_total_tokens(v_total_tokens)
                key = None
            if len(o) == 3:
                v_cache_read_tokens = None
                v_cache_write_tokens = None
                extra = EMPTY
            else:
                n = 3
                if "cache_read_tokens" in o:
                    v_cache_read_tokens = o["cache_read_tokens"]
                    n += 1
                    if v_cache_read_tokens is not None and not (
                        type(v_cache_read_tokens) is int
                        and 0 <= v_cache_read_tokens <= 18446744073709551615
                    ):
                        key = "cache_read_tokens"
                        v_cache_read_tokens = decode_cache_read_tokens(v_cache_read_tokens)
                        key = None
                else:
                    v_cache_read_tokens = None
                if "cache_write_tokens" in o:
                    v_cache_write_tokens = o["cache_write_tokens"]
                    n += 1
                    if v_cache_write_tokens is not None and not (
                        type(v_cache_write_tokens) is int
                        and 0 <= v_cache_write_tokens <= 18446744073709551615
                    ):
                        key = "cache_write_tokens"
                        v_cache_write_tokens = decode_cache_write_tokens(v_cache_write_tokens)
                        key = None
                else:
                    v_cache_write_tokens = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.prompt_tokens = v_prompt_tokens
        x.completion_tokens = v_completion_tokens
        x.total_tokens = v_total_tokens
        x.cache_read_tokens = v_cache_read_tokens
        x.cache_write_tokens = v_cache_write_tokens
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_definition(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolDefinition."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_name = fields["name"].kind.decode
    decode_description = fields["description"].kind.decode
    decode_parameters = fields["parameters"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            v_parameters = o["parameters"]
            if type(v_parameters) is not str:
                key = "parameters"
                v_parameters = decode_parameters(v_parameters)
                key = None
            if len(o) == 3:
                extra = EMPTY
            else:
                n = 3
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.name = v_name
        x.description = v_description
        x.parameters = v_parameters
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def llm_response_meta(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LlmResponseMeta."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_provider = fields["provider"].kind.decode
    decode_request_model = fields["request_model"].kind.decode
    decode_request_url = fields["request_url"].kind.decode
    decode_response_id = fields["response_id"].kind.decode
    decode_response_model = fields["response_model"].kind.decode
    decode_response_object = fields["response_object"].kind.decode
    decode_first_token_ms = fields["first_token_ms"].kind.decode
    decode_duration_ms = fields["duration_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 0:
                v_provider = None
                v_request_model = None
                v_request_url = None
                v_response_id = None
                v_response_model = None
                v_response_object = None
                v_first_token_ms = None
                v_duration_ms = None
                extra = EMPTY
            else:
                n = 0
                if "provider" in o:
                    v_provider = o["provider"]
                    n += 1
                    if v_provider is not None and type(v_provider) is not str:
                        key = "provider"
                        v_provider = decode_provider(v_provider)
                        key = None
                else:
                    v_provider = None
                if "request_model" in o:
                    v_request_model = o["request_model"]
                    n += 1
                    if v_request_model is not None and type(v_request_model) is not str:
                        key = "request_model"
                        v_request_model = decode_request_model(v_request_model)
                        key = None
                else:
                    v_request_model = None
                if "request_url" in o:
                    v_request_url = o["request_url"]
                    n += 1
                    if v_request_url is not None and type(v_request_url) is not str:
                        key = "request_url"
                        v_request_url = decode_request_url(v_request_url)
                        key = None
                else:
                    v_request_url = None
                if "response_id" in o:
                    v_response_id = o["response_id"]
                    n += 1
                    if v_response_id is not None and type(v_response_id) is not str:
                        key = "response_id"
                        v_response_id = decode_response_id(v_response_id)
                        key = None
                else:
                    v_response_id = None
                if "response_model" in o:
                    v_response_model = o["response_model"]
                    n += 1
                    if v_response_model is not None and type(v_response_model) is not str:
                        key = "response_model"
                        v_response_model = decode_response_model(v_response_model)
                        key = None
                else:
                    v_response_model = None
                if "response_object" in o:
                    v_response_object = o["response_object"]
                    n += 1
                    if v_response_object is not None and type(v_response_object) is not str:
                        key = "response_object"
                        v_response_object = decode_response_object(v_response_object)
                        key = None
                else:
                    v_response_object = None
                if "first_token_ms" in o:
                    v_first_token_ms = o["first_token_ms"]
                    n += 1
                    if v_first_token_ms is not None and not (
                        type(v_first_token_ms) is int
                        and 0 <= v_first_token_ms <= 18446744073709551615
                    ):
                        key = "first_token_ms"
                        v_first_token_ms = decode_first_token_ms(v_first_token_ms)
                        key = None
                else:
                    v_first_token_ms = None
                if "duration_ms" in o:
                    v_duration_ms = o["duration_ms"]
                    n += 1
                    if v_duration_ms is not None and not (
                        type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615
                    ):
                        key = "duration_ms"
                        v_duration_ms = decode_duration_ms(v_duration_ms)
                        key = None
                else:
                    v_duration_ms = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.provider = v_provider
        x.request_model = v_request_model
        x.request_url = v_request_url
        x.response_id = v_response_id
        x.response_model = v_response_model
        x.response_object = v_response_object
        x.first_token_ms = v_first_token_ms
        x.duration_ms = v_duration_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def image_source(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ImageSource."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_source_type = fields["source_type"].kind.decode
    decode_media_type = fields["media_type"].kind.decode
    decode_data = fields["data"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_source_type = o["type"]
            if type(v_source_type) is not str:
                key = "type"
                v_source_type = decode_source_type(v_source_type)
                key = None
            v_media_type = o["media_type"]
            if type(v_media_type) is not str:
                key = "media_type"
                v_media_type = decode_media_type(v_media_type)
                key = None
            v_data = o["data"]
            if type(v_data) is not str:
                key = "data"
                v_data = decode_data(v_data)
                key = None
            if len(o) == 3:
                extra = EMPTY
            else:
                n = 3
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.source_type = v_source_type
        x.media_type = v_media_type
        x.data = v_data
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_result_text(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolResultText."""
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


def tool_result_image(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolResultImage."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_source = fields["source"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_source = o["source"]
            key = "source"
            v_source = codec_source.decode(v_source)
            key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.source = v_source
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def text_block(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TextBlock."""
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


def image_block(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ImageBlock."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_source = fields["source"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_source = o["source"]
            key = "source"
            v_source = codec_source.decode(v_source)
            key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.source = v_source
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_use_block(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolUseBlock."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_name = fields["name"].kind.decode
    decode_input = fields["input"].kind.decode

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
            v_input = o["input"]
            if type(v_input) is not str:
                key = "input"
                v_input = decode_input(v_input)
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
        x.input = v_input
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def tool_result_block(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolResultBlock."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tool_use_id = fields["tool_use_id"].kind.decode
    decode_content = fields["content"].kind.item.decode
    readers_content = readers_of(fields["content"].kind.item)
    cls_tool_result_text = fields["content"].kind.item.members["text"].cls
    draft_tool_result_text = draft_of(cls_tool_result_text)
    decode_is_error = fields["is_error"].kind.decode

    def union_content(o: Any) -> Any:
        if type(o) is dict:
            tag = o["type"]
            if tag == "text" and len(o) == 2:
                v_text = o["text"]
                if type(v_text) is str:
                    x = draft_tool_result_text()
                    x.text = v_text
                    x.extra = EMPTY
                    x.__class__ = cls_tool_result_text
                    return x
            read = readers_content.get(tag) if type(tag) is str else None
            if read is not None:
                return read(o)
        return decode_content(o)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tool_use_id = o["tool_use_id"]
            if type(v_tool_use_id) is not str:
                key = "tool_use_id"
                v_tool_use_id = decode_tool_use_id(v_tool_use_id)
                key = None
            v_content = o["content"]
            if type(v_content) is not str:
                key = "content"
                if type(v_content) is not list:
                    raise wrong("a string or an array", v_content)
                if len(v_content) == 1:
                    done = ()
                    v_content = (union_content(v_content[0]),)
                else:
                    done = []
                    for w in v_content:
                        w = union_content(w)
                        done.append(w)
                    v_content = tuple(done)
                key = done = None
            if len(o) == 3 and "type" in o:
                v_is_error = None
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                if "is_error" in o:
                    v_is_error = o["is_error"]
                    n += 1
                    if v_is_error is not None and not (v_is_error is True or v_is_error is False):
                        key = "is_error"
                        v_is_error = decode_is_error(v_is_error)
                        key = None
                else:
                    v_is_error = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tool_use_id = v_tool_use_id
        x.content = v_content
        x.is_error = v_is_error
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def message(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a Message."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_role = fields["role"].kind.decode
    decode_content = fields["content"].kind.item.decode
    readers_content = readers_of(fields["content"].kind.item)
    cls_text_block = fields["content"].kind.item.members["text"].cls
    draft_text_block = draft_of(cls_text_block)
    cls_tool_use_block = fields["content"].kind.item.members["tool_use"].cls
    draft_tool_use_block = draft_of(cls_tool_use_block)
    cls_tool_result_block = fields["content"].kind.item.members["tool_result"].cls
    draft_tool_result_block = draft_of(cls_tool_result_block)
    decode_reasoning_content = fields["reasoning_content"].kind.decode

    def union_content(o: Any) -> Any:
        if type(o) is dict:
            tag = o["type"]
            if tag == "text" and len(o) == 2:
                v_text = o["text"]
                if type(v_text) is str:
                    x = draft_text_block()
                    x.text = v_text
                    x.extra = EMPTY
                    x.__class__ = cls_text_block
                    return x
            if tag == "tool_use" and len(o) == 4:
                v_id = o["id"]
                v_name = o["name"]
                v_input = o["input"]
                if (
                    (type(v_id) is str)
                    and (type(v_name) is str)
                    and (v_input := freeze_flat(v_input)) is not None
                ):
                    x = draft_tool_use_block()
                    x.id = v_id
                    x.name = v_name
                    x.input = v_input
                    x.extra = EMPTY
                    x.__class__ = cls_tool_use_block
                    return x
            if tag == "tool_result" and len(o) == 4:
                v_tool_use_id = o["tool_use_id"]
                v_content = o["content"]
                v_is_error = o["is_error"]
                if (
                    (type(v_tool_use_id) is str)
                    and (type(v_content) is str)
                    and (v_is_error is None or v_is_error is True or v_is_error is False)
                ):
                    x = draft_tool_result_block()
                    x.tool_use_id = v_tool_use_id
                    x.content = v_content
                    x.is_error = v_is_error
                    x.extra = EMPTY
                    x.__class__ = cls_tool_result_block
                    return x
            read = readers_content.get(tag) if type(tag) is str else None
            if read is not None:
                return read(o)
        return decode_content(o)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_role = o["role"]
            if type(v_role) is not str:
                key = "role"
                v_role = decode_role(v_role)
                key = None
            v_content = o["content"]
            key = "content"
            if type(v_content) is not list:
                raise wrong("an array", v_content)
            if len(v_content) == 1:
                done = ()
                v_content = (union_content(v_content[0]),)
            else:
                done = []
                for w in v_content:
                    w = union_content(w)
                    done.append(w)
                v_content = tuple(done)
            key = done = None
            if len(o) == 2:
                v_reasoning_content = None
                extra = EMPTY
            else:
                n = 2
                if "reasoning_content" in o:
                    v_reasoning_content = o["reasoning_content"]
                    n += 1
                    if v_reasoning_content is not None and type(v_reasoning_content) is not str:
                        key = "reasoning_content"
                        v_reasoning_content = decode_reasoning_content(v_reasoning_content)
                        key = None
                else:
                    v_reasoning_content = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.role = v_role
        x.content = v_content
        x.reasoning_content = v_reasoning_content
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
