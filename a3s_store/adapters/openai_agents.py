"""`A3sSession`: sessions of the OpenAI Agents SDK in streams, one stream for each session.

The items of the SDK are the values, as JSON, in their order; the metadata of each is its layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from a3s_store import NewItem, Stream
from a3s_store.adapters._calls import AnyStore, Calls, Streams
from a3s_store.adapters._layout import fields, joined
from a3s_store.adapters._peers import needs
from a3s_store.errors import StaleItemError

with needs("openai-agents"):
    from agents.memory import SessionABC, SessionSettings
    from agents.memory.session_settings import coerce_session_settings, resolve_session_limit

LAYOUT: Final = 1
PREFIX: Final = joined("openai.agents")


class A3sSession(SessionABC):
    """The items of one session, in a store with streams or in a `SyncSessionStore`.

    Objects of one session, of several processes too, see each other's items. All methods raise the
    errors of the store.
    """

    def __init__(
        self,
        session_id: str,
        store: AnyStore,
        *,
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Use `session_settings` as the SDK's own sessions do, for example `{"limit": 50}`.

        Raises:
            UnsupportedError: the store has no streams or no transactions.
        """
        self.session_id = session_id
        given = SessionSettings() if session_settings is None else session_settings
        self.session_settings = coerce_session_settings(given)
        self._calls = Calls(store)

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """Return the last `limit` items in their order; by default those of the settings, or all.

        Only these are read.
        """
        last = resolve_session_limit(limit, self.session_settings)
        if last is not None and last <= 0:
            return []
        return await self._calls.awaited(lambda s: self._items(s, last))

    async def add_items(self, items: Sequence[Any]) -> None:
        """Store items behind the others in one commit; they are stored when this returns.

        Raises:
            EncodeError: an item is no JSON; none is stored.
        """
        new = [NewItem(item, metadata=[LAYOUT]) for item in items]
        if new:
            await self._calls.awaited(lambda s: self._stream(s).append(*new))

    async def pop_item(self) -> Any:
        """Remove the last item and return it, or None. No other session object gets it, too.

        Raises:
            SchemaTooNewError: a newer release stored it; it stays.
        """
        return await self._calls.awaited(self._pop)

    async def clear_session(self) -> None:
        """Remove all items in one commit."""
        await self._calls.awaited(lambda s: self._stream(s).delete())

    async def _items(self, store: Streams, last: int | None) -> list[Any]:
        stream = self._stream(store)
        found = []
        for item in await stream.items(last=last):
            fields(item, LAYOUT, stream.name)
            found.append(item.value)
        return found

    async def _pop(self, store: Streams) -> Any:
        stream = self._stream(store)
        known = 0
        while True:
            items = await stream.items(last=1)
            if not items:
                return None
            fields(items[0], LAYOUT, stream.name)
            seq = items[0].seq
            try:
                # Others have neither added an item nor removed this one since it was read.
                if await stream.truncate(seq, expected_next=max(known, seq + 1)):
                    return items[0].value
            except StaleItemError as error:  # others added one, or removed items leave a hole
                known = int(error.current)

    def _stream(self, store: Streams) -> Stream:
        return store.stream(PREFIX + joined(self.session_id))
