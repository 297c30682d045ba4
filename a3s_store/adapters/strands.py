"""`A3sSessionRepository`: sessions of Strands Agents in streams, one stream for each session.

| id of the item | value: the SDK's dictionary of |
|---|---|
| `s` | the session |
| `a` agent | an agent |
| `m` agent, number in 16 digits | a message |
| `g` graph or swarm | the state of several agents |

The metadata of each is its layout.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from a3s_store import NewItem, Stream, SyncSessionStore
from a3s_store.adapters._calls import Calls, Streams
from a3s_store.adapters._layout import fields, joined
from a3s_store.adapters._peers import needs
from a3s_store.errors import InvalidArgumentError, StaleItemError

with needs("strands"):
    from strands.session.session_repository import SessionRepository
    from strands.types.exceptions import SessionException
    from strands.types.session import Session, SessionAgent, SessionMessage

R = TypeVar("R")

LAYOUT: Final = 1
PREFIX: Final = joined("strands.sessions")


class A3sSessionRepository(SessionRepository):
    """Keeps sessions in a `SyncSessionStore`: `RepositorySessionManager(id, repository)` uses it.

    Strands calls it inside of event loops, too; they wait meanwhile, as for its own repositories.
    Besides SessionException all methods raise the errors of the store.
    """

    def __init__(self, store: SyncSessionStore) -> None:
        """Raises InvalidArgumentError for another store."""
        given: object = store
        if not isinstance(given, SyncSessionStore):
            what = f"store is a SyncSessionStore, not {type(given).__name__}"
            raise InvalidArgumentError(what, argument="store")
        self._calls = Calls(store)

    def create_session(self, session: Any, **kwargs: Any) -> Any:
        """See `SessionRepository.create_session`. Raises SessionException if it exists."""
        name = session.session_id
        self._create(name, joined("s"), session.to_dict(), f"Session {name} already exists")
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Any:
        """See `SessionRepository.read_session`."""
        found = self._read(session_id, joined("s"))
        return None if found is None else Session.from_dict(found)

    def create_agent(self, session_id: str, session_agent: Any, **kwargs: Any) -> None:
        """See `SessionRepository.create_agent`. Raises SessionException if it exists."""
        name = session_agent.agent_id
        self._need(session_id, joined("s"), f"Session {session_id} does not exist")
        taken = f"Agent {name} already exists in session {session_id}"
        self._create(session_id, joined("a", name), session_agent.to_dict(), taken)

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> Any:
        """See `SessionRepository.read_agent`."""
        found = self._read(session_id, joined("a", agent_id))
        return None if found is None else SessionAgent.from_dict(found)

    def update_agent(self, session_id: str, session_agent: Any, **kwargs: Any) -> None:
        """See `SessionRepository.update_agent`. The time of creation stays."""
        place = joined("a", session_agent.agent_id)
        missing = f"Agent {session_agent.agent_id} does not exist in session {session_id}"
        stored = self._need(session_id, place, missing)
        session_agent.created_at = stored["created_at"]
        self._put(session_id, place, session_agent.to_dict())

    def create_message(
        self, session_id: str, agent_id: str, session_message: Any, **kwargs: Any
    ) -> None:
        """See `SessionRepository.create_message`. It is committed when this returns.

        Raises:
            SessionException: another message has the number, perhaps of another process; it stays.
        """
        missing = f"Agent {agent_id} does not exist in session {session_id}"
        self._need(session_id, joined("a", agent_id), missing)
        number = session_message.message_id
        taken = f"Message {number} already exists in agent {agent_id} in session {session_id}"
        self._create(session_id, _message(agent_id, number), session_message.to_dict(), taken)

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> Any:
        """See `SessionRepository.read_message`."""
        found = self._read(session_id, _message(agent_id, message_id))
        return None if found is None else SessionMessage.from_dict(found)

    def update_message(
        self, session_id: str, agent_id: str, session_message: Any, **kwargs: Any
    ) -> None:
        """See `SessionRepository.update_message`. The time of creation stays."""
        number = session_message.message_id
        place = _message(agent_id, number)
        stored = self._need(session_id, place, f"Message {number} does not exist")
        session_message.created_at = stored["created_at"]
        self._put(session_id, place, session_message.to_dict())

    def list_messages(
        self,
        session_id: str,
        agent_id: str,
        limit: int | None = None,
        offset: int = 0,
        **kwargs: Any,
    ) -> list[Any]:
        """See `SessionRepository.list_messages`. Ordered by number."""
        missing = f"Agent {agent_id} does not exist in session {session_id}"
        self._need(session_id, joined("a", agent_id), missing)
        end = None if limit is None else offset + limit
        stream, found = self._name(session_id), []
        for item in self._do(
            lambda s: s.stream(stream).items(id_prefix=joined("m", agent_id), order="id", limit=end)
        )[offset:]:
            fields(item, LAYOUT, stream)
            found.append(SessionMessage.from_dict(item.value))
        return found

    def create_multi_agent(self, session_id: str, multi_agent: Any, **kwargs: Any) -> None:
        """See `SessionRepository.create_multi_agent`."""
        self._need(session_id, joined("s"), f"Session {session_id} does not exist")
        self._put(session_id, joined("g", multi_agent.id), multi_agent.serialize_state())

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> Any:
        """See `SessionRepository.read_multi_agent`."""
        return self._read(session_id, joined("g", multi_agent_id))

    def update_multi_agent(self, session_id: str, multi_agent: Any, **kwargs: Any) -> None:
        """See `SessionRepository.update_multi_agent`."""
        place = joined("g", multi_agent.id)
        missing = f"MultiAgent state {multi_agent.id} in session {session_id} does not exist"
        self._need(session_id, place, missing)
        self._put(session_id, place, multi_agent.serialize_state())

    def delete_session(self, session_id: str) -> None:
        """Remove a session with all of its agents and messages, in one commit."""
        self._do(lambda s: self._stream(s, session_id).delete())

    # -- Items ------------------------------------------------------------------------------------

    def _read(self, session_id: str, place: str) -> Any:
        item = self._do(lambda s: self._stream(s, session_id).get(place))
        if item is None:
            return None
        fields(item, LAYOUT, self._name(session_id))
        return item.value

    def _need(self, session_id: str, place: str, missing: str) -> Any:
        found = self._read(session_id, place)
        if found is None:
            raise SessionException(missing)
        return found

    def _create(self, session_id: str, place: str, value: Any, taken: str) -> None:
        item = NewItem(value, id=place, metadata=[LAYOUT])
        try:
            self._do(lambda s: self._stream(s, session_id).append(item))
        except StaleItemError as error:
            raise SessionException(taken) from error

    def _put(self, session_id: str, place: str, value: Any) -> None:
        self._do(lambda s: self._stream(s, session_id).put(place, value, metadata=[LAYOUT]))

    def _do(self, work: Callable[[Streams], Awaitable[R]]) -> R:
        return self._calls.blocking_in_loops(work)

    def _stream(self, store: Streams, session_id: str) -> Stream:
        return store.stream(self._name(session_id))

    def _name(self, session_id: str) -> str:
        return PREFIX + joined(session_id)


def _message(agent_id: str, number: int) -> str:
    return joined("m", agent_id, f"{number:016}")
