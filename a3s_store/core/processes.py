"""Processes of this machine: when one started, and whether the one of a token still runs.

A process id alone does not say which process it was: it is used again. Together with the time at
which the process started, and with where its id means anything, it does.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from pathlib import Path
from typing import Any, Final, Literal

_LAST_PID: Final = 2**31 - 1


def own_token(place: str | None = None) -> str:
    """The token of this process: place, id and start, with dots between them.

    `place` says where process ids mean what they mean here, and has no dot. None: this namespace of
    this start of this machine, in letters and digits.
    """
    return _token(_place() if place is None else place, os.getpid())


def state_of(token: str, place: str | None = None) -> Literal["running", "ended", "elsewhere"]:
    """Whether the process of a token, made for this `place`, runs.

    `elsewhere` for one of another machine, container, or start of this machine, of which nothing is
    known here. Where the system does not say when a process started, one of the same id counts as
    the same. What is no token is `elsewhere`.
    """
    here = _place() if place is None else place
    found, _, rest = token.partition(".")
    number = pid_of(rest.partition(".")[0])
    if found != here or number is None:
        return "elsewhere"
    return "running" if exists(number) and _token(here, number) == token else "ended"


def _token(place: str, pid: int) -> str:
    return f"{place}.{pid}.{started(pid)}"


def _place() -> str:
    """Where a process id means what it means here: this start of this machine, this namespace."""
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    return hashlib.sha256(f"{boot()} {namespace}".encode()).hexdigest()[:12]


@functools.cache
def boot() -> str:
    """What tells one start of one machine from others; empty where the system does not say."""
    try:
        found = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, ValueError):
        import platform  # slow to import, and needed on few systems

        return platform.node().replace(".", "-")
    return found.strip()


def started(pid: int) -> str:
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


def pid_of(text: str) -> int | None:
    """The process id in a text; None when it cannot be one."""
    # No longer text is converted: Python refuses thousands of digits with an error.
    if not text.isdecimal() or len(text) > len(str(_LAST_PID)):
        return None
    return number if 0 < (number := int(text)) <= _LAST_PID else None


def exists(pid: int) -> bool:
    """Whether there is a process of this id now; False for what cannot be an id."""
    if not 0 < pid <= _LAST_PID:
        return False  # to signal 0 is to signal a group, and a larger number is an OverflowError
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
