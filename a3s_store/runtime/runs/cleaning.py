"""Cleans the conversation that an agent hands over after each round of one run.

An agent keeps its own list of messages, with the texts that cannot be written. So the cleaned copy
of a message is kept: when the agent hands over the same object again, it is replaced by the same
copy, and the conversation does not look rewritten.

Invariants: 1. a message that can be written stays the same object; 2. a message handed over twice
is cleaned once and has one copy; 3. only new messages are checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.runtime.state.limits import check_items


class CleanedMessages:
    """The messages of one run that were cleaned."""

    def __init__(self) -> None:
        # The original is kept too, so that no other object gets its id().
        self._twins: dict[int, tuple[Message, Message]] = {}

    def clean(
        self, known: tuple[Message, ...], messages: Sequence[Message]
    ) -> tuple[tuple[Message, ...], int]:
        """Return the messages as they can be saved, and how many texts this call cleaned.

        `known` are the messages returned for the previous round; while the new ones begin with
        them, only the rest is checked.

        Raises:
            EncodeError: something other than a text cannot be saved.
        """
        found = self._with_twins(tuple(messages))
        begin = len(known) if found[: len(known)] == known else 0
        try:
            check_items(Message, found[begin:])
        except EncodeError:
            return self._cleaned(known, found, begin)
        return found, 0

    def _with_twins(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if not self._twins:
            return messages
        pairs = ((self._twins.get(id(message)), message) for message in messages)
        return tuple(message if twin is None else twin[1] for twin, message in pairs)

    def _cleaned(
        self, known: tuple[Message, ...], messages: tuple[Message, ...], begin: int
    ) -> tuple[tuple[Message, ...], int]:
        made: list[Message] = [*messages[:begin]]
        count = 0
        for at, message in enumerate(messages[begin:], begin):
            cleaner = Cleaner()
            twin = cleaner.model(message)
            check_items(Message, (twin,))
            if twin is not message:
                self._twins[id(message)] = message, twin
                # Not counted again for an agent that makes its messages anew each round.
                count += 0 if at < len(known) and known[at] == twin else cleaner.count
            made.append(twin)
        return tuple(made), count
