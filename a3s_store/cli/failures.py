"""Failures of commands: exit codes, and one readable message instead of a traceback."""

from __future__ import annotations

import errno
from typing import Final

import click

from a3s_store.errors import (
    CorruptionError,
    FileStateError,
    InvalidArgumentError,
    SessionNotFoundError,
    StoreError,
    explain,
)
from a3s_store.printable import one_line

# The exit code of a command that found damage.
DAMAGED: Final = 4


class Failure(click.ClickException):
    """The command failed: exit code 1."""

    def format_message(self) -> str:
        """Return the message on one line."""
        return one_line(self.message)


class Damaged(Failure):
    """The store is damaged: exit code 4."""

    exit_code = DAMAGED


class Misuse(Failure):
    """The command was called with a value that is refused: exit code 2."""

    exit_code = 2


class NotFound(Failure):
    """A named file or session does not exist: exit code 3."""

    exit_code = 3


def failure_of(error: StoreError | OSError) -> Failure | None:
    """Return the failure for an error; None for a broken pipe, which needs no message."""
    if isinstance(error, SessionNotFoundError):
        return NotFound(str(error))
    if isinstance(error, CorruptionError | FileStateError):
        return Damaged(str(error))
    if isinstance(error, InvalidArgumentError):
        return Misuse(str(error))
    if isinstance(error, StoreError):
        return Failure(str(error))
    if error.errno == errno.EPIPE:
        return None
    return Failure(str(explain(error)))
