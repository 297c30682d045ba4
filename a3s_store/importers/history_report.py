"""The outcome of saving a history, and the unmatched calls of a conversation as it grows."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import attrs

from a3s_store.core.tool_pairs import check_pairs
from a3s_store.core.transfer_report import SessionPairs
from a3s_store.importers.store_item import Outcome
from a3s_store.models import Message, ToolResultBlock, ToolUseBlock


@attrs.frozen
class Saved:
    """The outcome of saving a history, what had no place of its own, and unmatched calls."""

    outcome: Outcome
    counted: Counter[str] = attrs.field(factory=Counter)
    lost: Counter[str] = attrs.field(factory=Counter)
    pairs: SessionPairs | None = None


class Pairs:
    """The calls and results of a conversation as it grows, without their arguments and texts."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    @property
    def length(self) -> int:
        """The number of messages that were added and not cut."""
        return len(self._messages)

    def missing(self, length: int) -> bool:
        """Return whether messages before this position were not added."""
        return len(self._messages) < length

    def cut(self, length: int) -> None:
        """Leave out the messages from this position on."""
        del self._messages[length:]

    def add(self, messages: Any) -> None:
        """Add messages at the end."""
        self._messages += map(_skeleton, messages)

    def of(self, session_id: str, *, repaired: bool) -> SessionPairs | None:
        """Return the counts of unmatched calls and results; None without any."""
        problems = check_pairs(self._messages)
        return SessionPairs.of(session_id, problems, repaired=repaired) if problems else None


_NO_TOOLS: Final = {role: Message(role=role, content=()) for role in ("user", "assistant")}


def _skeleton(message: Message) -> Message:
    tools = tuple(
        ToolUseBlock(id=block.id, name=block.name, input=None)
        if isinstance(block, ToolUseBlock)
        else ToolResultBlock(tool_use_id=block.tool_use_id, content="")
        for block in message.content
        if isinstance(block, ToolUseBlock | ToolResultBlock)
    )
    if not tools:
        return _NO_TOOLS["assistant" if message.role == "assistant" else "user"]
    return Message(role=message.role, content=tools)
