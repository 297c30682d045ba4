"""Tokens of processes, and whether the process of a token still runs.

A process id alone does not identify a process, since ids are reused. A token adds the start time of
the process and the machine, boot and namespace in which the id is valid.
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
    """Return the token of this process: `place`, process id and start time, joined by dots.

    `place`, without a dot, identifies the scope of process ids. None: a hash of this boot of this
    machine and this process's namespace.
    """
    return _token(_place() if place is None else place, os.getpid())


def state_of(token: str, place: str | None = None) -> Literal["running", "ended", "elsewhere"]:
    """Return whether the process of a token that was made for this `place` runs.

    `elsewhere`: it belongs to another machine, container or boot, or the text is not a token. Where
    the system does not tell when a process started, any process of the same id counts as the same.
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
    """Return a hash of this boot of this machine and this process's namespace."""
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    return hashlib.sha256(f"{boot()} {namespace}".encode()).hexdigest()[:12]


@functools.cache
def boot() -> str:
    """Return an id of this boot of this machine; empty where the system does not tell."""
    try:
        found = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, ValueError):
        import platform  # slow to import, and needed on few systems

        return platform.node().replace(".", "-")
    return found.strip()


def started(pid: int) -> str:
    """Return when a process started, in the system's own unit; empty where that is unknown.

    `ended` for a zombie, which has ended and was not reaped by its parent.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The name, in parentheses, may contain anything; the state and, as 20th, the start follow it.
    fields = stat.rpartition(b")")[2].split()
    return "ended" if fields[0] in (b"Z", b"X") else fields[19].decode()


def pid_of(text: str) -> int | None:
    """Return the process id in a text; None when it cannot be one."""
    # No longer text is converted: Python refuses thousands of digits with an error.
    if not text.isdecimal() or len(text) > len(str(_LAST_PID)):
        return None
    return number if 0 < (number := int(text)) <= _LAST_PID else None


def exists(pid: int) -> bool:
    """Return whether there is a process of this id now; False for an invalid id."""
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
