"""Printing a conversation: messages, tool calls and their results.

Reasoning is dimmed, images are placeholders, long outputs are folded with a count of their lines.
"""

from __future__ import annotations

import json
from typing import Any, Final

from a3s_store.cli import output
from a3s_store.cli.output import Page
from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    Message,
    SessionData,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
)
from a3s_store.printable import one_line

# Lines that are shown of a long text.
TEXT_LINES: Final = 60
OUTPUT_LINES: Final = 12
_ARGUMENT_LINES: Final = 8
_ONE_LINE: Final = 76
INDENT: Final = 6
_ROLES: Final = {"user": "bold cyan", "assistant": "bold green", "tools": "bold magenta"}


def print_heading(page: Page, session: SessionData, generation: int | None) -> None:
    """Print the id, name and state of a session, on two or three lines."""
    page.parts((session.id, "bold"), ("  " + session.config.name, ""))
    about = [
        session.state,
        output.amount(len(session.messages), "message"),
        session.model_name or "",
        f"updated {output.moment(session.updated_at)}",
        output.dollars(session.total_cost),
        f"as of generation {generation}" if generation is not None else "",
    ]
    page.label(" · ".join(filter(None, about)))
    if session.config.workspace:
        page.label(session.config.workspace)


def print_messages(
    page: Page, messages: tuple[Message, ...], first: int, *, count_earlier: bool = True
) -> None:
    """Print the messages from position `first` on, numbered from 1."""
    names = _tool_names(messages)
    if first and count_earlier:
        page.blank()
        page.put(f"… {output.amount(first, 'earlier message')}", "dim italic", indent=INDENT)
    for number, message in enumerate(messages[first:], first + 1):
        role = _role(message)
        page.blank()
        page.parts((f"{number:>4}  ", "dim"), (role, _ROLES.get(role, "bold")))
        if message.reasoning_content:
            page.put(message.reasoning_content, "dim italic", indent=INDENT, lines=OUTPUT_LINES)
        for block in message.content:
            _print_block(page, block, names)


def _role(message: Message) -> str:
    """Return the role to show: results of tools, which have the role user, are from `tools`."""
    results = [isinstance(block, ToolResultBlock) for block in message.content]
    return "tools" if results and all(results) and message.role == "user" else message.role


def _tool_names(messages: tuple[Message, ...]) -> dict[str, str]:
    return {
        block.id: block.name
        for message in messages
        for block in message.content
        if isinstance(block, ToolUseBlock)
    }


def _print_block(page: Page, block: ContentBlock, names: dict[str, str]) -> None:
    if isinstance(block, TextBlock):
        page.put(block.text, indent=INDENT, lines=TEXT_LINES)
    elif isinstance(block, ImageBlock):
        page.label(_image(block.source), indent=INDENT)
    elif isinstance(block, ToolUseBlock):
        print_call(page, block.name, block.input, indent=INDENT)
    elif isinstance(block, ToolResultBlock):
        _print_result(page, block, names.get(block.tool_use_id, block.tool_use_id))
    else:
        page.label(f"[{block.type}: a block that this release does not know]", indent=INDENT)


def print_call(page: Page, name: str, arguments: Any, *, indent: int) -> None:
    """Print a tool's name and arguments: on one line if they fit, else a line for each."""
    pairs = list(arguments.items()) if isinstance(arguments, dict) else [("", arguments)]
    short = "  ".join(f"{key}={_json(item)}" if key else _json(item) for key, item in pairs)
    if len(short) <= _ONE_LINE:
        page.parts(("→ ", "magenta"), (name, "magenta"), (f"  {short}", ""), indent=indent)
        return
    page.parts(("→ ", "magenta"), (name, "magenta"), indent=indent)
    for key, item in pairs:
        text = item if isinstance(item, str) else _json(item)
        first = f"{one_line(key)}: " if key else ""
        if "\n" in text and first:
            page.put(first.rstrip(), "dim", indent=indent + 2)
            page.put(text, indent=indent + 4, lines=_ARGUMENT_LINES)
        else:
            page.put(text, indent=indent + 2, first=first, lines=_ARGUMENT_LINES)


def _print_result(page: Page, block: ToolResultBlock, name: str) -> None:
    failed = bool(block.is_error)
    page.parts(
        ("← ", "red" if failed else "magenta"),
        (name, "red" if failed else "magenta"),
        ("  failed" if failed else "", "red"),
        indent=INDENT,
    )
    parts = (
        (ToolResultText(text=block.content),) if isinstance(block.content, str) else block.content
    )
    for part in parts:
        if isinstance(part, ToolResultText):
            if part.text:
                page.put(part.text, "dim", indent=INDENT + 2, lines=OUTPUT_LINES, tail=3)
        elif isinstance(part, ToolResultImage):
            page.label(_image(part.source), indent=INDENT + 2)
        else:
            shown = f"[{part.type}: a part that this release does not know]"
            page.label(shown, indent=INDENT + 2)


def _image(source: ImageSource) -> str:
    return f"[image {source.media_type}, {output.size(len(source.data) * 3 // 4)}]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
