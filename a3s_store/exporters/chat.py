"""Conversations in the message formats of providers: OpenAI chat and Anthropic messages.

Each is a JSON array as a request has it. A result stands behind its call, as both require; what a
format cannot say is counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from a3s_store.core.tool_pairs import repair_pairs
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    thaw,
)


def openai_chat(messages: Sequence[Message], lost: Counter[str]) -> list[dict[str, Any]]:
    """Return messages for OpenAI's chat completions. Roles are kept, calls get their results."""
    made: list[dict[str, Any]] = []
    for message in _paired(messages, lost):
        content: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for block in message.content:
            if isinstance(block, TextBlock):
                content.append({"type": "text", "text": block.text})
            elif isinstance(block, ImageBlock):
                content.append({"type": "image_url", "image_url": {"url": _url(block.source)}})
            elif isinstance(block, ToolUseBlock):
                calls.append(_call(block))
            elif isinstance(block, ToolResultBlock):
                made.append(
                    {
                        "role": "tool",
                        "tool_call_id": block.tool_use_id,
                        "content": _text(block, lost),
                    }
                )
            else:
                lost[f"{block.type} block"] += 1
        if message.reasoning_content:
            lost["reasoning"] += 1
        if content or calls:
            made.append({"role": message.role, **_openai_content(message.role, content, lost)})
            if calls:
                made[-1]["tool_calls"] = calls
    return made


def _openai_content(role: str, content: list[dict[str, Any]], lost: Counter[str]) -> dict[str, Any]:
    """Return the content: a text where it is nothing else, which every role may have."""
    texts = [one["text"] for one in content if one["type"] == "text"]
    if len(texts) == len(content):
        return {"content": "\n".join(texts) if texts else None}
    if role == "user":
        return {"content": content}
    lost["image of another role than user"] += len(content) - len(texts)
    return {"content": "\n".join(texts) if texts else None}


def _call(block: ToolUseBlock) -> dict[str, Any]:
    arguments = json.dumps(thaw(block.input), ensure_ascii=False)
    function = {"name": block.name, "arguments": arguments}
    return {"id": block.id, "type": "function", "function": function}


def _text(block: ToolResultBlock, lost: Counter[str]) -> str:
    if isinstance(block.content, str):
        return block.content
    texts = [part.text for part in block.content if isinstance(part, ToolResultText)]
    lost["part of a result that is no text"] += len(block.content) - len(texts)
    return "\n".join(texts)


def _url(source: ImageSource) -> str:
    return f"data:{source.media_type};base64,{source.data}"


def anthropic_messages(messages: Sequence[Message], lost: Counter[str]) -> list[dict[str, Any]]:
    """Return messages for Anthropic's API: user and assistant in turn, neighbours joined."""
    made: list[dict[str, Any]] = []
    for message in _paired(messages, lost):
        role = message.role if message.role in {"user", "assistant"} else "user"
        if role != message.role:
            lost[f"role {message.role}"] += 1
        if message.reasoning_content:
            lost["reasoning"] += 1
        blocks = list(_anthropic_blocks(message, lost))
        if made and made[-1]["role"] == role:
            made[-1]["content"] += blocks
        elif blocks:
            made.append({"role": role, "content": blocks})
    return made


def _anthropic_blocks(message: Message, lost: Counter[str]) -> Iterator[dict[str, Any]]:
    for block in message.content:
        if isinstance(block, TextBlock):
            if block.text.strip():  # an empty one is refused
                yield {"type": "text", "text": block.text}
        elif isinstance(block, ImageBlock):
            yield {"type": "image", "source": _source(block.source)}
        elif isinstance(block, ToolUseBlock):
            given = thaw(block.input)
            given = given if isinstance(given, dict) else {"input": given}
            yield {"type": "tool_use", "id": block.id, "name": block.name, "input": given}
        elif isinstance(block, ToolResultBlock):
            made = {"type": "tool_result", "tool_use_id": block.tool_use_id}
            made |= {"content": _result(block, lost)}
            yield made | ({"is_error": True} if block.is_error else {})
        else:
            lost[f"{block.type} block"] += 1


def _result(block: ToolResultBlock, lost: Counter[str]) -> Any:
    if isinstance(block.content, str):
        return block.content
    parts: list[dict[str, Any]] = []
    for part in block.content:
        if isinstance(part, ToolResultText):
            parts.append({"type": "text", "text": part.text})
        elif isinstance(part, ToolResultImage):
            parts.append({"type": "image", "source": _source(part.source)})
        else:
            lost[f"{part.type} part of a result"] += 1
    return parts


def _source(source: ImageSource) -> dict[str, Any]:
    return {"type": "base64", "media_type": source.media_type, "data": source.data}


def _paired(messages: Sequence[Message], lost: Counter[str]) -> tuple[Message, ...]:
    """Return the messages with a result for each call, since providers refuse others."""
    repaired = repair_pairs(messages)
    if repaired != tuple(messages):
        lost["call or result without its counterpart"] += 1
    return repaired
