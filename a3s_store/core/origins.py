"""Origins: where a message object is known to be stored, so that it is not encoded again.

A message gets an origin when it is saved or loaded: an int, `token << 32 | position`. A *branch
token* names a conversation that grows at its end; its record has the conversation's chain
hash, and the branch where that was seen. Messages that got their origin elsewhere, in another
conversation or from another store, keep it: the record lists which origins its messages have.

Invariants: 1. messages with the same origin have the same content; 2. messages with the origins of
a record, in its order, are the first messages of a conversation with the record's chain hash.
Both are about content alone, so that neither can become false, whatever is written, rolled back or
removed. Whether a file has that conversation is found out by comparing the chain hash with the
stored one (decision D37).

Origins are no part of a message's value: `==`, `hash`, `repr` and pickles do not have them.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from a3s_store.core.conversation import Head
from a3s_store.models import Message
from a3s_store.models.message import origin_of, set_origin

_POSITION_BITS: Final = 32
# Tokens are never given twice in a process. Other processes have other objects: a pickled message
# has no origin, and messages that a fork copied keep origins that no later token has.
_TOKENS: Final = itertools.count(1)
# Records of each store: some 300 bytes each.
_MOST_RECORDS: Final = 10_000
# A conversation whose messages have origins from more places than that is not recognised.
_MOST_RUNS: Final = 1000
# How many tokens, among how many of the last messages, are tried: the last message may be one
# that other conversations have too.
_TOKENS_TRIED: Final = 4
_MESSAGES_TRIED: Final = 32
_NO_ORIGIN: Final = -1


class OriginRun(NamedTuple):
    """From position `start` up to the next run, origins count up from `origin`."""

    start: int
    origin: int


class TokenRecord(NamedTuple):
    """A conversation whose messages have these origins; `size` is what it weighs in the cache.

    `is_open` is whether its token may be given to messages behind its end, as long as it is the
    record that `Origins` has under the token.
    """

    token: int
    runs: tuple[OriginRun, ...]
    head: Head
    chain_hash: bytes
    size: int | None
    is_open: bool = True

    def origins(self, length: int) -> list[int]:
        """Return the origins of the first `length` messages."""
        found: list[int] = []
        ends = [*(run.start for run in self.runs[1:]), self.head.length]
        for (start, origin), end in zip(self.runs, ends, strict=True):
            found += range(origin, origin + max(0, min(end, length) - start))
        return found

    def cut(self, length: int, chain_hash: bytes) -> TokenRecord:
        """Return the record of the first `length` messages, which have this chain hash."""
        if length == self.head.length:
            return self
        return self._replace(
            runs=tuple(run for run in self.runs if run.start < length),
            head=Head(self.head.branch, length),
            chain_hash=chain_hash,
            size=None if self.size is None else self.size * length // self.head.length,
        )


class Recognised(NamedTuple):
    """The first `length` of some messages are those of a record."""

    record: TokenRecord
    length: int


class Origins:
    """The records of a store's tokens, those used last; used from several threads."""

    def __init__(self, most: int = _MOST_RECORDS) -> None:
        self._most = most
        self._records: collections.OrderedDict[int, TokenRecord] = collections.OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._records)

    def recognise(self, messages: tuple[Message, ...]) -> Recognised | None:
        """Return the record with most of these messages; None when none has the first one."""
        best: Recognised | None = None
        with self._lock:
            records = [*self._records_near(messages, len(messages))]
        for record in records:
            length = _shared(record, messages)
            if length > (0 if best is None else best.length):
                best = Recognised(record, length)
        return best

    def record_of(
        self, messages: tuple[Message, ...], length: int, chain_hash: bytes
    ) -> TokenRecord | None:
        """Return the record of the first `length` messages, whose chain hash this is, or None."""
        with self._lock:
            for record in self._records_near(messages, length):
                if (record.head.length, record.chain_hash) == (length, chain_hash):
                    return record
        return None

    def _records_near(self, messages: tuple[Message, ...], end: int) -> Iterator[TokenRecord]:
        """Yield the records of tokens that the last of the first `end` messages have."""
        tried: dict[int, None] = {}
        looked = 0
        for index in range(end - 1, -1, -1):
            origin = _origin_or_none(messages[index])
            if origin == _NO_ORIGIN:
                continue
            looked += 1
            token = origin >> _POSITION_BITS
            if token not in tried:
                tried[token] = None
                record = self._records.get(token)
                if record is not None:
                    self._records.move_to_end(token)
                    yield record
            if len(tried) >= _TOKENS_TRIED or looked >= _MESSAGES_TRIED:
                return

    def assign(
        self,
        messages: tuple[Message, ...],
        head: Head,
        chain_hash: bytes,
        size: int | None,
        base: TokenRecord | None,
        *,
        are_new: bool = False,
    ) -> None:
        """Record a stored conversation; give an origin to each of its messages without one.

        `base` is the record of its first messages, None where it has none. With `are_new` the
        others are different objects, of which no one else has one yet.
        """
        with self._lock:
            self._assign(messages, head, chain_hash, size, base, are_new)

    def forget(self, record: TokenRecord) -> None:
        """Remove a record, whose conversation is not stored any more."""
        with self._lock:
            if self._records.get(record.token) is record:
                del self._records[record.token]

    def clear(self) -> None:
        """Remove every record."""
        with self._lock:
            self._records.clear()

    def _assign(
        self,
        messages: tuple[Message, ...],
        head: Head,
        chain_hash: bytes,
        size: int | None,
        base: TokenRecord | None,
        are_new: bool,
    ) -> None:
        runs = [] if base is None else [*base.runs]
        start = 0 if base is None else base.head.length
        expected = _NO_ORIGIN
        token = None
        if base is not None and runs:
            expected = runs[-1].origin + start - runs[-1].start
            goes_on = base.is_open and self._records.get(base.token) is base
            # The token is given up if this fails: no position is given twice.
            token = self._records.pop(base.token).token if goes_on else None
        if are_new and start < len(messages):
            token = next(_TOKENS) if token is None else token
            first = _give(token, messages[start:], start)
            if expected != first:
                runs.append(OriginRun(start, first))
            start = len(messages)
        for position in range(start, len(messages)):
            message = messages[position]
            origin = _origin_or_none(message)
            if origin == _NO_ORIGIN:
                if token is None:
                    token = next(_TOKENS)
                origin = token << _POSITION_BITS | position
                set_origin(message, origin)
            if origin != expected:
                runs.append(OriginRun(position, origin))
            expected = origin + 1
        is_open = token is not None
        if token is None and runs:
            # No message is new. The token of the last one names it, unless it has a record.
            token = runs[-1].origin >> _POSITION_BITS
            if token in self._records:
                return
        if token is not None and len(runs) <= _MOST_RUNS:
            record = TokenRecord(token, tuple(runs), head, chain_hash, size, is_open)
            self._records[token] = record
            self._records.move_to_end(token)
            while len(self._records) > self._most:
                self._records.popitem(last=False)


def _shared(record: TokenRecord, messages: tuple[Message, ...]) -> int:
    """Return how many of these messages, from the first on, have the origins of the record."""
    length = min(record.head.length, len(messages))
    expected = record.origins(length)
    first = messages[:length]
    try:
        found = [*map(origin_of, first)]
    except (AttributeError, TypeError):
        found = [*map(_origin_or_none, first)]
    if found == expected:
        return length
    pairs = zip(found, expected, strict=True)
    return next(index for index, (one, other) in enumerate(pairs) if one != other)


def give_positions(messages: Sequence[Message], start: int) -> None:
    """Give new messages origins of a new token, whose positions are those of a conversation."""
    _give(next(_TOKENS), messages, start)


def position_of(message: Message) -> int:
    """Return the position of a message in the conversation in which it got its origin."""
    return origin_of(message) & ((1 << _POSITION_BITS) - 1)


def _give(token: int, messages: Sequence[Message], start: int) -> int:
    """Give messages the origins of a token from a position on; return the first one's."""
    first = token << _POSITION_BITS | start
    # Without a loop in Python: a load calls this with all its messages.
    collections.deque(map(set_origin, messages, range(first, first + len(messages))), 0)
    return first


def _origin_or_none(message: Any) -> int:
    try:
        return origin_of(message)
    except (AttributeError, TypeError):
        return _NO_ORIGIN
