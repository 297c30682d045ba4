"""What all peers share: our messages as plain parts, and the life of an adapter.

A peer is another package's session store, doing its own equivalent of a turn through its own API,
with the settings its users get when they ask for nothing else. Invariants:

1. This module and the adapters import no peer before `open`, so that listing them costs nothing.
2. Conversion to a peer's types happens in `prepare` (and `seed`), never in `save`.
3. Nothing is left out in silence: a block that the adapters cannot carry over is a TypeError.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs

from a3s_store import SessionSnapshot
from a3s_store.models import (
    Message,
    SessionData,
    TextBlock,
    ToolResultBlock,
    ToolResultText,
    ToolUseBlock,
)
from benchmarks.engine import Engine, Keeps


@attrs.frozen
class Answer:
    """What one tool said, as text."""

    call_id: str
    text: str
    is_error: bool


@attrs.frozen
class Plain:
    """One of our messages, taken apart into what every peer has a place for."""

    # Where it stands in the conversation, from 0, and a time that grows with it (Unix seconds).
    position: int
    at: float
    role: str
    text: str
    reasoning: str | None
    calls: tuple[ToolUseBlock, ...]
    answers: tuple[Answer, ...]


@attrs.frozen
class Turn:
    """The new part of one session, ready to be saved: `values` are the peer's own objects."""

    session_id: str
    values: list[Any]


class Peer(Engine):
    """An adapter: `convert`, and what `Engine` asks for, in the peer's words."""

    keeps: ClassVar[Keeps] = "messages"
    # Distributions that must be installed beside `package`.
    needs: ClassVar[tuple[str, ...]] = ()
    # Environment variables that keep the package from reporting to anybody; set before its import.
    silence: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def missing(cls) -> tuple[str, ...]:
        """Distributions that are not installed; empty when the peer can be opened."""
        # Not find_spec: it imports the parents of a dotted name, and any folder called "agents"
        # would pass for the OpenAI SDK. The version has to come from here anyway.
        names = (cls.package, *cls.needs)
        return tuple(name for name in names if name is not None and not _installed(name))

    async def open(self) -> None:
        """Silence the package. Adapters call this first, then import."""
        os.environ.update(self.silence)

    @abstractmethod
    def convert(self, message: Plain) -> list[Any]:
        """One message in the peer's types: one value, or several where the peer splits it."""

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> Any:
        """The messages of `after` that `before` does not have, converted."""
        start = 0 if before is None else len(before.session.messages)
        return Turn(after.session.id, self.converted(after.session, start))

    def converted(self, session: SessionData, start: int) -> list[Any]:
        """The messages from `start` on, in the peer's types."""
        return [value for message in plain(session, start) for value in self.convert(message)]

    async def seed(self, snapshot: SessionSnapshot) -> None:
        """Save the whole history in one go, as if it had been one long turn."""
        await self.save(self.prepare(None, snapshot))


def plain(session: SessionData, start: int = 0) -> Iterator[Plain]:
    """The messages from `start` on, taken apart. Raises TypeError for images and unknown blocks."""
    for position, message in enumerate(session.messages[start:], start):
        yield Plain(
            position=position,
            at=float(session.created_at + position),
            role=message.role,
            text=message.text,
            reasoning=message.reasoning_content,
            calls=tuple(block for block in message.content if isinstance(block, ToolUseBlock)),
            answers=tuple(_answers(message)),
        )


def _answers(message: Message) -> Iterator[Answer]:
    for block in message.content:
        if isinstance(block, ToolResultBlock):
            yield Answer(block.tool_use_id, _result_text(block), bool(block.is_error))
        elif not isinstance(block, TextBlock | ToolUseBlock):
            raise TypeError(f"the peers are given text and tools only, not {block!r:.80}")


def _result_text(block: ToolResultBlock) -> str:
    if isinstance(block.content, str):
        return block.content
    texts = [part.text for part in block.content if isinstance(part, ToolResultText)]
    if len(texts) != len(block.content):
        raise TypeError(f"the peers are given text from tools only, not {block!r:.80}")
    return "".join(texts)


async def settled(result: Any) -> Any:
    """What a call of a peer came to, whether that peer is synchronous or not."""
    return await result if inspect.isawaitable(result) else result


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
