"""The items of Codex rollouts as messages: which items make one message, and its blocks.

Items of one response follow each other: reasoning, text and calls. They make one message: its calls
come before all their results, which are messages of their own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from a3s_store.importers.content_blocks import Content
from a3s_store.importers.json_lines import parse_json
from a3s_store.importers.values import dict_of, list_of, text_of
from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)

# Kinds of items that the model makes; those with a result are calls.
CALLS: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_OF_MODEL: Final = frozenset({"reasoning", "web_search_call", "image_generation_call", *CALLS})
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
# Items of one message; more of them are no response of a model.
_MOST_ITEMS: Final = 1_000
_MOVED: Final = frozenset({"type", "role", "content", "arguments", "input", "output", "action"})


def side_of(item: Mapping[str, Any]) -> str | None:
    """Return `model` or `result`, or the role of a message; None for what is in no conversation."""
    kind = text_of(item.get("type"))
    if kind == "message" and text_of(item.get("role")):
        role: str = item["role"]
        return "model" if role == "assistant" else role
    if kind in RESULTS:
        return "result"
    return "model" if kind in _OF_MODEL else None


def begins_message(item: Mapping[str, Any], kinds: list[str]) -> bool:
    """Return whether an item of the model begins a message, after items of these kinds.

    Calls that wait for their results keep the message open.
    """
    if not kinds or len(kinds) >= _MOST_ITEMS:
        return True
    if any(kind in CALLS for kind in kinds):
        return False
    return item.get("type") in {"message", "reasoning"} and "message" in kinds


def add_item(content: Content, item: Mapping[str, Any]) -> dict[str, Any]:
    """Add an item to the content of its message; return the keys without a place in it."""
    kind = item.get("type")
    rest = {key: one for key, one in item.items() if key not in _MOVED}
    if kind == "message":
        blocks = item.get("content")
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        content.blocks += [_block(content, block) for block in list_of(blocks)]
    elif kind == "reasoning":
        parts = [*list_of(item.get("summary")), *list_of(item.get("content"))]
        texts = [text_of(dict_of(part).get("text")) for part in parts]
        content.reasoning += [text for text in texts if text is not None]
        return {key: one for key, one in item.items() if key not in {"summary", "content"}}
    elif kind in CALLS:
        content.blocks.append(_call(item))
        return {"type": kind, **rest}
    elif kind in RESULTS:
        content.blocks.append(_result(content, item, rest))
        return {"type": kind, **rest}
    else:
        content.blocks.append(content.opaque_block(item))
        return {}
    return rest


def _block(content: Content, block: Any) -> ContentBlock:
    match block:
        case {"type": str(kind), "text": str(text)} if kind in _TEXTS:
            rest = {key: one for key, one in block.items() if key not in {"type", "text"}}
            return TextBlock(text=text, extra=rest)
        case {"type": "input_image", "image_url": str(url)}:
            image = image_of(url)
            if image is not None:
                rest = {k: one for k, one in block.items() if k not in {"type", "image_url"}}
                return ImageBlock(source=image, extra=rest)
    return content.opaque_block(block if isinstance(block, dict) else {"value": block})


def image_of(url: str) -> ImageSource | None:
    """Return the image in a data URL with base64; None for any other URL, which is never opened."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return ImageSource(media_type=head.removeprefix("data:").removesuffix(";base64"), data=data)


def _call(item: Mapping[str, Any]) -> ToolUseBlock:
    kind = item["type"]
    given = item.get(
        {"function_call": "arguments", "custom_tool_call": "input"}.get(kind, "action")
    )
    if kind == "function_call" and isinstance(given, str):
        value, problem = parse_json(given.encode("utf-8", "replace"))
        given = value if problem is None and isinstance(value, dict) else given
    name = "local_shell" if kind == "local_shell_call" else text_of(item.get("name")) or kind
    return ToolUseBlock(id=call_id_of(item), name=name, input=given)


def call_id_of(item: Mapping[str, Any]) -> str:
    """Return the id that a call and its result have in common."""
    return text_of(item.get("call_id")) or text_of(item.get("id")) or ""


def _result(content: Content, item: Mapping[str, Any], rest: dict[str, Any]) -> ToolResultBlock:
    output = item.get("output")
    failed: bool | None = None
    if isinstance(output, str) and output.startswith("{"):
        # The shell's results: their text and how it ended, together as JSON.
        value, problem = parse_json(output.encode("utf-8", "replace"))
        if problem is None and isinstance(value, dict) and value.keys() == {"output", "metadata"}:
            code = dict_of(value["metadata"]).get("exit_code")
            if isinstance(value["output"], str):
                output, rest["metadata"] = value["output"], value["metadata"]
                failed = code != 0 if type(code) is int else None
    if isinstance(output, dict) and "content" in output:
        rest |= {"output": {key: one for key, one in output.items() if key != "content"}}
        succeeded = output.get("success")
        failed = not succeeded if isinstance(succeeded, bool) else None
        output = output["content"]
    if not isinstance(output, str | list):
        output = "" if output is None else [output]
    parts = [_part(one) for one in output] if isinstance(output, list) else output
    return ToolResultBlock(
        tool_use_id=call_id_of(item), content=content.parts(parts), is_error=failed
    )


def _part(part: Any) -> Any:
    """Return a part of a result in the form that `Content.parts` reads."""
    match part:
        case {"type": str(kind), "text": str()} if kind in _TEXTS:
            return {**part, "type": "text"}
        case {"type": "input_image", "image_url": str(url)} if image := image_of(url):
            source = {"type": "base64", "media_type": image.media_type, "data": image.data}
            return {"type": "image", "source": source}
    return part
