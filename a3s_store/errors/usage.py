"""Errors of a program that uses the package in a way that cannot work."""

from __future__ import annotations

from a3s_store.errors.stores import StoreError


class InvalidArgumentError(StoreError, ValueError, TypeError):
    """An argument of a call or a setting has a value that cannot be; nothing was done.

    `argument` is its name. It is a TypeError too, since some have the wrong type.
    """

    def __init__(self, what: str, *, argument: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.argument = argument


class NotOpenedError(StoreError, AttributeError, TypeError):
    """A store was used before it was opened: `open` was not awaited, or not called."""


class NoEventLoopError(StoreError, RuntimeError):
    """No asyncio event loop is running here; under trio there is none."""


class UnknownFieldError(StoreError, TypeError):
    """A model has no fields of these names. `fields` are they, in order."""

    def __init__(self, what: str, *, fields: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.fields = fields
