"""Errors of live sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from a3s_store.errors.stores import StaleGenerationError, StoreError


class SessionError(StoreError):
    """A live session refused an operation, or failed in it; the stored session is unchanged."""


class SessionClosedError(SessionError, RuntimeError):
    """The session was closed; restore it from the store to continue."""


class SessionBusyError(SessionError, RuntimeError):
    """Another operation of the session `session_id` is running; nothing was started."""

    def __init__(self, what: str, *, session_id: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.session_id = session_id


class SessionPausedError(SessionError, RuntimeError):
    """The session is paused; resume it first."""


class SessionConfigError(SessionError, ValueError):
    """The option `field` has a value that is refused, or is required and missing."""

    def __init__(self, what: str, *, field: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.field = field


class PersistenceError(SessionError):
    """A live session could not be saved, loaded or restored; `__cause__` is the store's error."""


class SessionNotSavedError(PersistenceError):
    """A session was closed and not completely saved; `closed` is the result of closing it."""

    def __init__(self, what: str, *, closed: Any = None, **where: str) -> None:
        super().__init__(what, **where)
        self.closed = closed


class UnsavedSessionsError(ExceptionGroup[SessionNotSavedError], StoreError):
    """Sessions were closed and not saved: a group of SessionNotSavedError, one for each.

    `closed` has the result of closing each.
    """

    exceptions: tuple[SessionNotSavedError, ...]

    def __new__(cls, errors: Sequence[SessionNotSavedError]) -> Self:
        return super().__new__(cls, "sessions were closed and not saved", errors)

    def __init__(self, errors: Sequence[SessionNotSavedError]) -> None:
        self.what = "sessions were closed and not saved"
        self.op = "close"
        self.where = ", ".join(error.where for error in errors)
        self.hint = "Each error names the place of the unsaved changes"

    @property
    def closed(self) -> tuple[Any, ...]:
        """The results of closing each session."""
        return tuple(error.closed for error in self.exceptions)

    def derive(self, errors: Sequence[Any], /) -> Any:
        """Return a group of some of the errors; `split` calls it."""
        return UnsavedSessionsError(errors)

    def __str__(self) -> str:
        return StoreError.__str__(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return UnsavedSessionsError, (list(self.exceptions),)


class StaleSessionError(SessionError, StaleGenerationError):
    """The stored session was changed by others, and this one's changes cannot be merged with that.

    The live session keeps its changes. `reason` is why they cannot be merged; `forked_as` is the
    id under which they were saved as a fork, None if they were not.
    """

    def __init__(
        self,
        what: str,
        *,
        session_id: str,
        reason: str = "",
        forked_as: str | None = None,
        **given: Any,
    ) -> None:
        super().__init__(what, **given)
        self.session_id = session_id
        self.reason = reason
        self.forked_as = forked_as


class SessionDeletedError(StaleSessionError):
    """The stored session was deleted by others; `recreated` if its id has another session now.

    Nothing was written, and the live session is not saved any more. `save_as` saves it under
    another id.
    """

    def __init__(self, what: str, *, recreated: bool = False, **given: Any) -> None:
        super().__init__(what, **given)
        self.recreated = recreated


class InterruptedRunError(SessionError):
    """Runs of the session, `run_ids`, were interrupted: resume or abandon them first."""

    def __init__(self, what: str, *, run_ids: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.run_ids = run_ids


class GuardMissingError(SessionError):
    """The session requires a security guard and has none; it runs nothing."""


class HookDeniedError(SessionError):
    """A hook refused a prompt, a run or its result; `reason` is the hook's."""

    def __init__(self, what: str, *, reason: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.reason = reason


class InvalidTransitionError(SessionError, ValueError):
    """A review finding may not change like this; nothing was changed."""


class CompactionError(SessionError):
    """No summary was made of the conversation; the messages are unchanged."""


class RunCancelledError(SessionError):
    """The host cancelled the run; its finished rounds stay in the conversation."""


class QueueClosedError(SessionError, RuntimeError):
    """The session's queue was stopped and takes no more commands."""


class CommandTimeoutError(SessionError, TimeoutError):
    """A command of the session's queue took longer than its timeout."""


class ExternalTaskError(SessionError):
    """A handler outside the process reported that a task failed, or sent no result."""
