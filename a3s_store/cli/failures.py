"""What a command can end with, and how that is printed: one readable message, no traceback."""

from __future__ import annotations

import errno
from typing import Final

import click

from a3s_store.errors import (
    CorruptionError,
    FileStateError,
    SessionNotFoundError,
    StoreError,
    explain,
)
from a3s_store.printable import one_line

# What a command exits with that found damage.
DAMAGED: Final = 4


class Failure(click.ClickException):
    """The command failed: exit code 1."""

    def format_message(self) -> str:
        return one_line(self.message)


class Damaged(Failure):
    """The store is damaged: exit code 4."""

    exit_code = DAMAGED


class NotFound(Failure):
    """What was named is not there: exit code 3."""

    exit_code = 3


def failure_of(error: StoreError | OSError) -> Failure | None:
    """How an error ends the command; None for a broken pipe, which nobody has to be told of."""
    if isinstance(error, SessionNotFoundError):
        return NotFound(str(error))
    if isinstance(error, CorruptionError | FileStateError):
        return Damaged(str(error))
    if isinstance(error, StoreError):
        return Failure(str(error))
    if error.errno == errno.EPIPE:
        return None
    return Failure(str(explain(error)))
