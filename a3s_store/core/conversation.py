"""Where a conversation is stored: a head, and the messages known to be there."""

from __future__ import annotations

import attrs

from a3s_store.models import Message


@attrs.frozen
class Head:
    """The first `length` messages of a branch."""

    branch: int
    length: int


@attrs.frozen
class CachedConversation:
    """Messages that were found or written at a head; `chain_hash` is their chain.

    It may have become untrue since: whoever uses it asks the log, where rows never change and the
    chain tells whether these are still there.
    """

    messages: tuple[Message, ...]
    head: Head
    chain_hash: bytes
