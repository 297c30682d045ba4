"""The protocol of stores that promise `append`: additions, updates and pages, without loading."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol, Unpack, runtime_checkable

from a3s_store.core.collection_appends import CollectionAppends
from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.list_pages import Appended, MessagePage, Positioned, RunEventPage
    from a3s_store.core.revision import Position
    from a3s_store.core.session_update import SessionHeader, SessionUpdate
    from a3s_store.models import Message, RunEventRecord, SessionData


@runtime_checkable
class AppendingStore(SessionStore, CollectionAppends, Protocol):
    """A store that promises `append`: a session is extended, changed and read in parts.

    A call that changes nothing writes nothing and makes no generation. In a store without
    `generations`, conditions on a generation raise UnsupportedError and generations are 0.
    """

    async def append(
        self,
        session_id: str,
        messages: Sequence[Message],
        *,
        after: Position | None = None,
        expected_generation: int | None = None,
        create: SessionData | None = None,
        at_ms: Sequence[int] | None = None,
        updated_at: int | None = None,
        save_id: bytes | None = None,
    ) -> Appended:
        """Add messages at the end of the conversation, and change nothing else.

        Without a condition they go to the end of whatever is stored, so several writers may append
        to one session and nothing is lost. `after` is where the conversation must end;
        `expected_generation` as in `GenerationalStore.save`. `create` is a session without
        messages, which is saved in the same commit if none is stored; otherwise it is ignored.

        A call may be repeated when its result is unknown. With a `save_id` (16 random bytes) a call
        that was committed is recognised by it, whatever was appended since, in stores that promise
        `conditional_writes`. Without one, a call with `after` is recognised if the conversation
        goes on after `after` with equal messages: enough for one writer, not for two that may
        append equal messages. Without both, a repeated call appends twice. A recognised call
        returns the first one's positions with `already`, whatever `expected_generation` is.

        `at_ms` has one time for each message, in Unix milliseconds; None: the time of the store's
        clock. `updated_at` is the session's; None: the clock's, unless the stored one is later. No
        messages: the conditions are checked, nothing is written, and no session is created.

        Raises:
            SessionNotFoundError: no session is stored, and `create` is None.
            StaleGenerationError: a condition does not hold; `current` is the stored position or
                generation. Nothing was written.
            EncodeError: a message cannot be stored.
            InvalidArgumentError: another argument has a wrong value, or `save_id` belongs to a save
                of other messages.
        """

    async def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> int:
        """Change fields of a session or of its configuration; return the generation afterwards.

        The result is that of loading the session, `evolve` and saving it. Fields that are not given
        stay as they are, `updated_at` too. A field of the configuration replaces it in the stored
        configuration, or in `config` if that is given.

        Raises:
            SessionNotFoundError: no session is stored.
            StaleGenerationError: it is at another generation; nothing was written.
            UnknownFieldError: a name is no such field.
            EncodeError: a value cannot be stored.
        """

    async def messages(
        self,
        session_id: str,
        *,
        last: int | None = None,
        start: int = 0,
        stop: int | None = None,
        generation: int | None = None,
    ) -> MessagePage | None:
        """Return some messages of the conversation; None when no session is stored.

        `start` and `stop` are as in a slice of Python: negative ones count from the end. `last` is
        a number of messages at the end. `generation` chooses the conversation of an older save.

        Raises:
            SessionNotFoundError, GenerationGoneError: as `GenerationalStore.load`.
            InvalidArgumentError: `last` is negative, or given together with another one.
        """

    def iter_messages(
        self,
        session_id: str,
        *,
        start: int = 0,
        stop: int | None = None,
        reverse: bool = False,
        page: int = 500,
        generation: int | None = None,
    ) -> AsyncIterator[Positioned]:
        """Yield the messages of one conversation, `page` of them read at a time.

        It is the conversation of the moment of the first read, whatever others write meanwhile.
        `reverse` yields the last one first.

        Raises:
            SessionNotFoundError: no session is stored, or it was deleted meanwhile.
            GenerationGoneError: the generation was pruned meanwhile.
            InvalidArgumentError: an argument has a wrong value.
        """

    async def load_header(self, session_id: str) -> SessionHeader | None:
        """Return a session without its lists; None when none is stored."""

    async def append_run_events(
        self,
        session_id: str,
        run_id: str,
        events: Sequence[RunEventRecord],
        *,
        after_sequence: int | None = None,
    ) -> int:
        """Add events at the end of a run; return the generation of the session afterwards.

        `after_sequence` is the sequence that the last event of the run must have (without events
        one less than their count, so -1 at first); None: any. In the run's snapshot `event_count`
        rises, and `updated_at_ms` becomes the time of the latest event.

        Raises:
            SessionNotFoundError: no such run is stored under the id.
            StaleGenerationError: the last event has another sequence, which is `current`.
            EncodeError: an event cannot be stored.
        """

    async def event_page(
        self, session_id: str, run_id: str, *, after: int | None = None, limit: int = 100
    ) -> RunEventPage | None:
        """Return up to `limit` events of a run with a sequence above `after`, None for the first.

        Returns None when no such run is stored.
        """


def appending(store: SessionStore) -> AppendingStore | None:
    """Return the store if it promises `append`, else None."""
    if store.capabilities().append and isinstance(store, AppendingStore):
        return store
    return None
