"""The turns of a conversation: pure functions of messages.

A *prompt* is a message of the role user with a block that is not a tool result. A *turn* begins at
a prompt and ends before the next one. A turn is what one `send` adds, unless the conversation was
compacted or saved by something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from a3s_store import models
from a3s_store.core.list_pages import Positioned

if TYPE_CHECKING:
    from a3s_store.models import Message

PROMPT_CHARACTERS: Final = 200


@attrs.frozen
class Turn:
    """The messages from `start` up to, and without, `stop`.

    `index` is 1 for the turn of the first prompt; messages before that are turn 0, without prompt.
    `prompt` is the beginning of the prompt's text. `at_ms` is when the prompt was added, None where
    no time is stored.
    """

    index: int
    start: int
    stop: int
    prompt: str | None = None
    at_ms: int | None = None


def is_prompt(message: Message) -> bool:
    """Return whether a turn begins at this message."""
    return message.role == "user" and any(
        type(block) is not models.ToolResultBlock for block in message.content
    )


def first_prompt(messages: Iterable[Message]) -> str | None:
    """Return the beginning of the text of the first prompt; None without a prompt."""
    return next((_shortened(message) for message in messages if is_prompt(message)), None)


def turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Return the turns of a conversation, in order and without gaps."""
    found = (Positioned(seq, one, None) for seq, one in enumerate(messages) if is_prompt(one))
    return turns_between(found, len(messages))


def turns_between(prompts: Iterable[Positioned], length: int) -> tuple[Turn, ...]:
    """Return the turns of a conversation of `length` messages with these prompts, in order."""
    begun = list(prompts)
    stops = [*(one.seq for one in begun), length]
    found = [
        Turn(index, one.seq, stops[index], _shortened(one.message), one.at_ms)
        for index, one in enumerate(begun, 1)
    ]
    return (Turn(0, 0, stops[0]), *found) if stops[0] else tuple(found)


def _shortened(prompt: Message) -> str:
    return prompt.text[:PROMPT_CHARACTERS]
