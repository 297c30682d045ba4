"""Messages and their content blocks, token usage, tool definitions (wire-format 4 and 5).

A message has no id and no time; it is identified by its position in the conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from a3s_store.wire import U64, Model, USize, Value, field, lazy, model

if TYPE_CHECKING:
    from typing import Unpack

    from a3s_store import _changes


@model()
class TokenUsage(Model):
    """Tokens counted by a provider; the total is stored as given. Upstream: `TokenUsage`."""

    prompt_tokens: USize = field(default=0)
    completion_tokens: USize = field(default=0)
    total_tokens: USize = field(default=0)
    cache_read_tokens: USize | None = field(default=None, write="null")
    cache_write_tokens: USize | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TokenUsageChanges]) -> Self: ...


@model()
class ToolDefinition(Model):
    """A tool as offered to a model; not stored with a session. Upstream: `ToolDefinition`."""

    name: str
    description: str
    parameters: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolDefinitionChanges]) -> Self: ...


@model()
class LlmResponseMeta(Model):
    """Metadata of a provider about its response. Upstream: `LlmResponseMeta`."""

    provider: str | None = field(default=None, write="omit")
    request_model: str | None = field(default=None, write="omit")
    request_url: str | None = field(default=None, write="omit")
    response_id: str | None = field(default=None, write="omit")
    response_model: str | None = field(default=None, write="omit")
    response_object: str | None = field(default=None, write="omit")
    first_token_ms: U64 | None = field(default=None, write="omit")
    duration_ms: U64 | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LlmResponseMetaChanges]) -> Self: ...


@model()
class ImageSource(Model):
    """The bytes of an image, as base64 text that is not checked. Upstream: `ImageSource`."""

    source_type: str = field(default="base64", key="type")
    media_type: str
    data: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ImageSourceChanges]) -> Self: ...


@model(opaque=True)
class UnknownBlock(Model):
    """A content block of a type that this release does not know, kept unchanged.

    `type` is its tag, `body` its other keys in their order.
    """

    type: str
    body: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.UnknownBlockChanges]) -> Self: ...


@model(tag="text")
class ToolResultText(Model):
    """Text inside a tool's result. Upstream: `ToolResultContent::Text`."""

    text: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolResultTextChanges]) -> Self: ...


@model(tag="image")
class ToolResultImage(Model):
    """An image inside a tool's result. Upstream: `ToolResultContent::Image`."""

    source: ImageSource

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolResultImageChanges]) -> Self: ...


ToolResultContent: TypeAlias = ToolResultText | ToolResultImage | UnknownBlock


@model(tag="text")
class TextBlock(Model):
    """Text of a message. Upstream: `ContentBlock::Text`."""

    text: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TextBlockChanges]) -> Self: ...


@model(tag="image")
class ImageBlock(Model):
    """An image in a message. Upstream: `ContentBlock::Image`."""

    source: ImageSource

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ImageBlockChanges]) -> Self: ...


@model(tag="tool_use")
class ToolUseBlock(Model):
    """A tool call of the assistant; `input` is any JSON. Upstream: `ContentBlock::ToolUse`."""

    id: str
    name: str
    input: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolUseBlockChanges]) -> Self: ...


@model(tag="tool_result")
class ToolResultBlock(Model):
    """The result of a tool call. A str and a tuple of parts are different values.

    `is_error` None is a missing key. Upstream: `ContentBlock::ToolResult`.
    """

    tool_use_id: str
    content: str | tuple[ToolResultContent, ...]
    is_error: bool | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolResultBlockChanges]) -> Self: ...


ContentBlock: TypeAlias = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | UnknownBlock


class _Stored(Model):
    """A model whose values may know how they are stored, which is no part of the value.

    `_origin` is for `core.origins`, the other two for the field that is decoded when it is first
    read (`wire.lazy`). They are no fields, so that a changed or pickled value is one without them.
    Values are frozen: a copy is the value itself.
    """

    __slots__ = ("_decoder", "_origin", "_text")

    if not TYPE_CHECKING:
        __getattr__ = lazy.decoded

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


# Read and set the origin of a message; reading raises AttributeError where it has none, and
# TypeError for what is no message.
origin_of: Final[Callable[[Any], int]] = vars(_Stored)["_origin"].__get__
set_origin: Final[Callable[[Any, int], None]] = vars(_Stored)["_origin"].__set__
_text_of: Final[Callable[[Any], bytes | None]] = vars(_Stored)["_text"].__get__


def stored_text_of(message: Any) -> bytes | None:
    """Return the JSON of a message's content that is not decoded yet; None: it is decoded."""
    try:
        return _text_of(message)
    except AttributeError:
        return None


@model(lazy="content")
class Message(_Stored):
    """One message of a conversation. `role` is free text. Upstream: `Message`."""

    role: str
    content: tuple[ContentBlock, ...]
    reasoning_content: str | None = field(default=None, write="omit")

    @classmethod
    def user(cls, text: str) -> Message:
        """Return a message of one text block by the user. Upstream: `Message::user`."""
        return cls(role="user", content=(TextBlock(text=text),))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """Return a message of one text block by the assistant."""
        return cls(role="assistant", content=(TextBlock(text=text),))

    @classmethod
    def tool_result(cls, tool_use_id: str, content: str, *, is_error: bool = False) -> Message:
        """Return the result of a tool call; its role is user. Upstream: `Message::tool_result`."""
        block = ToolResultBlock(tool_use_id=tool_use_id, content=content, is_error=is_error)
        return cls(role="user", content=(block,))

    @property
    def text(self) -> str:
        """The text blocks joined; empty when there are none. Upstream: `Message::text`."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MessageChanges]) -> Self: ...
