"""The recording shim: records the file operations of a process, and makes them fail.

`shim.c`, next to this module, is compiled by the machine's own `cc`, once for each version of it
and each user. A child process that is started with `environment(...)` has its operations
inside one folder recorded, stopped or failed; a process that was started with the library but
without a folder may fork children and give each its own with `configure`.

The child's workload writes its acknowledgements to a file `marks` in the folder: these writes are
recorded in order with everything else, but never stopped or failed.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import functools
import hashlib
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import attrs

SOURCE: Final = Path(__file__).with_name("shim.c")
MARKS: Final = "marks"

CrashHow = Literal["before", "torn", "after"]
# The kinds of operations that may fail, by name, with the library's bit.
KINDS: Final[Mapping[str, int]] = {
    "write": 1,
    "sync": 2,  # of a file or a folder
    "truncate": 4,  # and growing by fallocate, and emptying by opening
    "unlink": 8,
    "create": 16,
    "name": 32,  # rename, link, mkdir, rmdir
    "any": 63,  # but reads
    "read": 64,
}
_VARIABLES: Final = ("FOLDER", "LOG", "COUNT", "CRASH", "FAIL")
# `struct record` and `struct counts` of shim.c.
_RECORD: Final = struct.Struct("=IIQQII")
_COUNTS: Final = struct.Struct("=QQQ488s")


class Kind(enum.IntEnum):
    """The kind of an operation."""

    OPEN = 1  # a file that was there; `offset` is its size
    CREATE = 2
    WRITE = 3
    CUT = 4  # it is `offset` bytes long now, which may be more than before
    SYNC = 5  # of the file, or of the folder `path`
    SYNC_FAILED = 6
    UNLINK = 7
    RENAME = 8
    LINK = 9
    MKDIR = 10
    RMDIR = 11


@attrs.frozen(slots=True)
class Operation:
    """One operation that was done, or a sync that failed."""

    kind: Kind
    process: int
    file: int  # the inode; 0 where names are what changed
    path: str  # the file or folder, as named when opened; of RENAME and LINK the old name
    to: str = ""  # of RENAME and LINK the new name, "." for the sync of a folder
    offset: int = 0
    data: bytes = b""

    @property
    def is_marks(self) -> bool:
        """Whether it is an operation on the file of marks."""
        return self.path.endswith("/" + MARKS)

    @property
    def is_folder(self) -> bool:
        """Whether it is the sync of a folder."""
        return self.kind in (Kind.SYNC, Kind.SYNC_FAILED) and self.to == "."


@attrs.frozen
class Counted:
    """The counts of operations, and the first that was stopped or failed."""

    operations: int
    chosen: int  # of the kinds that were to fail
    fired: int  # operations that were stopped or failed
    first: str  # the first of those: its kind and file, as text


def available() -> str | None:
    """Why the shim cannot be used on this machine; None when it can."""
    if sys.platform != "linux":
        return "LD_PRELOAD and the system calls of Linux are needed"
    if sys.maxsize < 2**32:
        return "a machine of 64 bits is needed"
    if _compiler() is None:
        return "there is no C compiler (cc)"
    try:
        library()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"the shim could not be compiled: {error}"
    return None


@functools.cache
def library(source: Path = SOURCE) -> Path:
    """A library, the shim by default. Raises OSError or CalledProcessError if it cannot be made."""
    written = source.read_bytes()
    digest = hashlib.sha256(written + platform.machine().encode()).hexdigest()[:16]
    found = _own_folder() / f"{source.stem}-{digest}.so"
    if not found.exists():
        compiler = _compiler()
        if compiler is None:
            raise FileNotFoundError(errno.ENOENT, "there is no C compiler", "cc")
        made = found.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(source), "-lpthread"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        made.replace(found)
    return found


def environment(
    folder: Path,
    *,
    log: Path | None = None,
    count: Path | None = None,
    crash_at: int | None = None,
    crash_how: CrashHow = "before",
    fail_at: int | None = None,
    fail_kind: str = "any",
    fail_errno: int = errno.EIO,
    fail_sticky: bool = False,
    fail_name: str = "",
) -> dict[str, str]:
    """The environment of a child whose operations in `folder` are to be recorded, or go wrong.

    `log` is appended to, `count` is a file for `counted`; both lie outside the folder. Operations
    are numbered from 1, over all processes that share a file of counts. With `crash_at` the process
    is gone with status 137 before, in the middle of, or after that one; with `fail_at` that one of
    `fail_kind` (a name of KINDS, or several with commas) returns `fail_errno` without being done,
    and so do all later ones of these kinds if `fail_sticky`, of files whose names end
    with `fail_name`.
    """
    loaded = os.environ.get("LD_PRELOAD", "")
    chosen = {
        "LD_PRELOAD": f"{library()}:{loaded}" if loaded else str(library()),
        "A3S_FAULTS_FOLDER": str(folder.resolve()),
    }
    if log is not None:
        chosen["A3S_FAULTS_LOG"] = str(log.absolute())
    if count is not None:
        chosen["A3S_FAULTS_COUNT"] = str(count.absolute())
    if crash_at is not None:
        chosen["A3S_FAULTS_CRASH"] = f"{crash_at} {crash_how}"
    if fail_at is not None:
        sticky = int(fail_sticky)
        chosen["A3S_FAULTS_FAIL"] = (
            f"{fail_at} {_mask(fail_kind)} {fail_errno} {sticky} {fail_name}"
        )
    return {**_without_ours(), **chosen}


def preloaded() -> dict[str, str]:
    """The environment of a process that is to fork children which `configure` themselves."""
    loaded = os.environ.get("LD_PRELOAD", "")
    return {
        **_without_ours(),
        "LD_PRELOAD": f"{library()}:{loaded}" if loaded else str(library()),
    }


def configure(wanted: Mapping[str, str]) -> None:
    """In a forked child of a process with the library: take over these settings of `environment`.

    Files that are open already are none of the shim's. Raises AttributeError where the library was
    not loaded.
    """
    for name in _VARIABLES:
        key = f"A3S_FAULTS_{name}"
        if key in wanted:
            os.environ[key] = wanted[key]
        else:
            os.environ.pop(key, None)
    ctypes.CDLL(None).shim_configure()


def fail_now(
    kind: str, *, at: int = 1, error: int = errno.EIO, sticky: bool = False, name: str = ""
) -> None:
    """In a process with the library: from now on let operations fail, as `environment` says.

    Counts anew. With `at` 0 nothing fails any more.
    """
    shim = ctypes.CDLL(None).shim_fail
    shim.argtypes = [ctypes.c_uint64, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
    shim.restype = None
    shim(at, _mask(kind), error, int(sticky), name.encode())


def fired() -> int:
    """In a process with the library: how many operations failed since `fail_now`."""
    count = ctypes.CDLL(None).shim_fired
    count.restype = ctypes.c_uint64
    return int(count())


def _mask(kinds: str) -> int:
    return functools.reduce(lambda mask, kind: mask | KINDS[kind], kinds.split(","), 0)


def parse(log: Path) -> list[Operation]:
    """The operations of a log, in order, up to a record that a killed process left unfinished."""
    return list(_parsed(log.read_bytes()))


def counted(count_file: Path) -> Counted:
    """The counts in a file; zeros where there is no file."""
    try:
        raw = count_file.read_bytes()
    except FileNotFoundError:
        raw = b""
    if len(raw) < _COUNTS.size:
        return Counted(0, 0, 0, "")
    operations, chosen, fired, first = _COUNTS.unpack_from(raw)
    return Counted(operations, chosen, fired, first.split(b"\0")[0].decode(errors="replace"))


def _parsed(raw: bytes) -> Iterator[Operation]:
    paths: dict[int, str] = {}
    at = 0
    while at + _RECORD.size <= len(raw):
        number, process, file, offset, named, length = _RECORD.unpack_from(raw, at)
        at += _RECORD.size
        if at + named + length > len(raw):
            return
        names = raw[at : at + named].decode(errors="surrogateescape")
        data = raw[at + named : at + named + length]
        at += named + length
        kind = Kind(number)
        if kind in (Kind.SYNC, Kind.SYNC_FAILED) and names:
            yield Operation(kind, process, file, names, ".")
            continue
        if kind in (Kind.OPEN, Kind.CREATE):
            paths[file] = names
        path, _, to = names.partition("\0")
        yield Operation(kind, process, file, path or paths.get(file, ""), to, offset, data)


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _own_folder() -> Path:
    """A folder that only this user can write to: the library is loaded from it."""
    for folder in _candidates():
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.stat(follow_symlinks=False)
            if about.st_uid == os.getuid() and not about.st_mode & 0o022:
                return folder
    return Path(tempfile.mkdtemp(prefix="a3s-store-faults-"))


def _candidates() -> Iterable[Path]:
    cache = os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):  # no home
        yield (Path(cache) if cache else Path.home() / ".cache") / "a3s-store"
    yield Path(tempfile.gettempdir()) / f"a3s-store-faults-{os.getuid()}"


def _without_ours() -> dict[str, str]:
    ours = {f"A3S_FAULTS_{name}" for name in _VARIABLES}
    return {name: value for name, value in os.environ.items() if name not in ours}
