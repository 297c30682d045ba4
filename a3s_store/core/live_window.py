"""Tokens of windows (live sessions of a process), and whether the window of a token is open.

A token consists of the machine's boot id, the process id, the start of the process, and a random
part. So the claims of a crashed process can be recognised without a table of processes. Whether a
window is open is advice only: the claim itself decides, inside the transaction, who may write.
"""

from __future__ import annotations

import os
from typing import Final

from a3s_store.core import processes

# Tokens of the windows that are open in this process.
_open: Final[set[str]] = set()


def open_window() -> str:
    """Return a new token, open until `close_window` is called with it or this process ends."""
    token = f"{processes.own_token(processes.boot())}.{os.urandom(8).hex()}"
    _open.add(token)
    return token


def close_window(token: str) -> None:
    """Mark the window of this token as closed; twice is fine."""
    _open.discard(token)


def is_open(token: str | None) -> bool:
    """Return whether the window of this token may still be open. False for None.

    False for a token of another machine, of an earlier boot, or of a process id that was reused;
    where the system does not tell when a process started, a reused id counts as the same process.
    """
    if token is None:
        return False
    owner, _, _ = token.rpartition(".")
    if owner == processes.own_token(processes.boot()):
        return token in _open
    return processes.state_of(owner, processes.boot()) == "running"
