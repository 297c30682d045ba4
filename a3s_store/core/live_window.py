"""Tokens of live sessions, and whether the live session of a token is still there.

A token names the process that made it: what is claimed with it can be told from what a crashed
process left, without a table of processes. It says: boot of the machine, process id, when the
process started, and a random part. Whether it is alive is advice only: what may be written is
decided by the claim itself, inside the transaction.
"""

from __future__ import annotations

import functools
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

# Tokens of this process whose live session was not closed yet.
_open: Final[set[str]] = set()
_LAST_PID: Final = 2**31 - 1


def open_window() -> str:
    """A new token, alive until it is given to `close_window` or this process ends."""
    token = f"{_process(os.getpid())}.{secrets.token_hex(8)}"
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
    boot, _, rest = owner.partition(".")
    pid, _, _ = rest.partition(".")
    if boot != _boot() or not pid.isdecimal():
        return False
    number = int(pid)
    if number == os.getpid():
        return token in _open
    return 0 < number <= _LAST_PID and _exists(number) and _process(number) == owner


def _process(pid: int) -> str:
    return f"{_boot()}.{pid}.{_started(pid)}"


@functools.cache
def _boot() -> str:
    """What tells one start of one machine from others; empty where the system does not say."""
    try:
        found = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, ValueError):
        import platform  # slow to import, and needed on few systems

        return platform.node().replace(".", "-")
    return found.strip()


def _started(pid: int) -> str:
    """When a process started, in the system's own unit; empty where that cannot be seen.

    `ended` for one that has ended and whose parent has not asked how.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The name, in parentheses, may hold anything; behind it are the state and, as 20th, the start.
    fields = stat.rpartition(b")")[2].split()
    return "ended" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _exists_on_windows(pid: int) -> bool:
    import ctypes

    # To signal a process, as elsewhere, would end it here. Type checkers know windll there only.
    kernel: Any = vars(ctypes)["windll"].kernel32
    query_limited, still_active = 0x1000, 259
    handle = kernel.OpenProcess(query_limited, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active
