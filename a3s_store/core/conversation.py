"""Where a conversation is stored, and which part of a new one is stored already: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

from a3s_store.core.cache_weight import VALUE_BYTES
from a3s_store.core.digests import EMPTY_CHAIN, linked, message_digest, sized_digest
from a3s_store.core.list_diff import Run, common, shared_runs
from a3s_store.core.revision import Position
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.wire import encode


class Head(NamedTuple):
    """The first `length` messages of a branch."""

    branch: int
    length: int


class CachedConversation(NamedTuple):
    """Messages that were read or written at a head; `chain_hash` is their chain hash.

    They may have been removed since: before use, compare `chain_hash` with the one stored there.
    `size` is what they weigh in the session cache, None where it is not known.
    """

    messages: tuple[Message, ...]
    head: Head
    chain_hash: bytes
    size: int | None = None


def best_of(
    conversations: Iterable[CachedConversation], messages: tuple[Message, ...]
) -> tuple[CachedConversation | None, int]:
    """Return the conversation that shares most with these messages, and how many it shares.

    Where none shares its first messages, the longest: it may have later ones.
    """
    best: CachedConversation | None = None
    shared = 0
    for one in conversations:
        length = common(one.messages, messages)
        if best is None or (length, one.head.length) > (shared, best.head.length):
            best, shared = one, length
    return best, shared


class EncodedMessage(NamedTuple):
    """A message as a JSON object, its digest, and the bytes that this was made of."""

    tree: dict[str, Any]
    digest: bytes
    size: int


def encode_messages(messages: tuple[Message, ...], start: int = 0) -> list[EncodedMessage]:
    """Encode messages; errors count their positions from `start`. Raises EncodeError."""
    found = []
    for index, message in enumerate(messages, start):
        tree = _encode_message(index, message)
        found.append(EncodedMessage(tree, *sized_digest(tree)))
    return found


class Bound(NamedTuple):
    """How many messages, and bytes of them, are encoded before `LargeSaveError` is raised."""

    messages: int
    bytes: int

    def without(self, used: Bound) -> Bound:
        """Return what is left after some were encoded."""
        return Bound(max(0, self.messages - used.messages), max(0, self.bytes - used.bytes))


class LargeSaveError(Exception):
    """More messages have to be encoded than a bound permits; `hashes` keeps what was computed.

    They belong to the session `session_id`, and `place` makes a branch for them, given a connection
    and a transaction; the rows of new ones get the times `at_ms`, `now_ms` where that is empty.
    Where a unit raised it, `conversations` has the messages of all its saves, each with the id of
    its session.
    """

    def __init__(self, hashes: ChainHashes) -> None:
        super().__init__("more messages are new than one transaction takes")
        self.hashes = hashes
        self.session_id = ""
        self.place: Callable[[Any, Any, ChainHashes], Any]
        self.now_ms = 0
        self.at_ms: tuple[int, ...] = ()
        self.conversations: Sequence[tuple[str, tuple[Message, ...]]] = ()

    def located(
        self,
        session_id: str,
        place: Callable[[Any, Any, ChainHashes], Any],
        now_ms: int,
        at_ms: tuple[int, ...] = (),
    ) -> Self:
        """Note whose messages they are and how they are placed; return the error."""
        self.session_id, self.place = session_id, place
        self.now_ms, self.at_ms = now_ms, at_ms
        return self


class ChainHashes:
    """The chain hashes of a conversation that is to be stored, computed where they are asked for.

    `messages` are its messages, or those after the first `start` (`behind`). The first `start` are
    stored, with `chain_hash` at their end; only messages after them are encoded, unless a chain
    hash among them is asked for and `stored` returns None for it. Where `bound` does not permit
    another one to be encoded, LargeSaveError is raised; None: no bound.
    """

    def __init__(
        self,
        messages: tuple[Message, ...],
        start: int,
        chain_hash: bytes,
        stored: Callable[[int], bytes | None] = lambda _: None,
        bound: Bound | None = None,
    ) -> None:
        self.messages = messages
        self.start = start
        # The position of the first of `messages`.
        self._offset = 0
        self._stored = stored
        self._known = {0: EMPTY_CHAIN, start: chain_hash}
        # Those whose JSON objects are at hand, and the digest and bytes of those that were freed.
        self._encoded: dict[int, EncodedMessage] = {}
        self._freed: dict[int, tuple[bytes, int]] = {}
        self._encoded_size = 0
        self._bound = bound

    @classmethod
    def behind(
        cls, position: Position, messages: tuple[Message, ...], bound: Bound | None = None
    ) -> Self:
        """Return the hashes of a conversation that goes on after a position with these messages.

        Those before it are not at hand. Errors count the positions of these from 0. Raises
        EncodeError, and LargeSaveError where the bound does not permit all of them.
        """
        made = cls(messages, position.length, position.chain_hash, bound=bound)
        made._offset = position.length
        if bound is not None and len(messages) > bound.messages:
            raise LargeSaveError(made)
        added = encode_messages(messages)
        made._encoded = dict(enumerate(added, position.length))
        made._encoded_size = sum(one.size + VALUE_BYTES for one in added)
        # A message that is large by itself is one row all the same.
        if bound is not None and added and made._encoded_size - added[-1].size > bound.bytes:
            raise LargeSaveError(made)
        return made

    def follows(self, position: Position) -> bool:
        """Whether the messages after the first `start` are behind this position."""
        return self.start == position.length and self._known[self.start] == position.chain_hash

    def moved(self, position: Position) -> ChainHashes:
        """Return those of the same messages behind another position, whose digests are known."""
        made = ChainHashes(self.messages, position.length, position.chain_hash)
        made._offset = position.length
        by = position.length - self._offset
        self.free()
        made._freed = {index + by: one for index, one in self._freed.items()}
        made._encoded_size = self._encoded_size
        return made

    def __len__(self) -> int:
        return self._offset + len(self.messages)

    def at(self, length: int) -> bytes:
        """Return the chain hash of the first `length` messages. Raises EncodeError."""
        known = self._known.get(length)
        if known is None and length < self.start:
            known = self._stored(length)
        if known is None:
            # Not by recursion: a conversation may be long.
            first = length
            while first not in self._known:
                first -= 1
            known = self._known[first]
            for index in range(first, length):
                known = self._known[index + 1] = linked(known, self.digest(index))
            return known
        self._known[length] = known
        return known

    def note(self, length: int, chain_hash: bytes) -> None:
        """Keep the chain hash of the first `length` messages, which was computed elsewhere."""
        self._known[length] = chain_hash

    def encoded(self, positions: range) -> list[EncodedMessage]:
        """Return messages that follow each other. Raises EncodeError."""
        known = self._encoded
        return [known.get(index) or self._encode(index) for index in positions]

    def _encode(self, index: int) -> EncodedMessage:
        if self._bound is not None and (
            len(self._encoded) >= self._bound.messages or self._encoded_size > self._bound.bytes
        ):
            raise LargeSaveError(self)
        own = index - self._offset
        tree = _encode_message(own, self.messages[own])
        digested = self._freed.pop(index, None)
        if digested is None:
            digested = sized_digest(tree)
            self._encoded_size += digested[1] + VALUE_BYTES
        found = self._encoded[index] = EncodedMessage(tree, *digested)
        return found

    @property
    def encoded_so_far(self) -> Bound:
        """How many messages, and bytes of them, were encoded."""
        return Bound(len(self._encoded) + len(self._freed), self._encoded_size)

    def permit(self, more: Bound | None) -> None:
        """Permit so many more messages to be encoded than now; None: any number."""
        self._bound = more and Bound(
            len(self._encoded) + more.messages, self._encoded_size + more.bytes
        )

    def free(self) -> None:
        """Free the JSON objects of messages: those that are asked for again are encoded again."""
        self._freed |= {index: (one.digest, one.size) for index, one in self._encoded.items()}
        self._encoded.clear()

    def digest(self, index: int) -> bytes:
        """Return the digest of a message. Raises EncodeError."""
        return self._digested(index)[0]

    def digests(self) -> list[bytes]:
        """Return the digests of all messages after the first `start`. Raises EncodeError."""
        return [self._digested(index)[0] for index in range(self.start, len(self))]

    def bytes_of(self, index: int) -> int:
        """Return the bytes of a message's JSON. Raises EncodeError."""
        return self._digested(index)[1]

    def _digested(self, index: int) -> tuple[bytes, int]:
        freed = self._freed.get(index)
        if freed is not None:
            return freed
        found = self._encoded.get(index) or self._encode(index)
        return found.digest, found.size

    def size(self, line: CachedConversation | None) -> int | None:
        """Return what the messages weigh; those that were not encoded as those of `line` do."""
        others = len(self) - len(self._encoded) - len(self._freed)
        if not others:
            return self._encoded_size
        if line is None or line.size is None or not line.messages:
            return None
        return self._encoded_size + line.size * others // len(line.messages)

    def runs_in(self, old: CachedConversation, shared: int) -> list[Run]:
        """Return which messages after the first `shared` are in another conversation, too.

        Messages are compared by identity; where that finds fewer than half of them, by digest,
        those after the first `shared` of both, unless the other conversation has far more of these.
        """
        runs = shared_runs([*map(id, old.messages)], [*map(id, self.messages)], shared)
        left = len(self) - shared
        if 2 * sum(run.count for run in runs) >= left:
            return runs
        if len(old.messages) - shared > most_compared(left):
            return runs
        before = [message_digest(encode(message)) for message in old.messages[shared:]]
        after = [self.digest(index) for index in range(shared, len(self))]
        found = shared_runs(before, after, 0)
        return [Run(run.new + shared, run.old + shared, run.count) for run in found]


def most_compared(new: int) -> int:
    """Return how many stored messages may be read and encoded to find `new` ones among them.

    To write a message costs about as much. The constant number is not noticed in a save, and keeps
    what a compaction left from being written again.
    """
    return 256 + 8 * new


def _encode_message(index: int, message: Message) -> dict[str, Any]:
    if type(message) is not Message:
        what = f"expected a Message, found {type(message).__name__}"
        raise EncodeError(what, model="SessionData", path=f"messages[{index}]")
    try:
        return encode(message)
    except EncodeError as error:
        raise error.inside("SessionData", f"messages[{index}]") from None
