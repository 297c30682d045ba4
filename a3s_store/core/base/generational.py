"""The methods of `GenerationalStore`, over a port that a backend implements.

A store that keeps every save as a generation subclasses `GenerationalMethods`, which checks
arguments. Conditions on stored values are functions of this module, which a backend calls inside
its transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import check_id
from a3s_store.errors import (
    EncodeError,
    GenerationGoneError,
    SessionNotFoundError,
    StaleGenerationError,
)

if TYPE_CHECKING:
    from a3s_store.core.batch import Batch
    from a3s_store.core.protocol import Generation
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import SessionData


class GenerationalMethods(BaseStore):
    """Implements `GenerationalStore` over the port below and that of `BaseStore`.

    `_commit` compares `Batch.expected_generation` as well.
    """

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        """Return the session with the conversation of a generation; None when there is none.

        Raises SessionNotFoundError, GenerationGoneError.
        """

    @abstractmethod
    async def _generation(self, session_id: str) -> int:
        """Return the number of the last save, 0 when nothing is stored."""

    @abstractmethod
    async def _generations(self, session_id: str) -> tuple[Generation, ...]:
        """Return every stored generation, the oldest first."""

    @abstractmethod
    async def _fork(
        self, session_id: str, new_id: str, at: int | None, expected_generation: int | None
    ) -> None:
        """Commit `_fork_batch` with the first `at` messages, which both sessions share.

        Before that `refuse_other`, `not_saved`, `refuse_used` and `refuse_beyond`, in this order.
        """

    @abstractmethod
    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        """Make the first `length` messages the conversation, and return the new generation.

        Before that `refuse_other`, `not_saved` and `refuse_beyond`, in this order.
        """

    @abstractmethod
    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        """As in `BaseStore`, after `refuse_other`. The deletion takes the next number."""

    @abstractmethod
    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        """Remove a session and its descendants in one commit, on a condition on that session."""

    # -- The methods --------------------------------------------------------------------------

    async def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """See `GenerationalStore.save`."""
        check_expected("save", expected_generation)
        await self._put(
            self._session_batch("save", session, expected_generation=expected_generation)
        )

    async def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """See `GenerationalStore.save_snapshot`."""
        check_expected("save_snapshot", expected_generation)
        await self._put(
            self._snapshot_batch("save_snapshot", snapshot, expected_generation=expected_generation)
        )

    async def load(self, session_id: str, *, generation: int | None = None) -> SessionData | None:
        """See `GenerationalStore.load`."""
        if generation is None:
            return await super().load(session_id)
        self._check_open("load")
        check_count("load", "generation", generation)
        return await self._load_generation(check_id(session_id), generation)

    async def generation(self, session_id: str) -> int:
        """See `GenerationalStore.generation`."""
        self._check_open("generation")
        return await self._generation(check_id(session_id))

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """See `GenerationalStore.generations`."""
        self._check_open("generations")
        return await self._generations(check_id(session_id))

    async def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """See `GenerationalStore.fork`."""
        self._check_open("fork")
        check_expected("fork", expected_generation)
        if at is not None:
            check_count("fork", "at", at)
        await self._fork(check_id(session_id), check_id(new_id), at, expected_generation)

    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """See `GenerationalStore.rewind`."""
        self._check_open("rewind")
        check_expected("rewind", expected_generation)
        check_count("rewind", "length", length)
        return await self._rewind(check_id(session_id), length, expected_generation)

    async def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """See `GenerationalStore.delete`."""
        self._check_open("delete")
        check_expected("delete", expected_generation)
        check_id(session_id)
        await (self._delete_tree if tree else self._delete)(session_id, expected_generation)

    def _fork_batch(self, source: SessionSnapshot, new_id: str) -> Batch:
        """Return the batch that saves a copy of a stored session, which needs no redaction."""
        from a3s_store.core.snapshot import forked

        return self._snapshot_batch("fork", forked(source, new_id))


def _check_integer(op: str, name: str, value: int) -> None:
    if type(value) is not int:
        raise EncodeError(f"expected an integer, found {type(value).__name__}", op=op, path=name)


def check_expected(op: str, value: int | None) -> None:
    """Check the argument `expected_generation`.

    Raises:
        EncodeError: it is neither None nor an integer.
    """
    if value is not None:
        _check_integer(op, "expected_generation", value)


def check_count(op: str, name: str, value: int) -> None:
    """Check an argument that is a number of messages or of a generation.

    Raises:
        EncodeError: it is not an integer.
        SessionNotFoundError: no conversation or session has such a number.
    """
    _check_integer(op, name, value)
    if not 0 <= value < 2**63:
        raise SessionNotFoundError(f"there is no such {name}", op=op)


def refuse_other(expected: int | None, actual: int) -> None:
    """Check the generation of a session; None expects nothing.

    Raises:
        StaleGenerationError: it is another one.
    """
    if expected is not None and expected != actual:
        raise StaleGenerationError(
            f"the session is at generation {actual}, not {expected}",
            expected=expected,
            actual=actual,
            hint="Load it again, apply the change, and save that",
        )


def refuse_used(new_id: str, generation: int) -> None:
    """Check that the id for a fork is unused.

    Raises:
        StaleGenerationError: the id has a generation.
    """
    if generation:
        raise StaleGenerationError(
            f"something was saved under {new_id!r} already",
            expected=0,
            actual=generation,
            hint="Choose another id, or delete that one first",
        )


def refuse_beyond(length: int | None, stored: int) -> None:
    """Check that a conversation has at least `length` messages; None means all.

    Raises:
        SessionNotFoundError: it has fewer.
    """
    if length is not None and not 0 <= length <= stored:
        raise SessionNotFoundError(
            f"the conversation has {stored} messages, not {length}",
            hint=f"Choose a length from 0 to {stored}",
        )


def not_saved() -> SessionNotFoundError:
    """Return the error for an id under which no session is stored."""
    return SessionNotFoundError("no session was saved under this id", hint="list() names all")


def not_there(generation: int, newest: int) -> SessionNotFoundError:
    """Return the error for a generation that does not exist or has no conversation."""
    return SessionNotFoundError(
        f"there is no conversation of generation {generation}",
        hint=f"The session is at generation {newest}",
    )


def pruned(generation: int) -> GenerationGoneError:
    """Return the error for a generation that was pruned."""
    return GenerationGoneError(
        f"generation {generation} was pruned",
        generation=generation,
        hint="`generations()` names those that are kept",
    )
