"""Errors of live sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from a3s_store.errors.stores import StaleGenerationError, StoreError


class SessionError(StoreError):
    """A live session cannot do what was asked, or failed in it; the stored session is as it was."""


class SessionClosedError(SessionError, RuntimeError):
    """The session was closed; restore it from the store to go on."""


class SessionBusyError(SessionError, RuntimeError):
    """Another operation of the session `session_id` is under way; nothing was begun."""

    def __init__(self, what: str, *, session_id: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.session_id = session_id


class SessionPausedError(SessionError, RuntimeError):
    """The session is paused; resume it first."""


class SessionConfigError(SessionError, ValueError):
    """An option, named by `field`, has a value that cannot be, or is needed and missing."""

    def __init__(self, what: str, *, field: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.field = field


class PersistenceError(SessionError):
    """A live session could not be saved, loaded or restored; `__cause__` is the store's error."""


class SessionNotSavedError(PersistenceError):
    """A session was closed and not saved, or not all of it: `closed` says what came of it."""

    def __init__(self, what: str, *, closed: Any = None, **where: str) -> None:
        super().__init__(what, **where)
        self.closed = closed


class UnsavedSessionsError(ExceptionGroup[SessionNotSavedError], StoreError):
    """Sessions were closed and not saved: a group of SessionNotSavedError, one for each.

    `closed` is what came of each.
    """

    exceptions: tuple[SessionNotSavedError, ...]

    def __new__(cls, errors: Sequence[SessionNotSavedError]) -> Self:
        return super().__new__(cls, "sessions were closed and not saved", errors)

    def __init__(self, errors: Sequence[SessionNotSavedError]) -> None:
        self.what = "sessions were closed and not saved"
        self.op = "close"
        self.where = ", ".join(error.where for error in errors)
        self.hint = "Each error says where what was not saved is"

    @property
    def closed(self) -> tuple[Any, ...]:
        """What came of closing each session."""
        return tuple(error.closed for error in self.exceptions)

    def derive(self, errors: Sequence[Any], /) -> Any:
        """The group of some of the errors, as `split` makes it."""
        return UnsavedSessionsError(errors)

    def __str__(self) -> str:
        return StoreError.__str__(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return UnsavedSessionsError, (list(self.exceptions),)


class StaleSessionError(SessionError, StaleGenerationError):
    """The session was changed elsewhere, and the changes here cannot be saved beside that.

    They stay live. `reason` says why, `forked_as` names the session it became, if any.
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
    """The session was deleted elsewhere; `recreated` says that there is another of its id now.

    Nothing was written, and nothing is from now on. `save_as` keeps what is here under another id.
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
    """The session asks for a security guard and has none; it runs nothing."""


class HookDeniedError(SessionError):
    """A hook refused a prompt, a run or its result; `reason` is the hook's."""

    def __init__(self, what: str, *, reason: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.reason = reason


class InvalidTransitionError(SessionError, ValueError):
    """A review finding cannot become this; nothing was changed."""


class CompactionError(SessionError):
    """No summary was made of the conversation; the messages are as they were."""


class RunCancelledError(SessionError):
    """The host cancelled the run; what its finished rounds added to the conversation is kept."""


class QueueClosedError(SessionError, RuntimeError):
    """The session's queue was stopped and takes no more commands."""


class CommandTimeoutError(SessionError, TimeoutError):
    """A command of the session's queue took longer than it may."""


class ExternalTaskError(SessionError):
    """A handler outside the process reported that a task failed, or never answered."""
