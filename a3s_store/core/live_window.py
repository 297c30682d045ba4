"""Tokens of live sessions, and whether the live session of a token is still there.

A token names the process that made it: what is claimed with it can be told from what a crashed
process left, without a table of processes. It says: boot of the machine, process id, when the
process started, and a random part. Whether it is alive is advice only: what may be written is
decided by the claim itself, inside the transaction.
"""

from __future__ import annotations

import secrets
from typing import Final

from a3s_store.core import processes

# Tokens of this process whose live session was not closed yet.
_open: Final[set[str]] = set()


def open_window() -> str:
    """A new token, alive until it is given to `close_window` or this process ends."""
    token = f"{processes.own_token(processes.boot())}.{secrets.token_hex(8)}"
    _open.add(token)
    return token


def close_window(token: str) -> None:
    """The live session of this token was closed; closing it twice is success."""
    _open.discard(token)


def is_open(token: str | None) -> bool:
    """Whether the live session of this token may still be at work. False for None.

    On another machine, or after this one was started again, it is not. A process of the same id
    that started at another time is another one; where that cannot be seen, it counts as the same.
    """
    if token is None:
        return False
    owner, _, _ = token.rpartition(".")
    if owner == processes.own_token(processes.boot()):
        return token in _open
    return processes.state_of(owner, processes.boot()) == "running"
