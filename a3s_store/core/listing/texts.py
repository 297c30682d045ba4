"""The texts of a session that lists show and search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from a3s_store.core.folding import folded
from a3s_store.core.turns import first_prompt
from a3s_store.models import Message

# A prompt that comes later is not listed: a save does not look through a whole conversation.
FIRST_MESSAGES: Final = 100


def listed_prompt(messages: Sequence[Message]) -> str | None:
    """Return the beginning of the first prompt among the first 100 messages; None without one."""
    return first_prompt(messages[:FIRST_MESSAGES])


def search_text(name: str, prompt: str | None) -> str:
    """Return what the `text` of a filter is looked for in."""
    return folded(f"{name}\n{prompt or ''}")
