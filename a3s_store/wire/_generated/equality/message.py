"""The `__eq__` of the models in `models/message.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike, have_same_text


def token_usage(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TokenUsage."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.prompt_tokens) is (y := other.prompt_tokens) or (x == y and type(x) is type(y)))
        and (
            (x := self.completion_tokens) is (y := other.completion_tokens)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.total_tokens) is (y := other.total_tokens) or (x == y and type(x) is type(y))
        )
        and (
            (x := self.cache_read_tokens) is (y := other.cache_read_tokens)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.cache_write_tokens) is (y := other.cache_write_tokens)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def tool_definition(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolDefinition."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.name == other.name
        and self.description == other.description
        and ((x := self.parameters) is (y := other.parameters) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def llm_response_meta(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LlmResponseMeta."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.provider == other.provider
        and self.request_model == other.request_model
        and self.request_url == other.request_url
        and self.response_id == other.response_id
        and self.response_model == other.response_model
        and self.response_object == other.response_object
        and (
            (x := self.first_token_ms) is (y := other.first_token_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.duration_ms) is (y := other.duration_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def image_source(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ImageSource."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.source_type == other.source_type
        and self.media_type == other.media_type
        and self.data == other.data
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def unknown_block(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a UnknownBlock."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.type == other.type
        and ((x := self.body) is (y := other.body) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def tool_result_text(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolResultText."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.text == other.text and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_result_image(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolResultImage."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.source == other.source and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def text_block(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TextBlock."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.text == other.text and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def image_block(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ImageBlock."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.source == other.source and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_use_block(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolUseBlock."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.name == other.name
        and ((x := self.input) is (y := other.input) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def tool_result_block(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolResultBlock."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tool_use_id == other.tool_use_id
        and self.content == other.content
        and ((x := self.is_error) is (y := other.is_error) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def message(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a Message."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.role == other.role
        and (have_same_text(self, other, "content") or self.content == other.content)
        and self.reasoning_content == other.reasoning_content
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
