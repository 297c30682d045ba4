"""Content blocks of foreign messages: those of the known types, and all others kept opaquely.

A block of a known type keeps its other keys; one that lacks what the type needs, and one of an
unknown type, becomes an `UnknownBlock`. `counted` says how many of which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from a3s_store.importers.values import text_of
from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultContent,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    UnknownBlock,
)

_KNOWN: Final = frozenset({"text", "image", "tool_use", "tool_result"})
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


class Content:
    """The blocks of one message as they are collected, with its reasoning.

    `thinking` are the other keys of thinking blocks, such as signatures, which have no place in a
    message of their own.
    """

    def __init__(self, origin: str, counted: Counter[str]) -> None:
        self._origin = origin
        self._counted = counted
        self.blocks: list[ContentBlock] = []
        self.reasoning: list[str] = []
        self.thinking: list[Mapping[str, Any]] = []

    def message(self, role: str, extra: Mapping[str, Any]) -> Message:
        """Return the message that has all of it."""
        return Message(
            role=role,
            content=tuple(self.blocks),
            reasoning_content="\n\n".join(self.reasoning) or None,
            extra=extra,
        )

    def add(self, content: Any) -> None:
        """Add the content of a message in the form of Anthropic's API: a text, or blocks."""
        if isinstance(content, str):
            self.blocks.append(TextBlock(text=content))
            return
        for block in content if isinstance(content, list) else [content]:
            if not isinstance(block, dict):
                self._opaque("content", {"value": block})
            elif text_of(block.get("type")) in _THINKING:
                self._add_thinking(block)
            else:
                self.blocks.append(self._block(block))

    def _add_thinking(self, block: dict[str, Any]) -> None:
        text = block.get("thinking")
        rest = {key: one for key, one in block.items() if key != "thinking"}
        if isinstance(text, str) and text:
            self.reasoning.append(text)
        elif "thinking" in block and not isinstance(text, str):
            rest = block
        if len(rest) > 1:
            self._counted[f"keys of a {block['type']} block"] += 1
            self.thinking.append(rest)

    def _block(self, block: dict[str, Any]) -> ContentBlock:
        made: ContentBlock | None = None
        match block:
            case {"type": "text", "text": str(text)}:
                made = TextBlock(text=text, extra=self._rest(block, "text"))
            case {"type": "tool_use", "id": str(id_), "name": str(name)}:
                rest = self._rest(block, "id", "name", "input")
                made = ToolUseBlock(id=id_, name=name, input=block.get("input"), extra=rest)
            case {"type": "image", "source": dict(source)}:
                image = _image(source)
                if image is not None:
                    made = ImageBlock(source=image, extra=self._rest(block, "source"))
            case {"type": "tool_result", "tool_use_id": str(id_)}:
                made = self._result(id_, block)
        return self.opaque_block(block) if made is None else made

    def _result(self, call_id: str, block: dict[str, Any]) -> ToolResultBlock | None:
        content = block.get("content")
        failed = block.get("is_error")
        if content is not None and not isinstance(content, str | list):
            return None
        if failed is not None and not isinstance(failed, bool):
            return None
        return ToolResultBlock(
            tool_use_id=call_id,
            content="" if content is None else self.parts(content),
            is_error=failed,
            extra=self._rest(block, "tool_use_id", "content", "is_error"),
        )

    def parts(self, content: str | list[Any]) -> str | tuple[ToolResultContent, ...]:
        """Return the content of a tool's result."""
        return content if isinstance(content, str) else tuple(map(self._part, content))

    def _part(self, part: Any) -> ToolResultContent:
        match part:
            case str(text):
                return ToolResultText(text=text)
            case {"type": "text", "text": str(text)}:
                return ToolResultText(text=text, extra=self._rest(part, "text"))
            case {"type": "image", "source": dict(source)} if image := _image(source):
                return ToolResultImage(source=image, extra=self._rest(part, "source"))
        return self.opaque_block(part if isinstance(part, dict) else {"value": part})

    def opaque_block(self, block: Mapping[str, Any]) -> UnknownBlock:
        """Return a block that is kept as it is, under its own type unless that is a known one."""
        kind = block.get("type")
        body = {key: one for key, one in block.items() if key != "type"}
        if not isinstance(kind, str) or not kind or kind in _KNOWN:
            self._counted["malformed content block"] += 1
            return UnknownBlock(type=f"x.{self._origin}.block", body={"block": dict(block)})
        self._counted[f"{kind} block"] += 1
        return UnknownBlock(type=kind, body=body)

    def _opaque(self, kind: str, value: Mapping[str, Any]) -> None:
        self._counted["malformed content block"] += 1
        self.blocks.append(UnknownBlock(type=f"x.{self._origin}.{kind}", body=dict(value)))

    def _rest(self, block: Mapping[str, Any], *known: str) -> dict[str, Any]:
        rest = {key: one for key, one in block.items() if key != "type" and key not in known}
        if rest:
            self._counted[f"keys of a {block['type']} block"] += 1
        return rest


def _image(source: Mapping[str, Any]) -> ImageSource | None:
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            rest = {k: v for k, v in source.items() if k not in {"type", "media_type", "data"}}
            return ImageSource(media_type=media_type, data=data, extra=rest)
    return None
