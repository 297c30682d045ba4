"""Errors of wrong calls: bad arguments, stores used before they are open, no event loop."""

from __future__ import annotations

from a3s_store.errors.stores import StoreError


class InvalidArgumentError(StoreError, ValueError, TypeError):
    """An argument or a setting has a value or a type that is refused; nothing was done.

    `argument` is its name.
    """

    def __init__(self, what: str, *, argument: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.argument = argument


class NotOpenedError(StoreError, AttributeError, TypeError):
    """A store was used before it was opened: `open` was not awaited, or not called."""


class NoEventLoopError(StoreError, RuntimeError):
    """No asyncio event loop is running here; under trio there is none."""


class EventLoopRunningError(StoreError, RuntimeError):
    """A blocking method was called on a thread whose event loop runs; nothing was done."""


class UnknownFieldError(StoreError, TypeError):
    """A model has no fields of these names: `fields`, in the order of the call."""

    def __init__(self, what: str, *, fields: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.fields = fields


class InvalidCursorError(InvalidArgumentError):
    """A cursor is damaged, or belongs to another list or another store; nothing was read."""
